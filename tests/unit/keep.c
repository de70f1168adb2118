/* checkpoint/keep.c: which checkpoints the rules keep. */
#include "unit.h"

#include "checkpoint/keep.h"

enum { POINTS = 12, HOUR = 3600, DAY = 86400 };

static struct point at[POINTS];
static struct link links[POINTS];
static struct points points;

static int setup(void **state)
{
	(void)state;
	memset(at, 0, sizeof(at));
	memset(links, 0, sizeof(links));
	points = (struct points){ .path = "DIR", .directory = -1, .lock = -1, .at = at };
	return 0;
}

static void put(time_t time)
{
	at[points.count].name.number = points.count + 1;
	at[points.count++].name.time = time;
}

/* "k" or "." for each. */
static void keeps(struct keep keep, const char *expected)
{
	bool kept[POINTS];
	char text[POINTS + 1] = "";

	keep_choose(&keep, &points, links, kept);
	for (size_t i = 0; i < points.count; i++)
		text[i] = kept[i] ? 'k' : '.';
	assert_string_equal(text, expected);
}

static void the_last_ones_stay(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++)
		put(100 * i);
	assert_true(keep_is_empty(&(struct keep){ 0 }));
	keeps((struct keep){ 0 }, ".....k");
	keeps((struct keep){ .last = 3 }, "...kkk");
	keeps((struct keep){ .last = 30 }, "kkkkkk");
	keeps((struct keep){ .within_ms = 200000 }, "...kkk");
	keeps((struct keep){ .within_ms = 199000 }, "....kk");
	keeps((struct keep){ .last = 1, .within_ms = 100000 }, "....kk");
}

/* Hours without any count for nothing. */
static void of_each_span_the_newest_stays(void **state)
{
	(void)state;
	put(10 * DAY + 1 * HOUR);
	put(10 * DAY + 1 * HOUR + 60);
	put(10 * DAY + 5 * HOUR);
	put(11 * DAY + 1 * HOUR);
	put(11 * DAY + 1 * HOUR + HOUR - 1);
	put(11 * DAY + 2 * HOUR);
	keeps((struct keep){ .hourly = 1 }, ".....k");
	keeps((struct keep){ .hourly = 2 }, "....kk");
	keeps((struct keep){ .hourly = 4 }, ".kk.kk");
	keeps((struct keep){ .daily = 2 }, "..k..k");
	keeps((struct keep){ .daily = 9, .last = 2 }, "..k.kk");
	keeps((struct keep){ .daily = 2, .hourly = 2 }, "..k.kk");
}

static void what_is_not_ours_stays(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++)
		put(100 * i);
	strcpy(at[0].name.tag, "before");
	at[1].name.number = 0;
	links[2].state = LINK_DAMAGED;
	links[5].state = LINK_PARENT_MISSING;
	keeps((struct keep){ .last = 1 }, "kkk.kk");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_last_ones_stay, setup),
		cmocka_unit_test_setup(of_each_span_the_newest_stays, setup),
		cmocka_unit_test_setup(what_is_not_ours_stays, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
