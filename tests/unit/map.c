/* cli/map.c: what a cell is shown as, how rows and scale follow from the guest's size. */
#include "unit.h"

#include "cli/map.h"
#include "stream/format.h"

enum { CELL = 512, PFNS_MOST = CELL * 64 * 70 };

static uint8_t types[PFNS_MOST];
static bool zeros[PFNS_MOST];
static struct examination x;

static int setup(void **state)
{
	(void)state;
	x = (struct examination){ .incoming = { .type = types }, .is_zero = zeros };
	memset(types, FRAME_XTAB, sizeof(types));
	memset(zeros, 0, sizeof(zeros));
	return 0;
}

/* A cell whose first pages have content, its next ones are zeros; the rest are holes. */
static void fill(unsigned int cell, unsigned int content, unsigned int zero)
{
	for (unsigned int i = 0; i < content + zero; i++) {
		types[cell * CELL + i] = FRAME_NOTAB;
		zeros[cell * CELL + i] = i >= content;
	}
}

static char *draw(void (*write)(FILE *to, const struct examination *x))
{
	static char *text;
	static size_t bytes;
	FILE *to = open_memstream(&text, &bytes);

	write(to, &x);
	fclose(to);
	return text;
}

static void cells_show_what_is_there(void **state)
{
	char *text;

	(void)state;
	x.incoming.count = 65 * CELL + 1; /* the last cell has one page */
	fill(0, 385, 0);
	fill(1, 384, 128);
	fill(2, 128, 0);
	fill(3, 0, 1);
	types[4 * CELL + 511] = FRAME_L1;
	fill(5, 512, 0);
	types[5 * CELL] = FRAME_PINNED | FRAME_L4;
	fill(63, 512, 0);
	fill(65, 1, 0);
	text = draw(map_write_text);
	assert_memory_equal(text, "       0 MiB |#+-.TT  ", 22);
	assert_memory_equal(strchr(text, '\n') - 2, "#|\n     128 MiB | -    ", 23);
	free(text);
}

/* Rows are at most 64, and a row at most 80 columns. */
static void scale_follows_size(void **state)
{
	unsigned int rows = 0;
	char *text;

	(void)state;
	x.incoming.count = PFNS_MOST;
	text = draw(map_write_text);
	for (char *line = strtok(text, "\n"); line && strchr(line, '|'); line = strtok(NULL, "\n")) {
		rows++;
		assert_true(strlen(line) <= 80);
	}
	assert_int_equal(rows, 35);
	free(text);
}

static void svg_has_each_cell_once(void **state)
{
	unsigned int x0, y0, width, height, cells = 0;
	char *text, colour[8], end;

	(void)state;
	x.incoming.count = 130 * CELL;
	fill(0, 512, 0);
	fill(64, 512, 0);
	fill(129, 512, 0);
	text = draw(map_write_svg);
	for (const char *at = text; (at = strstr(at, "<rect x=")); at++)
		if (sscanf(at, "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" fill=\"%7[^\"]\"/%c", &x0,
			   &y0, &width, &height, colour, &end) == 6)
			cells += width / 10; /* the frame and the legend have a stroke */
	assert_int_equal(cells, 130);
	assert_non_null(strstr(text, "</svg>\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(cells_show_what_is_there, setup),
		cmocka_unit_test_setup(scale_follows_size, setup),
		cmocka_unit_test_setup(svg_has_each_cell_once, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
