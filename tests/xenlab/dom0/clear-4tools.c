/*
 * clear-4tools DOMID: takes SIF_VIRT_P2M_4TOOLS off the start info of a PV domain that was built but never ran
 * (`xl create -p`), so that its Linux publishes the older frame-list-list for tools as well as the linear p2m.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <xenctrl.h>
#include <xenforeignmemory.h>

static unsigned long start_info_frame(xc_interface *xch, int domain, unsigned long *offset)
{
	vcpu_guest_context_any_t context;

	if (xc_vcpu_getcontext(xch, domain, 0, &context))
		return 0;
	*offset = context.x64.user_regs.rsi & (XC_PAGE_SIZE - 1);
	return xc_translate_foreign_address(xch, domain, 0, context.x64.user_regs.rsi);
}

static int clear_flag(start_info_t *info)
{
	printf("%.16s: flags %#x\n", info->magic, info->flags);
	if (!(info->flags & SIF_VIRT_P2M_4TOOLS))
		return 1;
	info->flags &= ~SIF_VIRT_P2M_4TOOLS;
	return 0;
}

int main(int argc, char **argv)
{
	xc_interface *xch = xc_interface_open(NULL, NULL, 0);
	int domain = argc == 2 ? atoi(argv[1]) : 0;
	unsigned long offset, frame = domain && xch ? start_info_frame(xch, domain, &offset) : 0;
	char *page;

	if (!frame)
		return fprintf(stderr, "clear-4tools: no start info of domain %d\n", domain), 2;
	page = xenforeignmemory_map(xc_interface_fmem_handle(xch), domain, PROT_READ | PROT_WRITE, 1,
				    &(xen_pfn_t){ frame }, NULL);
	if (!page)
		return perror("clear-4tools: map"), 2;
	return clear_flag((start_info_t *)(page + offset));
}
