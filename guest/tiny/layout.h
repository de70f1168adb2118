/* What head.S, the linker's script and C have in common. */
#ifndef LAYOUT_H
#define LAYOUT_H

#define BASE	      0xffff880000000000 /* where pfn 0 is mapped, and each pfn above it in its turn */
#define P2M_BASE      0xffff888000000000 /* the linear p2m; the next slot of level 4 */
#define STACK_BYTES   16384 /* of a vCPU: struct stack, the stack of traps from user mode, its own */
#define STACK_USER_SP 8	    /* offset in struct stack */

#endif
