/*
 * 4tools DOMID set|clear|show: the flag SIF_VIRT_P2M_4TOOLS in the start info of a PV domain that was built but never
 * ran (`xl create -p`). Set, its Linux publishes the linear p2m only; clear, the frame-list-list as well. libxl leaves
 * it clear, though libxenguest sets it. Of a domain that ran, only "show" may be asked, with the frame as 4th argument.
 */
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

int main(int argc, char **argv)
{
	xc_interface *xch = xc_interface_open(NULL, NULL, 0);
	unsigned long offset = 0, frame = 0;
	char *page;

	if (!xch || argc < 3)
		return fprintf(stderr, "4tools DOMID set|clear|show [FRAME]\n"), 2;
	frame = argc > 3 ? strtoul(argv[3], NULL, 0) : find_start_info(xch, atoi(argv[1]), &offset);
	page = xenforeignmemory_map(xc_interface_fmem_handle(xch), atoi(argv[1]), PROT_READ | PROT_WRITE, 1,
				    &(xen_pfn_t){ frame }, NULL);
	if (!frame || !page)
		return fprintf(stderr, "4tools: no start info of domain %s\n", argv[1]), 2;
	change_flag((start_info_t *)(page + offset), argv[2]);
	return 0;
}
