/* What the options of pvferry migrate set. */
#ifndef CLI_MIGRATE_OPTIONS_H
#define CLI_MIGRATE_OPTIONS_H

#include "cli/move-report.h"
#include "migrate/handover.h"
#include "text/options.h"

struct migrate_settings {
	bool is_live, is_controlled, is_foreground, is_detached, without_devices;
	struct move move;
	char name[256]; /* the domain's */
	char *config;	/* libxl's, of a domain with devices */
	struct move_report report;
	long max_suspended; /* -1: not given */
	struct live wanted; /* the orders it starts with */
};

/* For command_options(). */
bool migrate_set(void *settings, enum option_id option, const struct option_value *value);

/*
 * HOST, HOST:PORT or [ADDRESS]:PORT; with ssh what ssh takes. An IPv6 address without brackets has more than one colon, and no
 * port. False, having said why, for any other text.
 */
bool migrate_set_host(struct migrate_settings *settings, const char *text);

#endif
