/*
 * vCPU state as bytes, the TSC, the CPU policy: fetched and put back as Xen has them. Frame numbers in it are the
 * machine's, and are translated in machine/vcpu.c. In: a vCPU's number and a kind of state. Out: bytes, as many as Xen
 * says there are. The trap: only of a paused or suspended domain do the four kinds belong together.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "stream/format.h"
#include "xen/internal.h"
#include "xen/layout.h"

static const char *const state_names[VCPU_STATES] = { "context", "extended context", "XSAVE state", "MSRs" };

/*
 * One that is offline has no records in the image, as libxenguest leaves them out, too. Of one that was never brought up there would be none to
 * have: Xen answers ENODATA for a vCPU that was not initialised.
 */
int domain_vcpu_is_online(struct domain *domain, unsigned int vcpu, bool *online)
{
	xc_vcpuinfo_t info;

	if (xc_vcpu_getinfo(xc_of(domain), domain->id, vcpu, &info))
		return fail_errno("vcpu %u: cannot ask whether it is online", vcpu);
	*online = info.online;
	return 0;
}

/* The size is that of the guest's width, not of the union: so many bytes the record has, and libxc insists on them. */
static int get_basic(struct domain *domain, unsigned int vcpu, void **state, size_t *bytes)
{
	vcpu_guest_context_any_t *context = calloc(1, sizeof(*context));
	unsigned int width;
	int rc = domain_width(domain, &width);

	*state = context;
	if (!context)
		return fail(ENOMEM, "out of memory");
	if (rc)
		return rc;
	*bytes = layout_of(width)->vcpu.bytes;
	if (xc_vcpu_getcontext(xc_of(domain), domain->id, vcpu, context))
		return fail_errno("vcpu %u: cannot fetch its context", vcpu);
	return 0;
}

static struct xen_domctl vcpu_domctl(struct domain *domain, uint32_t command)
{
	return (struct xen_domctl){
		.cmd = command,
		.interface_version = XEN_DOMCTL_INTERFACE_VERSION,
		.domain = domain->id,
	};
}

/* What the basic context lacks: the guest's entry points for syscall and sysenter of 32-bit code, and its machine-check state. */
static int get_extended(struct domain *domain, unsigned int vcpu, void **state, size_t *bytes)
{
	struct xen_domctl domctl = vcpu_domctl(domain, XEN_DOMCTL_get_ext_vcpucontext);

	domctl.u.ext_vcpucontext.vcpu = vcpu;
	if (xc_domctl(xc_of(domain), &domctl))
		return fail_errno("vcpu %u: cannot fetch its extended context", vcpu);
	*bytes = domctl.u.ext_vcpucontext.size;
	/* A later Xen may have more of it than the header that this was built with. */
	if (*bytes > sizeof(domctl.u.ext_vcpucontext))
		return fail(EMSGSIZE, "vcpu %u: an extended context of %zu bytes", vcpu, *bytes);
	*state = malloc(sizeof(domctl.u.ext_vcpucontext));
	if (!*state)
		return fail(ENOMEM, "out of memory");
	memcpy(*state, &domctl.u.ext_vcpucontext, *bytes);
	return 0;
}

/* Xen's buffer begins with xcr0 and xcr0_accum, as the record does: its bytes go to and fro as they are. */
static void point_xsave(struct xen_domctl *domctl, unsigned int vcpu, uint64_t bytes)
{
	domctl->u.vcpuextstate.vcpu = vcpu;
	domctl->u.vcpuextstate.size = bytes;
}

/*
 * Asked twice: a call without a buffer says how much there is. Nothing where the vCPU has no XSAVE, and then no record.
 */
