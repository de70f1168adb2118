/* See lines.h. */
#include "daemon/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

int lines_init(struct lines *lines, size_t room)
{
	*lines = (struct lines){ .text = malloc(room), .room = room };
	return lines->text ? 0 : fail(ENOMEM, "no memory for %zu bytes of a line", room);
}

void lines_release(struct lines *lines)
{
	free(lines->text);
	*lines = (struct lines){ 0 };
}

char *lines_space(struct lines *lines, size_t *count)
{
	lines->held -= lines->taken;
	if (lines->taken)
		memmove(lines->text, lines->text + lines->taken, lines->held);
	lines->taken = 0;
	*count = lines->room - lines->held;
	return lines->text + lines->held;
}

void lines_filled(struct lines *lines, size_t count)
{
	lines->held += count;
}

char *lines_next(struct lines *lines, size_t *length)
{
	char *line = lines->text + lines->taken;
	char *end = memchr(line, '\n', lines->held - lines->taken);

	if (!end)
		return NULL;
	*end = '\0';
	*length = end - line;
	lines->taken += *length + 1;
	return line;
}

bool lines_is_full(const struct lines *lines)
{
	return lines->held - lines->taken == lines->room;
}

void lines_drop(struct lines *lines)
{
	lines->held = lines->taken;
}
