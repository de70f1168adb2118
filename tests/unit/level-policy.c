/*
 * --level auto: which step is taken, by what compressing and writing took. A model of compressors, of the writer and
 * of a sink with a buffer shows that it comes close to the best level that could have been asked for.
 */
#include "unit.h"

#include <string.h>

#include "migrate/level-policy.h"

enum { STORED, FASTEST, BATCHES = 4000, MOST_THREADS = 8, MOST_JOBS = 2 * MOST_THREADS + 2, BATCH = 2 << 20 };

/* What compressing takes, ns a byte, and leaves. */
struct data {
	double ns[LEVEL_STEPS], size[LEVEL_STEPS];
};

static const struct data linux_guest = { { 0.1, 0.3, 0.7, 1.1, 1.25, 2.5 },
					 { 1, 0.8, 0.55, 0.24, 0.235, 0.225 } };
static const struct data slow_processor = { { 1, 3, 6, 11, 14, 30 }, { 1, 0.8, 0.6, 0.3, 0.28, 0.25 } };
static const struct data encrypted = { { 0.1, 0.2, 0.4, 0.6, 0.8, 2 }, { 1, 1, 1, 1, 1, 1 } };

struct model {
	const struct data *data;
	unsigned int threads;
	double memory_ns, sink_ns; /* a byte into the sink's buffer, and out of it */
	double buffer;		   /* bytes */
	/* Of each batch: */
	unsigned int step[BATCHES];
	double compressed[BATCHES], began[BATCHES], written[BATCHES]; /* moments */
	double in_sink, sink_at;				      /* so many bytes, at that moment */
};

static double later(double a, double b)
{
	return a > b ? a : b;
}

/* When a write of so many bytes ends that begins now. */
static double write_until(struct model *m, double now, double bytes)
{
	double blocked;

	m->in_sink = later(0, m->in_sink - (now - m->sink_at) / m->sink_ns) + bytes;
	m->sink_at = now;
	blocked = m->in_sink - m->buffer;
	return now + later(bytes * m->memory_ns, blocked * m->sink_ns);
}

/* What was written between two moments is known to the policy. */
static int tell_written(const struct model *m, struct level_rates *rates, int told, double now)
{
	for (; m->written[told] && m->written[told] <= now; told++)
		level_written(rates, m->data->size[m->step[told]] * BATCH,
			      (struct level_cost){ m->written[told] - m->began[told],
						   m->memory_ns * m->data->size[m->step[told]] * BATCH });
	return told;
}

static unsigned int first_free(const double *free_at, unsigned int threads)
{
	unsigned int first = 0;

	for (unsigned int i = 1; i < threads; i++)
		first = free_at[i] < free_at[first] ? i : first;
	return first;
}

/* ns a byte, in all. fixed: a step; or -1: as the policy says. */
static double run(struct model *m, int fixed)
{
	double free_at[MOST_THREADS] = { 0 }, writer_at = 0;
	int jobs = 2 * m->threads + 2, told = 0;
	struct level_hands hands = { m->threads, m->threads + 1 };
	struct level_rates rates;

	level_rates_init(&rates);
	m->in_sink = m->sink_at = 0;
	memset(m->written, 0, sizeof(m->written));
	for (int i = 0; i < BATCHES; i++) {
		unsigned int worker = first_free(free_at, m->threads), step;
		double start = later(free_at[worker], i < jobs ? 0 : m->written[i - jobs]);

		told = tell_written(m, &rates, told, start);
		step = m->step[i] = fixed >= 0 ? (unsigned int)fixed : level_choose(&rates, hands);
		m->compressed[i] = free_at[worker] = start + m->data->ns[step] * BATCH;
		level_compressed(&rates,
				 &(struct level_batch){ step, BATCH, 0, m->data->size[step] * BATCH, 0 },
				 (struct level_cost){ m->data->ns[step] * BATCH, m->data->ns[step] * BATCH });
		m->began[i] = later(m->compressed[i], writer_at);
		m->written[i] = writer_at = write_until(m, m->began[i], m->data->size[step] * BATCH);
	}
	return later(writer_at, m->sink_at + m->in_sink * m->sink_ns) / BATCHES / BATCH;
}

