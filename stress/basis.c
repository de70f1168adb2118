/*
 * See host.h: what is on the host beside the domain. Of xenstore the names of nodes, down to those that belong to one
 * domain, whose own affair is what is in them; of the file system locks and libxl's notes; domains, dying ones, too.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "journal/journal.h"
#include "log.h"
#include "stress/host.h"
#include "xen/domain.h"

/* FRAMES_SLACK: what Xen's allocator keeps on its lists of each processor, and gives back late. */
enum {
	SETTLE_MS = 5000,
	DYING_MS = 60000,
	NAP_MS = 20,
	DEPTH_MOST = 8,
	FRAMES_SLACK = 64,
	NAMES_MOST = 1 << 16
};

static bool is_boundary(char c)
{
	return !c || strchr("/. ", c);
}

/* Copies a path, in which each number that is the domain's id becomes @; parts of a UUID are no numbers. */
static void put_name(struct bytes *names, const char *path, uint32_t id)
{
	char own[16], text[1024];
	size_t length = snprintf(own, sizeof(own), "%u", id), n = 0;

	for (const char *at = path; *at && n + 2 < sizeof(text);) {
		bool is_first = at == path || is_boundary(at[-1]);

		if (is_first && !strncmp(at, own, length) && is_boundary(at[length])) {
			text[n++] = '@';
			at += length;
		} else {
			text[n++] = *at++;
		}
	}
	text[n] = '\0';
	bytes_put(names, text, n + 1);
}

static uint64_t basis_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

/* --- xenstore ------------------------------------------------------------------------------ */

/* What is below belongs to one domain: its number, or a UUID. Domain 0 is the host. */
static bool is_of_domain(const char *name)
{
	return (strspn(name, "0123456789") == strlen(name) && strcmp(name, "0")) || strlen(name) == 36;
}

static void walk(struct host *host, const char *path, uint32_t id, struct bytes *names)
{
	unsigned int count, depth = 0;
	char **list = store_list(host, &count, "%s", path);

	for (const char *at = path; (at = strchr(at, '/')); at++)
		depth++;
	for (unsigned int i = 0; list && i < count; i++) {
		char below[1024];

		snprintf(below, sizeof(below), "%s/%s", strcmp(path, "/") ? path : "", list[i]);
		put_name(names, below, id);
		if (!is_of_domain(list[i]) && depth < DEPTH_MOST)
			walk(host, below, id, names);
	}
	free(list);
}

/* --- files ----------------------------------------------------------------------------------- */

static void list_files(struct bytes *names, const char *directory, const char *beginning, uint32_t id)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;
	char path[1024];

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || strncmp(entry->d_name, beginning, strlen(beginning)) != 0)
			continue;
		snprintf(path, sizeof(path), "%.500s/%s", directory, entry->d_name);
		put_name(names, path, id);
	}
	if (dir)
		closedir(dir);
}

/* Locks that no process holds are swept first: a job that was killed may leave some, and the next takes them away. */
static void list_all_files(struct bytes *names, const struct guest *guest)
{
	char path[JOURNAL_PATH_ROOM];
	struct journal *list = NULL;
	const char *own;
	size_t count = 0;

	journal_sweep();
	snprintf(path, sizeof(path), "%s/locks", run_folder());
	list_files(names, path, "", guest->id);
	/* libxl's, as machine/config-keep.c has it. */
	own = secure_getenv("PVFERRY_XEN_LIB");
	list_files(names, own ? own : "/var/lib/xen", "userdata-", guest->id);
	if (!journal_list(&list, &count))
		for (size_t i = 0; i < count; i++)
			if (!journal_is_settled(&list[i])) {
				snprintf(path, sizeof(path), "unsettled job %.8s", list[i].job);
				bytes_put(names, path, strlen(path) + 1);
			}
	free(list);
}

static unsigned int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

/* --- all of it ---------------------------------------------------------------------------------- */

static int list_domains(struct host *host, uint32_t id, struct bytes *names)
{
	uint32_t *ids = NULL;
	size_t count = 0;
	int rc = domain_list(host, &ids, &count);

	for (size_t i = 0; !rc && i < count; i++) {
		char name[32];

		snprintf(name, sizeof(name), "domain %u", ids[i]);
		put_name(names, name, id);
	}
	free(ids);
	return rc;
}

int basis_take(struct basis *basis, const struct guest *guest)
{
	struct host *host = NULL;
	int rc;

	*basis = (struct basis){ .descriptors = count_descriptors() };
	rc = host_open(&host);
	if (!rc)
		rc = list_domains(host, guest->id, &basis->domains);
	if (!rc)
		walk(host, "/", guest->id, &basis->nodes);
	host_close(host);
	list_all_files(&basis->files, guest);
	if (!rc && (bytes_check(&basis->domains) || bytes_check(&basis->nodes) || bytes_check(&basis->files)))
		rc = fail(ENOMEM, "out of memory");
	return rc;
}

