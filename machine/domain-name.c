/*
 * What a domain may be called, see offer.h. Held against names that come from images, peers and options alike: a name
 * becomes part of xenstore paths, of file names and of what a terminal shows. One of digits alone would be taken for an
 * id by xl and by pvferry.
 */
#include <string.h>

#include "machine/offer.h"
#include "text/text.h"

const char *domain_name_defect(const char *name)
{
	size_t length = strlen(name);

	if (!length)
		return "it is empty";
	if (length > DOMAIN_NAME_MOST)
		return "it is longer than 255 bytes";
	if (strspn(name, "0123456789") == length)
		return "it is a number";
	if (strchr(name, '/'))
		return "it contains a slash";
	return text_is_plain(name) ? NULL : "it contains control characters, or bytes that are not UTF-8";
}
