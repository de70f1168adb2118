/* See stream.h. */
#include "stream.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log.h"

struct stream stream = { .fd = -1 };

static void must(bool holds)
{
	if (holds)
		return;
	fprintf(stderr, "what was read is not what was written: %s\n", fail_reason());
	abort();
}

void stream_begin(uint32_t version)
{
	stream.fd = memfd_create("stream", MFD_CLOEXEC);
	stream_put_headers(version);
}

void stream_end(void)
{
	bytes_release(&stream.bytes);
	close(stream.fd);
}

void stream_put_headers(uint32_t version)
{
	struct xl_header xl = { .byteorder = XL_BYTEORDER,
				.mandatory_flags = XL_FLAG_JSON | XL_FLAG_STREAM_V2,
				.optional_bytes = 4 + sizeof(STREAM_CONFIG) };
	uint32_t config = sizeof(STREAM_CONFIG);
	struct libxl_header libxl = { htobe64(LIBXL_MAGIC), htobe32(LIBXL_VERSION), 0 };
	struct image_header image = { .marker = IMAGE_MARKER,
				      .id_be = htobe32(IMAGE_ID),
				      .version_be = htobe32(version) };
	struct domain_header domain = { DOMAIN_X86_PV, PAGE_BITS, 0, 4, 17 };

	memcpy(xl.magic, XL_MAGIC, sizeof(xl.magic));
	bytes_put(&stream.bytes, &xl, sizeof(xl));
	bytes_put(&stream.bytes, &config, sizeof(config));
	bytes_put(&stream.bytes, STREAM_CONFIG, sizeof(STREAM_CONFIG));
	bytes_put(&stream.bytes, &libxl, sizeof(libxl));
	record_put(&stream.bytes, LIBXL_LIBXC_CONTEXT, NULL, 0);
	bytes_put(&stream.bytes, &image, sizeof(image));
	bytes_put(&stream.bytes, &domain, sizeof(domain));
}

void stream_put(uint32_t type, uint32_t bytes)
{
	uint8_t *content = calloc(bytes + 1, 1);

	memset(content, type, bytes);
	record_put(&stream.bytes, type, content, bytes);
	free(content);
}

void stream_put_opening(void)
{
	stream_put(RECORD_X86_PV_INFO, 8);
	stream_put(RECORD_X86_CPUID_POLICY, 48);
	stream_put(RECORD_STATIC_DATA_END, 0);
	stream_put(RECORD_X86_PV_P2M_FRAMES, 24);
}

void stream_put_end(void)
{
	stream_put(RECORD_END, 0);
	record_put(&stream.bytes, LIBXL_END, NULL, 0);
}

/* Records lie where the config lets them: at any address. */
static struct record_header header_at(size_t at)
{
	struct record_header header;

	memcpy(&header, stream.bytes.at + at, sizeof(header));
	return header;
}

static size_t length_of(struct record_header header)
{
	return sizeof(header) + ((header.bytes + 7) & ~7u);
}

void stream_write(int level)
{
	struct writer writer;
	struct bytes group;
	size_t at = STREAM_RECORDS_AT, start = 0;

	must(!channel_init(&stream.to, stream.fd, "the image"));
	must(!writer_init(&writer, &stream.to, level,
			  &(struct writer_head){ .frames = 7, .json = "{\"a\": 1}" }));
	for (;;) {
		group = (struct bytes){ stream.bytes.at + start, at - start, 0, false };
		must(!writer_group(&writer, &group));
		start = at;
		if (at == stream.bytes.count)
			break;
		/* libxl's END stands with libxc's. */
		at += length_of(header_at(at)) + (header_at(at).type == RECORD_END ? 8 : 0);
	}
	must(!writer_finish(&writer));
	writer_release(&writer);
	channel_release(&stream.to);
}

int stream_open(void)
{
	lseek(stream.fd, 0, SEEK_SET);
	must(!channel_init(&stream.from, stream.fd, "the image"));
	return reader_open(&stream.reader, &stream.from, 2);
}

int stream_read(void)
{
	size_t at = STREAM_RECORDS_AT;
	struct record record;
	int rc = stream_open();

	if (rc)
		return rc;
	while ((rc = reader_next(stream.reader, &record)) == 1) {
		while (header_at(at).type & RECORD_OPTIONAL)
			at += length_of(header_at(at));
		must(record.type == header_at(at).type);
		must(record.bytes == header_at(at).bytes);
		must(!memcmp(record.body, stream.bytes.at + at + sizeof(struct record_header),
			     record.body_bytes));
		must(record.pages || record.body_bytes >= record.bytes);
		at += length_of(header_at(at));
		record_release(stream.reader, &record);
	}
	reader_close(stream.reader);
	channel_release(&stream.from);
	return rc;
}

int stream_write_and_read(int level)
{
	must(!ftruncate(stream.fd, 0));
	lseek(stream.fd, 0, SEEK_SET);
	stream_write(level);
	return stream_read();
}
