/* A report of a move as a picture: for each round the pages, the bytes and the time, and the downtime by its parts. See move-report.h. */
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/control.h"
#include "cli/move-report.h"
#include "cli/move-table.h"
#include "text/text.h"

/* In SVG's units. A chart is HEIGHT high, and has room for its title above, and for the numbers of the rounds below. */
enum {
	WIDTH = 800,
	LEFT = 120,
	RIGHT = 60,
	PLOT = WIDTH - LEFT - RIGHT,
	HEAD = 84,
	HEIGHT = 96,
	CHART = 150
};
/* A part of the downtime is a row. Columns that are wider bear their figure; a figure takes LABEL. */
enum { ROW = 22, BAR = 14, COLUMN_MOST = 56, LABEL = 42, DECADES_LABELLED = 4 };

static void svg_put_text(FILE *to, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<': fputs("&lt;", to); break;
		case '>': fputs("&gt;", to); break;
		case '&': fputs("&amp;", to); break;
		default: fputc(*text, to);
		}
	}
}

/* Of another process's text what fits into the picture, without what would act on a terminal. */
static void put_member(FILE *to, const struct json_object *json, const char *name, size_t most)
{
	char text[512], some[512];

	control_text(json, name, text, sizeof(text));
	text_visible(some, most < sizeof(some) ? most : sizeof(some), text);
	svg_put_text(to, some);
	if (strlen(some) < strlen(text))
		fputs("...", to);
}

static double number(const struct json_object *json, const char *name)
{
	const struct json_object *value = control_member(json, name);
	double all = json_object_get_double(value);

	return all > 0 && isfinite(all) ? all : 0;
}

/* "0.02", "3.4", "120", "3.1M": at most five characters. */
static const char *short_number(double value, char text[32])
{
	static const char units[] = { '\0', 'k', 'M', 'G', 'T' };
	unsigned int unit = 0;

	if (value >= 9999.5)
		for (; value >= 999.5 && unit + 1 < sizeof(units); unit++)
			value /= 1000;
	snprintf(text, 32,
		 value == 0	? "%.0f%c"
		 : value < 0.1	? "%.1g%c"
		 : value < 9.95 ? "%.1f%c"
				: "%.0f%c",
		 value, units[unit]);
	return text;
}

/* --- a chart of the rounds --------------------------------------------------------- */

struct chart {
	FILE *to;
	const struct json_object *rounds;
	const char *title, *name; /* of the figure, in a round */
	double unit;
	unsigned int top, count; /* of its frame; columns */
	int low, high;		 /* decades: logarithmic, as the first round has all of the memory */
};

static double column_value(const struct chart *chart, unsigned int column)
{
	return number(json_object_array_get_idx(chart->rounds, column), chart->name) / chart->unit;
}

static void find_scale(struct chart *chart)
{
	double least = 0, most = 0;

	for (unsigned int i = 0; i < chart->count; i++) {
		double value = column_value(chart, i);

		least = value > 0 && (least == 0 || value < least) ? value : least;
		most = value > most ? value : most;
	}
	chart->low = least > 0 ? (int)floor(log10(least)) : 0;
	chart->high = most > 0 ? (int)ceil(log10(most)) : 1;
	/* The least value is seen, too. */
	if (least > 0 && log10(least) - chart->low < 0.15)
		chart->low--;
	if (chart->high <= chart->low)
		chart->high = chart->low + 1;
}

static double height_of(const struct chart *chart, double value)
{
	return value > 0 ? (log10(value) - chart->low) * HEIGHT / (chart->high - chart->low) : 0;
}

static void put_grid(const struct chart *chart)
{
	int each = (chart->high - chart->low + DECADES_LABELLED - 1) / DECADES_LABELLED;
	char text[32];

	for (int decade = chart->low; decade <= chart->high; decade += each) {
		double y = chart->top + HEIGHT - height_of(chart, pow(10, decade));

		fprintf(chart->to,
			"<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#dde1e6\"/>\n"
			"<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\" fill=\"#555\">%s</text>\n",
			LEFT, LEFT + PLOT, y, y, LEFT - 8, y + 4, short_number(pow(10, decade), text));
	}
}

