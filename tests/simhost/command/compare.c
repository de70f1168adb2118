/*
 * compare: is one guest, as it stands, the same as another?  check: is a guest's
 * memory what its own account says?
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../guest/layout.h"
#include "../machine/domain.h"
#include "snapshot.h"
#include "command.h"

enum { SAY_AT_MOST = 8 };

static unsigned differences;

static void differ(const char *what, uint64_t number, uint64_t a, uint64_t b)
{
	if (differences++ < SAY_AT_MOST)
		printf("differ: %s %#lx: %#lx / %#lx\n", what, number, a, b);
}

static void compare_words(uint64_t pfn, const uint8_t *a, const uint8_t *b)
{
	const uint64_t *left = (const uint64_t *)a, *right = (const uint64_t *)b;

	for (unsigned i = 0; i < PAGE_BYTES / 8; i++) {
		if (left[i] == right[i])
			continue;
		differ("page", pfn << 12 | i * 8, left[i], right[i]);
		return;
	}
}

static void compare_pages(const struct snapshot *a, const struct snapshot *b)
{
	uint8_t left[PAGE_BYTES], right[PAGE_BYTES];

	for (uint64_t pfn = 0; pfn < a->nr_pages; pfn++) {
		const uint8_t *in_a = snapshot_page(a, pfn, left);
		const uint8_t *in_b = snapshot_page(b, pfn, right);

		if (!in_a != !in_b)
			differ("presence of page", pfn, !!in_a, !!in_b);
		if (!in_a || !in_b)
			continue;
		if (snapshot_type(a, pfn) != snapshot_type(b, pfn))
			differ("type of page", pfn, snapshot_type(a, pfn), snapshot_type(b, pfn));
		compare_words(pfn, in_a, in_b);
	}
}

static void compare_bytes(const char *what, unsigned vcpu, const void *a, const void *b, size_t bytes)
{
	const uint8_t *left = a, *right = b;

	for (size_t i = 0; i < bytes; i++) {
		if (left[i] == right[i])
			continue;
		differ(what, (uint64_t)vcpu << 32 | i, left[i], right[i]);
		return;
	}
}

static void compare_vcpu(const struct snapshot *a, const struct snapshot *b, unsigned number)
{
	const struct vcpu *left = &a->domain->vcpus[number], *right = &b->domain->vcpus[number];
	uint8_t in_a[sizeof(left->context)], in_b[sizeof(left->context)];
	struct xen_domctl_ext_vcpucontext ext_a = left->ext, ext_b = right->ext;

	if (left->online != right->online)
		differ("vcpu online", number, left->online, right->online);
	if (!left->initialised || !right->initialised || !left->online)
		return;
	snapshot_vcpu(b, number, in_b);
	compare_bytes("vcpu context", number, in_a, in_b, snapshot_vcpu(a, number, in_a));
	ext_a.size = ext_b.size = ext_a.vcpu = ext_b.vcpu = 0;
	compare_bytes("vcpu callbacks", number, &ext_a, &ext_b, sizeof(ext_a));
	compare_bytes("vcpu xcr0", number, &left->xcr0, &right->xcr0, 16);
	compare_bytes("vcpu xsave", number, left->xsave, right->xsave, XSAVE_BYTES);
	compare_bytes("vcpu tsc_aux", number, &left->tsc_aux, &right->tsc_aux, 8);
}

static bool has_leaf(const struct cpu_policy_data *policy, const xen_cpuid_leaf_t *leaf)
{
	for (unsigned i = 0; i < policy->nr_leaves; i++)
		if (!memcmp(&policy->leaves[i], leaf, sizeof(*leaf)))
			return true;
	return !(leaf->a | leaf->b | leaf->c | leaf->d); /* as good as none */
}

static void compare_policies(const struct cpu_policy_data *a, const struct cpu_policy_data *b)
{
	for (unsigned i = 0; i < a->nr_leaves; i++)
		if (!has_leaf(b, &a->leaves[i]))
			differ("cpuid leaf", a->leaves[i].leaf, a->leaves[i].a, 0);
	for (unsigned i = 0; i < b->nr_leaves; i++)
		if (!has_leaf(a, &b->leaves[i]))
			differ("cpuid leaf", b->leaves[i].leaf, 0, b->leaves[i].a);
}

static void compare_domains(const struct snapshot *a, const struct snapshot *b)
{
	const struct domain *left = a->domain, *right = b->domain;

	if (left->is_32bit != right->is_32bit)
		differ("width", 0, left->is_32bit, right->is_32bit);
	if (left->nr_vcpus != right->nr_vcpus)
		differ("vcpus", 0, left->nr_vcpus, right->nr_vcpus);
	if (left->tot_pages != right->tot_pages)
		differ("pages in all", 0, left->tot_pages, right->tot_pages);
	if (left->vm_assist != right->vm_assist)
		differ("vm_assist", 0, left->vm_assist, right->vm_assist);
	if (left->tsc_mode != right->tsc_mode || left->tsc_khz != right->tsc_khz)
		differ("tsc", left->tsc_mode, left->tsc_khz, right->tsc_khz);
	compare_policies(&left->policy, &right->policy);
	for (unsigned i = 0; i < left->nr_vcpus && i < right->nr_vcpus; i++)
		compare_vcpu(a, b, i);
}

