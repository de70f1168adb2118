/* What reader.c and reader-open.c share. */
#ifndef STREAM_READER_STATE_H
#define STREAM_READER_STATE_H

#include "stream/cursor.h"
#include "stream/reader.h"

struct reader {
	struct stream_facts facts;
	struct cursor cursor;
	enum phase phase;
	uint64_t records;
};

#endif
