/*
 * The descriptors 0 to 2. A program that is started without one of them would get its first file as that, and then
 * print into it or read from it.
 */
#ifndef PROCESS_DESCRIPTORS_H
#define PROCESS_DESCRIPTORS_H

/*
 * To be called first of all. Those that are closed are opened on /dev/null the wrong way round (input for writing,
 * output for reading), so that reading and writing still fail as on a closed one.
 */
void descriptors_open(void);

#endif
