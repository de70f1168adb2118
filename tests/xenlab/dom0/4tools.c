/*
 * 4tools DOMID set|clear|show: the flag SIF_VIRT_P2M_4TOOLS in the start info of a PV domain that was built but never
 * ran (`xl create -p`). Set, its Linux publishes the linear p2m only; clear, the frame-list-list as well. libxl leaves
 * it clear, though libxenguest sets it.
 * 4tools DOMID published: what a running domain published, from its shared info; a list of -1 means "none".
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xenctrl.h>
#include <xenforeignmemory.h>

/* The machine frame of the start info, and the place in it: a new domain's %rsi is its address. */
static unsigned long find_start_info(xc_interface *xch, int domain, unsigned long *offset)
{
	vcpu_guest_context_any_t context;

	if (xc_vcpu_getcontext(xch, domain, 0, &context))
		return 0;
	*offset = context.x64.user_regs.rsi & (XC_PAGE_SIZE - 1);
	return xc_translate_foreign_address(xch, domain, 0, context.x64.user_regs.rsi);
}

static void change_flag(start_info_t *info, const char *how)
{
	if (!strcmp(how, "set"))
		info->flags |= SIF_VIRT_P2M_4TOOLS;
	if (!strcmp(how, "clear"))
		info->flags &= ~SIF_VIRT_P2M_4TOOLS;
	printf("%.16s: flags %#x\n", info->magic, info->flags);
}

static void show_published(const shared_info_t *shared)
{
	printf("list %ld linear %#lx\n", (long)shared->arch.pfn_to_mfn_frame_list_list, shared->arch.p2m_cr3);
}

static unsigned long find_shared_info(xc_interface *xch, int domain)
{
	xc_domaininfo_t info;

	return xc_domain_getinfolist(xch, domain, 1, &info) == 1 && info.domain == (uint32_t)domain ? info.shared_info_frame : 0;
}

int main(int argc, char **argv)
{
	xc_interface *xch = xc_interface_open(NULL, NULL, 0);
	int domain = argc == 3 ? atoi(argv[1]) : 0;
	unsigned long offset = 0, frame;
	char *page;

	if (!xch || !domain)
		return fprintf(stderr, "4tools DOMID set|clear|show|published\n"), 2;
	bool published = !strcmp(argv[2], "published");

	frame = published ? find_shared_info(xch, domain) : find_start_info(xch, domain, &offset);
	page = xenforeignmemory_map(xc_interface_fmem_handle(xch), domain, PROT_READ | PROT_WRITE, 1,
				    &(xen_pfn_t){ frame }, NULL);
	if (!frame || !page)
		return fprintf(stderr, "4tools: domain %d's page is not to be had\n", domain), 2;
	if (published)
		show_published((shared_info_t *)page);
	else
		change_flag((start_info_t *)(page + offset), argv[2]);
	return 0;
}
