/*
 * Attaches the process, lets it call, and lets nothing of it outlive it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "../machine/refs.h"
#include "fault.h"
#include "process.h"

static struct host process;
static bool attached;
static pthread_mutex_t attaching = PTHREAD_MUTEX_INITIALIZER;

static void in_child(void)
{
	refs_forget(&process);
	attached = false;
}

static int attach(void)
{
	const char *path = getenv("SIMHOST");
	static bool atfork_set;
	int err;

	if (!path)
		return -ENOENT;
	if (!process.machine) {
		err = host_attach(&process, path);
		if (err)
			return err;
	}
	err = refs_open(&process);
	if (err)
		return err;
	if (!atfork_set)
		pthread_atfork(NULL, NULL, in_child);
	atfork_set = true;
	attached = true;
	return 0;
}

struct host *process_host(void)
{
	int err = 0;

	pthread_mutex_lock(&attaching);
	if (!attached)
		err = attach();
	pthread_mutex_unlock(&attaching);
	if (err) {
		errno = -err;
		return NULL;
	}
	return &process;
}

int process_result(int err)
{
	if (err >= 0)
		return err;
	errno = -err;
	return -1;
}

long process_call(unsigned op, const uint64_t args[CALL_ARGS])
{
	struct host *host = process_host();
	char name[64];
	long ret;

	if (!host)
		return -1;
	call_name(name, sizeof(name), op, args);
	ret = fault_at(name);
	if (!ret) {
		step_begin();
		ret = hypercall(host, 0, 0, op, args);
		step_end();
	}
	if (ret < 0) {
		errno = -ret;
		return -1;
	}
	return ret;
}

__attribute__((destructor)) static void leave(void)
{
	if (attached)
		refs_close(&process);
	fault_report();
}
