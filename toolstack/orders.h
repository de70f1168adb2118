/*
 * The orders: lines that come, answers that go. A thread reads, so that a gate is opened or a creation is cut short
 * while libxl works in the main one.
 */
#ifndef TOOLSTACK_ORDERS_H
#define TOOLSTACK_ORDERS_H

#include <libxl.h>
#include <stdbool.h>

#include "machine/gate.h"

struct json_object;

/* Starts to read from the descriptor. ctx: whose creation is cut short. */
int orders_begin(int fd, libxl_ctx *ctx);

/* The next order, the caller's to put; NULL: there will be no more. "open" is obeyed by the reading thread alone. */
struct json_object *orders_take(void);

/* A text of an order; "" for a member that is missing, null or of another type. The order's. */
const char *order_text(struct json_object *order, const char *key);

/* One line to the other side. A side that is gone is noticed where its orders end. */
void orders_answer(struct json_object *answer);

/*
 * A creation begins: the gate's end, which the helper inherits until it has reported; ours, where it does. The
 * report goes to the other side as it comes. early: the gate is opened at once.
 */
void orders_watch_gate(int ours, int inherited, bool early);
/* By an order to abandon it, or the end of orders: while the gate was shut, or behind it. */
enum cut { NOT_CUT, CUT_AT_GATE, CUT_BEHIND_GATE };

/* libxl has ended. What the gate reported, or all zeroes; whether the creation was cut short. */
enum cut orders_leave_gate(struct gate_report *report);

#endif
