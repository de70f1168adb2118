/*
 * Where Xen comes in: the notes its domain builder reads, the first
 * instruction of each vCPU, upcalls, exceptions, system calls, and the way
 * into user mode and back. Xen's frames have %rcx and %r11 on top, which its
 * own entry spoilt; hypercall_iret puts them back (xen/arch-x86/xen-x86_64.h).
 */
#define __ASSEMBLY__
#include <xen/elfnote.h>
#include <xen/xen.h>

#include "layout.h"

.macro note type, kind, desc:vararg
	.pushsection .note.xen, "a", @note
	.align 4
	.long 4, 2f - 1f, \type
	.asciz "Xen"
1:	\kind \desc
2:	.align 4
	.popsection
.endm

note XEN_ELFNOTE_GUEST_OS, .asciz, "tiny"
note XEN_ELFNOTE_XEN_VERSION, .asciz, "xen-3.0"
note XEN_ELFNOTE_LOADER, .asciz, "generic"
note XEN_ELFNOTE_PAE_MODE, .asciz, "yes"
note XEN_ELFNOTE_VIRT_BASE, .quad, BASE
note XEN_ELFNOTE_PADDR_OFFSET, .quad, BASE
note XEN_ELFNOTE_ENTRY, .quad, first_entry
note XEN_ELFNOTE_HYPERCALL_PAGE, .quad, hypercall_page
note XEN_ELFNOTE_SUSPEND_CANCEL, .long, 1

	.text
	.balign 4096
	.globl hypercall_page
hypercall_page:
	.skip 4096

#define HYPERCALL_IRET (hypercall_page + 32 * __HYPERVISOR_iret)

	.globl first_entry
first_entry:			/* %rsi: start info */
	cld
	lea	stacks + STACK_BYTES(%rip), %rsp
	xor	%ebp, %ebp
	mov	%rsi, %rdi
	call	start
	ud2

	.globl secondary_entry
secondary_entry:		/* %rdi: the vCPU's number; %rsp is set */
	cld
	xor	%ebp, %ebp
	call	secondary
	ud2

/* Exceptions and upcalls: all registers, number and error code, Xen's frame: struct frame. */
.macro entry number, has_error
entry_\number:
	pop	%rcx
	pop	%r11
	.if \has_error == 0
	push	$0
	.endif
	push	$\number
	jmp	common
.endm

common:
	.irp	reg, rax, rcx, rdx, rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15
	push	%\reg
	.endr
	mov	%rsp, %rdi
	call	trap
	.irp	reg, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax
	pop	%\reg
	.endr
	add	$16, %rsp
	push	$0
	jmp	HYPERCALL_IRET

.irp number, 0, 1, 2, 3, 4, 5, 6, 7, 9, 15, 16, 18, 19, 32
	entry	\number, 0
.endr
.irp number, 8, 10, 11, 12, 13, 14, 17
	entry	\number, 1
.endr

	.globl upcall_entry, failsafe_entry
.set upcall_entry, entry_32
failsafe_entry:
	ud2

	.section .rodata
	.balign 8
	.globl trap_entries
trap_entries:
	.irp	number, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19
	.quad	entry_\number
	.endr

	.text
/* bool probe_write(void *at): writes the word there back to itself; false if that faults. */
	.globl probe_write, probe_instruction, probe_failed
probe_write:
	mov	(%rdi), %rax
probe_instruction:
	mov	%rax, (%rdi)
	mov	$1, %eax
	ret
probe_failed:
	xor	%eax, %eax
	ret

/* uint64_t user_enter(ip, argument, count): until the program makes a system call; its %rax. Events are closed then. */
	.globl user_enter
user_enter:
	.irp	reg, rbx, rbp, r12, r13, r14, r15
	push	%\reg
	.endr
	mov	%rsp, %rax
	and	$-STACK_BYTES, %rax
	mov	%rsp, STACK_USER_SP(%rax)
	push	$FLAT_USER_SS64
	push	$0			/* no stack: the program has none */
	push	$0x200			/* events open */
	push	$FLAT_USER_CS64
	push	%rdi
	mov	%rsi, %rdi
	mov	%rdx, %rsi
	push	$0
	jmp	HYPERCALL_IRET

	.globl syscall_entry
syscall_entry:
	mov	%rsp, %rcx
	and	$-STACK_BYTES, %rcx
	mov	STACK_USER_SP(%rcx), %rsp
	.irp	reg, r15, r14, r13, r12, rbp, rbx
	pop	%\reg
	.endr
	ret

/* The program: %rsi times the sum of the page at %rdi, into %rax; copied to where a user may run it. */
	.globl user_program, user_program_end
user_program:
	xor	%eax, %eax
1:	mov	$512, %ecx
2:	add	-8(%rdi, %rcx, 8), %rax
	dec	%rcx
	jnz	2b
	dec	%rsi
	jnz	1b
	syscall
user_program_end:

	.section .note.GNU-stack, "", @progbits
