/* See name.h. */
#include "checkpoint/name.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "text/text.h"

/* Digits beyond these no person can read, and no directory can hold so many. */
enum { NUMBER_DIGITS = 6, NUMBER_MOST_DIGITS = 12, TIME_LENGTH = 16 };
#define TIME_FORMAT "%Y%m%dT%H%M%SZ"
#define SUFFIX	    ".pvf"

void point_name_format(const struct point_name *name, char text[POINT_NAME_BYTES])
{
	struct tm utc;
	char time[32];

	strftime(time, sizeof(time), TIME_FORMAT, gmtime_r(&name->time, &utc));
	snprintf(text, POINT_NAME_BYTES, "%0*lu-%s%s%s" SUFFIX, NUMBER_DIGITS, name->number, time,
		 *name->tag ? "-" : "", name->tag);
}

static bool parse_number(const char **text, uint64_t *number)
{
	size_t digits = strspn(*text, "0123456789");
	char copy[NUMBER_MOST_DIGITS + 1];

	if (digits < NUMBER_DIGITS || digits > NUMBER_MOST_DIGITS || (*text)[digits] != '-')
		return false;
	snprintf(copy, sizeof(copy), "%.*s", (int)digits, *text);
	*text += digits + 1;
	return text_number(copy, UINT64_MAX, number) && *number;
}

static bool parse_time(const char **text, time_t *time)
{
	struct tm utc = { 0 };
	char copy[TIME_LENGTH + 1];
	const char *end;

	snprintf(copy, sizeof(copy), "%s", *text);
	end = strptime(copy, TIME_FORMAT, &utc);
	if (!end || end != copy + TIME_LENGTH)
		return false;
	*text += TIME_LENGTH;
	*time = timegm(&utc);
	return true;
}

bool point_name_parse(const char *text, struct point_name *name)
{
	const char *rest = text;
	char again[POINT_NAME_BYTES];
	size_t length;

	*name = (struct point_name){ 0 };
	if (!parse_number(&rest, &name->number) || !parse_time(&rest, &name->time))
		return false;
	length = strlen(rest);
	if (length < sizeof(SUFFIX) - 1 || length > TAG_BYTES + sizeof(SUFFIX) - 1)
		return false;
	if (*rest == '-')
		snprintf(name->tag, sizeof(name->tag), "%.*s", (int)(length - sizeof(SUFFIX)), rest + 1);
	if (*rest == '-' && tag_defect(name->tag))
		return false;
	/* strptime() takes blanks and days that do not exist. */
	point_name_format(name, again);
	return !strcmp(text, again);
}

const char *point_time_text(time_t time, char text[POINT_TIME_BYTES])
{
	struct tm utc;

	strftime(text, POINT_TIME_BYTES, "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&time, &utc));
	return text;
}

/* What follows the @ of DIR@... may be a number, "latest", a time or a tag: what is not one of the others is a tag. */
const char *tag_defect(const char *tag)
{
	size_t length = strlen(tag);

	if (!length)
		return "it is empty";
	if (length >= TAG_BYTES)
		return "it is longer than 64 bytes";
	if (!isalpha((unsigned char)*tag))
		return "it does not begin with a letter";
	if (!strcmp(tag, "latest"))
		return "this is what the newest checkpoint is called";
	for (; *tag; tag++)
		if (!isalnum((unsigned char)*tag) && !strchr("._-", *tag))
			return "it has other characters than letters, digits, \".\", \"_\" and \"-\"";
	return NULL;
}
