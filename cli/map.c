/* See map.h. A row has 64 cells. Of a large guest a cell is more than 2 MiB, so that there are at most 64 rows. */
#include "cli/map.h"

#include <string.h>

enum { CELLS_A_ROW = 64, ROWS_MOST = 64, CELL_PFNS_LEAST = 512, PFNS_A_MIB = 256 };

/* What a cell is shown as: page tables before all else, since they are few and what a restore depends on. */
enum kind { HOLE, ZERO, SPARSE, HALF, FULL, TABLES, KINDS };

static const struct look {
	char letter;
	const char *colour, *meaning;
} looks[KINDS] = {
	[HOLE] = { ' ', "#ffffff", "holes only" },
	[ZERO] = { '.', "#e4e7eb", "pages of zeros" },
	[SPARSE] = { '-', "#b7d3ea", "in fewer" },
	[HALF] = { '+', "#6fa5d1", "in more than 1/4" },
	[FULL] = { '#', "#2b6ca3", "content in more than 3/4 of the pages" },
	[TABLES] = { 'T', "#d9822b", "page tables among them" },
};

struct map {
	const struct examination *x;
	uint64_t pfns, cell_pfns, cells, rows;
};

static struct map find_scale(const struct examination *x)
{
	struct map map = { .x = x, .pfns = x->incoming.count, .cell_pfns = CELL_PFNS_LEAST };

	while (map.pfns > map.cell_pfns * CELLS_A_ROW * ROWS_MOST)
		map.cell_pfns *= 2;
	map.cells = (map.pfns + map.cell_pfns - 1) / map.cell_pfns;
	map.rows = (map.cells + CELLS_A_ROW - 1) / CELLS_A_ROW;
	return map;
}

static enum kind kind_of(const struct map *map, uint64_t cell)
{
	uint64_t first = cell * map->cell_pfns, end = first + map->cell_pfns, there = 0, content = 0;

	for (uint64_t pfn = first; pfn < end && pfn < map->pfns; pfn++) {
		unsigned int type = map->x->incoming.type[pfn];

		if (frame_level(type))
			return TABLES;
		there += frame_is_populated(type);
		content += frame_has_data(type) && !map->x->is_zero[pfn];
	}
	if (!content)
		return there ? ZERO : HOLE;
	return 4 * content > 3 * map->cell_pfns ? FULL : 4 * content > map->cell_pfns ? HALF : SPARSE;
}

static uint64_t mib(const struct map *map, uint64_t cells)
{
	return cells * map->cell_pfns / PFNS_A_MIB;
}

/* --- text ---------------------------------------------------------------------------- */

void map_write_text(FILE *to, const struct examination *x)
{
	struct map map = find_scale(x);

	for (uint64_t row = 0; row < map.rows; row++) {
		fprintf(to, "%8lu MiB |", mib(&map, row * CELLS_A_ROW));
		for (uint64_t cell = row * CELLS_A_ROW; cell < (row + 1) * CELLS_A_ROW; cell++)
			fputc(cell < map.cells ? looks[kind_of(&map, cell)].letter : ' ', to);
		fprintf(to, "|\n");
	}
	fprintf(to, "\na cell: %lu MiB of the guest's address space\n", mib(&map, 1));
	for (int i = KINDS - 1; i >= 0; i--)
		fprintf(to, "  %c  %s\n", looks[i].letter, looks[i].meaning);
}

/* --- SVG ------------------------------------------------------------------------------ */

enum { SIDE = 10, LEFT = 90, TOP = 40, LINE = 18 };

/* The name is the image's: what XML gives a meaning to is left out. */
static void write_name(FILE *to, const char *name)
{
	for (; *name; name++)
		fputc(strchr("<>&\"'", *name) || (unsigned char)*name < ' ' ? '?' : *name, to);
}

/* Neighbours that look the same are one rectangle. */
static void write_svg_row(FILE *to, const struct map *map, uint64_t row)
{
	uint64_t end = (row + 1) * CELLS_A_ROW < map->cells ? (row + 1) * CELLS_A_ROW : map->cells, next;
	unsigned int y = TOP + row * SIDE;

	if (row % 4 == 0)
		fprintf(to, "<text x=\"%d\" y=\"%u\" text-anchor=\"end\">%lu MiB</text>\n", LEFT - 8,
			y + SIDE - 1, mib(map, row * CELLS_A_ROW));
	for (uint64_t cell = row * CELLS_A_ROW; cell < end; cell = next) {
		enum kind kind = kind_of(map, cell);

		for (next = cell + 1; next < end && kind_of(map, next) == kind;)
			next++;
		fprintf(to, "<rect x=\"%lu\" y=\"%u\" width=\"%lu\" height=\"%d\" fill=\"%s\"/>\n",
			LEFT + cell % CELLS_A_ROW * SIDE, y, (next - cell) * SIDE, SIDE, looks[kind].colour);
	}
}

static void write_legend(FILE *to, unsigned int y)
{
	for (int i = KINDS - 1; i >= 0; i--, y += LINE)
		fprintf(to,
			"<rect x=\"%d\" y=\"%u\" width=\"%d\" height=\"%d\" fill=\"%s\" stroke=\"#888\"/>\n"
			"<text x=\"%d\" y=\"%u\">%s</text>\n",
			LEFT, y, SIDE, SIDE, looks[i].colour, LEFT + 2 * SIDE, y + SIDE - 1,
			looks[i].meaning);
}

void map_write_svg(FILE *to, const struct examination *x)
{
	struct map map = find_scale(x);
	unsigned int bottom = TOP + map.rows * SIDE;

	fprintf(to,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" "
		"font-family=\"sans-serif\" font-size=\"11\">\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n<text x=\"%d\" y=\"24\" "
		"font-size=\"14\">",
		LEFT + CELLS_A_ROW * SIDE + 20, bottom + (KINDS + 1) * LINE, LEFT);
	write_name(to, x->config.root ? config_name(&x->config) : "an image");
	fprintf(to, ": %lu MiB of address space, a cell is %lu MiB</text>\n", x->incoming.count / PFNS_A_MIB,
		mib(&map, 1));
	for (uint64_t row = 0; row < map.rows; row++)
		write_svg_row(to, &map, row);
	fprintf(to, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%lu\" fill=\"none\" stroke=\"#888\"/>\n",
		LEFT, TOP, CELLS_A_ROW * SIDE, map.rows * SIDE);
	write_legend(to, bottom + LINE);
	fprintf(to, "</svg>\n");
}
