/* See machine/gate.h. Nothing is read from libxl's stream: the domain's memory comes from elsewhere. */
#include "helper/gate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "helper/libxl.h"
#include "log.h"
#include "machine/gate.h"
#include "stream/format.h"
#include "xen/domain.h"
#include "xen/layout.h"

/* Any that differ: the builder gives the frames the pfns that the guest knows them by. */
static const pfn_t pfns[] = { { 0 }, { 1 } };

struct gate {
	int fd;
	unsigned int width;
	struct gate_report report;
};

static int parse(struct gate *gate, const char *setting)
{
	if (sscanf(setting, "%d:%u", &gate->fd, &gate->width) == 2 && gate->fd > 2)
		return 0;
	return fail(EINVAL, GATE_VARIABLE " is \"%s\", not FD:WIDTH", setting);
}

/* xenstored and xenconsoled believe what stands in these pages: both begin empty, the console without a backend. */
static int clear(struct domain *domain, const mfn_t mfns[2])
{
	uint8_t *pages = domain_map(domain, mfns, 2, true, NULL);

	if (!pages)
		return -EFAULT;
	memset(pages, 0, 2 * PAGE_BYTES);
	pages[PAGE_BYTES + CONSOLE_CONNECTION_AT] = console_connection_at_start();
	domain_unmap(domain, pages, 2);
	return 0;
}

static int gate_fill(struct domain *domain, struct gate *gate, const struct order *order)
{
	mfn_t mfns[2];
	int rc = gate->width != 8 ? domain_set_width(domain, gate->width) : 0;

	if (!rc)
		rc = domain_populate(domain, pfns, 2, mfns);
	if (!rc)
		rc = clear(domain, mfns);
	if (!rc)
		rc = domain_seed_grants(domain, mfns[1], order->console_domain, mfns[0], order->store_domain);
	gate->report = (struct gate_report){ .domain = order->domain,
					     .store_port = order->store_port,
					     .console_port = order->console_port,
					     .store = rc ? 0 : mfns[0].n,
					     .console = rc ? 0 : mfns[1].n };
	return rc;
}

static int make_pages(struct gate *gate, const struct order *order)
{
	struct domain *domain = NULL;
	struct host *host;
	int rc = host_open(&host);

	if (rc)
		return rc;
	rc = domain_open(&domain, host, order->domain);
	if (!rc)
		rc = gate_fill(domain, gate, order);
	domain_close(domain);
	host_close(host);
	return rc;
}

static int wait_until_open(const struct gate *gate)
{
	ssize_t got;
	char word;

	if (send(gate->fd, &gate->report, sizeof(gate->report), MSG_NOSIGNAL) != sizeof(gate->report))
		return fail_errno("pvferry-toolstack is gone");
	do
		got = read(gate->fd, &word, 1);
	while (got < 0 && errno == EINTR);
	return got == 1 ? 0 : fail(ECANCELED, "the domain is no longer wanted");
}

int run_gate(const struct order *order, const char *setting)
{
	struct gate gate = { 0 };
	int rc = parse(&gate, setting);

	if (!rc)
		rc = make_pages(&gate, order);
	if (!rc)
		rc = wait_until_open(&gate);
	if (rc)
		libxl_say_reason("the gate stays shut");
	else
		rc = libxl_restore_results(gate.report.store, gate.report.console);
	return libxl_complete(rc) || rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
