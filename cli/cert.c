/*
 * pvferry cert: the certificates by which hosts know each other. One host has the CA and makes a
 * certificate for each; each host's three files are then copied to its /etc/pvferry/pki.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/authority.h"
#include "cli/certificate.h"
#include "cli/command.h"
#include "cli/host-name.h"
#include "log.h"
#include "stream/connect.h"

enum { ALSO_MOST = 64, PATH_ROOM = 4096, CA_DAYS = 3650, HOST_DAYS = 365 };

/* Clocks of two hosts differ: a new certificate is to be valid on both at once. */
enum { SLACK_SECONDS = 3600, DAY_SECONDS = 86400 };

struct settings {
	const char *ca, *pki, *name, *also[ALSO_MOST + 1];
	unsigned int also_count;
	long days;
	bool renews;
};

static bool cert_set(void *context, enum option_id option, const struct option_value *value)
{
	struct settings *s = context;

	switch (option) {
	case OPTION_CA: s->ca = value->text; break;
	case OPTION_PKI: s->pki = value->text; break;
	case OPTION_NAME: s->name = value->text; break;
	case OPTION_RENEW: s->renews = true; break;
	case OPTION_DAYS: s->days = value->number; break;
	case OPTION_ALSO:
		if (s->also_count == ALSO_MOST) {
			say_wrong("more than %d times --also", ALSO_MOST);
			return false;
		}
		s->also[s->also_count++] = value->text;
		break;
	default: break;
	}
	return true;
}

static const char *this_host(char name[256])
{
	if (gethostname(name, 255))
		snprintf(name, 256, "HOST");
	name[255] = '\0';
	return name;
}

static int usage(const char *text)
{
	say_wrong("cert: %s", text);
	return say_hint("cert", "shows the options");
}

/* --- init-ca --------------------------------------------------------------------- */

static int init_ca(struct settings *s, int count, char **operands)
{
	char host[256], name[300], day[16];
	time_t now = time(NULL), until = now + (s->days ? s->days : CA_DAYS) * DAY_SECONDS;

	(void)operands;
	if (count)
		return usage("init-ca takes no operand");
	if (s->pki || s->renews || s->also_count || common.json)
		return usage("init-ca takes --ca, --days and --name only");
	snprintf(name, sizeof(name), "pvferry CA of %s", this_host(host));
	if (authority_make(s->ca, s->name ? s->name : name, now - SLACK_SECONDS, until))
		return say_failure("cert init-ca", s->ca, "nothing was changed");
	say(SAY_NOTE,
	    "%s: made ca.pem and ca.key, valid until %s; a copy of ca.key is enough to make "
	    "a certificate for any host, so keep it on this host only",
	    s->ca, certificate_day(until, day));
	say(SAY_NOTE, "next, for each host: pvferry cert issue HOST");
	return EXIT_DONE;
}

/* --- issue ------------------------------------------------------------------------- */

static int find_folder(const struct settings *s, const char *host, char folder[PATH_ROOM])
{
	const char *defect = host_name_defect(host);

	if (s->pki) {
		snprintf(folder, PATH_ROOM, "%s", s->pki);
		return 0;
	}
	/* It becomes part of a path. */
	if (defect)
		return fail(EINVAL, "\"%s\" cannot be a host's name: %s", host, defect);
	snprintf(folder, PATH_ROOM, "%s/hosts", s->ca);
	if (!access(s->ca, F_OK) && mkdir(folder, 0700) && errno != EEXIST)
		return fail_errno("cannot make the directory %s", folder);
	snprintf(folder, PATH_ROOM, "%s/hosts/%s", s->ca, host);
	return 0;
}

static void say_issued(const struct settings *s, const char *host, const char *folder)
{
	struct certificate certificate;
	char path[PATH_ROOM + 16], day[16];
	long days;

	snprintf(path, sizeof(path), "%s/cert.pem", folder);
	if (certificate_read(path, &certificate))
		return;
	days = certificate_days_left(&certificate, time(NULL));
	say(SAY_NOTE, "%s: wrote ca.pem, cert.pem and key.pem for %s, valid until %s (%ld days)", folder,
	    certificate.names, certificate_day(certificate.until, day), days);
	if (s->pki)
		say(SAY_NOTE, "to renew it: pvferry cert issue --renew%s%s --pki %s %s",
		    strcmp(s->ca, CA_DEFAULT) ? " --ca " : "", strcmp(s->ca, CA_DEFAULT) ? s->ca : "", folder,
		    host);
	else if (s->renews)
		say(SAY_NOTE, "next: scp -p %s/*.pem root@%s:" PKI_DEFAULT "/", folder, host);
	else
		say(SAY_NOTE, "next: scp -pr %s root@%s:" PKI_DEFAULT, folder, host);
}

