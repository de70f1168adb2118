/*
 * Everything that stands in a file or on a wire: Xen's records, xl's and
 * libxl's headers, and the frames around them. man/pvferry-image.5 is the
 * text, this is the same in C; sizes are asserted. Numbers are little-endian
 * unless a name ends in _be.
 */
#ifndef STREAM_FORMAT_H
#define STREAM_FORMAT_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	PAGE_BYTES = 4096,
	PAGE_BITS = 12,
	TABLE_SLOTS = 512,	     /* entries of a table: PAE and 64-bit alike */
	BATCH_PAGES = 512,	     /* pfns of one PAGE_DATA record of ours */
	RECORD_MAX_BYTES = 10 << 20, /* of any record's content: libxc's have up to 4 MiB, a p2m of 2 TiB 8 */
	FRAME_MAX_BYTES = 14 << 20,  /* of what one zstd frame expands to */
	INPUT_MOST_BYTES = 30 << 20, /* of what was read ahead: a frame as stored and expanded fits */
	VCPUS_MAX_BYTES = 10 << 20,  /* of the state of all vCPUs: 512 have 9 MiB where there is AMX */
	CONFIG_MAX_BYTES = 4 << 20,  /* of xl's config: the affinity of 512 vCPUs to 512 processors */
	VCPU_MAX = 8192,	     /* XEN_LEGACY and modern limits lie below */
};

/* --- xl's file ------------------------------------------------------- */

#define XL_MAGIC "Xen saved domain, xl format\n \0 \r"

struct xl_header {
	uint8_t magic[32];
	uint32_t byteorder;
	uint32_t mandatory_flags;
	uint32_t optional_flags;
	uint32_t optional_bytes;
};
static_assert(sizeof(XL_MAGIC) == 32 + 1, "xl magic");
static_assert(sizeof(struct xl_header) == 48, "xl header");

enum { XL_BYTEORDER = 0x01020304, XL_FLAG_JSON = 1, XL_FLAG_STREAM_V2 = 2 };
/* No xl knows it, so none restores an increment, which would be a guest with holes. */
#define XL_FLAG_INCREMENT 0x80000000u

/* --- libxl's wrapper ------------------------------------------------- */

struct libxl_header {
	uint64_t magic_be;
	uint32_t version_be;
	uint32_t options_be;
};
static_assert(sizeof(struct libxl_header) == 16, "libxl header");

#define LIBXL_MAGIC 0x4c6962786c466d74ULL
enum { LIBXL_VERSION = 2, LIBXL_END = 0, LIBXL_LIBXC_CONTEXT = 1 };

/* --- the libxc stream ------------------------------------------------ */

struct image_header {
	uint64_t marker;
	uint32_t id_be;
	uint32_t version_be;
	uint16_t options_be;
	uint8_t zero[6];
};
static_assert(sizeof(struct image_header) == 24, "image header");

#define IMAGE_MARKER UINT64_MAX
enum { IMAGE_ID = 0x58454e46, IMAGE_VERSION = 3, IMAGE_VERSION_OLDEST = 2 };

struct domain_header {
	uint32_t type;
	uint16_t page_shift;
	uint16_t zero;
	uint32_t xen_major;
	uint32_t xen_minor;
};
static_assert(sizeof(struct domain_header) == 16, "domain header");

enum { DOMAIN_X86_PV = 1, DOMAIN_X86_HVM = 2 };

struct record_header {
	uint32_t type;
	uint32_t bytes; /* of the content, without the padding */
};
static_assert(sizeof(struct record_header) == 8, "record header");

/* Where in the stream a record may stand; the reader goes through these in order. */
enum phase { PHASE_INFO, PHASE_STATIC, PHASE_P2M, PHASE_MEMORY, PHASE_END };

/*
 * Every record of a PV stream: number, name, the first and the last phase it
 * may come in, the phase that begins with it, and the least and most content.
 * Xen, docs/specs/libxc-migration-stream.pandoc, "Records" and "Layout".
 */
