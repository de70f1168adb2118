/* See sandbox.h. */
#include "process/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sockios.h>
#include <malloc.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "process/child.h"

#define USER "pvferry"
enum { NOBODY = 65534, FDS_MOST = 64 };
/* Of the heap. The latter is what a reader may hold at once: INPUT_MOST_BYTES in stream/format.h. */
enum { OWN_MAPPING_BYTES = 8 << 20, FREE_MOST_BYTES = 32 << 20 };

/* The sanitizers reserve terabytes of address space, and no memory. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool is_sanitized = true;
#else
static const bool is_sanitized;
#endif

/* --- the user -------------------------------------------------------------- */

/* The kernel forgets the signal of a parent's death when the user changes. */
static int keep_death_signal(int death_signal, pid_t parent)
{
	if (!death_signal)
		return 0;
	if (prctl(PR_SET_PDEATHSIG, death_signal))
		return fail_errno("cannot ask for the signal of the parent's death");
	return getppid() == parent ? 0 : fail(ECHILD, "the parent process died");
}

static int drop_user(void)
{
	const struct passwd *user = getpwnam(USER);
	uid_t uid = user ? user->pw_uid : NOBODY;
	gid_t gid = user ? user->pw_gid : NOBODY;

	if (geteuid())
		return 0;
	if (!uid || !gid)
		return fail(EPERM, "the user \"" USER "\" must not be root, nor of root's group");
	/* EINVAL: a user namespace that has no such user, so its root is not the host's. */
	if (setresgid(gid, gid, gid))
		return errno == EINVAL ? 0 : fail_errno("cannot become the group %u", gid);
	if (setgroups(0, NULL) || setresuid(uid, uid, uid))
		return fail_errno("cannot become the user %u", uid);
	return 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capset, &header, none))
		return fail_errno("cannot drop the capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0))
		return fail_errno("cannot renounce privileges");
	return 0;
}

static int drop_privileges(void)
{
	pid_t parent = getppid();
	int death_signal = 0, rc;

	prctl(PR_GET_PDEATHSIG, &death_signal);
	rc = drop_user();
	if (!rc)
		rc = keep_death_signal(death_signal, parent);
	return rc ? rc : drop_capabilities();
}

/* --- what it holds --------------------------------------------------------- */

static int close_others(const struct sandbox *sandbox)
{
	unsigned int first = STDERR_FILENO + 1;

	for (size_t i = 0; i < sandbox->keep_count; i++) {
		unsigned int fd = sandbox->keep[i];

		if (sandbox->keep[i] < 0 || fd < first)
			continue;
		if (fd > first && close_range(first, fd - 1, 0))
			return fail_errno("cannot close descriptors");
		first = fd + 1;
	}
	return close_range(first, ~0U, 0) ? fail_errno("cannot close descriptors") : 0;
}

static int limit(int resource, rlim_t most)
{
	struct rlimit old, limit = { most, most };

	if (getrlimit(resource, &old))
		return fail_errno("cannot read a limit");
	if (limit.rlim_max > old.rlim_max) /* only a privileged process may raise it */
		limit.rlim_cur = limit.rlim_max = old.rlim_max;
	return setrlimit(resource, &limit) ? fail_errno("cannot set a limit") : 0;
}

/* Bytes of address space in use; 0 if the kernel does not say. */
static size_t mapped_bytes(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file && fscanf(file, "%lu", &pages) != 1)
		pages = 0;
	if (file)
		fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}

static bool is_file(int fd)
{
	struct stat facts;

	return !fstat(fd, &facts) && S_ISREG(facts.st_mode);
}

static int set_limits(const struct sandbox *sandbox)
{
	size_t mapped = sandbox->memory_bytes && !is_sanitized ? mapped_bytes() : 0;
	int rc = limit(RLIMIT_CORE, 0);

	/* Each thread would reserve 64 MiB for an arena of its own, which counts as address space. */
	mallopt(M_ARENA_MAX, 1);
	/* Each frame takes and frees buffers. To fault memory in again costs more than to fill it, so freed memory stays. */
	mallopt(M_MMAP_THRESHOLD, OWN_MAPPING_BYTES);
	mallopt(M_TRIM_THRESHOLD, FREE_MOST_BYTES);
	if (!rc)
		rc = limit(RLIMIT_NOFILE, FDS_MOST + sandbox->keep_count);
	/* A person may have sent what is said to a file. */
	if (!rc && !sandbox->writes_file && !is_file(STDOUT_FILENO) && !is_file(STDERR_FILENO))
		rc = limit(RLIMIT_FSIZE, 0);
	if (!rc && mapped)
		rc = limit(RLIMIT_AS, mapped + sandbox->memory_bytes);
	return rc;
}

/* --- the filter ------------------------------------------------------------ */

