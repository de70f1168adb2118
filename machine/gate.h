/*
 * The gate: pvferry-save-helper, started by libxl for a domain that pvferry fills. It gives the domain the two pages
 * that others map, seeds their grants, reports, and waits for one byte before it says to libxl that all is restored.
 * libxl makes the devices then. pvferry-toolstack has the other end of its socket, and names it in GATE_VARIABLE:
 * "FD:WIDTH", WIDTH being the bytes of a guest word, which can be set only while the domain has no memory.
 */
#ifndef MACHINE_GATE_H
#define MACHINE_GATE_H

#include <stdint.h>

#define GATE_VARIABLE "PVFERRY_GATE"

struct gate_report {
	uint32_t domain, store_port, console_port, zero;
	uint64_t store, console; /* mfns */
};

#endif
