/* pvferry doctor: can this host save, send and receive guests, and if not, which command mends it? */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/certificate.h"
#include "cli/command.h"
#include "cli/doctor.h"
#include "log.h"

static bool doctor_set(void *context, enum option_id option, const struct option_value *value)
{
	struct peer *peer = context;

	switch (option) {
	case OPTION_PKI: return parse_text("pki", value->text, peer->pki, sizeof(peer->pki));
	case OPTION_SSH: return parse_text("ssh", value->text, peer->ssh, sizeof(peer->ssh));
	case OPTION_VIA: peer->via = value->word; break;
	case OPTION_PORT: peer->port = value->number; break;
	default: break;
	}
	return true;
}

/* Certificates are of use to TLS only. */
static void look_at_certificates(struct report *report, const struct peer *peer)
{
	char host[256] = "HOST";

	if (peer->via != VIA_TLS)
		return;
	gethostname(host, sizeof(host) - 1);
	certificate_examine(report, peer->pki, host);
}

int run_doctor(const struct command *self, int argc, char **argv)
{
	struct peer peer = { .port = PORT_DEFAULT, .ssh = "ssh" };
	struct report report;
	int first, status;

	snprintf(peer.pki, sizeof(peer.pki), "%s", pki_default());
	first = command_options(self, argc, argv, doctor_set, &peer);
	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc > first + 1 ||
	    (first < argc && !parse_text("HOST", argv[first], peer.host, sizeof(peer.host)))) {
		say_wrong("doctor takes one operand at most, the name of another host");
		return EXIT_USAGE;
	}
	report_open(&report);
	doctor_xen(&report);
	doctor_jobs(&report);
	doctor_helper(&report);
	doctor_daemon(&report, peer.port);
	look_at_certificates(&report, &peer);
	if (first < argc)
		doctor_peer(&report, &peer);
	report_print(&report, common.json);
	status = report_status(&report);
	report_close(&report);
	return status;
}
