/* pvferry jobs --watch: one screen, drawn again and again. */
#ifndef CLI_WATCH_H
#define CLI_WATCH_H

#include <stdio.h>

struct json_object;

/* The jobs that run, each with a bar, then those that have ended, as many as there is room for. No line is longer than 80. */
void watch_print(FILE *to, const struct json_object *list, unsigned int rows);

/* Of the terminal; 24 if it does not say, or if standard output is no terminal. */
unsigned int watch_rows(void);

#endif
