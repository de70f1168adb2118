/*
 * A guest to break rules with, and the toolstack's and the guest's own ways to call.
 */
#ifndef SIMHOST_RULES_H
#define SIMHOST_RULES_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>
#include <xenctrl.h>
#include <xenforeignmemory.h>

#include "../calls/call.h"
#include "../guest/build.h"
#include "../machine/domain.h"
#include "../machine/frames.h"
#include "../machine/pte.h"
#include "../machine/types.h"

struct rules {
	struct host host;
	struct built built;
	struct domain *domain; /* of the guest, as the machine has it */
	struct guest_state *state;
	xc_interface *xch;
	xenforeignmemory_handle *fmem;
};

extern struct rules rules;

/* A guest of 8 MiB, stopped, on the host that SIMHOST names: 64-bit unless that is set. */
extern bool rules_want_32bit;
int rules_setup(void **state);
int rules_teardown(void **state);

/* One domctl on the guest, as the toolstack makes it: 0 or -errno. */
int rules_domctl(struct xen_domctl *op);

/* A call of the guest's own, which need not run for it. */
long rules_guest_call(unsigned op, void *a0, uint64_t a1, uint64_t a2, uint64_t a3);

/* One mmuext_op, by the toolstack on the guest: 0 or -errno. */
int rules_mmuext(unsigned cmd, uint64_t mfn);

/* The guest's frame of a pfn; a data page that nothing maps writable; the error that
 * mapping one frame gives, 0 leaving it mapped at *at. */
uint64_t rules_mfn(uint64_t pfn);
uint64_t rules_plain_page(unsigned number);
int rules_map(uint32_t domid, int prot, uint64_t mfn, void **at);

/* Sum over the frame table: counts that are as they were give the same. */
uint64_t rules_counts(void);

#endif
