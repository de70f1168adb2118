/*
 * See host-name.h. The names become OpenSSL's text form of an extension ("DNS:host2,IP:192.0.2.7"), in which a comma
 * begins another name: so nothing but letters, digits, dots and hyphens passes, or what inet_pton() takes.
 */
#include "cli/host-name.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "log.h"

/* RFC 1035 2.3.4 */
enum { NAME_MOST = 253, LABEL_MOST = 63 };

static bool is_address(const char *text)
{
	unsigned char address[16];

	return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

const char *host_name_defect(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
	const char *label = name;

	if (is_address(name))
		return "it is an address: give the host's DNS name, and the address with --also";
	if (strlen(name) > NAME_MOST)
		return "it is longer than 253 characters";
	for (;;) {
		size_t length = strspn(label, allowed);

		if (label[length] && label[length] != '.')
			return "only letters, digits, hyphens and dots may be in a DNS name";
		if (!length)
			return "a part of it is empty";
		if (length > LABEL_MOST)
			return "a part of it is longer than 63 characters";
		if (*label == '-' || label[length - 1] == '-')
			return "a part of it begins or ends with a hyphen";
		if (!label[length])
			return NULL;
		label += length + 1;
	}
}

static int put_name(char names[HOST_NAMES_ROOM], const char *kind, const char *name)
{
	size_t used = strlen(names);

	if (used + strlen(name) + 8 > HOST_NAMES_ROOM)
		return fail(E2BIG, "too many names for one certificate");
	snprintf(names + used, HOST_NAMES_ROOM - used, "%s%s:%s", used ? "," : "", kind, name);
	return 0;
}

int host_names_collect(char names[HOST_NAMES_ROOM], const char *host, const char *const *also)
{
	const char *defect = host_name_defect(host);
	int rc;

	*names = '\0';
	if (defect)
		return fail(EINVAL, "\"%s\" cannot be a host's name: %s", host, defect);
	rc = put_name(names, "DNS", host);
	for (const char *const *each = also; !rc && *each; each++) {
		defect = is_address(*each) ? NULL : host_name_defect(*each);
		if (defect)
			return fail(EINVAL, "--also: \"%s\" cannot be a host's name: %s", *each, defect);
		rc = put_name(names, is_address(*each) ? "IP" : "DNS", *each);
	}
	return rc;
}
