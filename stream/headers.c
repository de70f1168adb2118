/*
 * What stands before the records: xl's header with the config, libxl's, libxc's two. In: the beginning of a stream.
 * Out: struct stream_facts. The trap: two kinds of failure. In an image of ours what is unknown is damage (EBADMSG); in
 * any other file it is a file that pvferry does not read (EMEDIUMTYPE).
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "log.h"
#include "stream/cursor.h"
#include "stream/format.h"

/* What is not known here inside an image of ours cannot have been written by us: that is damage. */
static int unknown(const struct stream_facts *facts)
{
	return facts->is_image ? EBADMSG : EMEDIUMTYPE;
}

static int read_config(struct cursor *c, struct stream_facts *facts, const struct xl_header *header)
{
	const uint8_t *at;
	uint32_t bytes;
	int rc = cursor_take(c, header->optional_bytes, &at);

	if (rc)
		return rc;
	if (header->optional_bytes < sizeof(bytes))
		return fail(EBADMSG, "xl header: no config");
	memcpy(&bytes, at, sizeof(bytes));
	if (bytes > header->optional_bytes - sizeof(bytes))
		return fail(EBADMSG, "xl header: a config of %u bytes does not fit into %u", bytes,
			    header->optional_bytes);
	if (!bytes || at[sizeof(bytes) + bytes - 1])
		return fail(EBADMSG, "xl header: the config does not end with a zero byte");
	if (facts->is_image && (header->optional_flags || bytes != header->optional_bytes - sizeof(bytes)))
		return fail(EBADMSG,
			    "xl header: optional flags %#x, %zu optional bytes: not as pvferry writes it",
			    header->optional_flags, header->optional_bytes - sizeof(bytes) - bytes);
	facts->config = strndup((const char *)at + sizeof(bytes), bytes);
	return facts->config ? 0 : fail(ENOMEM, "out of memory");
}

static int read_xl_header(struct cursor *c, struct stream_facts *facts)
{
	struct xl_header header;
	const uint8_t *at;
	int rc = cursor_take(c, sizeof(header), &at);

	if (rc)
		return rc;
	memcpy(&header, at, sizeof(header));
	if (memcmp(header.magic, XL_MAGIC, sizeof(header.magic)) || header.byteorder != XL_BYTEORDER)
		return fail(unknown(facts), "not an xl save file of this byte order");
	if (!(header.mandatory_flags & XL_FLAG_INCREMENT) != !facts->is_increment)
		return fail(unknown(facts),
			    facts->is_image
				    ? "the head says otherwise than the xl header whether it is an increment"
				    : "an increment of pvferry's, out of its image: only the image names its "
				      "parent");
	header.mandatory_flags &= ~XL_FLAG_INCREMENT;
	if (header.mandatory_flags & ~(XL_FLAG_JSON | XL_FLAG_STREAM_V2))
		return fail(unknown(facts), "xl header: unknown mandatory flags %#x", header.mandatory_flags);
	if (!(header.mandatory_flags & XL_FLAG_STREAM_V2))
		return fail(unknown(facts), "a stream from before Xen 4.6: let xl restore it");
	if (header.optional_bytes > CONFIG_MAX_BYTES)
		return fail(EBADMSG, "xl header: %u bytes of optional data", header.optional_bytes);
	facts->xl_flags = header.mandatory_flags;
	return read_config(c, facts, &header);
}

static int read_libxl_header(struct cursor *c, struct stream_facts *facts)
{
	struct libxl_header header;
	struct record_header record;
	const uint8_t *at;
	int rc = cursor_take(c, sizeof(header) + sizeof(record), &at);

	if (rc)
		return rc;
	memcpy(&header, at, sizeof(header));
	memcpy(&record, at + sizeof(header), sizeof(record));
	if (be64toh(header.magic_be) != LIBXL_MAGIC)
		return fail(EBADMSG, "libxl header: wrong magic number");
	if (be32toh(header.version_be) != LIBXL_VERSION || header.options_be)
		return fail(unknown(facts), "libxl header: version %u, options %#x: not known here",
			    be32toh(header.version_be), be32toh(header.options_be));
	if (record.type != LIBXL_LIBXC_CONTEXT || record.bytes)
		return fail(EBADMSG, "libxl record %u of %u bytes where the domain should begin", record.type,
			    record.bytes);
	return 0;
}

static int read_libxc_headers(struct cursor *c, struct stream_facts *facts)
{
	struct image_header image;
	struct domain_header domain;
	const uint8_t *at;
	int rc = cursor_take(c, sizeof(image) + sizeof(domain), &at);

	if (rc)
		return rc;
	memcpy(&image, at, sizeof(image));
	memcpy(&domain, at + sizeof(image), sizeof(domain));
	facts->version = be32toh(image.version_be);
	if (image.marker != IMAGE_MARKER || be32toh(image.id_be) != IMAGE_ID)
		return fail(EBADMSG, "image header: wrong marker");
	if (facts->version < IMAGE_VERSION_OLDEST || facts->version > IMAGE_VERSION || image.options_be)
		return fail(unknown(facts),
			    "libxc stream of version %u, options %#x: known are 2 and 3, little-endian",
			    facts->version, be16toh(image.options_be));
	if (domain.type == DOMAIN_X86_HVM)
		return fail(unknown(facts), "an HVM or PVH domain: let xl restore it");
	if (domain.type != DOMAIN_X86_PV || domain.page_shift != PAGE_BITS)
		return fail(unknown(facts), "domain header: type %u with pages of 2^%u bytes: not known here",
			    domain.type, domain.page_shift);
	if (domain.zero)
		return fail(EBADMSG, "domain header: %#x where zero should be", domain.zero);
	facts->xen_major = domain.xen_major;
	facts->xen_minor = domain.xen_minor;
	return 0;
}

int read_headers(struct cursor *c, struct stream_facts *facts)
{
	int rc;

	if (facts->is_bare)
		return read_libxc_headers(c, facts);
	rc = read_xl_header(c, facts);
	if (rc)
		return rc;
	cursor_align(c);
	rc = read_libxl_header(c, facts);
	return rc ? rc : read_libxc_headers(c, facts);
}
