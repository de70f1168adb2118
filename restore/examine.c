/*
 * See examine.h. In: any stream that can be restored. Out: a verdict, and what is in it. Two kinds are held to
 * different orders:
 *
 *	an image of a stopped guest (is_ordered()): each record has one place, each pfn comes once
 *	an image of rounds, and xl's own files: libxc's order, which restore/receive.c holds all streams to
 *
 * The trap: of rounds the last word on a pfn counts, so neither types nor tables can be judged before the stream's end.
 */
#include "restore/examine.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "log.h"
#include "restore/demands.h"
#include "restore/examine-tables.h"
#include "stream/array.h"
#include "stream/chain.h"

static struct examination *of(struct incoming *in)
{
	return in->context;
}

/* --- the visitor ----------------------------------------------------------- */

static int static_end(struct incoming *in)
{
	(void)in;
	return 0;
}

/*
 * Arrays by pfn, as large as the p2m that the stream has announced, bounded by what the config allows. table_at is
 * needed only where tables come in any order and the file cannot be read a second time: a pipe.
 */
static int resize(struct incoming *in, uint64_t old_count)
{
	struct examination *x = of(in);
	int rc = array_grow(&x->demands, sizeof(*x->demands), in->count, in->most_pfns);

	(void)old_count;
	if (!rc)
		rc = array_grow(&x->record_of, sizeof(*x->record_of), in->count, in->most_pfns);
	if (!rc)
		rc = array_grow(&x->is_zero, sizeof(*x->is_zero), in->count, in->most_pfns);
	if (!rc && !is_ordered(x) && !can_look_again(x))
		rc = array_grow(&x->table_at, sizeof(*x->table_at), in->count, in->most_pfns);
	return rc;
}

/*
 * Where in an image of ours a record stands; ranks ascend. 0: nowhere. The order is that in which libxc's writer has
 * them (xg_sr_save.c): X86_PV_INFO first, as the width of a word comes from it; static data before STATIC_DATA_END, up
 * to where a restore can refuse without having built anything; the p2m's frames before the memory, as they say how many
 * pfns there are; and behind the memory what only a stopped guest has: TSC, shared info, vCPUs.
 */
static uint64_t rank(const struct record *record)
{
	static const uint8_t ranks[] = {
		[RECORD_X86_PV_INFO] = 1,	 [RECORD_X86_CPUID_POLICY] = 2,
		[RECORD_X86_MSR_POLICY] = 3,	 [RECORD_STATIC_DATA_END] = 4,
		[RECORD_X86_PV_P2M_FRAMES] = 5,	 [RECORD_PAGE_DATA] = 6,
		[RECORD_X86_TSC_INFO] = 7,	 [RECORD_SHARED_INFO] = 8,
		[RECORD_X86_PV_VCPU_BASIC] = 9,	 [RECORD_X86_PV_VCPU_EXTENDED] = 10,
		[RECORD_X86_PV_VCPU_XSAVE] = 11, [RECORD_X86_PV_VCPU_MSRS] = 12,
	};
	/*
	 * A vCPU has four ranks, 9 to 12, and the next one the four behind: vCPU n's records have ranks 9 + 4n to 12 +
	 * 4n, so ascending ranks mean ascending vCPUs, with the records of each in order. PAGE_DATA has a rank for
	 * completeness; it goes to check_window().
	 */
	uint32_t vcpu;

	if (record->type == RECORD_END)
		return UINT64_MAX;
	if (record->type >= sizeof(ranks) / sizeof(*ranks))
		return 0;
	if (ranks[record->type] < ranks[RECORD_X86_PV_VCPU_BASIC])
		return ranks[record->type];
	memcpy(&vcpu, record->body, sizeof(vcpu));
	return ranks[record->type] + 4ULL * vcpu;
}

/* Everything but the memory has its one place, in the first frame or in the last. */
static int check_place(struct examination *x, const struct record *record)
{
	uint64_t now = rank(record), frame = now < 6 ? 1 : 2 + x->windows;
	/*
	 * Ranks below 6 are in the first frame, the static data and the p2m; all others in the frame behind the
	 * memory's, of which each window has one. Ranks above 8 are vCPUs': of a vCPU the BASIC record comes first, as
	 * without it the other three have no vCPU to belong to, and it is never empty; nor are the two policies, which
	 * are left out instead.
	 */
	bool is_vcpu = now > 8 && now != UINT64_MAX;
	bool lacks_basic = is_vcpu && (now - 9) % 4 && (now - 9) / 4 != (x->last_rank - 9) / 4;

	if (!now || now <= x->last_rank || lacks_basic || (now == 9 && record->bytes == 8) ||
	    record->frame != frame || ((now == 2 || now == 3) && !record->bytes))
		return fail(EBADMSG, "record %lu: %s in frame %lu is not where pvferry puts it",
			    record->number, record_name(record->type), record->frame);
	x->last_rank = now;
	return 0;
}

