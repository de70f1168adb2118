/*
 * guest: builds a guest, tells xenstore of it, and lets it go.
 */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore.h>

#include "../guest/build.h"
#include "../machine/domain.h"
#include "command.h"

static const struct option options_known[] = {
	{ "mem", required_argument, NULL, 'm' },
	{ "vcpus", required_argument, NULL, 'v' },
	{ "width", required_argument, NULL, 'b' },
	{ "p2m", required_argument, NULL, 'p' },
	{ "workload", required_argument, NULL, 'w' },
	{ "seed", required_argument, NULL, 's' },
	{ "rate", required_argument, NULL, 'r' },
	{ "holes", required_argument, NULL, 'h' },
	{ "label", required_argument, NULL, 'l' },
	{ "name", required_argument, NULL, 'n' },
	{ "unannounced", required_argument, NULL, 'u' },
	{ "keeps-foreign", no_argument, NULL, 'k' },
	{ NULL, 0, NULL, 0 },
};

static int parse(int argc, char **argv, struct guest_options *options)
{
	int option, workload = 0;

	while ((option = getopt_long(argc, argv, "", options_known, NULL)) != -1) {
		switch (option) {
		case 'm': options->mem_mib = strtoull(optarg, NULL, 0); break;
		case 'v': options->vcpus = strtoull(optarg, NULL, 0); break;
		case 'b': options->is_32bit = !strcmp(optarg, "32"); break;
		case 'p': options->p2m_is_linear = strcmp(optarg, "list"); break;
		case 'w': workload = workload_from_name(optarg); break;
		case 's': options->seed = strtoull(optarg, NULL, 0); break;
		case 'r': options->rate = strtoull(optarg, NULL, 0); break;
		case 'h': options->holes = strtoul(optarg, NULL, 0); break;
		case 'u': options->unannounced = strtoull(optarg, NULL, 0); break;
		case 'l': options->label = optarg; break;
		case 'k': options->keeps_foreign = true; break;
		case 'n': snprintf(options->name, sizeof(options->name), "%s", optarg); break;
		default: return 2;
		}
	}
	if (workload < 0)
		return command_fail("no such workload") + 1;
	options->workload = workload;
	return optind + 1 == argc ? 0 : 2;
}

static bool put(struct xs_handle *xs, uint16_t domid, bool guests, const char *key, const char *format, ...)
{
	struct xs_permissions permissions[2] = {
		{ guests ? domid : 0, XS_PERM_NONE },
		{ guests ? 0 : domid, XS_PERM_READ },
	};
	char path[128], value[128];
	va_list list;

	va_start(list, format);
	vsnprintf(value, sizeof(value), format, list);
	va_end(list);
	snprintf(path, sizeof(path), "/local/domain/%u%s%s", domid, *key ? "/" : "", key);
	return xs_write(xs, XBT_NULL, path, value, strlen(value)) &&
	       xs_set_permissions(xs, XBT_NULL, path, permissions, 2);
}

static bool tell_xenstore(struct xs_handle *xs, const struct guest_options *options,
			  const struct built *built)
{
	uint16_t domid = built->domid;

	return put(xs, domid, false, "", "%s", "") && put(xs, domid, false, "name", "%s", options->name) &&
	       put(xs, domid, false, "domid", "%u", domid) &&
	       put(xs, domid, false, "vm", "/vm/%s", options->name) &&
	       put(xs, domid, false, "memory/target", "%lu", options->mem_mib * 1024) &&
	       put(xs, domid, false, "memory/static-max", "%lu", options->mem_mib * 1024) &&
	       put(xs, domid, false, "store/ring-ref", "%lu", built->store_mfn) &&
	       put(xs, domid, false, "store/port", "%u", built->store_port) &&
	       put(xs, domid, false, "console/ring-ref", "%lu", built->console_mfn) &&
	       put(xs, domid, false, "console/port", "%u", built->console_port) &&
	       put(xs, domid, false, "control", "%s", "") &&
	       put(xs, domid, false, "control/platform-feature-multiprocessor-suspend", "1") &&
	       put(xs, domid, true, "control/shutdown", "%s", "") && put(xs, domid, true, "data", "%s", "") &&
	       xs_introduce_domain(xs, domid, built->store_mfn, built->store_port);
}

static int announce(const char *path, const struct guest_options *options, const struct built *built)
{
	struct xs_handle *xs;
	bool ok;

	command_set_environment(path);
	xs = xs_open(0);
	if (!xs)
		return command_fail("%s: no xenstored", path);
	ok = tell_xenstore(xs, options, built);
	xs_close(xs);
	return ok ? 0 : command_fail("%s: xenstore: %s", path, strerror(errno));
}

int command_guest(int argc, char **argv)
{
	struct guest_options options = {
		.mem_mib = 64,
		.vcpus = 1,
		.seed = 1,
		.rate = 4,
		.p2m_is_linear = true,
	};
	struct domain *domain;
	struct built built;
	struct host host;
	int err = parse(argc, argv, &options);

	if (err)
		return err;
	if (!*options.name)
		snprintf(options.name, sizeof(options.name), "guest-%lu", options.seed);
	if (command_attach(&host, argv[optind]))
		return 1;
	err = guest_build(&host, &options, &built);
	if (err)
		return command_fail("guest: %s", strerror(-err));
	err = announce(host.path, &options, &built);
	host_lock(&host);
	domain = domain_find(&host, built.domid);
	if (err)
		domain_destroy(&host, domain);
	else
		domain_unpause(domain);
	host_unlock(&host);
	if (!err)
		printf("%u\n", built.domid);
	return err;
}
