/* The memory of an image as a picture: what is where in the guest's address space, a cell for 2 MiB or more. */
#ifndef CLI_MAP_H
#define CLI_MAP_H

#include <stdio.h>

#include "restore/examine.h"

/* Of an examination that found no defect. Text of at most 80 columns. */
void map_write_text(FILE *to, const struct examination *examination);
/* The same as SVG. */
void map_write_svg(FILE *to, const struct examination *examination);

#endif