/* Whatever the arguments: these reach nothing but descriptors and memory that the process has. */
static const int plain_calls[] = {
	SCMP_SYS(read),		 SCMP_SYS(readv),	 SCMP_SYS(pread64),
	SCMP_SYS(write),	 SCMP_SYS(writev),	 SCMP_SYS(lseek),
	SCMP_SYS(close),	 SCMP_SYS(fstat),	 SCMP_SYS(poll),
	SCMP_SYS(ppoll),	 SCMP_SYS(eventfd2),	 SCMP_SYS(exit),
	SCMP_SYS(munmap),	 SCMP_SYS(mremap),	 SCMP_SYS(madvise),
	SCMP_SYS(brk),		 SCMP_SYS(futex),	 SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),		 SCMP_SYS(sched_yield),	 SCMP_SYS(sched_getaffinity),
	SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),	 SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),	 SCMP_SYS(sigaltstack),	 SCMP_SYS(restart_syscall),
	SCMP_SYS(getpid),	 SCMP_SYS(gettid),	 SCMP_SYS(getppid),
	SCMP_SYS(getrandom),	 SCMP_SYS(sysinfo),	 SCMP_SYS(exit_group),
};

static const int socket_calls[] = {
	SCMP_SYS(sendto), SCMP_SYS(sendmsg), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(shutdown),
};

static int allow(scmp_filter_ctx filter, int call)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
}

/* With one argument that must have a value, after a mask. */
static int allow_if(scmp_filter_ctx filter, int call, unsigned int argument, uint64_t mask, uint64_t value)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
				SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, mask, value));
}

static int allow_all(scmp_filter_ctx filter, const int *calls, size_t count)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < count; i++)
		rc = allow(filter, calls[i]);
	return rc;
}

/*
 * Threads, but no processes; memory, but none that is run. clone3() hides its arguments from a
 * filter: as the kernel of a container does, it says that it does not exist, and glibc takes clone().
 */
static int allow_limited(scmp_filter_ctx filter)
{
	static const uint64_t requests[] = { TCGETS, TIOCGWINSZ, FIONREAD };
	static const int flags[] = { F_GETFD, F_GETFL, F_SETFL };
	int rc = allow_if(filter, SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD);

	if (!rc)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (!rc)
		rc = allow_if(filter, SCMP_SYS(mmap), 2, PROT_EXEC, 0);
	if (!rc)
		rc = allow_if(filter, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
	/* fstat(), as glibc calls it; with a path in it, it shows no more than sizes and times. */
	if (!rc)
		rc = allow_if(filter, SCMP_SYS(newfstatat), 3, UINT32_MAX, AT_EMPTY_PATH);
	/* abort() and raise(), and no signal to another process of the same user. */
	if (!rc)
		rc = allow_if(filter, SCMP_SYS(tgkill), 0, UINT32_MAX, getpid());
	/* budget.h: its own limit, and no higher than it was allowed before. */
	if (!rc)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
				      SCMP_CMP(0, SCMP_CMP_MASKED_EQ, UINT32_MAX, 0),
				      SCMP_CMP(1, SCMP_CMP_MASKED_EQ, UINT32_MAX, RLIMIT_DATA));
	for (size_t i = 0; !rc && i < sizeof(requests) / sizeof(*requests); i++)
		rc = allow_if(filter, SCMP_SYS(ioctl), 1, UINT32_MAX, requests[i]);
	for (size_t i = 0; !rc && i < sizeof(flags) / sizeof(*flags); i++)
		rc = allow_if(filter, SCMP_SYS(fcntl), 1, UINT32_MAX, flags[i]);
	return rc;
}

static int allow_sockets(scmp_filter_ctx filter)
{
	int rc = allow_all(filter, socket_calls, sizeof(socket_calls) / sizeof(*socket_calls));

	return rc ? rc : allow_if(filter, SCMP_SYS(ioctl), 1, UINT32_MAX, SIOCOUTQ);
}

static int set_filter(const struct sandbox *sandbox)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = filter ? 0 : -ENOMEM;

	if (!rc)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (!rc)
		rc = allow_all(filter, plain_calls, sizeof(plain_calls) / sizeof(*plain_calls));
	if (!rc)
		rc = allow_limited(filter);
	if (!rc && sandbox->uses_sockets)
		rc = allow_sockets(filter);
	if (!rc)
		rc = seccomp_load(filter);
	if (filter)
		seccomp_release(filter);
	return rc ? fail(-rc, "cannot set a filter for system calls: %s", strerror(-rc)) : 0;
}

/*
 * OpenSSL asks for the time zone when it checks a certificate, and the C library
 * would look for the zone's file each time: open() is what the filter kills for.
 */
static void fix_time_zone(void)
{
	setenv("TZ", "UTC0", 1);
	tzset();
}

int sandbox_enter(const struct sandbox *sandbox)
{
	int rc = close_others(sandbox);

	child_unshare_others(sandbox->shared);
	fix_time_zone();
	if (!rc)
		rc = drop_privileges();
	if (!rc)
		rc = set_limits(sandbox);
	return rc ? rc : set_filter(sandbox);
}
