/*
 * A running guest's p2m: where the toolstack finds it, and how it changes.
 */
#ifndef SIMHOST_GUEST_P2M_H
#define SIMHOST_GUEST_P2M_H

#include "kernel.h"

/* Tells the toolstack where the p2m is: after boot and after each restore. */
void p2m_announce(struct guest *guest);

/* Around each change of it: the generation is odd meanwhile. */
void p2m_begin_change(struct guest *guest);
void p2m_end_change(struct guest *guest);

/* A leaf moves to another page, as when a guest replaces one that was shared. */
void p2m_move_leaf(struct guest *guest, uint64_t index);

#endif