static int get_xsave(struct domain *domain, unsigned int vcpu, void **state, size_t *bytes)
{
	struct xen_domctl domctl = vcpu_domctl(domain, XEN_DOMCTL_getvcpuextstate);
	DECLARE_HYPERCALL_BUFFER(void, buffer);
	int rc = 0;

	point_xsave(&domctl, vcpu, 0);
	if (xc_domctl(xc_of(domain), &domctl))
		return fail_errno("vcpu %u: cannot ask for its XSAVE state", vcpu);
	*bytes = domctl.u.vcpuextstate.size;
	if (!domctl.u.vcpuextstate.xfeature_mask || !*bytes) {
		*bytes = 0;
		return 0;
	}
	/* Xen reads and writes memory that cannot be paged out or moved meanwhile, which malloc() does not give. */
	buffer = xc_hypercall_buffer_alloc(xc_of(domain), buffer, *bytes);
	*state = malloc(*bytes);
	if (buffer && *state) {
		set_xen_guest_handle(domctl.u.vcpuextstate.buffer, buffer);
		if (xc_domctl(xc_of(domain), &domctl))
			rc = fail_errno("vcpu %u: cannot fetch its XSAVE state", vcpu);
		else
			memcpy(*state, buffer, domctl.u.vcpuextstate.size);
		*bytes = domctl.u.vcpuextstate.size;
	} else {
		rc = fail(ENOMEM, "out of memory for hypercalls");
	}
	xc_hypercall_buffer_free(xc_of(domain), buffer);
	return rc;
}

/* Asked twice, as XSAVE is. The second answer may be shorter: MSRs that have their default are left out. */
static int get_msrs(struct domain *domain, unsigned int vcpu, void **state, size_t *bytes)
{
	struct xen_domctl domctl = vcpu_domctl(domain, XEN_DOMCTL_get_vcpu_msrs);
	DECLARE_HYPERCALL_BUFFER(void, buffer);
	size_t room;
	int rc = 0;

	domctl.u.vcpu_msrs.vcpu = vcpu;
	if (xc_domctl(xc_of(domain), &domctl))
		return fail_errno("vcpu %u: cannot ask for its MSRs", vcpu);
	room = domctl.u.vcpu_msrs.msr_count * sizeof(xen_domctl_vcpu_msr_t);
	if (!room)
		return 0;
	buffer = xc_hypercall_buffer_alloc(xc_of(domain), buffer, room);
	*state = malloc(room);
	if (buffer && *state) {
		set_xen_guest_handle(domctl.u.vcpu_msrs.msrs, buffer);
		if (xc_domctl(xc_of(domain), &domctl))
			rc = fail_errno("vcpu %u: cannot fetch its MSRs", vcpu);
		else
			*bytes = domctl.u.vcpu_msrs.msr_count * sizeof(xen_domctl_vcpu_msr_t);
		memcpy(*state, buffer, *bytes);
	} else {
		rc = fail(ENOMEM, "out of memory for hypercalls");
	}
	xc_hypercall_buffer_free(xc_of(domain), buffer);
	return rc;
}

/* *bytes 0 and no failure: the vCPU has none of this state, and the image gets no record of it. */
int domain_get_vcpu(struct domain *domain, unsigned int vcpu, enum vcpu_state kind, void **state,
		    size_t *bytes)
{
	static int (*const get[VCPU_STATES])(struct domain *, unsigned int, void **, size_t *) = {
		get_basic,
		get_extended,
		get_xsave,
		get_msrs,
	};
	int rc;

	*state = NULL;
	*bytes = 0;
	rc = get[kind](domain, vcpu, state, bytes);
	if (rc) {
		free(*state);
		*state = NULL;
		*bytes = 0;
	}
	return rc;
}

/* Xen takes a 64-bit or a 32-bit context by the domain's width; what lies behind a 32-bit one stays zero. */
static int set_basic(struct domain *domain, unsigned int vcpu, const void *state, size_t bytes)
{
	vcpu_guest_context_any_t context = { 0 };

	if (bytes > sizeof(context))
		return fail(EMSGSIZE, "vcpu %u: a context of %zu bytes", vcpu, bytes);
	memcpy(&context, state, bytes);
	return xc_vcpu_setcontext(xc_of(domain), domain->id, vcpu, &context);
}

