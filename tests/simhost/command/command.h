/*
 * The commands of the program simhost.  Each takes what follows its name and gives an
 * exit status.
 */
#ifndef SIMHOST_COMMAND_H
#define SIMHOST_COMMAND_H

#include "../machine/host.h"

int command_create(int argc, char **argv);
int command_destroy(int argc, char **argv);
int command_run(int argc, char **argv);
int command_guest(int argc, char **argv);
int command_guests(int argc, char **argv);
int command_devices(int argc, char **argv);
int command_list(int argc, char **argv);
int command_compare(int argc, char **argv);
int command_check(int argc, char **argv);
int command_fault(int argc, char **argv);

/* HOST is a directory, or a name below /dev/shm/simhost. */
void command_host_path(char *path, size_t size, const char *name);
int command_attach(struct host *host, const char *name); /* says what is wrong */

/* SIMHOST, LD_PRELOAD and the places of the host's xenstored. */
void command_set_environment(const char *path);

/* "simhost: ..." to stderr; gives 1. */
int command_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Starts the host's xenstored and waits until it answers: 0 or -errno. */
int command_start_xenstored(const char *path);
void command_stop_xenstored(const char *path);

/*
 * For hosts on which libxl makes devices: what xen-init-dom0 enters into xenstore, the folders that libxl has
 * fixed paths for, and the process that stands in for domain 0's drivers and xenconsoled. 0 or -errno.
 */
int command_start_devices(const char *path);
void command_stop_devices(const char *path);
int command_make_folders(const char *path);
/* On such a host: a mount name space, where those folders are the host's. */
int command_enter_folders(const char *path);

/* Ends the process whose number is in the file, and waits for its end. */
void command_stop_process(const char *pid_file);

#endif