static bool was_stopped(const struct chart *chart, unsigned int column)
{
	return json_object_get_boolean(
		control_member(json_object_array_get_idx(chart->rounds, column), "stopped"));
}

/* The number of the round below it, as many as have room; the last is of a guest that was stopped. */
static void put_name(const struct chart *chart, unsigned int column, double middle, double width)
{
	unsigned int each = (unsigned int)ceil(LABEL / 1.3 / width);
	bool is_stopped = was_stopped(chart, column);
	bool is_near_end = column + 1 < chart->count && (chart->count - 1 - column) * width < LABEL;

	if (is_stopped)
		fprintf(chart->to, "<text x=\"%.1f\" y=\"%u\" text-anchor=\"middle\">stopped</text>\n",
			middle, chart->top + HEIGHT + 14);
	else if (column % each == 0 && !is_near_end)
		fprintf(chart->to, "<text x=\"%.1f\" y=\"%u\" text-anchor=\"middle\">%u</text>\n", middle,
			chart->top + HEIGHT + 14, column + 1);
}

static void put_columns(const struct chart *chart)
{
	double width = (double)PLOT / chart->count;
	char text[32];

	width = width > COLUMN_MOST ? COLUMN_MOST : width;
	for (unsigned int i = 0; i < chart->count; i++) {
		double value = column_value(chart, i), height = height_of(chart, value);
		double middle = LEFT + (i + 0.5) * width;

		fprintf(chart->to,
			"<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n",
			middle - 0.4 * width, chart->top + HEIGHT - height, 0.8 * width, height,
			was_stopped(chart, i) ? "#d9822b" : "#2b6ca3");
		if (width >= LABEL)
			fprintf(chart->to,
				"<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" "
				"font-size=\"10\">%s</text>\n",
				middle, chart->top + HEIGHT - height - 3, short_number(value, text));
		put_name(chart, i, middle, width);
	}
}

static void put_chart(struct chart *chart)
{
	find_scale(chart);
	fprintf(chart->to, "<text x=\"%d\" y=\"%u\" font-weight=\"bold\">%s</text>\n", LEFT, chart->top - 18,
		chart->title);
	put_grid(chart);
	put_columns(chart);
	fprintf(chart->to, "<line x1=\"%d\" x2=\"%d\" y1=\"%u\" y2=\"%u\" stroke=\"#555\"/>\n", LEFT,
		LEFT + PLOT, chart->top + HEIGHT, chart->top + HEIGHT);
}

static const struct {
	const char *title, *name;
	double unit;
} figures[] = {
	{ "Pages sent in each round: all, then what the domain had changed", "pages", 1 },
	{ "MiB sent in each round", "bytes", 1 << 20 },
	{ "Time of each round, ms", "time", 1 },
};
enum { FIGURES = sizeof(figures) / sizeof(*figures) };

static unsigned int put_rounds(FILE *to, const struct json_object *rounds, unsigned int top)
{
	for (unsigned int i = 0; i < FIGURES; i++, top += CHART) {
		struct chart chart = { .to = to,
				       .rounds = rounds,
				       .title = figures[i].title,
				       .name = figures[i].name,
				       .unit = figures[i].unit,
				       .top = top + 32,
				       .count = json_object_array_length(rounds) };

		put_chart(&chart);
	}
	return top + 8;
}

/* --- the downtime ------------------------------------------------------------------ */

static double sum_of(const struct json_object *phases)
{
	double sum = 0;

	json_object_object_foreach ((struct json_object *)phases, key, value) {
		(void)value;
		sum += number(phases, key);
	}
	return sum;
}

struct part {
	double ms, from, width;
};

