/* See parents.h. */
#include "cli/parents.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

struct candidate {
	char *path;
	struct index_head head;
	bool is_used;
	bool is_whole; /* a way leads from it to a full one */
	bool is_near;  /* in the directory of the image */
};

struct search {
	struct bytes found; /* of struct candidate */
	bool is_near;	    /* what is found now */
	unsigned int damaged;
	char damaged_path[256]; /* one of them */
};

/* --- what there is ------------------------------------------------------------------ */

static int open_path(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* A file that cannot be read, or has no index, is no candidate. */
static void candidate_look(struct search *s, const char *path)
{
	struct candidate candidate = { .path = strdup(path), .is_near = s->is_near };
	struct index_place place;
	int fd = open_path(path), rc = fd < 0 ? 0 : index_find(fd, path, &place);

	if (rc == -EBADMSG) {
		s->damaged++;
		snprintf(s->damaged_path, sizeof(s->damaged_path), "%s", path);
	}
	fail_forget();
	if (fd >= 0)
		close(fd);
	if (rc <= 0 || !candidate.path) {
		free(candidate.path);
		return;
	}
	candidate.head = place.head;
	bytes_put(&s->found, &candidate, sizeof(candidate));
}

/* Files whose names begin with a dot are being written. */
static int look_into(struct search *s, const char *directory)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;

	if (!dir)
		return fail_errno("cannot read the directory %s", directory);
	while ((entry = readdir(dir))) {
		char path[PATH_MAX];

		if (entry->d_name[0] == '.' ||
		    (entry->d_type != DT_REG && entry->d_type != DT_LNK && entry->d_type != DT_UNKNOWN))
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name) < (int)sizeof(path))
			candidate_look(s, path);
	}
	closedir(dir);
	return bytes_check(&s->found) ? fail(ENOMEM, "out of memory") : 0;
}