static bool has_name(const struct bytes *names, const char *name)
{
	const char *at = (const char *)names->at, *end = at + names->count;

	for (; at < end; at += strlen(at) + 1)
		if (!strcmp(at, name))
			return true;
	return false;
}

/* The first name that is in one and not in the other; NULL. */
static const char *find_odd(const struct bytes *names, const struct bytes *others)
{
	const char *at = (const char *)names->at, *end = at + names->count;

	for (; at < end; at += strlen(at) + 1)
		if (!has_name(others, at))
			return at;
	return NULL;
}

static int names_compare(const char *what, const struct bytes *was, const struct bytes *is)
{
	const char *left = find_odd(is, was), *gone = find_odd(was, is);

	if (left)
		return fail(EUCLEAN, "%s is left: %s", what, left);
	return gone ? fail(EUCLEAN, "%s is gone: %s", what, gone) : 0;
}

static int compare_all(const struct basis *was, const struct basis *is)
{
	int rc = names_compare("a domain", &was->domains, &is->domains);

	if (!rc)
		rc = names_compare("a node of xenstore", &was->nodes, &is->nodes);
	if (!rc)
		rc = names_compare("a file", &was->files, &is->files);
	if (!rc && is->descriptors != was->descriptors)
		rc = fail(EUCLEAN, "descriptors are left: %u, at the beginning %u", is->descriptors,
			  was->descriptors);
	return rc;
}

int basis_check(const struct basis *basis, const struct guest *guest)
{
	uint64_t end = basis_now_ms() + SETTLE_MS;
	int rc = 0, nap_ms = NAP_MS;

	do {
		struct basis now;

		if (rc)
			poll(NULL, 0, nap_ms *= 2); /* who asks is in the way of what is asked for */
		fail_forget();
		rc = basis_take(&now, guest);
		if (!rc)
			rc = compare_all(basis, &now);
		basis_release(&now);
	} while (rc == -EUCLEAN && basis_now_ms() < end);
	return rc;
}

static bool is_gone(const struct guest *guest, int *rc)
{
	struct bytes domains = { 0 };
	struct host *host = NULL;
	bool is_there;

	*rc = host_open(&host);
	if (!*rc)
		*rc = list_domains(host, guest->id, &domains);
	host_close(host);
	is_there = has_name(&domains, "domain @");
	bytes_release(&domains);
	return !is_there;
}

int basis_check_gone(const struct guest *guest)
{
	uint64_t end = basis_now_ms() + DYING_MS;
	int rc = 0;

	while (!is_gone(guest, &rc) && !rc) {
		if (basis_now_ms() > end)
			return fail(EUCLEAN,
				    "domain %u was destroyed and is still dying: its memory is mapped",
				    guest->id);
		poll(NULL, 0, NAP_MS);
	}
	return rc;
}

static int count_free(uint64_t *frames)
{
	struct host *host = NULL;
	struct host_facts facts;
	int rc = host_open(&host);

	if (!rc)
		rc = host_facts(host, &facts);
	*frames = rc ? 0 : facts.free_frames;
	host_close(host);
	return rc;
}

/* Xen frees a large domain piece by piece, after the call that destroys it: so it is asked until the number rests. */
int basis_check_frames(struct basis *basis)
{
	uint64_t last = 0, now = 0, changed = basis_now_ms(), end = changed + DYING_MS;
	int rc = count_free(&now), nap_ms = NAP_MS;

	while (!rc && basis_now_ms() < end && basis_now_ms() < changed + SETTLE_MS) {
		if (basis->free_frames ? now + FRAMES_SLACK >= basis->free_frames : now == last)
			break;
		if (now != last)
			changed = basis_now_ms();
		last = now;
		poll(NULL, 0, nap_ms);
		nap_ms += nap_ms < SETTLE_MS / 20 ? nap_ms : 0;
		rc = count_free(&now);
	}
	if (rc)
		return rc;
	if (!basis->free_frames)
		basis->free_frames = now;
	return now + FRAMES_SLACK >= basis->free_frames
		     ? 0
		     : fail(EUCLEAN,
			    "%lu frames of the host are lost: without the domain %lu were free, now %lu",
			    basis->free_frames - now, basis->free_frames, now);
}

void basis_release(struct basis *basis)
{
	bytes_release(&basis->nodes);
	bytes_release(&basis->files);
	bytes_release(&basis->domains);
}
