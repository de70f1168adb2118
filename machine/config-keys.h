/*
 * The keys of libxl's config that may go from an image into a domain of this host:
 * one table for each object, with what a value has to be. From libxl_types.idl of
 * Xen 4.17 to 4.20. What PV domains do not have is left out, and so is what could
 * name anything (xsdata, platformdata), and what is a number of another host (ssidref,
 * whose label has a text beside it): config_filter() drops what is in no table.
 */
#ifndef MACHINE_CONFIG_KEYS_H
#define MACHINE_CONFIG_KEYS_H

#include <stdint.h>

enum config_shape {
	CONFIG_NUMBER,	/* 0 to most */
	CONFIG_LIMIT,	/* the same, or libxl's words for "the default": -1 and 2^32 - 1 */
	CONFIG_TEXT,	/* at most `most` bytes of UTF-8 without control characters */
	CONFIG_SCRIPT,	/* a text; one of the scripts that Xen has in its folder on this host needs nothing */
	CONFIG_WORD,	/* the same, of letters, digits and ._-:/+@, */
	CONFIG_FLAG,	/* a defbool: "True", "False", "<default>" */
	CONFIG_BOOLEAN, /* true or false */
	CONFIG_NUMBERS, /* an array of numbers from 0 to most, at most `count` */
	CONFIG_SETS,	/* an array of at most `count` such arrays, each of at most most + 1 numbers */
	CONFIG_TEXTS,	/* an array of at most `count` texts of at most `most` bytes */
	CONFIG_OBJECT,	/* an object that has `members` */
	CONFIG_OBJECTS, /* an array of at most `count` of those */
	CONFIG_ELSEWHERE, /* of the host that wrote the config, and in every config: left out, and not told of */
	CONFIG_RESTORED, /* a flag that libxl sets in each domain that it restores: not told of either */
	CONFIG_TREE /* whatever holds only words of at most `most` bytes and numbers: cpuid, whose form changes */
};

struct config_key {
	const char *name;
	enum config_shape shape;
	unsigned int needs; /* ALLOW_*; 0: nothing */
	uint64_t most, count;
	const struct config_key *members; /* ends with a row without a name */
};

extern const struct config_key config_keys[];

#endif
