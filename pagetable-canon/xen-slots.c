/* Which slots of a table are Xen's, and the words for what can be wrong with one. */
#include "pagetable-canon/canon.h"

void xen_slots(unsigned int width, unsigned int level, unsigned int *first, unsigned int *count)
{
	*first = TABLE_SLOTS;
	*count = 0;
	if (width == 8 && level == 4) {
		*first = 256;
		*count = 16;
	} else if (width == 4 && level == 3) {
		*first = 4; /* a PAE level 3 has four entries; the page's rest is not used */
		*count = TABLE_SLOTS - 4;
	}
}

const char *table_defect_text(enum table_defect defect)
{
	static const char *const texts[] = {
		[TABLE_SOUND] = "is sound",
		[TABLE_FOREIGN] = "names a frame that is not the guest's",
		[TABLE_SUPERPAGE] = "is a large page, which a PV guest cannot have",
		[TABLE_NO_PFN] = "names a pfn beyond the guest's last",
		[TABLE_NO_FRAME] = "names a pfn that has no frame",
		[TABLE_WRONG_LEVEL] = "names something that is not a table of the level below",
		[TABLE_WRITABLE] = "lets the guest write to a page table",
		[TABLE_XEN_SLOT] = "stands in a slot that is Xen's",
	};

	return texts[defect];
}