/* A certificate that is renewed keeps its further names, unless others are given. */
static void keep_names(struct settings *s, const char *host, const char *folder, struct certificate *old)
{
	char path[PATH_ROOM + 16], *rest = NULL;

	snprintf(path, sizeof(path), "%s/cert.pem", folder);
	if (!s->renews || s->also_count || certificate_read(path, old) || strcmp(old->name, host)) {
		fail_forget();
		return;
	}
	for (char *name = strtok_r(old->names, ", ", &rest); name; name = strtok_r(NULL, ", ", &rest))
		if (strcmp(name, host) && s->also_count < ALSO_MOST)
			s->also[s->also_count++] = name;
}

static int issue(struct settings *s, int count, char **operands)
{
	time_t now = time(NULL);
	struct certificate old;
	char folder[PATH_ROOM];
	struct issue issue = {
		.authority = s->ca,
		.folder = folder,
		.also = s->also,
		.from = now - SLACK_SECONDS,
		.until = now + (s->days ? s->days : HOST_DAYS) * DAY_SECONDS,
		.renews = s->renews,
	};

	if (count != 1)
		return usage("issue takes one operand, the name of a host");
	if (s->name || common.json)
		return usage("issue does not take --name or --json");
	issue.host = operands[0];
	if (find_folder(s, issue.host, folder))
		return say_failure("cert issue", issue.host, "nothing was changed");
	keep_names(s, issue.host, folder, &old);
	if (authority_issue(&issue))
		return say_failure("cert issue", issue.host, "nothing was changed");
	say_issued(s, issue.host, folder);
	return EXIT_DONE;
}

/* --- show ---------------------------------------------------------------------------- */

static void show_issued(struct report *report, const char *ca, const char *host)
{
	struct certificate certificate;
	char path[PATH_ROOM], renew[PATH_ROOM];

	snprintf(path, sizeof(path), "%s/hosts/%s/cert.pem", ca, host);
	if (certificate_read(path, &certificate)) {
		report_add(report, VERDICT_WARNING, "issued", "%s", fail_reason());
		report_remedy(report, "pvferry cert issue --renew %s", host);
		fail_forget();
		return;
	}
	snprintf(renew, sizeof(renew), "pvferry cert issue --renew %s; then copy cert.pem to it", host);
	certificate_examine_expiry(report, "issued", &certificate, renew);
}

/* What this host's CA has made for others. A host without a CA shows nothing of this. */
static void show_authority(struct report *report, const char *ca)
{
	struct dirent **entries;
	struct certificate certificate;
	char path[PATH_ROOM];
	int count;

	snprintf(path, sizeof(path), "%s/ca.pem", ca);
	if (certificate_read(path, &certificate)) {
		fail_forget();
		return;
	}
	certificate_examine_expiry(report, "own CA", &certificate,
				   "pvferry cert init-ca, then new certificates for all hosts");
	snprintf(path, sizeof(path), "%s/hosts", ca);
	count = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		if (*entries[i]->d_name != '.')
			show_issued(report, ca, entries[i]->d_name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

static int show(struct settings *s, int count, char **operands)
{
	struct report report;
	char host[256];
	int status;

	(void)operands;
	if (count)
		return usage("show takes no operand");
	if (s->renews || s->also_count || s->days || s->name)
		return usage("show takes --ca, --pki and --json only");
	report_open(&report);
	certificate_examine(&report, s->pki ? s->pki : pki_default(), this_host(host));
	show_authority(&report, s->ca);
	report_print(&report, common.json);
	status = report_status(&report);
	report_close(&report);
	return status;
}

int run_cert(const struct command *self, int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(struct settings *settings, int count, char **operands);
	} words[] = { { "init-ca", init_ca }, { "issue", issue }, { "show", show } };
	struct settings settings = { .ca = CA_DEFAULT };
	int first = command_options(self, argc, argv, cert_set, &settings);

	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	for (size_t i = 0; first < argc && i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(argv[first], words[i].name))
			return words[i].run(&settings, argc - first - 1, argv + first + 1);
	return usage("the first operand is init-ca, issue or show");
}
