/*
 * Between the builder, which is the program pvferry-builder (builder/main.c), and restore/builder.c, which
 * starts it: descriptors, and packets through a socket.
 *
 *	order  ->  [pvferry-builder]  ->  SAY ... ROOM ... CONFIG ... MAKE ... STATIC_END ...
 *	           <- an answer to each ROOM, MAKE and STATIC_END
 *
 * What came of it stands in struct built, which both map. The builder checks the form of the order; what is
 * ordered has been checked by the one who orders.
 */
#ifndef RESTORE_BUILDER_ORDER_H
#define RESTORE_BUILDER_ORDER_H

#include "process/program.h"
#include "restore/builder.h"
#include "restore/prove.h"

/* The builder's descriptors. PAGES only if the order says so; behind it locks, which it keeps to its end. */
enum {
	BUILDER_TALK = PROGRAM_FDS,
	BUILDER_EXPANDER,
	BUILDER_SLOTS,
	BUILDER_BUILT,
	BUILDER_STOP,
	BUILDER_WAKE,
	BUILDER_PAGES
};

enum { BUILDER_THREADS_MOST = 64, BUILDER_LOCKS_MOST = 4 };

struct builder_order {
	char version[16]; /* PVFERRY_VERSION: of two versions the rest may differ */
	uint32_t threads, allowed, say_level;
	bool force, without_devices, leaves_pages, has_name, has_uuid, is_adoption, has_maker, has_proof;
	uint64_t most_pfns;
	uint8_t uuid[16];
	struct proof_wish proof;
	char name[512];	     /* of the new domain, a suffix included */
	bool limits_devices; /* to those of: */
	char allow_devices[4096];
	char channel[1024]; /* what the image comes from, for messages */
	/* struct adoption without what cannot be handed over: */
	uint32_t domain;
	struct connections connections;
	bool accepts_wire;
};

/* A config comes in pieces, before the MAKE that it belongs to. */
enum builder_message_kind { BUILDER_SAY, BUILDER_STATIC_END, BUILDER_CONFIG, BUILDER_MAKE, BUILDER_ROOM };

struct builder_message {
	uint32_t kind;
	uint32_t level;	  /* SAY */
	uint32_t missing; /* STATIC_END */
	uint32_t width;	  /* MAKE: as struct new_domain */
	uint64_t kib;	  /* ROOM */
	uint8_t uuid[16]; /* MAKE */
	char text[1024];  /* SAY; CONFIG: a piece; MAKE: the name */
};

struct builder_answer {
	int32_t rc;
	uint32_t domain; /* MAKE: as struct domain_maker */
	struct connections connections;
	char reason[1024];
};

/* What is to be built from the channel. -ENAMETOOLONG. */
int builder_order_init(struct builder_order *order, const struct channel *from,
		       const struct restore_options *options);

/*
 * restore/builder-make.c: has the domain made that a MAKE wants, config being that of the pieces before, and
 * answers through the socket.
 */
void builder_answer_make(struct bytes *config, const struct domain_maker *maker, int talk,
			 const struct builder_message *message);
/* The same of a ROOM: has as much memory freed. */
void builder_answer_room(const struct domain_maker *maker, int talk, const struct builder_message *message);

#endif
