/*
 * What helper-driver is made of: helper-driver.c, the commands and the domains
 * they need; helper-talk.c, what libxl and its helper say to each other.
 */
#ifndef HELPER_DRIVER_H
#define HELPER_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include <xenctrl.h>
#include <xenstore.h>

/* When the helper first spoke, wanted the guest suspended, got that, and was through. */
struct times {
	uint64_t first, asked, suspended, complete;
};

struct job {
	xc_interface *xch;
	struct xs_handle *xs;
	uint32_t domid;
	uint64_t store_mfn, console_mfn;
	uint32_t store_port, console_port;
	int to_helper, from_helper;
	bool verbose;
	struct times times;
};

/* Ends the program, with errno's text behind the reason. */
int die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* 1 once the guest is suspended, 0 if it does not answer. */
int suspend(struct job *job);

/* The path of the helper that is driven. */
char *helper_path(void);

/* Runs it to its end, with the stream's descriptor inherited; 0 if it says that all is well and ends so. */
int run_helper(struct job *job, int stream, char **arguments);

#endif
