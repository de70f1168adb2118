/* See machine/gate.h: the helper of a domain that pvferry's builder fills. */
#ifndef HELPER_GATE_H
#define HELPER_GATE_H

#include "helper/order.h"

/* setting: GATE_VARIABLE's value. The exit status. */
int run_gate(const struct order *order, const char *setting);

#endif
