/*
 * Messages on the xenstore ring.  A reply says what to do next by its header alone, so
 * nothing has to be remembered between them.  An order is taken in a transaction, as
 * Linux does: it is obeyed once, and not at all if it was withdrawn in between.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <xen/io/xs_wire.h>

#include "xenbus.h"

#define SHUTDOWN_NODE "control/shutdown"
#define TOKEN	      "shutdown"

enum { TAKEN = 1 }; /* req_id of the end of a transaction that took an order */

typedef struct xenstore_domain_interface ring_t;

static uint32_t index_at(struct guest *guest, size_t at)
{
	uint32_t value = 0;

	kernel_load(guest, GET(guest, store), at, &value, sizeof(value));
	return value;
}

static void set_index(struct guest *guest, size_t at, uint32_t value)
{
	kernel_store(guest, GET(guest, store), at, &value, sizeof(value));
}

static uint32_t store_port(struct guest *guest)
{
	uint32_t port = 0;

	kernel_load(guest, GET(guest, start_info),
		    guest->is_32bit ? offsetof(struct start_info_x86_32, store_evtchn)
				    : offsetof(struct start_info_x86_64, store_evtchn),
		    &port, sizeof(port));
	return port;
}

static void notify(struct guest *guest)
{
	struct evtchn_send send = { .port = store_port(guest) };

	cpu_call(&guest->cpu, __HYPERVISOR_event_channel_op, EVTCHNOP_send, (uintptr_t)&send, 0, 0);
}

/* The ring always has room: each request waits for the reply to the one before. */
static void request_in(struct guest *guest, uint32_t transaction, uint32_t type, const void *payload,
		       uint32_t bytes)
{
	struct xsd_sockmsg header = { .type = type, .len = bytes, .tx_id = transaction };
	uint8_t message[sizeof(header) + 128];
	uint32_t produced = index_at(guest, offsetof(ring_t, req_prod));

	if (type == XS_TRANSACTION_END && *(const char *)payload == 'T')
		header.req_id = TAKEN;
	memcpy(message, &header, sizeof(header));
	memcpy(message + sizeof(header), payload, bytes);
	for (uint32_t i = 0; i < sizeof(header) + bytes; i++, produced++)
		kernel_store(guest, GET(guest, store), offsetof(ring_t, req) + MASK_XENSTORE_IDX(produced),
			     &message[i], 1);
	set_index(guest, offsetof(ring_t, req_prod), produced);
	notify(guest);
}

static void request(struct guest *guest, uint32_t type, const void *payload, uint32_t bytes)
{
	request_in(guest, 0, type, payload, bytes);
}

void xenbus_start(struct guest *guest)
{
	static const char watch[] = SHUTDOWN_NODE "\0" TOKEN;

	set_index(guest, offsetof(ring_t, rsp_cons), index_at(guest, offsetof(ring_t, rsp_prod)));
	request(guest, XS_WATCH, watch, sizeof(watch));
}

static void take_bytes(struct guest *guest, uint32_t from, void *to, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		kernel_load(guest, GET(guest, store), offsetof(ring_t, rsp) + MASK_XENSTORE_IDX(from + i),
			    (uint8_t *)to + i, 1);
}

static void shut_down(struct guest *guest, uint8_t reason)
{
	struct sched_shutdown shutdown = { .reason = reason };

	cpu_call(&guest->cpu, __HYPERVISOR_sched_op, SCHEDOP_shutdown, (uintptr_t)&shutdown, 0, 0);
}

static void obey(struct guest *guest, uint32_t transaction, const char *order)
{
	static const char clear[] = SHUTDOWN_NODE; /* and its NUL, and no value */

	if (!strcmp(order, "suspend"))
		request_in(guest, transaction, XS_WRITE, clear, sizeof(clear));
	else
		request_in(guest, transaction, XS_TRANSACTION_END, "F", 2);
	if (!strcmp(order, "poweroff") || !strcmp(order, "halt"))
		shut_down(guest, SHUTDOWN_poweroff);
	else if (!strcmp(order, "reboot"))
		shut_down(guest, SHUTDOWN_reboot);
}

static void receive(struct guest *guest, const struct xsd_sockmsg *header, const char *payload)
{
	static const char read[] = SHUTDOWN_NODE;

	switch (header->type) {
	case XS_WATCH_EVENT: request(guest, XS_TRANSACTION_START, "", 1); break;
	case XS_TRANSACTION_START:
		request_in(guest, strtoul(payload, NULL, 10), XS_READ, read, sizeof(read));
		break;
	case XS_READ: obey(guest, header->tx_id, payload); break;
	case XS_WRITE: request_in(guest, header->tx_id, XS_TRANSACTION_END, "T", 2); break;
	case XS_TRANSACTION_END:
		if (header->req_id == TAKEN)
			PUT(guest, phase, GUEST_SUSPEND);
		break;
	case XS_ERROR:
		if (!strcmp(payload, "EAGAIN"))
			request(guest, XS_TRANSACTION_START, "", 1);
		else if (!strcmp(payload, "ENOENT"))
			request_in(guest, header->tx_id, XS_TRANSACTION_END, "F", 2);
		else
			kernel_complain(guest, "xenstore says no", 0);
		break;
	}
}

bool xenbus_poll(struct guest *guest)
{
	uint32_t consumed = index_at(guest, offsetof(ring_t, rsp_cons));
	uint32_t there = index_at(guest, offsetof(ring_t, rsp_prod)) - consumed;
	char payload[XENSTORE_RING_SIZE + 1] = { 0 };
	struct xsd_sockmsg header;

	if (there < sizeof(header) || there > XENSTORE_RING_SIZE)
		return false;
	take_bytes(guest, consumed, &header, sizeof(header));
	if (header.len > XENSTORE_RING_SIZE || there < sizeof(header) + header.len)
		return false;
	take_bytes(guest, consumed + sizeof(header), payload, header.len);
	set_index(guest, offsetof(ring_t, rsp_cons), consumed + sizeof(header) + header.len);
	notify(guest);
	receive(guest, &header, payload);
	return true;
}
