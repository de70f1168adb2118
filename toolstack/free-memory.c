/*
 * Memory for a guest that comes. As for one of xl's, domain 0 gives it where xl.conf's "autoballoon" lets it: "on", or
 * "auto" where Xen was not started with dom0_mem, which says that domain 0 has a size of its own. See xl.conf(5).
 */
#include <errno.h>
#include <json-c/json.h>
#include <libxl_utils.h>
#include <libxlutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "journal/journal.h"
#include "log.h"
#include "toolstack/toolstack.h"
#include "xen/domain.h"

/*
 * libxl makes domain 0 no smaller than LEAST_KIB (LIBXL_MIN_DOM0_MEM), with which its programs do not live. How much is
 * needed is what a peer or an image says, of which nothing else came yet: so domain 0 keeps available at least
 * RESERVE_KIB, and one part in RESERVE_PART of what it has.
 */
enum { LEAST_KIB = 128 << 10, RESERVE_KIB = 512 << 10, RESERVE_PART = 10 };

/*
 * Waits while nothing moves; and of all together less than the 30 s after which the source of a move, which hears
 * nothing meanwhile, gives up.
 */
enum { NAP_MS = 50, STILL_MS = 5000, ALL_MS = 25000, TRIES = 3 };

static const struct timespec nap = { 0, NAP_MS * 1000000 };

/* What domain 0 had before: its size, its target, and the smallest target it is given. */
struct dom0 {
	uint64_t has_kib, target_kib, least_kib;
};

static const char *conf_path(void)
{
	const char *path = secure_getenv("PVFERRY_XL_CONF");

	return path ? path : "/etc/xen/xl.conf";
}

static bool xen_has_option(struct toolstack *t, const char *option)
{
	const libxl_version_info *info = libxl_get_version_info(t->ctx);
	const char *line = info && info->commandline ? info->commandline : "", *at = line;

	while ((at = strstr(at, option)) && at != line && at[-1] != ' ')
		at++;
	return at;
}

/* Why domain 0 keeps its size, or NULL if it need not. A file that is not there says as little as an empty one. */
static const char *find_hindrance(struct toolstack *t)
{
	XLU_Config *config = xlu_cfg_init(stderr, conf_path());
	const char *hindrance = NULL, *text = "auto";

	if (config && !xlu_cfg_readfile(config, conf_path()))
		xlu_cfg_get_string(config, "autoballoon", &text, 0);
	else if (!access(conf_path(), F_OK))
		hindrance = "xl cannot read";
	if (!strcmp(text, "off") || !strcmp(text, "0"))
		hindrance = "autoballoon is off in";
	else if (strcmp(text, "on") && strcmp(text, "1") && xen_has_option(t, "dom0_mem="))
		hindrance = "Xen was started with dom0_mem, and autoballoon is not on in";
	if (config)
		xlu_cfg_destroy(config);
	return hindrance;
}

/* What is free, and what domain 0 has. */
static int look(struct toolstack *t, uint64_t *free_kib, uint64_t *has_kib)
{
	libxl_dominfo info;
	int code;

	libxl_dominfo_init(&info);
	code = libxl_get_free_memory(t->ctx, free_kib);
	if (!code)
		code = libxl_domain_info(t->ctx, &info, 0);
	*has_kib = info.current_memkb;
	libxl_dominfo_dispose(&info);
	return code ? toolstack_fail(t, code, "libxl cannot tell how much memory is free") : 0;
}

static int read_available(uint64_t *kib)
{
	const char *own = secure_getenv("PVFERRY_MEMINFO"), *path = own ? own : "/proc/meminfo";
	FILE *file = fopen(path, "re");
	bool is_found = false;
	char line[128];

	while (file && !is_found && fgets(line, sizeof(line), file))
		is_found = sscanf(line, "MemAvailable: %lu kB", kib) == 1;
	if (file)
		fclose(file);
	return is_found ? 0 : fail(EIO, "%s does not say how much memory is available in domain 0", path);
}

/* A page that it gives is one that is available there no more. */
static int find_least(struct dom0 *dom0)
{
	uint64_t part_kib = dom0->has_kib / RESERVE_PART, available_kib = 0;
	uint64_t reserve_kib = part_kib > RESERVE_KIB ? part_kib : RESERVE_KIB;
	int rc = read_available(&available_kib);

	dom0->least_kib = dom0->has_kib + reserve_kib;
	dom0->least_kib -= available_kib < dom0->least_kib ? available_kib : dom0->least_kib;
	if (dom0->least_kib < LEAST_KIB)
		dom0->least_kib = LEAST_KIB;
	return rc;
}

/* Whether so much less than a target is not too little. */
static int check_less(const struct dom0 *dom0, uint64_t target_kib, uint64_t less_kib)
{
	uint64_t can_kib = target_kib > dom0->least_kib ? target_kib - dom0->least_kib : 0;

	if (less_kib <= can_kib)
		return 0;
	return fail(
		ENOMEM,
		"domain 0, which has %lu MiB, can give %lu MiB and keep a reserve for itself; free memory "
		"there, or end another domain",
		dom0->has_kib / 1024, can_kib / 1024);
}

