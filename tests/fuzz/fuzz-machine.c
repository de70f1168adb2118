/*
 * Records -> what is kept of the machine, its checks, and its loading into a
 * domain; a hostile guest's vCPUs saved, and taken again; and xl's config.
 * The domain is a page and nothing else: this takes the place of what xen/
 * would do with it.
 */
#include <errno.h>
#include <stdbool.h>

#include "fuzz-machine.h"

enum { VCPUS = 3 };

/* --- in place of xen/ ------------------------------------------------------- */

int domain_facts(struct domain *domain, struct domain_facts *facts)
{
	(void)domain;
	*facts = (struct domain_facts){ .shared_info = MFN(1), .vcpus = VCPUS };
	return 0;
}

void *domain_map(struct domain *domain, const mfn_t *mfns, size_t count, bool writable, int *errors)
{
	(void)domain;
	expect(count == 1 && writable && !errors);
	expect(mfns[0].n == 1 || mfns[0].n - FIRST_MFN < PFNS);
	return memcpy(malloc(PAGE_BYTES), guest.page, PAGE_BYTES);
}

void domain_unmap(struct domain *domain, void *at, size_t count)
{
	(void)domain;
	expect(count == 1);
	free(at);
}

int domain_vcpu_is_online(struct domain *domain, unsigned int vcpu, bool *online)
{
	(void)domain;
	*online = vcpu != 1;
	return 0;
}

int domain_get_vcpu(struct domain *domain, unsigned int vcpu, enum vcpu_state kind, void **state,
		    size_t *bytes)
{
	static const size_t lengths[] = { 0, 128, 16 + 64 * 9, 32 };

	(void)domain;
	(void)vcpu;
	*bytes = kind == VCPU_BASIC ? guest.context_bytes : lengths[kind];
	*state = calloc(1, *bytes);
	if (kind == VCPU_BASIC)
		memcpy(*state, guest.context, *bytes);
	return 0;
}

int domain_set_vcpu(struct domain *domain, unsigned int vcpu, enum vcpu_state kind, const void *state,
		    size_t bytes)
{
	(void)domain;
	expect(vcpu < VCPU_MAX && kind < VCPU_STATES && bytes);
	expect(memchr(state, 0, bytes) || bytes); /* all of it can be read */
	return 0;
}

int domain_get_tsc(struct domain *domain, struct tsc_info *tsc)
{
	(void)domain;
	*tsc = (struct tsc_info){ 0 };
	return 0;
}

int domain_set_tsc(struct domain *domain, const struct tsc_info *tsc)
{
	(void)domain;
	expect(!tsc->zero);
	return 0;
}

void cpu_policy_release(struct cpu_policy *policy)
{
	free(policy->leaves);
	free(policy->msrs);
	*policy = (struct cpu_policy){ 0 };
}

int domain_get_cpu_policy(struct domain *domain, struct cpu_policy *policy)
{
	(void)domain;
	*policy = (struct cpu_policy){ 0 };
	return 0;
}

int host_cpu_policy(struct host *host, struct cpu_policy *policy)
{
	(void)host;
	*policy = (struct cpu_policy){ 0 };
	return 0;
}

int domain_set_cpu_policy(struct domain *domain, const struct cpu_policy *policy)
{
	(void)domain;
	expect(policy->leaves_bytes % 24 == 0 && policy->msrs_bytes % 16 == 0);
	return 0;
}

/* --- records ------------------------------------------------------------------- */

static const struct kind {
	uint32_t type, least, most;
} kinds[] = {
#define KIND(name, number, first, last, next, least, most) { number, least, most },
	STREAM_RECORDS(KIND)
};

/* In memory of exactly its size, padding included, as the reader lends it. */
static int take_record(struct machine *machine, uint32_t type, const void *content, uint32_t bytes)
{
	uint8_t *body = calloc(1, (bytes + 7) & ~7UL);
	struct record record = { .type = type, .bytes = bytes, .body = body };
	bool taken;
	int rc;

	memcpy(body, content, bytes);
	fail_forget();
	rc = machine_take(machine, &record, &taken);
	expect_reason(rc);
	free(body);
	return rc;
}

static int take_basic(struct machine *machine, struct input *in)
{
	uint8_t *content = calloc(1, 8 + 5168), *context = make_context(machine->layout, in, false);
	uint8_t vcpu = take8(in);
	int rc;

	content[0] = vcpu % 5;
	content[1] = vcpu >> 3;
	memcpy(content + 8, context, machine->layout->vcpu.bytes);
	rc = take_record(machine, RECORD_X86_PV_VCPU_BASIC, content, 8 + machine->layout->vcpu.bytes);
	free(content);
	free(context);
	return rc;
}

/* What the reader lets through: a length between the least and the most. */
static int take_any(struct machine *machine, struct input *in)
{
	const struct kind *kind = &kinds[take8(in) % (sizeof(kinds) / sizeof(*kinds))];
	uint32_t bytes = take16(in) % 6000, given = take8(in);
	uint8_t content[6000] = { 0 };

	if (kind->type == RECORD_X86_PV_INFO || kind->type == RECORD_PAGE_DATA || bytes > kind->most)
		return 0;
	if (bytes < kind->least)
		bytes = kind->least;
	take(in, content, given < bytes ? given : bytes);
	return take_record(machine, kind->type, content, bytes);
}

/* --- expectations ---------------------------------------------------------------- */

