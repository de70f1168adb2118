/* Which scenario is played, and what it says: tiny NAME OUTCOME: round N: TEXT, a line for each resume. */
#include "scenario.h"

#define SLICE_NS    2000000ul
#define PATIENCE_NS 20000000000ul

extern const struct scenario __start_scenarios[], __stop_scenarios[];
static const struct scenario *scenario;
static const char *const outcome_names[] = { "success", "skip", "error", "failure" };
static char text[200];
static unsigned int wrongs;
static enum outcome worst;
static bool started;
static uint64_t busy_percent;
static uint64_t slices[MAX_VCPUS], slices_seen[MAX_VCPUS]; /* of work; now, and at the last resume */

enum outcome outcome(enum outcome which, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	format_list(text, sizeof(text), format, list);
	va_end(list);
	return which;
}

void wrong(const char *format, ...)
{
	char line[200];
	va_list list;

	if (__atomic_fetch_add(&wrongs, 1, __ATOMIC_RELAXED) >= 10)
		return; /* ten are enough to see */
	va_start(list, format);
	format_list(line, sizeof(line), format, list);
	va_end(list);
	print("tiny %s wrong: %s\n", scenario->name, line);
}

static void scenario_find(const char *name)
{
	for (scenario = __start_scenarios; scenario < __stop_scenarios; scenario++)
		if (text_equal(scenario->name, name))
			return;
	for (scenario = __start_scenarios; scenario < __stop_scenarios; scenario++)
		print("tiny has scenario=%s: %s\n", scenario->name, scenario->says);
	panic("no scenario '%s'", name);
}

static void show(enum outcome which, const char *when)
{
	unsigned int seen = __atomic_exchange_n(&wrongs, 0, __ATOMIC_RELAXED);

	if (seen)
		which = FAILURE;
	if (which > worst)
		worst = which;
	print("tiny %s %s: %s: %s%s, %u wrong, %lu pages free, pin-all %lu of %lu spaces %lu tables %lu "
	      "hypercalls %lu us\n",
	      scenario->name, outcome_names[which], when, text, worst > which ? " (but worse before)" : "",
	      seen, pages_free(), mm_pinning.pinned_for_save, mm_pinning.spaces, mm_pinning.tables,
	      mm_pinning.hypercalls, mm_pinning.ns / 1000);
}

void scenario_start(void)
{
	scenario_find(option("scenario"));
	busy_percent = option_number("busy", 25);
	show(scenario->start(), "start");
	ONCE(started) = true;
	for (unsigned int i = 1; i < MAX_VCPUS; i++)
		events_notify(vcpus[i].port); /* they sleep until there is something to do */
}

void scenario_check(bool cancelled)
{
	char when[40];
	uint64_t differences = p2m_check();

	if (differences)
		wrong("%lu differences between p2m, its lists and Xen's map", differences);
	format(when, sizeof(when), "round %u%s", suspend_round, cancelled ? " cancelled" : "");
	show(scenario->check(), when);
}

bool scenario_works(void)
{
	return ONCE(started) && scenario->work;
}

/* Works for a while, then sleeps, so that busy=PERCENT of the time is worked: who carries needs processors too. */
static void work_slice(unsigned int vcpu)
{
	uint64_t began = now_ns(), worked;

	do {
		scenario->work(vcpu);
		worked = now_ns() - began;
	} while (worked < SLICE_NS);
	ONCE(slices[vcpu]) = slices[vcpu] + 1;
	if (busy_percent < 100)
		clock_sleep(worked * (100 - busy_percent) / busy_percent);
}

void scenario_work(unsigned int vcpu)
{
	if (scenario_works()) {
		work_slice(vcpu);
		return;
	}
	events_close();
	if (ONCE(vcpus[vcpu].leave))
		events_open();
	else
		events_block();
}

/* Between two suspends every vCPU works, however short that is. */
static void await_work(unsigned int vcpu)
{
	uint64_t end = now_ns() + PATIENCE_NS;

	while (ONCE(slices[vcpu]) == slices_seen[vcpu] && now_ns() < end)
		sched_op(SCHEDOP_yield, 0);
	if (ONCE(slices[vcpu]) == slices_seen[vcpu])
		wrong("vCPU %u has not worked since the last resume", vcpu);
}

void scenario_leave(void)
{
	if (scenario_works())
		work_slice(0);
	for (unsigned int i = 1; scenario_works() && i < MAX_VCPUS; i++)
		if (vcpus[i].up)
			await_work(i);
	memcpy(slices_seen, slices, sizeof(slices));
	if (scenario->leave)
		scenario->leave();
}

/* --- patterns ------------------------------------------------------------ */

uint64_t pattern_word(uint64_t number, uint64_t version, unsigned int word)
{
	return (number + 1) * 0x9e3779b97f4a7c15ul ^ version << 44 ^ word * 0x2545f4914f6cdd1dul;
}

void pattern_fill(uint64_t pfn, uint64_t number, uint64_t version)
{
	uint64_t *word = virt(pfn);

	for (unsigned int i = 0; i < PAGE_BYTES / sizeof(*word); i++)
		word[i] = pattern_word(number, version, i);
}

bool pattern_check_at(const void *at, uint64_t number, uint64_t version)
{
	const uint64_t *word = at;

	for (unsigned int i = 0; i < PAGE_BYTES / sizeof(*word); i++)
		if (word[i] != pattern_word(number, version, i)) {
			wrong("page %lu at %lx: word %u is %lx, should be %lx", number, (uint64_t)at, i,
			      word[i], pattern_word(number, version, i));
			return false;
		}
	return true;
}

bool pattern_check(uint64_t pfn, uint64_t number, uint64_t version)
{
	return pattern_check_at(virt(pfn), number, version);
}

uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}
