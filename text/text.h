/*
 * What others wrote: people, files, guests and peers. Numbers are read strictly;
 * text is made fit for a terminal, a log and JSON before it gets there.
 *
 * fail() and say() pass every line through text_visible(), so a caller that only
 * hands text to them needs nothing of this.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * A decimal number of at most `most`. Digits only: no sign, no blank, no base, no
 * overflow, where strtol() takes all of them. False leaves *number as it was.
 */
bool text_number(const char *text, uint64_t most, uint64_t *number);

/* A time span: a number and its unit, "500ms", "30s", "5m", "2h", "7d"; without a unit it is in seconds. False leaves *ms as it was. */
bool text_duration(const char *text, uint64_t *ms);

/*
 * Copies text so that it stays on its line and moves no cursor: control characters
 * (C0, DEL, C1), line separators, the characters that turn the direction of text
 * (U+202E and the like) and bytes that are not UTF-8 become \x1b or \u202e. Text that
 * went through once comes out the same the second time. What does not fit is cut
 * between two characters. Returns to.
 */
char *text_visible(char *to, size_t room, const char *text);

/* True if text_visible() would leave it as it is. */
bool text_is_plain(const char *text);

/* The same, printed. Newlines and tabs of a text with several lines stay. */
void text_print_lines(FILE *file, const char *text);
/* Of JSON as json-c writes it: such characters become \u009b, which is JSON's own escape, and U+FFFD. */
void text_print_json(FILE *file, const char *json);

#endif
