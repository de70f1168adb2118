/*
 * The simulated machine: everything a hypervisor would know, in one file that
 * all processes of a host map shared.  Nothing in it is a pointer; what is not
 * in it does not exist.  Every field is guarded by machine.lock.
 */
#ifndef SIMHOST_MACHINE_H
#define SIMHOST_MACHINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/version.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>
#include <xen/foreign/x86_32.h>
#include <xen/foreign/x86_64.h>

#define PAGE_BYTES 4096ul
#define NO_FRAME   (~0ul)

enum {
	DOMAINS_MAX = 64,
	VCPUS_MAX = 128,
	PORTS_MAX = 1024,
	GRANT_FRAMES_MAX = 64,
	GDT_FRAMES_MAX = 16,
	POLICY_LEAVES_MAX = 112, /* room for all that libxenguest writes, and no more than it reads */
	POLICY_MSRS_MAX = 4,
	DIRTY_PFNS_MAX = 4 << 20,
	EXTENTS_MAX = 32768,
	EXTENT_FRAMES = 512,
	XSAVE_BYTES = 832,
	SHADOW_ROOTS = 6,
	SHADOW_PINS = 2,
};

enum frame_type {
	FRAME_NONE,
	FRAME_L1,
	FRAME_L2,
	FRAME_L3,
	FRAME_L4,
	FRAME_L2_XEN, /* the level 2 of a 32-bit guest that also holds Xen's slots */
	FRAME_GDT,
	FRAME_WRITABLE,
};

enum frame_flags {
	FRAME_ALLOCATED = 1, /* the owner itself holds one of the references */
	FRAME_VALIDATED = 2,
	FRAME_PINNED = 4,
	FRAME_XEN_HEAP = 8, /* Xen's own, shared with the owner */
	FRAME_BROKEN = 16,
	FRAME_SHADOWED_USER = 32,   /* a table some shadow was made from, of user */
	FRAME_SHADOWED_KERNEL = 64, /* or of kernel addresses */
};

struct frame {
	uint32_t refs; /* 0: free */
	uint32_t type_refs;
	uint16_t owner; /* domid, DOMID_XEN for Xen itself */
	uint8_t type;
	uint8_t flags;
	uint32_t unused;
};

struct extent {
	uint64_t used[EXTENT_FRAMES / 64];
	uint32_t nr_free;
	uint32_t reserved; /* not for the allocator at all */
};

enum port_state { PORT_CLOSED, PORT_UNBOUND, PORT_INTERDOMAIN, PORT_VIRQ };

struct port {
	uint8_t state;
	bool masked; /* of ports that a process has bound: as /dev/xen/evtchn */
	bool pending;
	uint16_t remote_domid;
	uint32_t remote_port;
	uint32_t virq;
	uint32_t vcpu;
	uint32_t pid; /* the process and its handle that hear of it, or 0 */
	uint32_t handle;
};

struct vcpu {
	bool initialised;
	bool online;
	uint64_t root; /* the 64-bit level 4 or the 32-bit level 3; 0: none */
	uint64_t user_root;
	union {
		vcpu_guest_context_x86_64_t x64;
		vcpu_guest_context_x86_32_t x32;
	} context;
	struct xen_domctl_ext_vcpucontext ext;
	uint64_t xcr0, xcr0_accum;
	uint8_t xsave[XSAVE_BYTES];
	uint64_t misc_features, tsc_aux, dr_mask[4];
	uint64_t run_ns;
	uint64_t affinity[2]; /* hard, soft: a bit for each processor; as asked, 0: all */
};

struct shadow_root {
	uint64_t guest_root; /* mfn; 0: not in use */
	uint64_t top;	     /* mfn of our own top table */
	uint64_t last_used;
	bool user;
};

struct shadow_counts {
	uint64_t fills, evictions, user_flushes, full_flushes;
};

struct shadow {
	struct shadow_root roots[SHADOW_ROOTS];
	uint64_t clock, nr_frames, max_frames;
	uint64_t pinned[SHADOW_PINS]; /* addresses that are always there; 0: none */
	struct shadow_counts counts;
};

struct cpu_policy_data {
	uint32_t nr_leaves, nr_msrs;
	xen_cpuid_leaf_t leaves[POLICY_LEAVES_MAX];
	xen_msr_entry_t msrs[POLICY_MSRS_MAX];
};

struct domain {
	bool exists, dying, looked_at, created, shutdown, is_32bit, log_dirty, privileged;
	uint16_t domid;
	uint8_t shutdown_code;
	uint32_t pause_count; /* by control software */
	xen_domain_handle_t handle;
	uint32_t ssidref, flags, max_vcpus, nr_vcpus, max_port;
	struct xen_arch_domainconfig arch;
	uint64_t max_pages, tot_pages, heap_pages, memmap_limit;
	uint64_t shared_info; /* mfn */
	uint64_t vm_assist;
	uint32_t max_grant_frames, nr_grant_frames, grant_version;
	uint64_t grant_frames[GRANT_FRAMES_MAX];
	uint32_t tsc_mode, tsc_khz, tsc_incarnation;
	uint64_t tsc_nsec;
	uint32_t suspend_port;
	uint16_t weight, cap; /* the scheduler's */
	uint64_t dirty_count;
	struct shadow shadow;
	struct cpu_policy_data policy;
	struct port ports[PORTS_MAX];
	struct vcpu vcpus[VCPUS_MAX];
	uint64_t dirty[DIRTY_PFNS_MAX / 64];
};

/* What has to be known to map the rest. */
struct machine_header {
	char magic[8];
	uint64_t version;
	uint64_t frames_at, memory_at, file_bytes; /* offsets in the file */
};

struct machine {
	struct machine_header header;
	uint64_t nr_frames;
	pthread_mutex_t lock;
	pthread_mutex_t stepping[DOMAINS_MAX]; /* held by whoever runs that guest */
	uint64_t deaths_inside;		       /* processes that died holding the lock */
	char xen[16];			       /* the release it says it is */
	char command_line[64];		       /* that it was started with */
	bool has_shadow;		       /* log-dirty exists */
	bool has_pv32;
	uint32_t flask;	  /* the number of its first label of its own; 0: no FLASK */
	bool poison;	  /* frames are handed out full of 0xc2, not zeroes */
	uint32_t scatter; /* per cent of single frames taken from anywhere */
	uint64_t random;
	uint64_t m2p, m2p_frames, compat_m2p, compat_m2p_frames;
	uint64_t xen_tables; /* a frame of Xen's that its page-table slots name */
	uint64_t nr_free, nr_extents, open_extent;
	uint64_t out_of_memory_below; /* allocation fails once so few are free */
	uint16_t last_domid;
	uint16_t domids[DOMAINS_MAX]; /* of domains[], DOMID_INVALID where none is */
	struct cpu_policy_data policy;
	struct extent extents[EXTENTS_MAX];
	struct domain domains[DOMAINS_MAX];
};

#endif
