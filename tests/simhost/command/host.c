/*
 * create, destroy, run, list.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../machine/domain.h"
#include "../machine/flask.h"
#include "../machine/refs.h"
#include "command.h"

static const struct option create_options[] = {
	{ "mem", required_argument, NULL, 'm' },
	{ "flavour", required_argument, NULL, 'f' },
	{ "seed", required_argument, NULL, 's' },
	{ "scatter", required_argument, NULL, 'c' },
	{ "no-pv32", no_argument, NULL, '3' },
	{ "no-poison", no_argument, NULL, 'p' },
	{ "flask", required_argument, NULL, 'l' },
	{ "xen", required_argument, NULL, 'v' },
	{ "allocate", no_argument, NULL, 'a' },
	{ "no-xenstored", no_argument, NULL, 'x' },
	{ "devices", no_argument, NULL, 'd' },
	{ "domain-0", required_argument, NULL, '0' },
	{ "command-line", required_argument, NULL, 'o' },
	{ NULL, 0, NULL, 0 },
};

static int parse_create(int argc, char **argv, struct host_options *options, bool *xenstored, bool *devices)
{
	int option;

	while ((option = getopt_long(argc, argv, "", create_options, NULL)) != -1) {
		switch (option) {
		case 'm': options->mem_mib = strtoull(optarg, NULL, 0); break;
		case 'f': options->has_shadow = strcmp(optarg, "noshadow"); break;
		case 's': options->seed = strtoull(optarg, NULL, 0); break;
		case 'c': options->scatter = strtoul(optarg, NULL, 0); break;
		case '3': options->has_pv32 = false; break;
		case 'p': options->poison = false; break;
		case 'l': options->flask = strtoul(optarg, NULL, 0); break;
		case 'a': options->allocate = true; break;
		case 'v': options->xen = optarg; break;
		case '0': options->domain_0_mib = strtoull(optarg, NULL, 0); break;
		case 'o': options->command_line = optarg; break;
		case 'x': *xenstored = false; break;
		case 'd': *devices = true; break;
		default: return 2;
		}
	}
	return optind + 1 == argc ? 0 : 2;
}

int command_create(int argc, char **argv)
{
	struct host_options options = {
		.mem_mib = 1024,
		.seed = 1,
		.xen = "4.17.7",
		.command_line = "",
		.has_shadow = true,
		.has_pv32 = true,
		.poison = true,
	};
	bool xenstored = true, devices = false;
	char path[PATH_MAX];
	int err = parse_create(argc, argv, &options, &xenstored, &devices);

	if (err)
		return err;
	mkdir("/dev/shm/simhost", 01777);
	command_host_path(path, sizeof(path), argv[optind]);
	err = host_create(path, &options);
	if (err)
		return command_fail("%s: %s", path, strerror(-err));
	err = xenstored ? command_start_xenstored(path) : 0;
	if (err) {
		command_destroy(argc - optind + 1, argv + optind - 1);
		return command_fail("%s: xenstored: %s", path, strerror(-err));
	}
	err = devices ? command_start_devices(path) : 0;
	if (err) {
		command_destroy(argc - optind + 1, argv + optind - 1);
		return command_fail("%s: devices: %s", path, strerror(-err));
	}
	return 0;
}

static void remove_tree(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char below[PATH_MAX + NAME_MAX + 2];

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		if (entry->d_type == DT_DIR)
			remove_tree(below);
		else
			unlink(below);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

/* What watches a guest stays as long as that, and would now wait for ever. Who works on the host has a file "refs.PID...". */
static void end_watchers(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int pid;

	while (dir && (entry = readdir(dir))) {
		char comm[64], name[16] = "";
		FILE *in;

		if (sscanf(entry->d_name, "refs.%d", &pid) != 1 || pid <= 0)
			continue;
		snprintf(comm, sizeof(comm), "/proc/%d/comm", pid);
		in = fopen(comm, "re");
		if (in && fgets(name, sizeof(name), in) && !strcmp(name, "pvferry-watch\n"))
			kill(pid, SIGKILL);
		if (in)
			fclose(in);
	}
	if (dir)
		closedir(dir);
}

/* Only what is a host is ever removed. */
int command_destroy(int argc, char **argv)
{
	char path[PATH_MAX], machine[PATH_MAX + 16];

	if (argc != 2)
		return 2;
	command_host_path(path, sizeof(path), argv[1]);
	snprintf(machine, sizeof(machine), "%s/machine", path);
	if (access(machine, F_OK))
		return command_fail("%s: no host", path);
	command_guests(3, (char *[]){ "guests", argv[1], "--stop", NULL });
	end_watchers(path);
	command_stop_devices(path);
	command_stop_xenstored(path);
	remove_tree(path);
	return 0;
}

int command_run(int argc, char **argv)
{
	char path[PATH_MAX];
	int first = argc > 2 && !strcmp(argv[2], "--") ? 3 : 2, err;

	if (argc <= first)
		return 2;
	command_host_path(path, sizeof(path), argv[1]);
	err = command_enter_folders(path);
	if (err)
		return command_fail("%s: no mount name space: %s", path, strerror(-err));
	command_set_environment(path);
	execvp(argv[first], argv + first);
	return command_fail("%s: %s", argv[first], strerror(errno)) + 126;
}

static void print_domain(struct host *host, const struct domain *domain)
{
	struct xen_domctl_getdomaininfo info;

	domain_info(host, domain, &info);
	printf("%5u  %s  %2u vcpus  %8lu pages  %c%c%c%c%c", domain->domid, domain->is_32bit ? "32" : "64",
	       domain->nr_vcpus, domain->tot_pages, info.flags & XEN_DOMINF_running ? 'r' : '-',
	       info.flags & XEN_DOMINF_paused ? 'p' : '-', info.flags & XEN_DOMINF_shutdown ? 's' : '-',
	       info.flags & XEN_DOMINF_dying ? 'd' : '-', domain->log_dirty ? 'l' : '-');
	if (domain->shutdown)
		printf("  shutdown %u", domain->shutdown_code);
	if (host->machine->flask)
		printf("  %s", flask_label(host, domain->ssidref));
	putchar('\n');
}

int command_list(int argc, char **argv)
{
	struct host host;
	uint32_t from = 1;
	struct domain *domain;

	if (argc != 2)
		return 2;
	if (command_attach(&host, argv[1]))
		return 1;
	host_lock(&host);
	domain_end_dying(&host);
	refs_reap(&host);
	printf("# %lu of %lu frames free\n", host.machine->nr_free, host.machine->nr_frames);
	while ((domain = domain_next(&host, from))) {
		print_domain(&host, domain);
		from = domain->domid + 1u;
	}
	host_unlock(&host);
	return 0;
}