static void expect_gdt_page(pfn_t pfn, void *context)
{
	(void)context;
	expect(pfn.n < PFNS && frame_is_populated(guest.type[pfn.n]));
}

static void expect_roots(const struct machine *machine)
{
	for (unsigned int i = 0; i < machine->vcpu_count; i++) {
		pfn_t kernel, user;

		if (!machine->vcpus[i].state[VCPU_BASIC])
			continue;
		vcpu_roots(machine->layout, &machine->vcpus[i], &kernel, &user);
		expect(kernel.n < PFNS && frame_level(guest.type[kernel.n]) == machine->layout->levels);
		expect(user.n == INVALID_FRAME ||
		       (user.n < PFNS && frame_level(guest.type[user.n]) == machine->layout->levels));
	}
}

/* What is checked can be loaded; but for start info, a page that only loading looks into. */
static void expect_loads(const struct machine *machine)
{
	struct connections connections = { 0 };
	struct destination to = memory();

	expect(vcpus_start_info(machine).n < PFNS && !guest.type[vcpus_start_info(machine).n]);
	vcpus_each_gdt_page(machine, expect_gdt_page, NULL);
	expect_roots(machine);
	expect(!vcpus_load(NULL, machine, &to));
	expect(!shared_info_load(NULL, machine));
	expect_reason(start_info_load(NULL, machine, &to, &connections));
}

static void expect_policy(const struct cpu_policy *policy)
{
	static const struct cpu_policy nothing;
	uint32_t leaf[2], bits;
	const char *name;
	int missing;

	expect(!cpu_policy_missing(policy, policy, leaf, &name, &bits));
	expect(!cpu_policy_missing(&nothing, policy, leaf, &name, &bits));
	missing = cpu_policy_missing(policy, &nothing, leaf, &name, &bits);
	expect(!missing || (bits && strlen(name) == 3));
	fail_forget();
	expect_reason(cpu_policy_load(NULL, policy, false));
}

static int check(const struct machine *machine)
{
	struct destination to = memory();
	int rc;

	fail_forget();
	rc = machine_check(machine, &to);
	expect_reason(rc);
	expect(!rc || rc == -EBADMSG);
	return rc;
}

static void fuzz_records(struct input *in)
{
	static const struct pv_info infos[] = { { .width = 8, .levels = 4 }, { .width = 4, .levels = 3 } };
	uint8_t how = take8(in), page[PAGE_BYTES] = { 0 };
	struct machine machine = { 0 };
	int rc = take_record(&machine, RECORD_X86_PV_INFO, &infos[how & 1], sizeof(*infos));

	make_memory(machine.layout, in);
	word_set(machine.layout, guest.page, machine.layout->start_info.store_frame, any_word(in));
	word_set(machine.layout, guest.page, machine.layout->start_info.console_frame, any_word(in));
	if (!(how & 2))
		rc = take_record(&machine, RECORD_SHARED_INFO, page, sizeof(page));
	while (!rc && in->left)
		rc = take8(in) % 2 ? take_basic(&machine, in) : take_any(&machine, in);
	if (!rc)
		expect_policy(&machine.policy);
	if (!rc && !check(&machine))
		expect_loads(&machine);
	machine_release(&machine);
}

/* --- a guest is saved -------------------------------------------------------------- */

/* What was saved is taken and found sound. */
static void expect_saved(const struct layout *layout, const struct bytes *saved)
{
	struct machine machine = { .layout = layout, .shared_info = calloc(1, PAGE_BYTES) };

	for (size_t at = 0; at < saved->count;) {
		struct record_header header;

		memcpy(&header, saved->at + at, sizeof(header));
		expect(!take_record(&machine, header.type, saved->at + at + sizeof(header), header.bytes));
		at += sizeof(header) + ((header.bytes + 7) & ~7UL);
	}
	expect(!check(&machine));
	expect_loads(&machine);
	machine_release(&machine);
}

static void fuzz_saving(struct input *in)
{
	const struct layout *layout = layout_of(take8(in) & 1 ? 4 : 8);
	struct p2m p2m = { .layout = layout, .count = PFNS, .mfn = guest.mfn, .type = guest.type };
	struct destination to;
	struct bytes saved = { 0 };
	struct inverse inverse;
	uint8_t *context;
	int rc;

	make_memory(layout, in);
	to = memory();
	expect(!inverse_init(&inverse, &p2m));
	context = make_context(layout, in, true);
	guest.context = context;
	guest.context_bytes = layout->vcpu.bytes;
	fail_forget();
	rc = vcpus_save(NULL, layout, &inverse, &to, &saved);
	expect_reason(rc);
	if (!rc)
		expect_saved(layout, &saved);
	bytes_release(&saved);
	inverse_release(&inverse);
	free(context);
}

/* The records that come ahead of a guest, from whoever offers it. */
static void fuzz_policy(struct input *in)
{
	bool force = take8(in) & 1;

	expect_reason(cpu_policy_check(NULL, in->at, in->left, force));
	fail_forget();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	static void (*const parts[])(struct input *) = { fuzz_records, fuzz_saving, fuzz_config };
	struct input in = { data, count };
	uint8_t which = take8(&in);

	memset(guest.page, 0, sizeof(guest.page));
	/* A config is text, and begins with a brace. */
	if (which == '{') {
		in = (struct input){ data, count };
		which = 2;
	}
	if (which == 'P')
		fuzz_policy(&in);
	else
		parts[which % 3](&in);
	return 0;
}
