/* See doctor.h: what is set up around Xen: the helper of xl and libvirt, pvferryd, its port, its journals. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/control.h"
#include "cli/doctor.h"
#include "journal/journal.h"
#include "log.h"
#include "version.h"

#define HELPER	    "/usr/lib/pvferry/pvferry-save-helper"
#define XEN_HELPER  "/usr/lib/xen-" BUILT_FOR_XEN "/bin/libxl-save-helper"
#define VARIABLE    "LIBXL_SAVE_HELPER="
#define ENVIRONMENT "/etc/environment"

/* --- jobs ------------------------------------------------------------------------------ */

static void look_at_job(struct report *report, const struct journal *journal)
{
	const char *whom = *journal->domain ? journal->domain : journal->uuid;

	if (journal_is_settled(journal) || journal_is_at_work(journal))
		return;
	if (journal->stage == JOURNAL_GO && journal->role == JOURNAL_SOURCE) {
		report_add(report, VERDICT_PROBLEM, "job", "%s (job %.8s) waits here, and may run on %s",
			   whom, journal->job, journal->peer);
		report_remedy(report, "pvferry resolve %.8s", journal->job);
	} else {
		report_add(report, VERDICT_WARNING, "job", "%s (job %.8s) was cut short, and is not settled",
			   whom, journal->job);
		report_remedy(report, "pvferry resolve --recover");
	}
}

void doctor_jobs(struct report *report)
{
	unsigned int before = report->count[VERDICT_WARNING] + report->count[VERDICT_PROBLEM];
	struct journal *list = NULL;
	size_t count;

	if (journal_list(&list, &count)) {
		report_add(report, VERDICT_WARNING, "job", "%s", fail_reason());
		report_remedy(report, "run pvferry doctor as root");
		fail_forget();
		return;
	}
	for (size_t i = 0; i < count; i++)
		look_at_job(report, &list[i]);
	free(list);
	if (before == report->count[VERDICT_WARNING] + report->count[VERDICT_PROBLEM])
		report_add(report, VERDICT_OK, "job", "no job was left unsettled");
}

/* --- the helper --------------------------------------------------------------------------- */

static bool is_ours(const char *path)
{
	char real[PATH_MAX];
	const char *name = realpath(path, real) ? strrchr(real, '/') : NULL;

	return name && !strcmp(name, "/pvferry-save-helper");
}

/* NAME=VALUE among lines, or among texts that end with a zero byte, as in /proc/PID/environ. */
static bool names_ours(const char *path)
{
	char text[64 << 10], *at = text;
	FILE *file = fopen(path, "re");
	size_t got = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	if (file)
		fclose(file);
	text[got] = '\0';
	for (char *each = text; each < text + got; each++)
		*each = *each == '\n' ? '\0' : *each;
	for (; at < text + got; at += strlen(at) + 1)
		if (!strncmp(at, VARIABLE, strlen(VARIABLE)))
			return is_ours(at + strlen(VARIABLE));
	return false;
}

static bool is_diverted(void)
{
	return is_ours(XEN_HELPER);
}

static void say_not_in_force(struct report *report, const char *who)
{
	report_add(report, VERDICT_WARNING, "helper",
		   "%s uses Xen's own helper, which cannot migrate PV domains on a Xen without shadow paging",
		   who);
	report_remedy(report, "apt install ./pvferry-save-helper_*.deb, which ./bootstrap deb builds (see "
			      "pvferry-save-helper(8) for other ways)");
}

static void look_at_xl(struct report *report)
{
	const char *own = getenv("LIBXL_SAVE_HELPER");

	if (is_diverted())
		report_add(report, VERDICT_OK, "helper",
			   "pvferry-save-helper is in force for all users of libxl");
	else if (own && is_ours(own))
		report_add(report, VERDICT_OK, "helper",
			   "pvferry-save-helper is in force for xl in this shell");
	else if (names_ours(ENVIRONMENT))
		report_add(report, VERDICT_OK, "helper",
			   "pvferry-save-helper is in force for xl, after the next login (" ENVIRONMENT ")");
	else
		say_not_in_force(report, "xl");
}

/* The daemons of libvirt that drive Xen. */
static bool is_libvirt(const char *pid)
{
	char path[PATH_MAX], name[32] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fscanf(file, "%31s", name) != 1)
		*name = '\0';
	fclose(file);
	return !strcmp(name, "libvirtd") || !strcmp(name, "virtxend") || !strcmp(name, "virtlibxld");
}

static void look_at_libvirt(struct report *report, const char *pid)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/proc/%.20s/environ", pid);
	if (names_ours(path))
		report_add(report, VERDICT_OK, "helper",
			   "pvferry-save-helper is in force for libvirt (process %s)", pid);
	else
		say_not_in_force(report, "libvirt");
}

void doctor_helper(struct report *report)
{
	DIR *processes;
	struct dirent *entry;

	look_at_xl(report);
	processes = is_diverted() ? NULL : opendir("/proc");
	while (processes && (entry = readdir(processes)))
		if (isdigit((unsigned char)*entry->d_name) && is_libvirt(entry->d_name))
			look_at_libvirt(report, entry->d_name);
	if (processes)
		closedir(processes);
}

/* --- pvferryd -------------------------------------------------------------------------------- */

/* By the kernel's table: a connection would be a stranger in pvferryd's log. State 0A is LISTEN. */
static bool is_listening(const char *table, unsigned int port)
{
	FILE *file = fopen(table, "re");
	char line[512];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		unsigned int local, state;

		found = sscanf(line, " %*u: %*32[0-9A-F]:%x %*32[0-9A-F]:%*x %x", &local, &state) == 2 &&
			local == port && state == 0x0a;
	}
	if (file)
		fclose(file);
	return found;
}

static void look_at_port(struct report *report, unsigned int port)
{
	if (is_listening("/proc/net/tcp", port) || is_listening("/proc/net/tcp6", port)) {
		report_add(report, VERDICT_OK, "port", "a program listens on TCP port %u", port);
		return;
	}
	report_add(report, VERDICT_WARNING, "port",
		   "no program listens on TCP port %u: other hosts cannot send guests here", port);
	report_remedy(report,
		      "put \"allow = NAME\" of each host that may send into /etc/pvferry/pvferryd.conf, then "
		      "systemctl restart pvferryd");
}

void doctor_daemon(struct report *report, unsigned int port)
{
	struct control control;

	if (!control_open(&control)) {
		control_close(&control);
		report_add(report, VERDICT_OK, "pvferryd", "it runs, and answers at %s/control",
			   run_folder());
	} else {
		report_add(report, VERDICT_WARNING, "pvferryd", "%s", fail_reason());
		report_remedy(report, "%s",
			      geteuid() ? "run pvferry doctor as root" : "systemctl enable --now pvferryd");
	}
	fail_forget();
	look_at_port(report, port);
}
