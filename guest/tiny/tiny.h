/* What the kernel's files offer each other, file by file, in the order in which they start. */
#ifndef TINY_H
#define TINY_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hypercall.h"
#include "layout.h"

enum {
	PAGE_BYTES = 4096,
	TABLE_SLOTS = 512,
	MAX_VCPUS = 8,
};

#define PAGE_ALIGNED __attribute__((aligned(PAGE_BYTES)))
#define ONCE(x)	     (*(volatile __typeof__(x) *)&(x))

static inline void relax(void)
{
	asm volatile("pause" ::: "memory");
}

/* --- text.c --- */
void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *to, int value, size_t bytes);
size_t strlen(const char *text);
bool text_equal(const char *a, const char *b);
/* Knows %s %c %d %u %x, with l, and %%; always ends the text, which is cut to fit. */
size_t format_list(char *to, size_t bytes, const char *format, va_list list);
__attribute__((format(printf, 3, 4))) size_t format(char *to, size_t bytes, const char *format, ...);

/* --- start.c --- */
extern struct start_info *start_info;
/* The value of name=VALUE on the command line, "" if it is not there. Good until the next call. */
const char *option(const char *name);
uint64_t option_number(const char *name, uint64_t otherwise);

/* --- console.c --- */
void console_connect(void); /* at the start, and after every resume */
void console_disconnect(void);
__attribute__((format(printf, 1, 2))) void print(const char *format, ...);
/* Says why, and has Xen end the domain as crashed. */
__attribute__((format(printf, 1, 2), noreturn)) void panic(const char *format, ...);
/* A line that was typed, or NULL if there is none yet. */
const char *console_line(void);
bool console_pending(void);

/* --- traps.c --- */
struct frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	uint64_t number, error, rip, cs, rflags, rsp, ss;
};

/* 20 exceptions and an end mark; table has room for 256. */
void traps_fill(struct trap_info *table);
void traps_connect(void); /* of this vCPU: exceptions, upcalls, system calls, stack */
bool probe_write(void *at);

/* --- events.c --- */
typedef void event_fn(void);
extern struct shared_info *shared_info;

/* From here on the page is Xen's of this name; entry is its machine address, 0 to let go of it. */
void shared_info_map(uint64_t machine);
/* No port has a handler any more. */
void events_forget(void);
void events_bind(unsigned int port, unsigned int vcpu, event_fn *handler);
unsigned int events_bind_virq(unsigned int virq, unsigned int vcpu, event_fn *handler);
unsigned int events_bind_ipi(unsigned int vcpu, event_fn *handler);
void events_notify(unsigned int port);
void events_upcall(void);
/* The upcall mask of this vCPU. events_close says whether it was open. */
bool events_close(void);
void events_open(void);
void events_restore(bool open);
/* Sleep until an event comes; opens. Called closed, so that none is missed. */
void events_block(void);

#define wait_until(condition) \
	do { \
		while (events_close(), !(condition)) \
			events_block(); \
		events_open(); \
	} while (0)

/* Held with events closed, so that who waits for a lock never waits for a parked vCPU. */
struct lock {
	uint32_t taken;
};
bool lock(struct lock *lock);
void unlock(struct lock *lock, bool open);

/* --- clock.c --- */
uint64_t now_ns(void);
void clock_connect(unsigned int vcpu);
/* This vCPU gets an event then. */
void clock_wake_at(uint64_t ns);
void clock_sleep(
	uint64_t ns); /* shorter if the domain is suspended meanwhile, for then the time is another */

/* --- vcpu.c --- */
struct stack {
	uint64_t vcpu;
	uint64_t user_sp;
};

struct call {
	void (*request)(void *);
	void *argument;
	bool done;
};

struct vcpu {
	bool exists, up, parked, leave;
	unsigned int port;
	struct mm *mm;	   /* loaded */
	struct call *call; /* what another vCPU asks of this one */
};

extern struct vcpu vcpus[MAX_VCPUS];
extern char stacks[MAX_VCPUS][STACK_BYTES];

