/*
 * An input that another process, the expander, reads: framing, checksums and zstd are its part. The
 * chunks and the config lie in slots that both share (slots.h); descriptions of them come through a socket of
 * packets, and the numbers of slots that were read go back. The expander has no privileges and is
 * taken for hostile on this side: each description is copied and then checked.
 *
 *	order  ->  [expander: cursor.c, headers.c]  ->  FACTS  CHUNK ... CHUNK  END or FAILED
 *	           <- slot number for each CHUNK
 *
 * expand.c is the expander's side, expanded.c the reader's.
 */
#ifndef STREAM_EXPANDED_H
#define STREAM_EXPANDED_H

#include <errno.h>

#include "stream/channel.h"
#include "stream/reader.h"
#include "stream/slots.h"

/* What each side needs: both descriptors are the caller's. */
struct expansion {
	int socket;
	int slots;
	unsigned int threads;
};

/* The first packet, to the expander: what it reads, and how. */
struct expansion_order {
	uint32_t threads, kind;
	uint32_t
		parents; /* of a chain: so many files follow, each a struct expansion_file with its descriptor */
	uint64_t chain_bytes;				  /* that it may take for them */
	bool can_wait, is_socket, may_block, leave_pages; /* of the channel */
	char name[1024];
};

struct expansion_file {
	char name[256];
};

enum expansion_kind { EXPANSION_FACTS, EXPANSION_CHUNK, EXPANSION_END, EXPANSION_FAILED };

struct expansion_message {
	uint32_t kind;
	union {
		struct expansion_facts {
			uint32_t is_image, has_rounds, is_bare, is_wire;
			uint32_t xl_flags, version, xen_major, xen_minor;
			uint64_t frames;
			uint32_t
				config_bytes; /* of the flat one, where slots_config() says; 0: there is no config */
		} facts;
		struct expansion_chunk {
			uint32_t slot, offset, count;
			uint64_t number, left, left_at; /* as in struct chunk */
		} chunk;
		struct expansion_failure {
			int32_t error;
			char reason[1024];
		} failure;
	};
};

/* The expander ended before it said why: what the caller knows of its death is the reason. */
enum { EXPANDER_LOST = EOWNERDEAD };

/* --- the expander's side ------------------------------------------------------ */

/* Reads to the end of the input, and says how it went. Makes xl's config flat. Never returns. */
void expand_all(struct channel *from, const struct expansion *expansion,
		int (*flatten)(const char *text, struct bytes *out)) __attribute__((noreturn));

/* --- the reader's side; inside stream/ only ----------------------------------- */

struct expanded;

int expanded_open(struct expanded **expanded, const struct expansion *expansion, const struct channel *pages,
		  struct stream_facts *facts);
/* As those of pipeline.h. */
struct chunk *expanded_collect(struct expanded *expanded);
int expanded_error(const struct expanded *expanded);
void expanded_release(struct expanded *expanded, struct chunk *chunk);
/* NULL is fine. */
void expanded_close(struct expanded *expanded);

#endif
