/* pvferry doctor: can this host save, send and receive guests, and if not, which command mends it? */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/certificate.h"
#include "cli/command.h"
#include "cli/doctor.h"
#include "log.h"

enum { VIA = LONG_ONLY, PORT, PKI, SSH, JSON };

const struct option_row doctor_options[] = {
	{ VIA, "via", "WAY", "reach HOST by tls, ssh or tcp (tls)" },
	{ PORT, "port", "N", "the port that pvferryd listens on, here and on HOST (8666)" },
	{ PKI, "pki", "DIR", "where ca.pem, cert.pem and key.pem are (" PKI_DEFAULT ")" },
	{ SSH, "ssh", "COMMAND", "in place of ssh; '': HOST is the whole command" },
	{ JSON, "json", NULL, "print it as JSON" },
	{ 0 },
};

static bool set(void *context, int letter, const char *value)
{
	struct peer *peer = context;
	long port = 0;

	switch (letter) {
	case JSON: common.json = true; break;
	case PKI: return parse_text("pki", value, peer->pki, sizeof(peer->pki));
	case SSH: return parse_text("ssh", value, peer->ssh, sizeof(peer->ssh));
	case VIA:
		if (via_parse(value, &peer->via))
			return true;
		fprintf(stderr, "pvferry: --via takes tls, ssh or tcp, not \"%s\"\n", value);
		return false;
	case PORT:
		if (!parse_number("port", value, 1, 65535, &port))
			return false;
		peer->port = port;
		break;
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
	first = command_options(self, argc, argv, set, &peer);
	if (first < 0)
		return first == -2 ? EXIT_DONE : EXIT_USAGE;
	if (argc > first + 1 ||
	    (first < argc && !parse_text("HOST", argv[first], peer.host, sizeof(peer.host)))) {
		fprintf(stderr, "pvferry: doctor takes one operand at most, the name of another host\n");
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