#define STREAM_RECORDS(_) \
	_(END, 0x00, PHASE_MEMORY, PHASE_MEMORY, PHASE_END, 0, 0) \
	_(PAGE_DATA, 0x01, PHASE_MEMORY, PHASE_MEMORY, PHASE_MEMORY, 16, RECORD_MAX_BYTES) \
	_(X86_PV_INFO, 0x02, PHASE_INFO, PHASE_INFO, PHASE_STATIC, 8, 8) \
	_(X86_PV_P2M_FRAMES, 0x03, PHASE_P2M, PHASE_MEMORY, PHASE_MEMORY, 16, RECORD_MAX_BYTES) \
	_(X86_PV_VCPU_BASIC, 0x04, PHASE_STATIC, PHASE_MEMORY, PHASE_INFO, 8, 8 + 5168) \
	_(X86_PV_VCPU_EXTENDED, 0x05, PHASE_STATIC, PHASE_MEMORY, PHASE_INFO, 8, 8 + 128) \
	_(X86_PV_VCPU_XSAVE, 0x06, PHASE_STATIC, PHASE_MEMORY, PHASE_INFO, 8, 8 + (64 << 10)) \
	_(SHARED_INFO, 0x07, PHASE_STATIC, PHASE_MEMORY, PHASE_INFO, 4096, 4096) \
	_(X86_TSC_INFO, 0x08, PHASE_STATIC, PHASE_MEMORY, PHASE_INFO, 24, 24) \
	_(X86_PV_VCPU_MSRS, 0x0c, PHASE_STATIC, PHASE_MEMORY, PHASE_INFO, 8, 8 + (64 << 10)) \
	_(VERIFY, 0x0d, PHASE_MEMORY, PHASE_MEMORY, PHASE_INFO, 0, 0) \
	_(STATIC_DATA_END, 0x10, PHASE_STATIC, PHASE_STATIC, PHASE_P2M, 0, 0) \
	_(X86_CPUID_POLICY, 0x11, PHASE_STATIC, PHASE_STATIC, PHASE_STATIC, 0, 24 << 16) \
	_(X86_MSR_POLICY, 0x12, PHASE_STATIC, PHASE_STATIC, PHASE_STATIC, 0, 16 << 16)

#define STREAM_RECORD_NUMBER(name, number, ...) RECORD_##name = number,
enum record_type { STREAM_RECORDS(STREAM_RECORD_NUMBER) };
#define RECORD_OPTIONAL 0x80000000u

struct pv_info {
	uint8_t width;	/* bytes of a guest word: 4 or 8 */
	uint8_t levels; /* of its page tables: 3 or 4 */
	uint8_t zero[6];
};

struct p2m_frames {
	uint32_t start_pfn;
	uint32_t end_pfn; /* inclusive */
	uint64_t pfn[];	  /* of each page of the p2m itself */
};

struct page_data {
	uint32_t count;
	uint32_t zero;
	uint64_t frame[]; /* type << 60 | pfn; then the pages */
};

struct vcpu_record {
	uint32_t vcpu;
	uint32_t zero;
	uint8_t state[];
};

struct tsc_info {
	uint32_t mode;
	uint32_t khz;
	uint64_t nsec;
	uint32_t incarnation;
	uint32_t zero;
};
static_assert(sizeof(struct tsc_info) == 24, "tsc info");

/* --- types of frames ------------------------------------------------- */

/* XEN_DOMCTL_PFINFO_* >> 28, on the wire and from Xen alike. */
enum frame_type {
	FRAME_NOTAB = 0x0,
	FRAME_L1 = 0x1,
	FRAME_L2,
	FRAME_L3,
	FRAME_L4,
	FRAME_PINNED = 0x8, /* or-ed to the levels */
	FRAME_BROKEN = 0xd,
	FRAME_XALLOC = 0xe, /* a frame, but no data */
	FRAME_XTAB = 0xf,   /* no frame */
};

#define FRAME_PFN_MASK ((1ULL << 52) - 1)

/* 1-4 for tables, pinned or not; 0 for all else. */
static inline unsigned int frame_level(unsigned int type)
{
	unsigned int level = type & ~FRAME_PINNED;

	return type < FRAME_BROKEN && level >= 1 && level <= 4 ? level : 0;
}

static inline bool frame_has_data(unsigned int type)
{
	return type == FRAME_NOTAB || frame_level(type);
}

static inline bool frame_is_populated(unsigned int type)
{
	return frame_has_data(type) || type == FRAME_XALLOC;
}

static inline bool frame_type_is_valid(unsigned int type)
{
	return frame_has_data(type) || (type >= FRAME_BROKEN && type <= FRAME_XTAB);
}

