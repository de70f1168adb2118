/*
 * A plain xl stream, packed as in stream-model.h -> the domain that restore builds of it, over the
 * stand-ins for Xen of tests/unit/fake. Three bytes before the stream choose the call to Xen that
 * fails, and the options.
 *
 * After a failure no domain is left. A domain that is built owns what it names, its tables are
 * writable for no one, its p2m is right, and other domains' memory is as it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "machine/config-flat.h"
#include "p2m/p2m.h"
#include "pagetable-canon/canon.h"
#include "restore/restore.h"
#include "stream-model.h"
#include "tests/unit/fake/fake.h"
#include "xen/pte.h"

enum { CONTROLS = 3, NEIGHBOUR_FRAMES = 64 };
enum { TWO_THREADS = 1, RENAME = 2, FORCE = 4, WITHOUT_DEVICES = 8, ADOPT = 16, ALLOW = 32, PIPE = 64 };

static struct restoration r;
static mfn_t neighbour[NEIGHBOUR_FRAMES];
static char folder[64];

static void say_nothing(enum say_level level, const char *text)
{
	(void)level, (void)text;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	/* Where the disk need not be waited for. */
	strcpy(folder, "/dev/shm/fuzz-sink-XXXXXX");
	expect(mkdtemp(folder));
	setenv("PVFERRY_STATE", folder, 1);
	setenv("PVFERRY_RUN", folder, 1);
	say_to = say_nothing;
	return 0;
}

/* --- a domain beside ---------------------------------------------------- */

static void make_neighbour(void)
{
	struct domain *domain = fake_domain(8, 1);

	fake_store_set("/local/domain/1/name", "neighbour");
	for (unsigned int i = 0; i < NEIGHBOUR_FRAMES; i++) {
		neighbour[i] = fake_allocate(domain->id);
		memset(fake_page(neighbour[i]), 0x5a, PAGE_BYTES);
	}
}

static void expect_neighbour(void)
{
	for (unsigned int i = 0; i < NEIGHBOUR_FRAMES; i++) {
		const uint8_t *page = fake_page(neighbour[i]);

		expect(fake_frame(neighbour[i])->owner == 1 && !fake_frame(neighbour[i])->writable);
		expect(page[0] == 0x5a && !memcmp(page, page + 1, PAGE_BYTES - 1));
	}
	expect(!fake_find(1)->is_destroyed);
}

/* --- what was built ------------------------------------------------------ */

/* Each present entry, but for Xen's own slots, names a frame of the domain; of level 1, too. */
static void expect_table(const struct domain *domain, mfn_t mfn, unsigned int level)
{
	const uint64_t *table = fake_page(mfn);
	unsigned int first, count;

	expect(!fake_frame(mfn)->writable);
	xen_slots(domain->width, level, &first, &count);
	for (unsigned int slot = 0; slot < TABLE_SLOTS; slot++)
		if (slot - first >= count && table[slot] & PTE_PRESENT)
			expect(fake_frame(MFN(pte_frame(table[slot])))->owner == domain->id);
}

/* Its frame; or none, or Linux's mark of an identity entry. */
static void expect_entry(const struct incoming *in, uint64_t pfn)
{
	const struct layout *layout = in->machine.layout;
	uint64_t per_page = p2m_per_page(layout), identity = 1ULL << (layout->width * 8 - 2);
	const uint8_t *leaf = fake_page(r.mfn[in->leaf[pfn / per_page]]);
	uint64_t entry = word_get(layout, leaf, pfn % per_page * layout->width);

	expect(mfn_is_valid(r.mfn[pfn]) ? entry == r.mfn[pfn].n : entry & identity);
}

static uint64_t owned(const struct domain *domain)
{
	uint64_t count = 0;

	for (uint64_t mfn = 0; mfn < FAKE_FRAMES; mfn++)
		count += fake_frame(MFN(mfn))->owner == domain->id;
	return count;
}

static void expect_built(const struct domain *domain)
{
	const struct incoming *in = &r.incoming;
	uint64_t populated = 0;

	expect(domain->is_paused && !domain->is_destroyed);
	for (uint64_t pfn = 0; pfn < in->count; pfn++) {
		unsigned int level = frame_level(in->type[pfn]);

		expect(frame_is_populated(in->type[pfn]) == mfn_is_valid(r.mfn[pfn]));
		expect_entry(in, pfn);
		if (!mfn_is_valid(r.mfn[pfn]))
			continue;
		populated++;
		expect(fake_frame(r.mfn[pfn])->owner == domain->id);
		if (level)
			expect_table(domain, r.mfn[pfn], level);
		if (level && in->type[pfn] & FRAME_PINNED)
			expect(fake_frame(r.mfn[pfn])->type == (FRAME_PINNED | level));
	}
	/* No frame stands for two pfns, and none that is no pfn's is left. */
	expect(populated == owned(domain) && populated == domain->frames && populated == r.frames);
}

