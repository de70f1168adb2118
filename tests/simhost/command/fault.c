/*
 * fault: what goes wrong in the machine itself; what goes wrong in one process is in
 * the environment of that process.
 */
#include <stdlib.h>
#include <string.h>

#include "command.h"

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
	else
		return 2;
	return 0;
}