/* In an image of ours windows of 512 pfns ascend, each whole and in order. */
static int check_window(struct examination *x, const struct record *record, const struct pages *pages)
{
	/* The last window is shorter if the guest's size is not a multiple of 512 pages. */
	uint64_t left = x->incoming.count - x->next_window;
	uint64_t count = left < BATCH_PAGES ? left : BATCH_PAGES;

	if (record->frame != 2 + x->windows++)
		return fail(EBADMSG, "record %lu: PAGE_DATA in frame %lu, not in one of its own",
			    record->number, record->frame);
	if (pages->count != count)
		return fail(EBADMSG, "record %lu: %u pfns where the %lu from %#lx on should be",
			    record->number, pages->count, count, x->next_window);
	for (uint64_t i = 0; i < count; i++)
		if (word_pfn(pages->frame[i]) != x->next_window + i)
			return fail(EBADMSG, "record %lu: pfn %#lx where %#lx should be", record->number,
				    word_pfn(pages->frame[i]), x->next_window + i);
	x->next_window += count;
	return 0;
}

/* Each byte is the one before it, and the first is 0: memcmp() does this at the speed of memory. */
static bool is_zero(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, PAGE_BYTES - 1);
}

static int pages_examine(struct examination *x, const struct record *record, const struct pages *pages)
{
	const uint8_t *data = pages->data;
	int rc = 0;

	for (uint32_t i = 0; !rc && i < pages->count; i++) {
		uint64_t pfn = word_pfn(pages->frame[i]);
		unsigned int type = word_type(pages->frame[i]);

		x->incoming.type[pfn] = type;
		x->record_of[pfn] = record->number;
		x->is_zero[pfn] = type == FRAME_NOTAB && is_zero(data);
		if (frame_level(type))
			rc = table_note(x, pfn, frame_level(type), data);
		if (frame_has_data(type))
			data += PAGE_BYTES;
	}
	return rc;
}

static int pages(struct incoming *in, struct record *record, const struct pages *what)
{
	struct examination *x = of(in);
	int rc = is_ordered(x) ? check_window(x, record, what) : 0;

	if (!rc)
		rc = pages_examine(x, record, what);
	x->records++;
	record_release(in->reader, record);
	x->unshown += what->count;
	if (!rc && x->progress && x->unshown >= BATCH_PAGES) {
		x->unshown = 0;
		x->progress(word_pfn(what->frame[what->count - 1]), in->count);
	}
	return rc;
}

static int other(struct incoming *in, const struct record *record)
{
	of(in)->records++;
	return is_ordered(of(in)) ? check_place(of(in), record) : 0;
}

/* --- the whole ----------------------------------------------------------- */

/*
 * What `inspect` shows of where the image comes from. A restore decides nothing by it, so that any value will do, but
 * for the p2m's form, which is one of two words; each key that the format promises must be there.
 */
static int check_provenance(const struct examination *x)
{
	static const char *const keys[] = { "domain", "uuid",	 "domid", "host",
					    "saved",  "pvferry", "xen",	  "p2m" };
	struct json_object *json, *value;
	const char *form;
	int rc = 0;

	if (!x->facts->is_image)
		return 0;
	json = json_tokener_parse(x->facts->provenance);
	if (!json_object_is_type(json, json_type_object))
		rc = fail(EBADMSG, "head: the provenance is not a JSON object");
	for (size_t i = 0; !rc && i < sizeof(keys) / sizeof(*keys); i++)
		if (!json_object_object_get_ex(json, keys[i], &value))
			rc = fail(EBADMSG, "head: the provenance lacks \"%s\"", keys[i]);
	form = rc ? NULL : json_object_get_string(value); /* of null there is none */
	if (!rc && (!form || (strcmp(form, "linear") && strcmp(form, "list"))))
		rc = fail(EBADMSG, "head: the provenance names a p2m of form \"%s\"", form ? form : "null");
	json_object_put(json);
	return rc;
}