/* --- the stream ---------------------------------------------------------- */

static int open_file(const uint8_t *bytes, size_t count)
{
	int fd = memfd_create("input", MFD_CLOEXEC);

	expect(fd >= 0 && write(fd, bytes, count) == (ssize_t)count && !lseek(fd, 0, SEEK_SET));
	return fd;
}

/* A file, if so large a pipe is not allowed. */
static int open_pipe(const uint8_t *bytes, size_t count)
{
	int ends[2], rc;

	expect(!pipe2(ends, O_CLOEXEC));
	rc = fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) < (int)count;
	if (!rc)
		expect(write(ends[1], bytes, count) == (ssize_t)count);
	close(ends[1]);
	if (!rc)
		return ends[0];
	close(ends[0]);
	return open_file(bytes, count);
}

/* libxc's part of it alone, as a toolstack gives it that has made the domain. */
static size_t bare_from(const struct model *stream)
{
	size_t skip = sizeof(struct libxl_header) + sizeof(struct record_header);

	return stream->item_count > 1 && stream->items[1].count > skip ? stream->items[1].at + skip : 0;
}

static int static_end(unsigned int missing, void *context)
{
	(void)missing, (void)context;
	return fake_fails("the toolstack's part") ? -EIO : 0;
}

static struct adoption adoption(void)
{
	struct domain *domain = fake_domain(8, FAKE_VCPUS);

	domain->most_frames = 4096;
	domain->is_paused = true;
	return (struct adoption){ .domain = domain->id,
				  .connections = { .store_port = 1, .console_port = 2 },
				  .accepts_wire = true,
				  .static_end = static_end };
}

/* is_left: a call failed while it was taken away, and a warning says that. */
static void check(int rc, unsigned int flags, bool may_be_left)
{
	expect_reason(rc);
	/* What is asked of Xen is asked for the domain's own frames only. */
	expect(strncmp(fail_reason(), "fake: domain", 12) || !strstr(fail_reason(), "may not map"));
	expect_neighbour();
	expect(may_be_left || !r.is_left);
	if (!rc)
		expect_built(r.domain);
	else if (flags & ADOPT)
		expect(fake_domains() == 2);
	else
		expect(r.is_left || (fake_domains() == 1 && !fake_store_at("/local/domain/2/name")));
}

/* As the expander does. */
static int flatten(struct stream_facts *facts)
{
	return facts->config ? config_flatten(facts->config, &facts->flat_config) : 0;
}

static void build(const struct model *stream, unsigned int flags, unsigned int fail_at)
{
	struct adoption adopt = flags & ADOPT ? adoption() : (struct adoption){ 0 };
	struct restore_options options = { .threads = flags & TWO_THREADS ? 2 : 1,
					   .name = flags & RENAME ? "renamed" : NULL,
					   .force = flags & FORCE,
					   .without_devices = flags & WITHOUT_DEVICES,
					   .allowed = flags & ALLOW ? ~0u : 0,
					   .adopt = flags & ADOPT ? &adopt : NULL };
	size_t from = flags & ADOPT ? bare_from(stream) : 0;
	int fd = (flags & PIPE ? open_pipe : open_file)(stream->bytes + from, stream->count - from), rc;
	struct channel channel;
	struct reader *reader;
	struct host *host;

	expect(!host_open(&host) && !channel_init(&channel, fd, "input"));
	r = (struct restoration){ .host = NULL };
	fake_calls = 0;
	fake_fail_at = fail_at;
	channel.leave_pages = !channel.can_wait;
	rc = reader_open(&reader, &channel, options.threads);
	if (!rc && flatten((struct stream_facts *)reader_facts(reader))) {
		reader_close(reader);
		rc = -EBADMSG;
	}
	if (!rc)
		rc = restore_domain(&r, host, reader, &options);
	fake_fail_at = 0;
	if (getenv("FUZZ_SHOW"))
		fprintf(stderr, "%d after %u calls: %s\n", rc, fake_calls, fail_reason());
	check(rc, flags, fail_at);
	restoration_release(&r);
	channel_release(&channel);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	static struct model stream;
	struct input in = { data, count };
	unsigned int fail_at = take16(&in), flags = take8(&in);

	model_unpack(&stream, in.at, in.left);
	if (model_is_vast(&stream))
		return 0;
	fake_reset();
	make_neighbour();
	build(&stream, flags, fail_at);
	fake_reset();
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t count, size_t most, unsigned int seed)
{
	if (count < CONTROLS || most < CONTROLS || !(seed % 8))
		return count > CONTROLS ? LLVMFuzzerMutate(data, CONTROLS, CONTROLS),
		       count		: LLVMFuzzerMutate(data, count, most);
	return CONTROLS + model_mutate(data + CONTROLS, count - CONTROLS, most - CONTROLS, seed / 8);
}