static inline unsigned int this_vcpu(void)
{
	uint64_t sp;

	asm("mov %%rsp, %0" : "=r"(sp));
	return ((struct stack *)(sp & -STACK_BYTES))->vcpu;
}

void vcpus_find(void);
void vcpus_connect(void); /* all that are up get their events, and a timer */
void vcpu_bring_up(unsigned int vcpu);
void vcpu_take_down(unsigned int vcpu);
/* Have another one, or this one, call it; returns when that is done. */
void vcpu_call(unsigned int vcpu, void (*request)(void *), void *argument);
/* All others stop in their upcall, events closed, and do there what vcpu_call() asks, but no more. */
void vcpus_park(void);
void vcpus_release(void);
unsigned int vcpus_up(void);

/* --- pages.c --- */
struct page {
	uint16_t refs; /* owner, entries of tables */
	uint16_t
		holds; /* reasons to be read-only: pinned or loaded tables it belongs to, descriptors in it */
};

extern struct page *pages; /* of pfns below page_count */
extern uint64_t page_count;

static inline void *virt(uint64_t pfn)
{
	return (void *)(BASE + pfn * PAGE_BYTES);
}

static inline uint64_t pfn_of(const void *at)
{
	return ((uint64_t)at - BASE) / PAGE_BYTES;
}

void pages_init(uint64_t first_free, uint64_t mapped_end);
void pages_add(uint64_t first, uint64_t end);
uint64_t page_alloc(void); /* zeroed, one reference; never fails */
bool page_try_alloc(uint64_t *pfn);
void page_get(uint64_t pfn);
void page_put(uint64_t pfn);
uint64_t pages_free(void);

/* --- p2m.c, p2m-lists.c, p2m-linear.c --- */
#define INVALID	    (~0ul)
#define P2M_FOREIGN (1ul << 63) /* the frame is not ours */

enum { P2M_SPAN = TABLE_SLOTS, P2M_LIST_SPAN = TABLE_SLOTS * TABLE_SLOTS };

extern uint64_t p2m_count; /* what is published as max_pfn */

void p2m_init(const uint64_t *mfns, uint64_t count);
uint64_t p2m_get(uint64_t pfn); /* as it stands: INVALID, or with P2M_FOREIGN */
void p2m_set(uint64_t pfn, uint64_t mfn);
uint64_t mfn_of(uint64_t pfn);
/* INVALID if the frame is not ours, by Xen's map and by our own. */
uint64_t m2p_get(uint64_t mfn);
void p2m_publish(void); /* at the start, and after every resume */
/* The leaf of a pfn moves to another frame. False if it is the missing one. */
bool p2m_move_leaf(uint64_t pfn);
/* What stands in the tree and in the lists beside it: number of differences. */
uint64_t p2m_check(void);

uint64_t *p2m_leaf(uint64_t pfn); /* the missing one included */
uint64_t *p2m_missing_leaf(void);
void p2m_lists_rebuild(void);
void p2m_lists_set(uint64_t pfn, const uint64_t *leaf);
uint64_t p2m_lists_frame(void);
uint64_t p2m_lists_check(void);
void p2m_linear_set(uint64_t pfn, uint64_t *leaf);
void p2m_linear_publish(void);
uint64_t p2m_linear_check(void);
bool p2m_is_linear(void), p2m_is_list(void);

/* --- batch.c: all with mm_lock held --- */
struct batch_figures {
	uint64_t hypercalls, updates, operations;
};

extern struct batch_figures batch_figures;

void batch_entry(uint64_t *slot, uint64_t value);
void batch_m2p(uint64_t mfn, uint64_t pfn);
void batch_operation(unsigned int command, uint64_t argument);
void batch_flush(void); /* panics if Xen refuses anything */

/* --- tables.c --- */
enum {
	PRESENT = 1,
	WRITABLE = 2,
	USER = 4,
	ACCESSED = 0x20,
	DIRTY = 0x40,
	KERNEL_READ = PRESENT | USER | ACCESSED,
	KERNEL_WRITE = KERNEL_READ | WRITABLE | DIRTY,
};

enum { ROOT = 4, KERNEL_FIRST_SLOT = 272 };

