/* What bounds a save or restore once nothing else is in the way, in one thread, over pages like a simulated guest's. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#define XXH_DISPATCH_DISABLE_REPLACE
#include <xxh_x86dispatch.h>
#include <xxhash.h>
#include <zstd.h>

#include "stream/format.h"
#include "tests/bench/clock.h"

enum { BYTES = 64 << 20, CACHED_BYTES = 256 << 10, FRAME_BYTES = BATCH_PAGES * PAGE_BYTES, PASSES = 5 };

struct buffers {
	uint8_t *from, *to;
	size_t stored[BYTES / FRAME_BYTES], room;
	ZSTD_CCtx *compressor;
	ZSTD_DCtx *decompressor;
	int file; /* in tmpfs */
	uint64_t sink;
	uint8_t secret[XXH3_SECRET_SIZE_MIN];
};

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* As tests/simhost/guest/stamp.c: a page in eight is zero, of the others a quarter is random. */
static void fill(uint8_t *at)
{
	uint64_t *word = (uint64_t *)at;

	for (uint64_t i = 0; i < BYTES / sizeof(*word); i++) {
		uint64_t page = i / 512, key = mix(page + 1);

		word[i] = page % 8 == 0 ? 0 : i % 4 ? key & 0xffff : mix(key + i % 512);
	}
}

static bool do_memcpy(struct buffers *b)
{
	for (size_t at = 0; at < BYTES; at += PAGE_BYTES)
		memcpy(b->to + at, b->from + at, PAGE_BYTES);
	return true;
}

static bool do_zero_scan(struct buffers *b)
{
	static const uint8_t zero[PAGE_BYTES];

	for (size_t at = 0; at < BYTES; at += PAGE_BYTES)
		b->sink += !memcmp(zero, b->from + BYTES + at, PAGE_BYTES);
	return true;
}

static bool do_xxh64(struct buffers *b)
{
	for (size_t at = 0; at < BYTES; at += FRAME_BYTES)
		b->sink += XXH64(b->from + at, FRAME_BYTES, 0);
	return true;
}

static bool do_xxh3(struct buffers *b)
{
	for (size_t at = 0; at < BYTES; at += PAGE_BYTES)
		b->sink += XXH3_128bits(b->from + at, PAGE_BYTES).low64;
	return true;
}

/* As migrate/digest.c: what the processor can, and SSE2 alone; from memory, and from the second-level cache. */
static void digest(struct buffers *b, uint64_t (*by)(const void *, size_t, const void *, size_t),
		   size_t within)
{
	for (size_t at = 0; at < BYTES; at += PAGE_BYTES)
		b->sink += by(b->from + at % within, PAGE_BYTES, b->secret, sizeof(b->secret));
}

static bool do_digest(struct buffers *b)
{
	digest(b, XXH3_64bits_withSecret_dispatch, BYTES);
	return true;
}

static bool do_digest_sse2(struct buffers *b)
{
	digest(b, XXH3_64bits_withSecret, BYTES);
	return true;
}

static bool do_digest_cached(struct buffers *b)
{
	digest(b, XXH3_64bits_withSecret_dispatch, CACHED_BYTES);
	return true;
}

static bool do_digest_cached_sse2(struct buffers *b)
{
	digest(b, XXH3_64bits_withSecret, CACHED_BYTES);
	return true;
}

static bool compress(struct buffers *b, const uint8_t *from)
{
	for (size_t i = 0; i < BYTES / FRAME_BYTES; i++) {
		b->stored[i] = ZSTD_compress2(b->compressor, b->to + i * b->room, b->room,
					      from + i * FRAME_BYTES, FRAME_BYTES);
		if (ZSTD_isError(b->stored[i]))
			return false;
	}
	return true;
}

static bool do_compress(struct buffers *b)
{
	return compress(b, b->from);
}

static bool do_compress_zero(struct buffers *b)
{
	return compress(b, b->from + BYTES);
}