/* --- our frames around it -------------------------------------------- */

enum {
	ZSTD_FRAME_MAGIC = 0xfd2fb528u,
	HEAD_MAGIC = 0x184d2a50,
	SEAL_MAGIC = 0x184d2a51,
	INDEX_MAGIC = 0x184d2a53,
	SEEK_TABLE_MAGIC = 0x184d2a5e,
	SEEK_FOOTER_MAGIC = 0x8f92eab1u,
	IMAGE_FORMAT_VERSION = 1,
	/* The guest ran: pfns come in any order, and again; the last word on each counts. */
	FEATURE_ROUNDS = 1,
	/* Before the seal stands an index. */
	FEATURE_INDEX = 2,
	/* Words that it does not name are in its parent; the index names that. */
	FEATURE_INCREMENT = 4,
	FEATURES = FEATURE_ROUNDS | FEATURE_INDEX | FEATURE_INCREMENT,
	HEAD_MAX_BYTES = 64 << 10,
};

#define HEAD_MARK "PVFERRY"
#define SEAL_MARK "PVFSEAL"

struct skippable {
	uint32_t magic;
	uint32_t bytes; /* that follow */
};

struct head {
	uint8_t mark[8];
	uint32_t version;
	uint32_t features;
	uint64_t frames;
	uint32_t json_bytes;
	/* json, then u64 hash */
} __attribute__((packed));
static_assert(sizeof(struct head) == 28, "head");

struct seal {
	uint8_t mark[8];
	uint64_t stored;
	uint64_t expanded;
	uint64_t hash;
	uint64_t self;
};
static_assert(sizeof(struct seal) == 40, "seal");

/* --- the index of an image --------------------------------------------- */

#define INDEX_MARK "PVFINDX"

enum {
	STATE_BYTES = 16,
	KEY_BYTES = 136, /* XXH3_SECRET_SIZE_MIN */
	INDEX_PIECE_WORDS = 8192,
};

/* XXH3, 128 bits, of a page with the key as its secret. */
struct page_digest {
	uint64_t low, high;
};

/* What a root is the digest of, for each pfn. */
struct index_root_entry {
	uint64_t word;
	struct page_digest digest; /* zeros if the type carries no data */
};
static_assert(sizeof(struct index_root_entry) == 24, "index root entry");

struct index_head {
	uint8_t mark[8];
	uint8_t state[STATE_BYTES];  /* this moment of this guest */
	uint8_t parent[STATE_BYTES]; /* the state that an increment goes on from; zeros in a full image */
	struct page_digest root;     /* of all memory at this moment */
	struct page_digest parent_root;
	uint8_t key[KEY_BYTES];
	uint64_t pfns;	       /* of the guest */
	uint64_t words, pages; /* that this image holds, the last word on each pfn; those with data */
	uint64_t hash;	       /* XXH64 of what is before it */
};
static_assert(sizeof(struct index_head) == 240, "index head");

/* Then, to the end: pieces. Each is this, and a zstd frame of its groups, its words, the digests of its pages. */
struct index_piece {
	uint32_t stored, groups, words, pages;
};

/* A frame of the image, and how many of the words that count are in it. */
struct index_group {
	uint64_t at; /* in the file */
	uint32_t frame, stored, expanded;
	uint32_t words; /* 0: it holds no pages, but the opening, another X86_PV_P2M_FRAMES, or the closing */
};
static_assert(sizeof(struct index_group) == 24, "index group");

/* --- the same on a wire between two helpers of libxl ------------------- */

/*
 * A bare libxc stream in frames, each behind a skippable frame that says how
 * long it is, so that no reader reads a byte too many. Zeros: the end.
 */
enum { WIRE_MAGIC = 0x184d2a52 };

struct wire_cover {
	uint32_t magic;
	uint32_t bytes; /* that follow: 8 */
	uint32_t stored;
	uint32_t expanded;
};
static_assert(sizeof(struct wire_cover) == 16, "wire cover");

struct seek_entry {
	uint32_t stored;
	uint32_t expanded;
};

struct seek_footer {
	uint32_t frames;
	uint8_t descriptor;
	uint32_t magic;
} __attribute__((packed));
static_assert(sizeof(struct seek_footer) == 9, "seek footer");

#endif
