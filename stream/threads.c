/* How many threads a job has. See pipeline.h. */
#include <sched.h>

#include "stream/pipeline.h"

unsigned int default_threads(void)
{
	enum { MOST = 8 }; /* what memory bandwidth and the memory budget bear */
	cpu_set_t set;
	int count = sched_getaffinity(0, sizeof(set), &set) ? 1 : CPU_COUNT(&set);

	return count < 1 ? 1 : count > MOST ? MOST : count;
}