static int set_extended(struct domain *domain, unsigned int vcpu, const void *state, size_t bytes)
{
	struct xen_domctl domctl = vcpu_domctl(domain, XEN_DOMCTL_set_ext_vcpucontext);

	if (bytes > sizeof(domctl.u.ext_vcpucontext))
		return fail(EMSGSIZE, "vcpu %u: an extended context of %zu bytes", vcpu, bytes);
	memcpy(&domctl.u.ext_vcpucontext, state, bytes);
	domctl.u.ext_vcpucontext.vcpu = vcpu;
	domctl.u.ext_vcpucontext.size = bytes;
	return xc_domctl(xc_of(domain), &domctl);
}

/* What both big states share: the bytes go through a buffer the hypervisor can reach. Giving that back must not hide why Xen refused. */
static int set_through_buffer(struct domain *domain, struct xen_domctl *domctl, enum vcpu_state kind,
			      const void *state, size_t bytes)
{
	DECLARE_HYPERCALL_BUFFER(void, buffer);
	int rc, error;

	buffer = xc_hypercall_buffer_alloc(xc_of(domain), buffer, bytes);
	if (!buffer)
		return -1;
	memcpy(buffer, state, bytes);
	if (kind == VCPU_XSAVE)
		set_xen_guest_handle(domctl->u.vcpuextstate.buffer, buffer);
	else
		set_xen_guest_handle(domctl->u.vcpu_msrs.msrs, buffer);
	rc = xc_domctl(xc_of(domain), domctl);
	error = errno;
	xc_hypercall_buffer_free(xc_of(domain), buffer);
	errno = error;
	return rc;
}

/* Xen wants exactly the size that xcr0_accum in it stands for, and refuses the compressed form. */
static int set_xsave(struct domain *domain, unsigned int vcpu, const void *state, size_t bytes)
{
	struct xen_domctl domctl = vcpu_domctl(domain, XEN_DOMCTL_setvcpuextstate);

	point_xsave(&domctl, vcpu, bytes);
	return set_through_buffer(domain, &domctl, VCPU_XSAVE, state, bytes);
}

static int set_msrs(struct domain *domain, unsigned int vcpu, const void *state, size_t bytes)
{
	struct xen_domctl domctl = vcpu_domctl(domain, XEN_DOMCTL_set_vcpu_msrs);

	domctl.u.vcpu_msrs.vcpu = vcpu;
	domctl.u.vcpu_msrs.msr_count = bytes / sizeof(xen_domctl_vcpu_msr_t);
	return set_through_buffer(domain, &domctl, VCPU_MSRS, state, bytes);
}

int domain_set_vcpu(struct domain *domain, unsigned int vcpu, enum vcpu_state kind, const void *state,
		    size_t bytes)
{
	static int (*const set[VCPU_STATES])(struct domain *, unsigned int, const void *, size_t) = {
		set_basic,
		set_extended,
		set_xsave,
		set_msrs,
	};

	return set[kind](domain, vcpu, state, bytes)
		     ? fail_errno("vcpu %u: Xen refuses its %s of %zu bytes", vcpu, state_names[kind], bytes)
		     : 0;
}

/* nsec is the guest's time since its start: the TSC goes on from there, whatever the other host's counts. */
int domain_get_tsc(struct domain *domain, struct tsc_info *tsc)
{
	*tsc = (struct tsc_info){ 0 };
	return xc_domain_get_tsc_info(xc_of(domain), domain->id, &tsc->mode, &tsc->nsec, &tsc->khz,
				      &tsc->incarnation)
		     ? fail_errno("cannot ask for the TSC")
		     : 0;
}

/*
 * A TSC of another frequency than this host's has Xen emulate rdtsc for the guest, unless tsc_mode says otherwise: it
 * is slower then, and right.
 */
int domain_set_tsc(struct domain *domain, const struct tsc_info *tsc)
{
	return xc_domain_set_tsc_info(xc_of(domain), domain->id, tsc->mode, tsc->nsec, tsc->khz,
				      tsc->incarnation)
		     ? fail_errno("Xen refuses the TSC")
		     : 0;
}
