/* A line that lives on the terminal: percent, speed, time left. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdint.h>

/* Decides whether to show it (a terminal, or asked for), and under which word. */
void progress_start(const char *doing);
/* Pages. At most five times a second something is printed. */
void progress_show(uint64_t done, uint64_t total);
/* Another text, if any is to be shown at all. */
void progress_line(const char *text);
/* Takes the line away. */
void progress_end(void);

#endif
