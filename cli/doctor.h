/*
 * What `pvferry doctor` looks at, a function for each part; each adds findings to the report and
 * never fails itself. They look only: no guest is stopped, nothing is written.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include "cli/report.h"
#include "stream/connect.h"

/* Xen, log-dirty, memory, guests. Where there is no Xen, one finding says so. */
void doctor_xen(struct report *report);
/* Jobs that are not over, of which no process is left. */
void doctor_jobs(struct report *report);
/* What xl and libvirt start to save and migrate. */
void doctor_helper(struct report *report);
/* pvferryd, and whether a program listens on the port. */
void doctor_daemon(struct report *report, unsigned int port);
/* The other host: reach, certificate, release, CPU features, latency, speed. */
void doctor_peer(struct report *report, const struct peer *peer);

#endif
