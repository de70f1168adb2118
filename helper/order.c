/* See order.h. */
#include "helper/order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "helper/libxl.h"
#include "log.h"
#include "text/text.h"
#include "xen/domain.h"

enum { SAVE_LIVE = 1, SAVE_DEBUG = 2 };

/* -1 stands for a descriptor that there is not. */
static bool parse_all(char **words, int64_t *numbers, int count)
{
	for (int i = 0; i < count; i++) {
		uint64_t number = -1;

		if (strcmp(words[i], "-1") && !text_number(words[i], UINT32_MAX, &number))
			return false;
		numbers[i] = number;
	}
	return true;
}

/* IO_FD RECV_FD DOMID FLAGS CALLBACKS STREAM_TYPE. The second is for Remus. */
static bool parse_save(struct order *order, char **words)
{
	int64_t n[6];

	if (!parse_all(words, n, 6))
		return false;
	*order = (struct order){
		.stream_fd = n[0],
		.domain = n[2],
		.is_live = n[3] & SAVE_LIVE,
		.is_debug = n[3] & SAVE_DEBUG,
		.callbacks = n[4],
		.stream_type = n[5],
	};
	return n[3] >= 0 && !(n[3] & ~(SAVE_LIVE | SAVE_DEBUG)) && order->callbacks >> LIBXL_SUSPEND & 1;
}

/* IO_FD SEND_BACK_FD DOMID STORE_PORT STORE_DOMID CONSOLE_PORT CONSOLE_DOMID CALLBACKS STREAM_TYPE. */
static bool parse_restore(struct order *order, char **words)
{
	int64_t n[9];

	if (!parse_all(words, n, 9))
		return false;
	*order = (struct order){
		.is_restore = true,
		.stream_fd = n[0],
		.domain = n[2],
		.store_port = n[3],
		.store_domain = n[4],
		.console_port = n[5],
		.console_domain = n[6],
		.callbacks = n[7],
		.stream_type = n[8],
	};
	return true;
}

bool order_parse(struct order *order, int argc, char **argv)
{
	if (argc == 8 && !strcmp(argv[1], "--save-domain"))
		return parse_save(order, argv + 2);
	return argc == 11 && !strcmp(argv[1], "--restore-domain") && parse_restore(order, argv + 2);
}

int order_is_ours(const struct order *order, bool *is_ours)
{
	struct domain_facts facts = { 0 };
	struct domain *domain = NULL;
	struct host *host;
	int rc = order->stream_type ? 0 : host_open(&host);

	*is_ours = false;
	if (rc || order->stream_type)
		return rc;
	rc = domain_open(&domain, host, order->domain);
	if (!rc)
		rc = domain_facts(domain, &facts);
	domain_close(domain);
	host_close(host);
	*is_ours = !rc && !facts.is_hvm;
	return rc;
}
