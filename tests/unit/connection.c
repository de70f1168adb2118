/* stream/connection.c: both ends of a connection make the same text of it, and ssh's is known to be within a host. */
#include "unit.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stream/connection.h"

static int listen_on_any(int family, int *port)
{
	int zero = 0, fd = socket(family, SOCK_STREAM, 0);
	struct sockaddr_in6 address = { .sin6_family = family };
	socklen_t room = sizeof(address);

	if (fd < 0)
		return -1;
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 1)) {
		close(fd);
		return -1;
	}
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &room), 0);
	*port = address.sin6_port;
	return fd;
}

static void ends_agree(int family)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char here[CONNECTION_TEXT], there[CONNECTION_TEXT], words[CONNECTION_TEXT];
	int port = 0, listener = listen_on_any(family, &port), client, server;

	if (listener < 0)
		skip(); /* no IPv6 here */
	address.sin_port = port;
	client = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
	server = accept(listener, NULL, NULL);
	connection_of_socket(client, true, here);
	connection_of_socket(server, false, there);
	assert_string_equal(here, there);
	snprintf(words, sizeof(words), " 127.0.0.1 %u", ntohs(port));
	assert_non_null(strstr(here, words));
	connection_of_socket(client, false, there);
	assert_string_not_equal(here, there);
	close(client);
	close(server);
	close(listener);
}

static void both_ends_say_the_same(void **state)
{
	(void)state;
	ends_agree(AF_INET);
}

static void so_does_a_server_of_both_families(void **state)
{
	(void)state;
	ends_agree(AF_INET6);
}

static void what_is_no_tcp_has_no_text(void **state)
{
	char text[CONNECTION_TEXT];
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	connection_of_socket(pair[0], true, text);
	assert_string_equal(text, "");
	connection_of_socket(-1, true, text);
	assert_string_equal(text, "");
	close(pair[0]);
	close(pair[1]);
}

static bool is_within(const char *ssh)
{
	char text[CONNECTION_TEXT];

	if (ssh)
		setenv("SSH_CONNECTION", ssh, 1);
	else
		unsetenv("SSH_CONNECTION");
	connection_of_ssh(text);
	return connection_is_ssh_within_host(text);
}

static void ssh_within_a_host_is_known(void **state)
{
	(void)state;
	assert_true(is_within("10.0.0.1 40000 10.0.0.1 22"));
	assert_true(is_within("127.0.0.1 40000 127.0.1.1 22"));
	assert_true(is_within("::1 40000 ::1 22"));
	assert_false(is_within("10.0.0.2 40000 10.0.0.1 22"));
	assert_false(is_within("10.0.0.2 40000 127.0.0.1 22"));
	assert_false(is_within(""));
	assert_false(is_within(NULL));
	assert_false(connection_is_ssh_within_host("10.0.0.1 40000 10.0.0.1 8666")); /* a socket's */
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_say_the_same),
		cmocka_unit_test(so_does_a_server_of_both_families),
		cmocka_unit_test(what_is_no_tcp_has_no_text),
		cmocka_unit_test(ssh_within_a_host_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
