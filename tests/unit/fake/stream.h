/* A stream that a test makes up, record by record; written to a file and read from there. */
#ifndef FAKE_STREAM_H
#define FAKE_STREAM_H

#include "stream/format.h"
#include "stream/reader.h"
#include "stream/writer.h"

#define STREAM_CONFIG "{ \"c_info\": { } }"

/* Where the records begin. */
enum {
	STREAM_LIBXL = sizeof(struct xl_header) + 4 + sizeof(STREAM_CONFIG),
	STREAM_IMAGE = STREAM_LIBXL + sizeof(struct libxl_header) + sizeof(struct record_header),
	STREAM_DOMAIN = STREAM_IMAGE + sizeof(struct image_header),
	STREAM_RECORDS_AT = STREAM_DOMAIN + sizeof(struct domain_header),
};

extern struct stream {
	struct bytes bytes; /* as they come out of an image */
	struct channel to, from;
	struct reader *reader;
	int fd;
} stream;

/* An empty file, and the headers of a stream of this version. */
void stream_begin(uint32_t version);
void stream_end(void);

void stream_put_headers(uint32_t version);
/* A record with a content of so many bytes, all of them its type. */
void stream_put(uint32_t type, uint32_t bytes);
/* Everything up to where the memory begins. */
void stream_put_opening(void);
/* libxc's END and libxl's. */
void stream_put_end(void);

/* Into the file; at another level than 0 each record is a frame of its own. */
void stream_write(int level);
/* A reader that stands at the first record. */
int stream_open(void);
/* 0, or the first failure; each record must be the next one of the stream. */
int stream_read(void);
int stream_write_and_read(int level);

#endif
