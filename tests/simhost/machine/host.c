/*
 * Makes a machine's file and maps it.  The file is sparse: a host of many GiB
 * costs what its guests touch.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cpu-policy.h"
#include "domain.h"
#include "frames.h"
#include "host.h"

#define MAGIC "simhost"

enum { VERSION = 2, XEN_FRAMES = 512, MIB_FRAMES = 256 };

static uint64_t round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

static void init_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

/* Xen keeps the first extent and the two machine-to-phys tables at the end. */
static void reserve_for_xen(struct host *host)
{
	struct machine *machine = host->machine;

	machine->xen_tables = 1;
	frames_reserve(host, 0, XEN_FRAMES);
	frames_reserve(host, machine->m2p, machine->m2p_frames);
	frames_reserve(host, machine->compat_m2p, machine->compat_m2p_frames);
	memset(host_m2p(host), 0xff, machine->nr_frames * sizeof(uint64_t));
	memset(host_page(host, machine->compat_m2p), 0xff, machine->nr_frames * 4);
}

static void lay_out(struct machine *machine, const struct host_options *options)
{
	uint64_t guest_frames = round_up(options->mem_mib * MIB_FRAMES, EXTENT_FRAMES);
	uint64_t all = guest_frames + XEN_FRAMES;
	uint64_t m2p = round_up(all / 512 + all / 1024 + 3 * EXTENT_FRAMES, EXTENT_FRAMES);

	machine->nr_frames = all + m2p;
	machine->m2p_frames = round_up(machine->nr_frames / 512, EXTENT_FRAMES);
	machine->compat_m2p_frames = round_up(machine->nr_frames / 1024, EXTENT_FRAMES);
	machine->m2p = all;
	machine->compat_m2p = all + machine->m2p_frames;
	machine->nr_frames = machine->compat_m2p + machine->compat_m2p_frames;
	machine->header.frames_at = round_up(sizeof(*machine), 2 << 20);
	machine->header.memory_at = machine->header.frames_at +
				    round_up(machine->nr_frames * sizeof(struct frame), 2 << 20);
	machine->header.file_bytes = machine->header.memory_at + machine->nr_frames * PAGE_BYTES;
}

static int write_header(int fd, const struct host_options *options)
{
	struct machine *machine;
	int err = 0;

	if (ftruncate(fd, sizeof(*machine)))
		return -errno;
	machine = mmap(NULL, sizeof(*machine), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (machine == MAP_FAILED)
		return -errno;
	lay_out(machine, options);
	init_lock(&machine->lock);
	for (unsigned i = 0; i < DOMAINS_MAX; i++)
		init_lock(&machine->stepping[i]);
	machine->header.version = VERSION;
	snprintf(machine->xen, sizeof(machine->xen), "%s", options->xen);
	machine->has_shadow = options->has_shadow;
	machine->has_pv32 = options->has_pv32;
	machine->flask = options->flask;
	machine->poison = options->poison;
	machine->scatter = options->scatter;
	snprintf(machine->command_line, sizeof(machine->command_line), "%s",
		 options->command_line ? options->command_line : "");
	machine->random = options->seed * 0x9e3779b97f4a7c15ul + 1;
	strcpy(machine->header.magic, MAGIC);
	if (machine->nr_frames / EXTENT_FRAMES > EXTENTS_MAX)
		err = -EFBIG;
	else if (ftruncate(fd, machine->header.file_bytes))
		err = -errno;
	else if (options->allocate)
		err = -posix_fallocate(fd, 0, machine->header.file_bytes);
	munmap(machine, sizeof(*machine));
	return err;
}

int host_create(const char *path, const struct host_options *options)
{
	char file[PATH_MAX + 16];
	struct host host;
	int fd, err;

	if (mkdir(path, 0755) && errno != EEXIST)
		return -errno;
	snprintf(file, sizeof(file), "%s/machine", path);
	fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	err = write_header(fd, options);
	close(fd);
	if (!err)
		err = host_attach(&host, path);
	if (err)
		return err;
	host_lock(&host);
	domain_init_table(&host);
	frames_init(&host);
	reserve_for_xen(&host);
	cpu_policy_init_host(&host);
	err = domain_create_privileged(&host);
	domain_set_privileged_frames(&host, options->domain_0_mib * MIB_FRAMES);
	host_unlock(&host);
	host_detach(&host);
	return err;
}

static int map_machine(struct host *host)
{
	struct machine_header header;
	uint8_t *base;

	if (pread(host->fd, &header, sizeof(header), 0) != sizeof(header) || strcmp(header.magic, MAGIC) ||
	    header.version != VERSION)
		return -EINVAL;
	base = mmap(NULL, header.file_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, host->fd, 0);
	if (base == MAP_FAILED)
		return -errno;
	host->machine = (void *)base;
	host->frames = (void *)(base + header.frames_at);
	host->memory = base + header.memory_at;
	return 0;
}

int host_attach(struct host *host, const char *path)
{
	char file[PATH_MAX + 16];
	int err;

	memset(host, 0, sizeof(*host));
	snprintf(host->path, sizeof(host->path), "%s", path);
	snprintf(file, sizeof(file), "%s/machine", path);
	host->fd = open(file, O_RDWR | O_CLOEXEC);
	if (host->fd < 0)
		return -errno;
	err = map_machine(host);
	if (err)
		close(host->fd);
	return err;
}

void host_detach(struct host *host)
{
	munmap(host->machine, host->machine->header.file_bytes);
	close(host->fd);
	host->machine = NULL;
}

void host_lock(struct host *host)
{
	if (pthread_mutex_lock(&host->machine->lock) == EOWNERDEAD) {
		host->machine->deaths_inside++;
		pthread_mutex_consistent(&host->machine->lock);
	}
}

void host_unlock(struct host *host)
{
	pthread_mutex_unlock(&host->machine->lock);
}

bool host_try_stepping(struct host *host, unsigned slot)
{
	int err = pthread_mutex_trylock(&host->machine->stepping[slot]);

	if (err == EOWNERDEAD)
		pthread_mutex_consistent(&host->machine->stepping[slot]);
	return !err || err == EOWNERDEAD;
}

void host_end_stepping(struct host *host, unsigned slot)
{
	pthread_mutex_unlock(&host->machine->stepping[slot]);
}

uint64_t host_random(struct host *host, uint64_t bound)
{
	uint64_t x = host->machine->random += 0x9e3779b97f4a7c15ul;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ul;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebul;
	return (x ^ (x >> 31)) % bound;
}
