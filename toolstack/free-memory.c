/*
 * Memory for a guest that comes. As for one of xl's, domain 0 gives it where xl.conf's "autoballoon" lets it: "on", or
 * "auto" where Xen was not started with dom0_mem, which says that domain 0 has a size of its own. See xl.conf(5).
 */
#include <errno.h>
#include <json-c/json.h>
#include <libxl_utils.h>
#include <libxlutil.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "toolstack/toolstack.h"
#include "xen/domain.h"

/*
 * libxl makes domain 0 no smaller than that (LIBXL_MIN_DOM0_MEM). Waits while nothing moves; and of all together less
 * than the 30 s after which the source of a move, which hears nothing meanwhile, gives up.
 */
enum { LEAST_KIB = 128 << 10, NAP_MS = 50, STILL_MS = 5000, ALL_MS = 25000, TRIES = 3 };

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

enum end { ENOUGH, AT_TARGET, STANDS_STILL };

/* For as long as domain 0 gets smaller. */
static enum end wait_for_free(struct toolstack *t, uint64_t need_kib, uint64_t target_kib, int *left_ms)
{
	const struct timespec nap = { 0, NAP_MS * 1000000 };
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
static int shrink(struct toolstack *t, uint64_t need_kib, uint64_t target_kib)
{
	enum end end = AT_TARGET;
	uint64_t free_kib, has_kib;
	int left_ms = ALL_MS, rc;

	for (int i = 0; end == AT_TARGET && i < TRIES; i++) {
		int code;

		rc = look(t, &free_kib, &has_kib);
		if (rc || free_kib >= need_kib)
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

int toolstack_make_room(struct toolstack *t, uint64_t need_kib)
{
	uint64_t free_kib, has_kib, before_kib;
	const char *hindrance;
	int rc;

	libxl_log_begin(t->log);
	rc = look(t, &free_kib, &has_kib);
	if (rc || free_kib >= need_kib)
		return rc;
	before_kib = find_target();
	if (before_kib < LEAST_KIB + need_kib - free_kib)
		return fail(ENOMEM, "domain 0, which has %lu MiB, cannot give as much", has_kib / 1024);
	hindrance = find_hindrance(t);
	if (hindrance)
		return fail(ENOMEM, "%s %s; \"xl mem-set Domain-0 %lum\" frees enough", hindrance,
			    conf_path(), (before_kib - (need_kib - free_kib)) / 1024);
	rc = shrink(t, need_kib, before_kib);
	/* The guest does not come: domain 0 gets back what it had. */
	if (rc)
		libxl_set_memory_target(t->ctx, 0, before_kib, 0, 0);
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
