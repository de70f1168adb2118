/*
 * fault: what goes wrong in the machine itself; what goes wrong in one process is in
 * the environment of that process.
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "../machine/domain.h"

/* frees: how many frames can still be had; negative: all that are free. */
static void set_free_frames(struct host *host, long frees)
{
	struct machine *machine = host->machine;

	host_lock(host);
	machine->out_of_memory_below = 0;
	if (frees >= 0 && (uint64_t)frees <= machine->nr_free)
		machine->out_of_memory_below = machine->nr_free - frees;
	host_unlock(host);
}

/* A domain that getdomaininfo says is HVM, and that is all there is of HVM here. */
static int say_hvm(struct host *host, unsigned domid)
{
	struct domain *domain;

	host_lock(host);
	domain = domain_find(host, domid);
	if (domain)
		domain->flags ^= XEN_DOMCTL_CDF_hvm;
	host_unlock(host);
	return !domain;
}

int command_fault(int argc, char **argv)
{
	struct host host;

	if (argc < 3)
		return 2;
	if (command_attach(&host, argv[1]))
		return 1;
	if (!strcmp(argv[2], "--memory-back"))
		set_free_frames(&host, -1);
	else if (!strcmp(argv[2], "--free-frames") && argc > 3)
		set_free_frames(&host, atol(argv[3]));
	else if (!strcmp(argv[2], "--hvm") && argc > 3)
		return say_hvm(&host, atoi(argv[3]));
	else
		return 2;
	return 0;
}
