/* The start as a list, and what the first vCPU does from then on. */
#include "tiny.h"

void start(struct start_info *info);

struct start_info *start_info;
static uint64_t began_ns, next_tick_ns;

const char *option(const char *name)
{
	static char value[40];
	const char *at = (const char *)start_info->cmd_line;
	size_t length = strlen(name), used = 0;

	for (; *at; at++) {
		size_t i = 0;

		while (i < length && at[i] == name[i])
			i++;
		if (i == length && at[i] == '=' &&
		    (at == (const char *)start_info->cmd_line || at[-1] == ' '))
			break;
	}
	for (at += *at ? length + 1 : 0; *at && *at != ' ' && used + 1 < sizeof(value); at++)
		value[used++] = *at;
	value[used] = 0;
	return value;
}

uint64_t option_number(const char *name, uint64_t otherwise)
{
	const char *digit = option(name);
	uint64_t number = 0;

	if (!*digit)
		return otherwise;
	for (; *digit >= '0' && *digit <= '9'; digit++)
		number = number * 10 + (*digit - '0');
	return number;
}

/* The builder maps the kernel, what it adds, and somewhat more; all the rest is for us to map. */
static uint64_t mapped_end(uint64_t pfn)
{
	for (; pfn < page_count; pfn++) {
		uint64_t *slot = tables_find((uint64_t *)start_info->pt_base, (uint64_t)virt(pfn));

		if (!slot || !(*slot & PRESENT))
			break;
	}
	return pfn;
}

static void start_memory(void)
{
	uint64_t tables_end = pfn_of((void *)start_info->pt_base) + start_info->nr_pt_frames, mapped, list;

	page_count = start_info->nr_pages;
	mapped = mapped_end(tables_end);
	pages_init(tables_end, mapped);
	p2m_init((uint64_t *)start_info->mfn_list, page_count);
	mm_init((uint64_t *)start_info->pt_base);
	mm_map_kernel(mapped, page_count);
	pages_add(mapped, page_count);
	list = pfn_of((void *)start_info->mfn_list);
	pages_add(list, list + (page_count * sizeof(uint64_t) + PAGE_BYTES - 1) / PAGE_BYTES);
}

static void start_machine(void)
{
	vcpus_find();
	vcpus_connect();
	console_connect();
	p2m_publish();
	events_open();
	store_connect();
}

static void start_others(void)
{
	for (unsigned int i = 1; i < MAX_VCPUS; i++)
		if (vcpus[i].exists)
			vcpu_bring_up(i);
}

static void obey(void)
{
	char word[16];

	store_watch_fired = false;
	store_read("control/shutdown", word, sizeof(word));
	if (text_equal(word, "poweroff") || text_equal(word, "halt"))
		shut_down(SHUTDOWN_poweroff);
	if (text_equal(word, "reboot"))
		shut_down(SHUTDOWN_reboot);
	if (!text_equal(word, "suspend"))
		return;
	store_write("control/shutdown", "");
	scenario_check(suspend());
	vcpus_release();
}

static void answer(const char *line)
{
	if (text_equal(line, "check"))
		print("tiny: %lu differences in the p2m\n", p2m_check());
	else
		print("tiny: '%s'? I know: check\n", line);
}

static void tick(void)
{
	static uint64_t count;

	if (now_ns() < next_tick_ns)
		return;
	next_tick_ns = now_ns() + option_number("tick", 0) * 1000000;
	print("tick %lu ms %lu\n", ++count, (now_ns() - began_ns) / 1000000);
}

static bool wanted(void)
{
	if (next_tick_ns != INVALID)
		clock_wake_at(next_tick_ns);
	return store_pending() || console_pending() || now_ns() >= next_tick_ns;
}

void start(struct start_info *info)
{
	const char *line;

	start_info = info;
	shared_info_map(info->shared_info);
	began_ns = now_ns();
	traps_connect();
	start_memory();
	start_machine();
	start_others();
	next_tick_ns = option_number("tick", 0) ? 0 : INVALID;
	scenario_start();
	print("tiny boot: %lu us, %lu pages, %u vCPUs, p2m %s%s\n", (now_ns() - began_ns) / 1000, page_count,
	      vcpus_up(), p2m_is_list() ? "list" : "", p2m_is_linear() ? "linear" : "");
	for (;;) {
		store_listen();
		if (store_watch_fired)
			obey();
		while ((line = console_line()))
			answer(line);
		tick();
		if (scenario_works())
			scenario_work(0);
		else
			wait_until(wanted());
	}
}