static double run_best(struct model *m)
{
	double best = run(m, STORED);

	for (int fixed = FASTEST; fixed < LEVEL_STEPS; fixed++) {
		double other = run(m, fixed);

		best = other < best ? other : best;
	}
	return best;
}

/* From 0.1 ns a byte, 10 GB/s, to 100 ns, a network of 100 Mbit/s. */
static void check_all_sinks(struct model *m)
{
	for (double ns = 0.1; ns < 100; ns *= 1.3) {
		double best, follows;

		m->sink_ns = ns;
		best = run_best(m);
		follows = run(m, -1);
		assert_true(follows < 1.2 * best);
	}
}

static void check(const struct data *data)
{
	static struct model m;

	m = (struct model){ .data = data };
	for (m.threads = 1; m.threads <= MOST_THREADS; m.threads *= 2)
		for (m.buffer = 0; m.buffer <= 64 << 20; m.buffer = m.buffer * 4 + (1 << 20)) {
			m.memory_ns = m.buffer ? 0.1 : 0;
			check_all_sinks(&m);
		}
}

static void comes_close_to_the_best_level(void **state)
{
	(void)state;
	check(&linux_guest);
}

static void on_a_slow_processor_too(void **state)
{
	(void)state;
	check(&slow_processor);
}

static void of_what_cannot_be_compressed_too(void **state)
{
	(void)state;
	check(&encrypted);
}

/* A file in memory takes processor time itself: on one processor zstd gains nothing, beside it on others it does. */
static void processors_that_are_shared_count(void **state)
{
	struct level_rates rates;
	int alone, many;

	(void)state;
	level_rates_init(&rates);
	for (int i = 0; i < 100; i++)
		level_written(&rates, BATCH, (struct level_cost){ 0.5 * BATCH, 0.5 * BATCH });
	alone = level_choose(&rates, (struct level_hands){ 8, 1 });
	many = level_choose(&rates, (struct level_hands){ 8, 9 });
	assert_int_equal(level_of_step(alone), LEVEL_STORED);
	assert_int_equal(level_of_step(many), -1);
	/* A network does not. */
	for (int i = 0; i < 100; i++)
		level_written(&rates, BATCH, (struct level_cost){ 5.0 * BATCH, 0 });
	assert_int_equal(level_of_step(level_choose(&rates, (struct level_hands){ 1, 1 })), -1);
}

/* What takes a little longer, and leaves a quarter, is compressed: the image is read again. */
static void a_shorter_image_is_worth_some_time(void **state)
{
	struct level_rates rates;
	struct level_hands hands = { 2, 2 };

	(void)state;
	level_rates_init(&rates);
	rates.fill_ns = 1;
	rates.writer_ns = rates.writer_cpu_ns = 8;
	for (unsigned int step = FASTEST; step < LEVEL_STEPS; step++)
		rates.step[step].ns = 100;
	rates.step[3].ns = 14; /* (1 + 14 + 0.24 * 8) / 2, where to write what is stored takes 8 */
	assert_int_equal(level_of_step(level_choose(&rates, hands)), -1);
	rates.step[3].ns = 20;
	assert_int_equal(level_of_step(level_choose(&rates, hands)), LEVEL_STORED);
}

static void levels_are_in_order(void **state)
{
	(void)state;
	assert_int_equal(level_of_step(STORED), LEVEL_STORED);
	for (unsigned int step = FASTEST + 1; step < LEVEL_STEPS; step++)
		assert_true(level_of_step(step) > level_of_step(step - 1));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_are_in_order),
		cmocka_unit_test(comes_close_to_the_best_level),
		cmocka_unit_test(on_a_slow_processor_too),
		cmocka_unit_test(of_what_cannot_be_compressed_too),
		cmocka_unit_test(processors_that_are_shared_count),
		cmocka_unit_test(a_shorter_image_is_worth_some_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