struct range {
	unsigned int first, end; /* slots of the root */
};

extern const struct range user_slots, kernel_slots;
typedef void table_fn(uint64_t *table, unsigned int level, void *context);

uint64_t entry(uint64_t pfn, uint64_t flags);
uint64_t entry_mfn(uint64_t entry);
uint64_t *entry_table(uint64_t entry);
unsigned int slot_number(uint64_t va, unsigned int level);
/* The walker: every table page once for each entry that leads there, the lower ones first. */
void tables_walk(uint64_t *root, struct range slots, table_fn *visit, void *context);
/* The slot of level 1; NULL if a table is missing. */
uint64_t *tables_find(uint64_t *root, uint64_t va);
/* Writes it, or has Xen write it if the table is read-only. */
void slot_set(uint64_t *slot, uint64_t value);
void page_hold(uint64_t pfn);
void page_drop(uint64_t pfn);

/* --- mm.c --- */
struct mm {
	uint64_t *root, *user_root; /* the user's has the same slots below the kernel's, and no others */
	unsigned int holders;	    /* a pin, and each vCPU it is loaded on */
	bool pinned, pinned_for_save;
	struct mm *next;
};

struct mm_figures {
	uint64_t spaces, tables, pinned_for_save, hypercalls, ns;
};

extern struct mm kernel_mm;
extern struct lock mm_lock;
extern struct mm_figures mm_pinning, mm_unpinning; /* of the last suspend */

void mm_init(uint64_t *root);
struct mm *mm_new(void);
/* Off every vCPU, unpinned, its tables freed; with them go references to pages it maps. */
void mm_destroy(struct mm *mm);
void mm_map(struct mm *mm, uint64_t va, uint64_t pfn, uint64_t flags);
/* Puts any entry, also 0; no reference is taken or given. For the kernel's half, and for foreign frames. */
void mm_set_entry(struct mm *mm, uint64_t va, uint64_t value);
void mm_map_kernel(uint64_t first, uint64_t end); /* these pfns, where virt() has them */
/* pfn mapped there, INVALID if none. */
uint64_t mm_frame(struct mm *mm, uint64_t va);
/* The table that holds va's slot of this level is named by both from now on. */
void mm_share(struct mm *mm, struct mm *with, uint64_t va, unsigned int level);
void mm_pin(struct mm *mm);
void mm_unpin(struct mm *mm);
void mm_load(struct mm *mm); /* on this vCPU; kernel_mm to let go */
void mm_unload_everywhere(struct mm *mm);
void mm_pin_all(void);
void mm_unpin_all(void);
/* Tables below it, both roots counted. */
uint64_t mm_tables(struct mm *mm);
uint64_t mm_count(void);

/* --- user.c --- */
enum { USER_TEXT_VA = 0x400000 };
/* Makes the program runnable there. */
void user_map_text(struct mm *mm);
/* In user mode, on this vCPU's loaded mm: count times the sum of the page at va. */
uint64_t user_sum(uint64_t va, uint64_t count);

/* --- store.c --- */
void store_connect(void); /* also watches control/shutdown */
bool store_read(const char *path, char *value, size_t bytes);
bool store_write(const char *path, const char *value);
void store_listen(void); /* takes what came without being asked for */
bool store_pending(void);
extern bool store_watch_fired;

/* --- suspend.c --- */
/* Returns when the domain goes on, here or elsewhere; others are still parked. True if it was cancelled. */
bool suspend(void);
void shut_down(unsigned int reason) __attribute__((noreturn));
extern unsigned int suspend_round; /* how often it went on */

/* --- balloon.c --- */
void balloon_out(uint64_t pfn);		    /* its frame goes back to Xen */
bool balloon_in(uint64_t pfn);		    /* and another one comes; false if Xen has none */
void page_move(uint64_t from, uint64_t to); /* a frame gets another pfn, perhaps beyond the last */

/* --- scenario.c; for scenarios there is scenario.h --- */
void scenario_start(void);
void scenario_check(bool cancelled);
void scenario_work(unsigned int vcpu);
void scenario_leave(void);
bool scenario_works(void);

#endif
