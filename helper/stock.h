/*
 * The helper that Xen brings, for what is not ours: HVM, PVH, Remus, COLO.
 */
#ifndef HELPER_STOCK_H
#define HELPER_STOCK_H

/*
 * Becomes it, with the same arguments and descriptors. configured: its path,
 * or "" to look for it. Returns only on failure, with a reason.
 */
int stock_exec(const char *configured, char **argv);

#endif