/* Of what do_compress left. */
static bool do_expand(struct buffers *b)
{
	for (size_t i = 0; i < BYTES / FRAME_BYTES; i++)
		if (ZSTD_isError(ZSTD_decompressDCtx(b->decompressor, b->from + 2 * BYTES, FRAME_BYTES,
						     b->to + i * b->room, b->stored[i])))
			return false;
	return true;
}

/* Into memory that the file did not have before, as a save does. */
static bool do_write(struct buffers *b)
{
	bool fine = !ftruncate(b->file, 0);

	for (size_t at = 0; fine && at < BYTES; at += FRAME_BYTES)
		fine = pwrite(b->file, b->from + at, FRAME_BYTES, at) == FRAME_BYTES;
	return fine;
}

static bool do_read(struct buffers *b)
{
	bool fine = true;

	for (size_t at = 0; fine && at < BYTES; at += FRAME_BYTES)
		fine = pread(b->file, b->to + at, FRAME_BYTES, at) == FRAME_BYTES;
	return fine;
}

/* And out again, as a mapping of a guest's pages that stays. */
static bool do_map(struct buffers *b)
{
	void *at = mmap(NULL, BYTES, PROT_READ, MAP_SHARED | MAP_POPULATE, b->file, 0);

	return at != MAP_FAILED && !munmap(at, BYTES);
}

static bool measure(struct buffers *b, const char *name, bool (*work)(struct buffers *))
{
	double speed[PASSES];

	if (!work(b))
		return false;
	for (int i = 0; i < PASSES; i++) {
		double start = cpu_seconds();

		if (!work(b))
			return false;
		speed[i] = BYTES / (cpu_seconds() - start) / 1e9;
	}
	printf("{\"case\": \"%s\", \"unit\": \"GB/s\", \"pvferry\": %.2f}\n", name, median(speed, PASSES));
	return true;
}

static bool init(struct buffers *b)
{
	b->room = ZSTD_compressBound(FRAME_BYTES);
	b->from = calloc(1, 2 * BYTES + FRAME_BYTES);
	b->to = malloc(BYTES / FRAME_BYTES * b->room);
	b->compressor = ZSTD_createCCtx();
	b->decompressor = ZSTD_createDCtx();
	b->file = memfd_create("bandwidth", MFD_CLOEXEC);
	if (!b->from || !b->to || !b->compressor || !b->decompressor || b->file < 0)
		return false;
	ZSTD_CCtx_setParameter(b->compressor, ZSTD_c_compressionLevel, 1);
	ZSTD_CCtx_setParameter(b->compressor, ZSTD_c_checksumFlag, 1);
	memset(b->from + BYTES, 0, BYTES);
	fill(b->from);
	return true;
}

int print_bandwidths(void)
{
	struct buffers b = { 0 };
	bool fine = init(&b) && measure(&b, "memcpy, a page at a time", do_memcpy) &&
		    measure(&b, "zero pages found", do_zero_scan) && measure(&b, "XXH64", do_xxh64) &&
		    measure(&b, "XXH3-128 of each page", do_xxh3) &&
		    measure(&b, "digest of each page", do_digest) &&
		    measure(&b, "digest of each page, SSE2", do_digest_sse2) &&
		    measure(&b, "digest of each page, in cache", do_digest_cached) &&
		    measure(&b, "digest of each page, in cache, SSE2", do_digest_cached_sse2) &&
		    measure(&b, "write to tmpfs", do_write) && measure(&b, "read from tmpfs", do_read) &&
		    measure(&b, "map tmpfs, page by page, and unmap", do_map) &&
		    measure(&b, "zstd level 1, zero pages", do_compress_zero) &&
		    measure(&b, "zstd level 1, checksum, guest's pages", do_compress) &&
		    measure(&b, "zstd expands them", do_expand);

	free(b.from);
	free(b.to);
	ZSTD_freeCCtx(b.compressor);
	ZSTD_freeDCtx(b.decompressor);
	return !fine;
}
