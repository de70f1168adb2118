/* examine_bytes(), see stream-model.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "restore/examine.h"
#include "stream-model.h"

/* What restore does with the tables: it must not refuse what verify has called sound. */
static void expect_localisable(const struct examination *x)
{
	const struct incoming *in = &x->incoming;
	unsigned int width = in->machine.layout->width;
	mfn_t *mfn = calloc(in->count, sizeof(*mfn));
	struct destination to = { mfn, in->type, in->count };

	for (uint64_t pfn = 0; pfn < in->count; pfn++) {
		unsigned int level = frame_level(in->type[pfn]);
		uint64_t page[TABLE_SLOTS];
		struct table_fault fault;

		if (level)
			expect(localise(page, (uint64_t *)((uint8_t **)x->tables.at)[x->table_at[pfn] - 1],
					(struct table_kind){ width, level }, &to, &fault));
	}
	free(mfn);
}

static int examine_fd(int fd, unsigned int threads)
{
	struct examination x = { 0 };
	struct channel channel;
	int rc, free_fd = dup(fd);

	close(free_fd);
	fail_forget();
	expect(!channel_init(&channel, fd, "input"));
	rc = examine(&x, &channel, threads);
	expect_reason(rc);
	expect(!rc || rc == -EBADMSG || rc == -ENODATA || rc == -EMEDIUMTYPE);
	if (!rc && !x.facts->is_image && x.start < 0 && !x.lacks_tables)
		expect_localisable(&x); /* the tables of a pipe's stream are kept */
	examination_release(&x);
	channel_release(&channel);
	expect(dup(fd) == free_fd);
	close(free_fd);
	return rc;
}

static int examine_pipe(const uint8_t *bytes, size_t count)
{
	int ends[2], rc;

	expect(!pipe2(ends, O_CLOEXEC));
	if (fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) < (int)count ||
	    write(ends[1], bytes, count) != (ssize_t)count) {
		close(ends[0]);
		close(ends[1]);
		return 0; /* not allowed so large a pipe: it proves nothing */
	}
	close(ends[1]);
	rc = examine_fd(ends[0], 3);
	close(ends[0]);
	return rc;
}

int examine_bytes(const uint8_t *bytes, size_t count)
{
	static int file = -1;
	int rc;

	if (file < 0)
		file = memfd_create("input", MFD_CLOEXEC);
	expect(!ftruncate(file, 0) && pwrite(file, bytes, count, 0) == (ssize_t)count &&
	       !lseek(file, 0, SEEK_SET));
	rc = examine_fd(file, 1);
	if (!rc)
		expect(!examine_pipe(bytes, count));
	return rc;
}