enum end { ENOUGH, AT_TARGET, STANDS_STILL };

/* For as long as domain 0 gets smaller. */
static enum end wait_for_free(struct toolstack *t, uint64_t need_kib, uint64_t target_kib, int *left_ms)
{
	uint64_t free_kib = 0, has_kib, had_kib = UINT64_MAX;

	for (int still_ms = 0; still_ms<STILL_MS && * left_ms> 0; still_ms += NAP_MS, *left_ms -= NAP_MS) {
		if (look(t, &free_kib, &has_kib))
			return STANDS_STILL;
		if (free_kib >= need_kib || has_kib <= target_kib)
			return free_kib >= need_kib ? ENOUGH : AT_TARGET;
		if (has_kib < had_kib)
			still_ms = 0;
		had_kib = has_kib;
		nanosleep(&nap, NULL);
	}
	return STANDS_STILL;
}

/* What others take meanwhile is asked for again, a few times. */
static int shrink(struct toolstack *t, uint64_t need_kib, const struct dom0 *dom0, int left_ms)
{
	uint64_t free_kib, has_kib, target_kib = dom0->target_kib;
	enum end end = AT_TARGET;
	int rc;

	for (int i = 0; end == AT_TARGET && i < TRIES; i++) {
		int code;

		rc = look(t, &free_kib, &has_kib);
		if (rc || free_kib >= need_kib)
			return rc;
		rc = check_less(dom0, target_kib, need_kib - free_kib);
		if (rc)
			return rc;
		target_kib -= need_kib - free_kib;
		code = libxl_set_memory_target(t->ctx, 0, target_kib, 0, 0);
		if (code)
			return toolstack_fail(t, code, "libxl does not make domain 0 smaller");
		end = wait_for_free(t, need_kib, target_kib, &left_ms);
	}
	if (end == ENOUGH)
		return 0;
	fail_forget();
	rc = look(t, &free_kib, &has_kib);
	return rc ? rc
		  : fail(ENOMEM, "domain 0 was told to get smaller, and has %lu MiB still", has_kib / 1024);
}

/* Its target, 0: it has none. libxl, if asked for that, would enter one. */
static uint64_t find_target(void)
{
	struct host *host = NULL;
	char *text = host_open(&host) ? NULL : store_read(host, "/local/domain/0/memory/target");
	uint64_t kib = text ? strtoull(text, NULL, 10) : 0;

	free(text);
	host_close(host);
	fail_forget();
	return kib;
}

/* Domain 0 is asked for it, if it may be. */
static int make_room(struct toolstack *t, uint64_t need_kib, int left_ms)
{
	struct dom0 dom0 = { 0 };
	const char *hindrance;
	uint64_t free_kib;
	int rc = look(t, &free_kib, &dom0.has_kib);

	if (rc || free_kib >= need_kib)
		return rc;
	dom0.target_kib = find_target();
	rc = find_least(&dom0);
	if (!rc)
		rc = check_less(&dom0, dom0.target_kib, need_kib - free_kib);
	if (rc)
		return rc;
	hindrance = find_hindrance(t);
	if (hindrance)
		return fail(ENOMEM, "%s %s; \"xl mem-set Domain-0 %lum\" frees enough", hindrance,
			    conf_path(), (dom0.target_kib - (need_kib - free_kib)) / 1024);
	rc = shrink(t, need_kib, &dom0, left_ms);
	/* The guest does not come: domain 0 gets back what it had. */
	if (rc)
		libxl_set_memory_target(t->ctx, 0, dom0.target_kib, 0, 0);
	return rc;
}

/* One at a time: what one gives back must not be what another has just freed. */
int toolstack_make_room(struct toolstack *t, uint64_t need_kib)
{
	int left_ms = ALL_MS, fd, rc;

	libxl_log_begin(t->log);
	for (rc = journal_lock_memory(&fd); rc == -EBUSY && left_ms > 0; rc = journal_lock_memory(&fd)) {
		fail_forget();
		nanosleep(&nap, NULL);
		left_ms -= NAP_MS;
	}
	if (rc)
		return rc;
	rc = make_room(t, need_kib, left_ms);
	journal_unlock_memory(fd);
	return rc;
}

int toolstack_make_room_for(struct toolstack *t, libxl_domain_config *config)
{
	uint64_t need_kib;
	int code = libxl_domain_need_memory(t->ctx, config, INVALID_DOMID, &need_kib);

	return code ? toolstack_fail(t, code, "libxl cannot tell how much memory it needs")
		    : toolstack_make_room(t, need_kib);
}

int toolstack_free_memory(struct toolstack *t, struct json_object *order, struct json_object *answer)
{
	struct json_object *value = NULL;

	(void)answer;
	if (!json_object_object_get_ex(order, "kib", &value) || json_object_get_int64(value) <= 0)
		return fail(EINVAL, "the order names no amount of memory");
	return toolstack_make_room(t, json_object_get_int64(value));
}
