/*
 * What the rows of options.h mean for a text. Pure: the caller prints what is wrong, as its users know it. In: a row
 * and a word, of a command line, of the control socket or of a setting. Out: a value within the row's bounds. The trap:
 * a row's words are one string with blanks, and a word is its place in it, which code numbers by an enum.
 */
#include "text/options.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "text/text.h"

/* Where the word that is `number` in words begins; its length is returned, 0 if there are not so many. */
static size_t find_word(const char *words, int number, const char **at)
{
	for (*at = words; number; number--) {
		*at += strcspn(*at, " ");
		*at += strspn(*at, " ");
	}
	return strcspn(*at, " ");
}

static int find_among(const char *words, const char *word, size_t length)
{
	const char *at;
	size_t has;

	for (int i = 0; words && (has = find_word(words, i, &at)) > 0; i++)
		if (has == length && !memcmp(at, word, length))
			return i;
	return -1;
}

int option_word(const char *words, const char *word)
{
	return find_among(words, word, strlen(word));
}

static const struct option_row *next_row(const struct option_row *after)
{
	after = after ? after + 1 : option_rows;
	return after < option_rows + option_count ? after : NULL;
}

const struct option_row *option_of_command(const struct option_row *row, const char *command)
{
	while ((row = next_row(row)))
		if (!strcmp(row->commands, "*") || option_word(row->commands, command) >= 0)
			return row;
	return NULL;
}

const struct option_row *option_of_request(const struct option_row *row, const char *request)
{
	while ((row = next_row(row)))
		if (option_word(row->requests, request) >= 0)
			return row;
	return NULL;
}

static bool parse_bounded(const struct option_row *row, const char *text, long *value)
{
	bool is_negative = row->least < 0 && *text == '-';
	uint64_t number;

	if (!text_number(text + is_negative, is_negative ? -row->least : row->most, &number))
		return false;
	*value = is_negative ? -(long)number : (long)number;
	return *value >= row->least;
}

static bool are_words(const char *words, const char *text)
{
	const char *const between = ", ";

	for (text += strspn(text, between); *text; text += strspn(text, between)) {
		size_t length = strcspn(text, between);

		if (find_among(words, text, length) < 0)
			return false;
		text += length;
	}
	return true;
}

bool option_parse(const struct option_row *row, const char *text, struct option_value *value)
{
	*value = (struct option_value){ .row = row, .text = text, .word = -1 };
	switch (row->type) {
	case TAKES_NOTHING: return true;
	case TAKES_WORD:
	case TAKES_NUMBER:
		value->word = option_word(row->words, text);
		return value->word >= 0 ||
		       (row->type == TAKES_NUMBER && parse_bounded(row, text, &value->number));
	case TAKES_WORDS: return are_words(row->words, text);
	case TAKES_TEXT: return true;
	case TAKES_FILE:
	case TAKES_DIRECTORY: return *text;
	}
	return false;
}

/* "tls, ssh or tcp" */
static void list_words(const char *words, char *text, size_t room)
{
	const char *at, *next;
	size_t n = 0, length;

	for (int i = 0; (length = find_word(words, i, &at)) > 0 && n < room; i++) {
		const char *between = !i ? "" : find_word(words, i + 1, &next) ? ", " : " or ";

		n += snprintf(text + n, room - n, "%s%.*s", between, (int)length, at);
	}
}

const char *option_expects(const struct option_row *row, char *text, size_t room)
{
	char words[256] = "";

	if (row->words)
		list_words(row->words, words, sizeof(words));
	if (row->type == TAKES_NUMBER)
		snprintf(text, room, "a whole number from %ld to %ld%s%s", row->least, row->most,
			 *words ? ", or " : "", words);
	else if (row->words)
		snprintf(text, room, "%s", words);
	else
		snprintf(text, room, "%s",
			 row->type == TAKES_DIRECTORY ? "the name of a directory"
			 : row->type == TAKES_FILE    ? "the name of a file"
						      : "a text");
	return text;
}
