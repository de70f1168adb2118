/* See journal.h: what is settled is kept for those who ask, but not without limit. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "journal/journal.h"
#include "log.h"

/* Names alone: this is looked at after each job. */
static size_t count_files(void)
{
	DIR *directory = opendir(journal_folder());
	size_t count = 0;

	while (directory && readdir(directory))
		count++;
	if (directory)
		closedir(directory);
	return count;
}

/* Those that are settled first, the oldest of them before all. */
static int by_age(const void *a, const void *b)
{
	const struct journal *one = a, *other = b;
	bool is_settled = journal_is_settled(one);

	if (is_settled != journal_is_settled(other))
		return is_settled ? -1 : 1;
	return (one->time > other->time) - (one->time < other->time);
}

void journal_prune(void)
{
	enum { KEPT_THEN = JOURNALS_KEPT / 10 * 9 }; /* so that not each job has all of them read */
	struct journal *list;
	size_t count, settled = 0;

	if (count_files() <= JOURNALS_KEPT)
		return;
	if (journal_list(&list, &count)) {
		fail_forget();
		return;
	}
	if (count)
		qsort(list, count, sizeof(*list), by_age);
	while (settled < count && journal_is_settled(&list[settled]))
		settled++;
	for (size_t i = 0; i + KEPT_THEN < settled; i++)
		journal_remove(list[i].job, list[i].role);
	free(list);
}