static int compare(struct host *host_a, uint16_t dom_a, struct host *host_b, uint16_t dom_b)
{
	struct snapshot a = { 0 }, b = { 0 };
	int ret = 1;

	if (snapshot_init(&a, host_a, dom_a) || snapshot_init(&b, host_b, dom_b)) {
		command_fail("compare: no such guest");
	} else if (a.nr_pages != b.nr_pages) {
		printf("differ: pages %#lx / %#lx\n", a.nr_pages, b.nr_pages);
	} else {
		compare_domains(&a, &b);
		compare_pages(&a, &b);
		ret = differences != 0;
		printf(ret ? "%u differences\n" : "equal\n", differences);
	}
	snapshot_release(&a);
	snapshot_release(&b);
	return ret;
}

int command_compare(int argc, char **argv)
{
	struct host a, b;
	bool same;
	int ret;

	if (argc != 5)
		return 2;
	if (command_attach(&a, argv[1]) || command_attach(&b, argv[3]))
		return 1;
	same = !strcmp(a.path, b.path);
	host_lock(&a);
	if (!same)
		host_lock(&b);
	ret = compare(&a, atoi(argv[2]), same ? &a : &b, atoi(argv[4]));
	if (!same)
		host_unlock(&b);
	host_unlock(&a);
	return ret;
}

static bool has_version(const struct snapshot *snapshot, uint64_t seed, uint64_t pfn, uint32_t version)
{
	uint8_t wanted[PAGE_BYTES];

	stamp_page(wanted, seed, pfn, version);
	return snapshot->mfns[pfn] != NO_FRAME &&
	       !memcmp(wanted, host_page(snapshot->host, snapshot->mfns[pfn]), PAGE_BYTES);
}

/* Between writing a page and noting its version a guest that runs is one ahead. */
static bool page_is_right(const struct snapshot *snapshot, const struct guest_state *state, uint64_t pfn)
{
	const uint8_t *map = host_page(snapshot->host, snapshot->mfns[state->map + pfn / PAGE_BYTES]);
	const uint32_t *versions = host_page(snapshot->host,
					     snapshot->mfns[state->versions + pfn * 4 / PAGE_BYTES]);
	uint32_t version = versions[pfn % (PAGE_BYTES / 4)];

	if (map[pfn % PAGE_BYTES] != USE_DATA && map[pfn % PAGE_BYTES] != USE_MAPPED)
		return true;
	return has_version(snapshot, state->seed, pfn, version) ||
	       (domain_runs(snapshot->domain) && has_version(snapshot, state->seed, pfn, version + 1));
}

static unsigned check_pages(const struct snapshot *snapshot, const struct guest_state *state)
{
	unsigned wrong = 0;

	for (uint64_t pfn = 0; pfn < snapshot->nr_pages; pfn++)
		if (!page_is_right(snapshot, state, pfn) && wrong++ < SAY_AT_MOST)
			printf("wrong: pfn %#lx\n", pfn);
	return wrong;
}

/* Its pages take long to check: who only asks whether it runs goes without. */
static int check(const struct snapshot *snapshot, bool pages)
{
	const struct guest_state *state = snapshot->mfns[0] == NO_FRAME
						? NULL
						: host_page(snapshot->host, snapshot->mfns[0]);
	unsigned wrong;

	if (!state || state->magic != GUEST_MAGIC)
		return command_fail("check: not a guest of ours");
	wrong = pages ? check_pages(snapshot, state) : 0;
	printf("phase %lu steps %lu ticks %lu suspends %lu restores %lu cancels %lu "
	       "complaints %lu writes %lu mms %lu ballooned %lu generation %lu wrong-pages %u\n",
	       state->phase, state->steps, state->ticks, state->suspends, state->restores, state->cancels,
	       state->complaints, state->writes, state->mms_made, state->ballooned, state->generation, wrong);
	return wrong || state->complaints;
}

int command_check(int argc, char **argv)
{
	struct snapshot snapshot = { 0 };
	bool brief = argc == 4 && !strcmp(argv[3], "--brief");
	struct host host;
	int ret;

	if (argc != 3 && !brief)
		return 2;
	if (command_attach(&host, argv[1]))
		return 1;
	host_lock(&host);
	ret = snapshot_init(&snapshot, &host, atoi(argv[2]));
	ret = ret ? command_fail("check: no such guest") : check(&snapshot, !brief);
	host_unlock(&host);
	snapshot_release(&snapshot);
	return ret;
}