/* Of a file's path. */
static void directory_of(const char *path, char directory[PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		snprintf(directory, PATH_MAX, ".");
	else
		snprintf(directory, PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

static int look_around(struct search *s, const char *image, const char *where)
{
	char directory[PATH_MAX];
	struct stat facts;
	int rc;

	directory_of(image, directory);
	s->is_near = true;
	rc = look_into(s, directory);
	s->is_near = false;
	if (rc || !where)
		return rc;
	if (stat(where, &facts))
		return fail_errno("--parent %s", where);
	if (S_ISDIR(facts.st_mode))
		return look_into(s, where);
	candidate_look(s, where);
	directory_of(where, directory);
	return look_into(s, directory);
}

/* --- the one that is wanted ----------------------------------------------------------- */

static bool is_wanted(const struct candidate *candidate, const struct index_head *child)
{
	return state_equals(candidate->head.state, child->parent);
}

static bool is_as_then(const struct candidate *candidate, const struct index_head *child)
{
	return page_digest_equals(candidate->head.root, child->parent_root) &&
	       !memcmp(candidate->head.key, child->key, sizeof(child->key));
}

/* All that were found, and how many; with none there is no array. */
static struct candidate *candidates(const struct search *s, size_t *count)
{
	struct candidate *all = (void *)s->found.at;

	*count = all ? s->found.count / sizeof(*all) : 0;
	return all;
}

static bool has_whole_parent(const struct search *s, const struct candidate *child)
{
	size_t count;
	const struct candidate *all = candidates(s, &count);

	for (size_t i = 0; i < count; i++)
		if (all[i].is_whole && all + i != child && is_wanted(all + i, &child->head) &&
		    is_as_then(all + i, &child->head))
			return true;
	return false;
}

/* The full ones first, then whatever goes on from one that is known to be whole. */
static void mark_whole(struct search *s)
{
	bool is_more = true;
	size_t count;
	struct candidate *all = candidates(s, &count);

	for (size_t i = 0; i < count; i++)
		all[i].is_whole = !index_is_increment(&all[i].head);
	while (is_more) {
		is_more = false;
		for (size_t i = 0; i < count; i++)
			if (!all[i].is_whole && has_whole_parent(s, all + i))
				all[i].is_whole = is_more = true;
	}
}

/*
 * Several files may hold the state. One with the contents that the child was made against is taken, of those one whose own
 * chain is there, then a full one, then one beside the image, then the first by name: never what a directory happens to list
 * first. checkpoint/links.c chooses alike.
 */
static bool is_better(const struct candidate *each, const struct candidate *best,
		      const struct index_head *child)
{
	bool is_full = !index_is_increment(&each->head);

	if (is_as_then(each, child) != is_as_then(best, child))
		return is_as_then(each, child);
	if (each->is_whole != best->is_whole)
		return each->is_whole;
	if (is_full == index_is_increment(&best->head))
		return is_full;
	if (each->is_near != best->is_near)
		return each->is_near;
	return strcmp(each->path, best->path) < 0;
}

static struct candidate *choose(const struct search *s, const struct index_head *child)
{
	size_t count;
	struct candidate *all = candidates(s, &count), *best = NULL;

	for (size_t i = 0; i < count; i++)
		if (is_wanted(all + i, child) && (!best || is_better(all + i, best, child)))
			best = all + i;
	return best;
}

static int cannot_find(const struct search *s, const struct chain_file *child)
{
	char text[STATE_TEXT_BYTES], also[sizeof(s->damaged_path) + 64] = "";

	state_text(child->place.head.parent, text);
	if (s->damaged)
		snprintf(also, sizeof(also), "; the index of %s is damaged", s->damaged_path);
	return fail(ENODATA, "no file here holds state %s, the parent of %s%s", text, child->name, also);
}

static int parents_add(struct parents *p, const struct candidate *candidate)
{
	struct chain_file *file = &p->chain.files[p->chain.count];

	p->names[p->chain.count] = strdup(candidate->path);
	*file = (struct chain_file){ .fd = open_path(candidate->path), .name = p->names[p->chain.count] };
	if (file->fd < 0)
		return fail_errno("cannot open %s", candidate->path);
	p->chain.count++;
	return file->name ? 0 : fail(ENOMEM, "out of memory");
}

static int find_next(struct parents *p, const struct search *s)
{
	struct chain_file *child = &p->chain.files[p->chain.count - 1];
	struct candidate *parent = choose(s, &child->place.head);
	int rc;

	p->is_missing = !parent;
	if (!parent)
		return cannot_find(s, child);
	if (parent->is_used)
		return fail(EBADMSG, "%s is based on %s, which is based on it", child->name, parent->path);
	if (p->chain.count == CHAIN_MOST)
		return fail(EBADMSG, "%s has more than %u parents", p->chain.files[0].name, CHAIN_MOST - 1);
	parent->is_used = true;
	rc = parents_add(p, parent);
	if (rc)
		return rc;
	child = &p->chain.files[p->chain.count - 1];
	rc = index_find(child->fd, child->name, &child->place);
	return rc < 0 ? rc : rc ? 0 : fail(EBADMSG, "%s has no index any more", child->name);
}

static int find_all(struct parents *p, const char *where)
{
	const struct chain_file *image = &p->chain.files[0];
	struct search s = { .damaged = 0 };
	int rc = look_around(&s, image->name, where);
	size_t count;
	struct candidate *all = candidates(&s, &count);

	/* The image itself is among them: an image that goes on from it makes a circle. */
	for (size_t i = 0; i < count; i++)
		all[i].is_used = state_equals(all[i].head.state, image->place.head.state);
	if (!rc)
		mark_whole(&s);
	while (!rc && index_is_increment(&p->chain.files[p->chain.count - 1].place.head))
		rc = find_next(p, &s);
	for (size_t i = 0; i < count; i++)
		free(all[i].path);
	bytes_release(&s.found);
	return rc ? rc : chain_open(&p->chain);
}

int parents_find(struct parents *p, struct channel *image, const char *where, bool indexed)
{
	struct chain_file *file = &p->chain.files[0];
	int rc = image->kind == S_IFREG && !lseek(image->fd, 0, SEEK_CUR)
		       ? index_find(image->fd, image->name, &file->place)
		       : 0;

	p->chain.count = 0;
	p->is_missing = false;
	p->has_index = rc > 0;
	if (rc <= 0 || (!indexed && !index_is_increment(&file->place.head)))
		return rc < 0 ? rc : 0;
	file->fd = image->fd;
	file->name = image->name;
	p->chain.count = 1;
	image->chain = &p->chain;
	return index_is_increment(&file->place.head) ? find_all(p, where) : 0;
}

void parents_close(struct parents *p)
{
	for (unsigned int i = 1; i < p->chain.count; i++) {
		close(p->chain.files[i].fd);
		free(p->names[i]);
	}
	p->chain.count = 0;
}

size_t parents_fds(const struct parents *p, int fds[CHAIN_MOST])
{
	size_t count = 0;

	for (unsigned int i = 1; i < p->chain.count; i++)
		fds[count++] = p->chain.files[i].fd;
	return count;
}
