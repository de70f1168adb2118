/* daemon/admission.c: connections that say nothing leave places for others, and for known addresses always. */
#include "unit.h"

#include "daemon/admission.h"

static const struct settings settings = { .max_connections = 128,
					  .max_unauthenticated = 48,
					  .max_per_address = 32 };

static const char *ask(struct crowd crowd, bool is_known, unsigned int chance)
{
	return admission_refuse(&settings, &crowd, is_known, chance);
}

static void limits_hold_for_all(void **state)
{
	(void)state;
	assert_null(ask((struct crowd){ 0 }, false, 0));
	assert_string_equal(ask((struct crowd){ .incoming = 128 }, true, 99), "max-connections");
	assert_string_equal(ask((struct crowd){ .unauthenticated = 48 }, true, 99), "max-unauthenticated");
	assert_string_equal(ask((struct crowd){ .from_address = 32 }, true, 99), "max-per-address");
}

/* All that strangers may hold, however many addresses they have, is not all that there is. */
static void known_addresses_have_places_of_their_own(void **state)
{
	struct crowd crowd = { 0 };

	(void)state;
	while (!ask(crowd, false, 99)) {
		crowd.strangers++;
		crowd.unauthenticated++;
		crowd.incoming++;
	}
	assert_int_equal(crowd.strangers, 36);
	assert_null(ask(crowd, true, 0));
}

/* One address that says nothing gets no more than half, so that each other still gets some. */
static void one_address_leaves_half(void **state)
{
	struct crowd crowd = { 0 };

	(void)state;
	while (!ask(crowd, false, 99))
		crowd.from_address = crowd.strangers_of_network = crowd.unauthenticated = ++crowd.strangers;
	assert_int_equal(crowd.strangers, 18);
	assert_non_null(strstr(ask(crowd, false, 99), "its share"));
	crowd.from_address = crowd.strangers_of_network = 0;
	assert_null(ask(crowd, false, 99));
}

/* Of a hundred chances, how many are refused. */
static unsigned int refused(unsigned int strangers)
{
	unsigned int count = 0;

	for (unsigned int chance = 0; chance < 100; chance++)
		count += ask((struct crowd){ .strangers = strangers, .unauthenticated = strangers }, false,
			     chance) != NULL;
	return count;
}

static void the_fewer_places_the_more_are_refused(void **state)
{
	unsigned int before = 30;

	(void)state;
	assert_int_equal(refused(17), 0);
	assert_int_equal(refused(18), 30);
	for (unsigned int strangers = 19; strangers < 36; strangers++) {
		unsigned int now = refused(strangers);

		assert_true(now > before && now < 100);
		before = now;
	}
	assert_int_equal(refused(36), 100);
}

/* Settings with few places. */
static void one_place_can_be_used(void **state)
{
	const struct settings least = { .max_connections = 1,
					.max_unauthenticated = 1,
					.max_per_address = 1 };
	const struct crowd none = { 0 };

	(void)state;
	assert_null(admission_refuse(&least, &none, true, 0));
	assert_null(admission_refuse(&least, &none, false, 0));
}

static struct address at(unsigned int number)
{
	struct address address;
	char text[ADDRESS_TEXT];

	snprintf(text, sizeof(text), "10.0.%u.%u:%u", number / 256, number % 256, number + 1);
	assert_true(address_parse(&address, text));
	return address;
}

static void the_last_addresses_are_known(void **state)
{
	static struct known known;
	struct address address = at(1);

	(void)state;
	assert_false(known_has(&known, &address));
	for (unsigned int i = 0; i < 3 * ADMISSION_KNOWN; i++) {
		address = at(i / 2);
		known_add(&known, &address);
		assert_true(known_has(&known, &address));
	}
	for (unsigned int i = 0; i < 2 * ADMISSION_KNOWN; i++) {
		unsigned int last = (3 * ADMISSION_KNOWN - 1) / 2;

		address = at(i);
		assert_int_equal(known_has(&known, &address), i <= last && i + ADMISSION_KNOWN > last);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_hold_for_all),
		cmocka_unit_test(known_addresses_have_places_of_their_own),
		cmocka_unit_test(one_address_leaves_half),
		cmocka_unit_test(the_fewer_places_the_more_are_refused),
		cmocka_unit_test(one_place_can_be_used),
		cmocka_unit_test(the_last_addresses_are_known),
	};

	return cmocka_run_group_tests_name("admission", tests, NULL, NULL);
}