/* At the end, not on the way: in a live image a page comes several times, and only its last type and content count. */
static void count(struct examination *x)
{
	for (uint64_t pfn = 0; pfn < x->incoming.count; pfn++) {
		x->frames_by_type[x->incoming.type[pfn]]++;
		x->frames += frame_is_populated(x->incoming.type[pfn]);
		x->zero_pages += x->is_zero[pfn];
	}
	for (unsigned int i = 0; i < x->incoming.machine.vcpu_count; i++) {
		const struct vcpu *vcpu = &x->incoming.machine.vcpus[i];
		pfn_t kernel, user = PFN(INVALID_FRAME);

		if (vcpu->state[VCPU_BASIC])
			vcpu_roots(x->incoming.machine.layout, vcpu, &kernel, &user);
		x->user_roots += user.n != INVALID_FRAME;
	}
}

static int check_end(struct examination *x)
{
	if (is_ordered(x) && x->next_window != x->incoming.count)
		return fail(EBADMSG, "pfns %#lx to %#lx are missing", x->next_window, x->incoming.count - 1);
	if (x->facts->is_image && !x->incoming.machine.has_tsc)
		return fail(EBADMSG, "the stream has no X86_TSC_INFO");
	return 0;
}

/*
 * All types are known by now, so what the machine's state and the tables name can be compared with them; and so can the
 * head's sum of frames.
 */
static int check_whole(struct examination *x)
{
	int rc = incoming_check(&x->incoming, NULL);

	if (!rc)
		rc = tables_settle(x);
	if (!rc)
		rc = demands_check(x);
	if (rc)
		return rc;
	count(x);
	if (is_ordered(x) && x->frames != x->facts->frames)
		return fail(EBADMSG, "head: %lu frames to allocate, the records have %lu", x->facts->frames,
			    x->frames);
	return 0;
}

/*
 * As an image pvferry wrote it, and only of PV domains; another type of domain in it is damage, not another kind of
 * file.
 */
static int check_config(struct examination *x)
{
	int rc = x->facts->xl_flags & XL_FLAG_JSON ? config_parse(&x->config, x->facts->config) : 0;

	return rc == -EMEDIUMTYPE && x->facts->is_image ? -EBADMSG : rc;
}

/* What the config allows, and what this machine has memory to check: 32 bytes for each, the sum of the arrays in resize() and struct incoming. */
static uint64_t believed_pfns(const struct examination *x)
{
	enum { BYTES_A_PFN = 32 };
	uint64_t most = x->config.root ? config_most_pfns(&x->config) : PFN_LIMIT, fit;
	struct sysinfo machine;

	if (sysinfo(&machine))
		return most;
	fit = (uint64_t)machine.totalram * machine.mem_unit / BYTES_A_PFN;
	return most < fit ? most : fit;
}

int examine(struct examination *x, struct channel *from, unsigned int threads)
{
	static const struct visitor visitor = { static_end, resize, pages, other };
	int rc;

	x->from = from;
	x->threads = threads;
	/* Of a chain not all frames are read: whether they are as they were written, the seals tell. */
	if (from->chain)
		from->chain->checks_seals = true;
	x->start = from->kind == S_IFREG || from->kind == S_IFBLK ? lseek(from->fd, 0, SEEK_CUR) : -1;
	rc = reader_open(&x->reader, from, threads);
	if (rc)
		return rc;
	x->facts = reader_facts(x->reader);
	if (x->facts->is_bare)
		return fail(EMEDIUMTYPE, "%s is neither an image of pvferry nor an xl save file", from->name);
	x->incoming = (struct incoming){ .reader = x->reader, .visitor = &visitor, .context = x };
	rc = check_provenance(x);
	if (!rc)
		rc = check_config(x);
	x->incoming.most_pfns = believed_pfns(x);
	x->incoming.machine.most_vcpus = x->config.root ? config_number(&x->config, "b_info", "max_vcpus", 1)
							: VCPU_MAX;
	if (!rc)
		rc = receive_stream(&x->incoming);
	if (!rc)
		rc = check_end(x);
	if (!rc)
		rc = check_whole(x);
	if (rc)
		return rc; /* the feed may still be reading */
	x->stored_bytes = from->bytes;
	x->expanded_bytes = x->facts->is_image ? reader_expanded(x->reader) : from->bytes;
	return 0;
}

void examination_release(struct examination *x)
{
	reader_close(x->reader);
	incoming_release(&x->incoming);
	config_release(&x->config);
	array_release(x->demands, sizeof(*x->demands), x->incoming.most_pfns);
	array_release(x->record_of, sizeof(*x->record_of), x->incoming.most_pfns);
	array_release(x->is_zero, sizeof(*x->is_zero), x->incoming.most_pfns);
	tables_forget(x);
	array_release(x->table_at, sizeof(*x->table_at), x->incoming.most_pfns);
}
