/*
 * simhost: makes simulated Xen hosts, their guests, and runs programs on them.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage;
} commands[] = {
	{ "create", command_create,
	  "HOST [--mem MiB] [--flavour shadow|noshadow] [--xen RELEASE] [--seed N]\n"
	  "\t\t[--scatter PERCENT] [--no-pv32] [--no-poison] [--allocate]\n"
	  "\t\t[--no-xenstored] [--devices]" },
	{ "destroy", command_destroy, "HOST" },
	{ "run", command_run, "HOST -- COMMAND..." },
	{ "guest", command_guest,
	  "HOST [--mem MiB] [--vcpus N] [--width 64|32] [--p2m linear|list]\n"
	  "\t\t[--workload NAME] [--seed N] [--rate N] [--holes N] [--name NAME]\n"
	  "\t\t[--unannounced PFNS] [--keeps-foreign]" },
	{ "guests", command_guests, "HOST [--domain N] [--steps N | --ms N] [--daemon | --stop]" },
	{ "devices", command_devices, "HOST" },
	{ "list", command_list, "HOST" },
	{ "compare", command_compare, "HOST DOMAIN HOST DOMAIN" },
	{ "check", command_check, "HOST DOMAIN [--brief]" },
	{ "fault", command_fault, "HOST [--free-frames N | --memory-back | --lose-frames N | --hvm DOMAIN | --flip DOMAIN PFN BYTE | --lose DOMAIN PFN | "
	  "--register DOMAIN VCPU]" },
};

enum { COMMANDS = sizeof(commands) / sizeof(*commands) };

int command_fail(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	fprintf(stderr, "simhost: ");
	vfprintf(stderr, format, list);
	fputc('\n', stderr);
	va_end(list);
	return 1;
}

void command_host_path(char *path, size_t size, const char *name)
{
	snprintf(path, size, "%s%s", strchr(name, '/') ? "" : "/dev/shm/simhost/", name);
}

int command_attach(struct host *host, const char *name)
{
	char path[PATH_MAX];
	int err;

	command_host_path(path, sizeof(path), name);
	err = host_attach(host, path);
	if (err)
		command_fail("%s: %s", path, strerror(-err));
	return err;
}

static void library_path(char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash)
		snprintf(slash + 1, size - (slash + 1 - path), "libsimhost.so");
}

void command_set_environment(const char *path)
{
	const char *already = getenv("LD_PRELOAD");
	char value[2 * PATH_MAX], library[PATH_MAX];

	library_path(library, sizeof(library));
	if (already && strstr(already, "libsimhost.so"))
		already = NULL;
	snprintf(value, sizeof(value), "%s%s%s", library, already ? ":" : "", already ? already : "");
	setenv("LD_PRELOAD", value, 1);
	setenv("SIMHOST", path, 1);
	/* a sanitised program does not mind that another library comes before its own */
	already = getenv("ASAN_OPTIONS");
	snprintf(value, sizeof(value), "%s%sverify_asan_link_order=0", already ? already : "",
		 already ? ":" : "");
	setenv("ASAN_OPTIONS", value, 1);
	snprintf(value, sizeof(value), "%s/xenstored", path);
	setenv("XENSTORED_RUNDIR", value, 1);
	setenv("XENSTORED_ROOTDIR", value, 1);
	snprintf(value, sizeof(value), "%s/xenstored/socket", path);
	setenv("XENSTORED_PATH", value, 1);
	/* what a toolstack keeps on disk of its domains belongs to the host, too */
	snprintf(value, sizeof(value), "%s/xenstored", path);
	setenv("PVFERRY_XEN_LIB", value, 1);
	snprintf(value, sizeof(value), "%s/xen-run", path);
	if (access(value, F_OK)) /* libxl cannot work on a host without folders for it: see folders.c */
		setenv("PVFERRY_WATCH", "no", 1);
	snprintf(value, sizeof(value), "%s/jobs", path);
	setenv("PVFERRY_STATE", value, 1);
	snprintf(value, sizeof(value), "%s/run", path);
	setenv("PVFERRY_RUN", value, 1);
}

static int usage(void)
{
	fprintf(stderr, "usage:\n");
	for (unsigned i = 0; i < COMMANDS; i++)
		fprintf(stderr, "\tsimhost %s %s\n", commands[i].name, commands[i].usage);
	return 2;
}

int main(int argc, char **argv)
{
	for (unsigned i = 0; argc > 1 && i < COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	return usage();
}
