/* See verify-part.h. */
#include "cli/verify-part.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint/links.h"
#include "cli/command.h"
#include "log.h"
#include "process/confined.h"
#include "process/stop.h"
#include "stream/chain-seal.h"
#include "text/text.h"

enum { SOUND = 0, DAMAGED = 1, UNREADABLE = 2, DAY_SECONDS = 86400, PARTS_MOST = 10000 };

/* The digits at the front, at most 5 of them; false if the text begins with something else. */
static bool take_number(const char **text, unsigned int *number)
{
	size_t digits = strspn(*text, "0123456789");

	*number = digits && digits <= 5 ? strtoul(*text, NULL, 10) : 0;
	*text += digits;
	return *number;
}

bool part_set(struct part *part, const char *text, time_t now)
{
	const char *at = text;
	bool is_number = take_number(&at, &part->number);

	if (is_number && *at == '/') {
		at++;
		is_number = take_number(&at, &part->of);
	} else if (is_number) {
		part->of = part->number;
		part->number = now / DAY_SECONDS % part->of + 1;
	}
	if (is_number && !*at && part->of <= PARTS_MOST && part->number <= part->of)
		return true;
	fprintf(stderr,
		"pvferry: --subset: \"%s\" is neither M/N nor N, with M from 1 to N, and N at most %d\n",
		text, PARTS_MOST);
	return false;
}

/* By its number, which stays when others go: the files that are left are still read once in so many days. */
static bool part_has(const struct part *part, const struct points *points, size_t i)
{
	uint64_t number = points->at[i].name.number;

	return (number ? number : i) % part->of == part->number - 1;
}

/* --- one file ---------------------------------------------------------------------------- */

/* Only its frames are counted and its bytes hashed: nothing is expanded. */
static int read_bytes(void *context)
{
	const struct chain_file *file = context;
	struct sealed sealed;
	int rc = sealed_open(&sealed, file);

	if (!rc)
		rc = sealed_check(&sealed);
	sealed_close(&sealed);
	return rc;
}

static int check_bytes(const char *path)
{
	struct chain_file file = { .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY),
				   .name = path };
	struct confined confined = { .work = read_bytes, .context = &file, .fd = file.fd, .threads = 1 };
	int rc;

	if (file.fd < 0)
		return fail_errno("cannot open it");
	rc = confined_run(&confined);
	free(confined.text);
	close(file.fd);
	return rc;
}

static void say_part(const char *path, int status, bool lacks_parent)
{
	static const char *const words[] = { "sound", "damaged", "unreadable" };
	struct json_object *json;
	char shown[PATH_MAX];

	if (!common.json && status == SOUND) {
		printf("%s: its bytes are as they were written\n", text_visible(shown, sizeof(shown), path));
		return;
	}
	if (!common.json) {
		say_failure("verify", path,
			    status == DAMAGED && !lacks_parent ? "the checkpoint is damaged" : NULL);
		return;
	}
	json = json_object_new_object();
	json_object_object_add(json, "file", json_object_new_string(path));
	json_object_object_add(json, "verdict",
			       json_object_new_string(lacks_parent ? "parent-missing" : words[status]));
	if (status != SOUND)
		json_object_object_add(json, "defect", json_object_new_string(fail_reason()));
	print_json(stdout, json, JSON_C_TO_STRING_SPACED);
	json_object_put(json);
}

/* What the heads of the indexes tell is looked at in any part: that costs nothing. */
static int verify_one(const struct points *points, const struct link *link, size_t i, bool is_due)
{
	char path[PATH_MAX];
	int rc = 0, status;

	snprintf(path, sizeof(path), "%s/%s", points->path, points->at[i].file);
	/* An image of another name may be whole without an index; by a seal it is judged in its turn. */
	if (link->state != LINK_SOUND && (points->at[i].name.number || link->state != LINK_DAMAGED))
		rc = fail(EBADMSG, "%s",
			  *points->at[i].defect ? points->at[i].defect : link_state_text(link->state));
	else if (is_due)
		rc = check_bytes(path);
	status = !rc ? SOUND : rc == -EBADMSG ? DAMAGED : UNREADABLE;
	if (rc || is_due)
		say_part(path, status,
			 link->state == LINK_PARENT_MISSING || link->state == LINK_PARENT_BROKEN);
	fail_forget();
	return status;
}

/* --- the directory ------------------------------------------------------------------------- */

int verify_part(const char *directory, const struct part *part)
{
	struct points points;
	struct link *links = points_survey(&points, directory);
	int worst = SOUND;
	size_t due = 0;

	for (size_t i = 0; links && i < points.count && !stop_requested(); i++) {
		bool is_due = part_has(part, &points, i);
		int status = verify_one(&points, &links[i], i, is_due);

		due += is_due;
		worst = status > worst ? status : worst;
	}
	if (!links || stop_requested()) {
		say_failure("verify", directory, NULL);
		worst = UNREADABLE;
	} else if (!due && !common.json) {
		printf("part %u of %u: no file\n", part->number, part->of);
	}
	free(links);
	points_close(&points);
	return worst;
}
