/*
 * How the file of a checkpoint is called: NUMBER-TIME[-TAG].pvf, as in 000017-20261126T070616Z-before-upgrade.pvf. The
 * number alone gives the order, since a clock may be set back. All that is known of a checkpoint is in its name and in
 * the image itself: there is no other record that could be lost or say otherwise.
 */
#ifndef CHECKPOINT_NAME_H
#define CHECKPOINT_NAME_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum { TAG_BYTES = 65, POINT_NAME_BYTES = 128 };

struct point_name {
	uint64_t number; /* from 1 */
	time_t time;	 /* UTC, when it was begun */
	char tag[TAG_BYTES];
};

void point_name_format(const struct point_name *name, char text[POINT_NAME_BYTES]);
/* False for every name that point_name_format() does not make. */
bool point_name_parse(const char *text, struct point_name *name);

/* "2026-11-26 07:06:16 UTC", for people. */
enum { POINT_TIME_BYTES = 32 };
const char *point_time_text(time_t time, char text[POINT_TIME_BYTES]);

/* Why this cannot be a tag, or NULL: "" is not one either. */
const char *tag_defect(const char *tag);

#endif