/* The figure stands behind the bar: RIGHT leaves it room at the end. A part that took no time has no bar. */
static void put_part(FILE *to, const char *key, struct part part, unsigned int y)
{
	double shown = part.ms > 0 && part.width < 1 ? 1 : part.width;
	bool is_long = part.ms >= 10000;

	fprintf(to, "<text x=\"%d\" y=\"%u\" text-anchor=\"end\">", LEFT - 8, y + BAR - 3);
	svg_put_text(to, phase_name(key));
	fprintf(to,
		"</text>\n<rect x=\"%.1f\" y=\"%u\" width=\"%.1f\" height=\"%d\" fill=\"#d9822b\"/>\n"
		"<text x=\"%.1f\" y=\"%u\">%.*f %s</text>\n",
		LEFT + part.from, y, shown, BAR, LEFT + part.from + shown + 5, y + BAR - 3, is_long,
		is_long ? part.ms / 1000 : part.ms, is_long ? "s" : "ms");
}

static unsigned int put_downtime(FILE *to, const struct json_object *end, const struct json_object *phases,
				 unsigned int top)
{
	double sum = sum_of(phases), from = 0;

	fprintf(to, "<text x=\"%d\" y=\"%u\" font-weight=\"bold\">The domain was stopped for %.0f ms", LEFT,
		top + 14, number(end, "downtime"));
	if (control_member(end, "suspend-time"))
		fprintf(to, ", after it had taken %.0f ms to suspend", number(end, "suspend-time"));
	fprintf(to, "</text>\n");
	top += 26;
	json_object_object_foreach ((struct json_object *)phases, key, value) {
		struct part part = { .ms = number(phases, key), .from = from };

		(void)value;
		part.width = sum > 0 ? part.ms * PLOT / sum : 0;
		put_part(to, key, part, top);
		from += part.width;
		top += ROW;
	}
	return top + 10;
}

/* --- all of it --------------------------------------------------------------------- */

static void put_head(FILE *to, const struct json_object *report, const struct json_object *end)
{
	const struct json_object *ram = control_member(end, "ram");
	char status[32];
	bool is_done = !strcmp(control_text(end, "status", status, sizeof(status)), "completed");

	fprintf(to, "<text x=\"24\" y=\"30\" font-size=\"17\">");
	put_member(to, report, "domain", 44);
	fprintf(to, "</text>\n<text x=\"24\" y=\"50\">from ");
	put_member(to, report, "host", 36);
	fputs(" to ", to);
	put_member(to, report, "peer", 36);
	fprintf(to, "</text>\n<text x=\"24\" y=\"68\" fill=\"%s\">", is_done ? "#333" : "#b3261e");
	put_member(to, end, "status", 32);
	fprintf(to, " after %.1f s, %.1f MiB", number(end, "total-time") / 1000,
		number(ram, "transferred") / (1 << 20));
	if (control_member(end, "error-desc")) {
		fputs(": ", to);
		put_member(to, end, "error-desc", 90);
	}
	fputs("</text>\n", to);
}

/* How high the picture gets is known at its end only: the charts are drawn first, and stand behind the head. */
void move_svg_write(FILE *to, const struct json_object *report)
{
	const struct json_object *end = control_member(report, "end"),
				 *rounds = control_member(end, "rounds"),
				 *phases = control_member(end, "downtime-phases");
	unsigned int bottom = HEAD;
	char *body = NULL;
	size_t bytes = 0;
	FILE *inner = open_memstream(&body, &bytes);

	if (!inner)
		return;
	put_head(inner, report, end);
	if (json_object_is_type(rounds, json_type_array) && json_object_array_length(rounds))
		bottom = put_rounds(inner, rounds, bottom);
	if (json_object_is_type(phases, json_type_object) && json_object_object_length(phases))
		bottom = put_downtime(inner, end, phases, bottom);
	fclose(inner);
	fprintf(to,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" "
		"viewBox=\"0 0 %d %u\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n%s</svg>\n",
		WIDTH, bottom, WIDTH, bottom, body);
	free(body);
}
