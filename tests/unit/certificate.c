/* cli/authority.c, cli/certificate.c: certificates that are made, read and judged. */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/authority.h"
#include "cli/certificate.h"
#include "cli/sheet.h"
#include "stream/tls.h"

enum { DAY = 86400 };

static const char *const none[] = { NULL };
static char folder[64], ca[96], pki[96];
static time_t now;

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/certificate-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(ca, sizeof(ca), "%s/ca", folder);
	snprintf(pki, sizeof(pki), "%s/pki", folder);
	now = time(NULL);
	fail_forget();
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command); /* the folder's name is mkdtemp's */
}

/* Valid until the call after the next. */
static const char *in(const char *where, const char *name)
{
	static char paths[2][160];
	static unsigned int turn;

	turn = !turn;
	snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", where, name);
	return paths[turn];
}

static unsigned int files(const char *where)
{
	DIR *list = opendir(where);
	unsigned int count = 0;

	while (list && readdir(list))
		count++;
	if (list)
		closedir(list);
	return count ? count - 2 : 0;
}

static unsigned int mode_of(const char *file)
{
	struct stat status;

	assert_int_equal(stat(file, &status), 0);
	assert_int_equal(status.st_uid, geteuid());
	return status.st_mode & 07777;
}

static struct issue issue_for(const char *host, time_t from, time_t until)
{
	return (struct issue){
		.authority = ca, .folder = pki, .host = host, .also = none, .from = from, .until = until
	};
}

static void make_ca(time_t until)
{
	assert_int_equal(authority_make(ca, "a CA", now - 10 * DAY, until), 0);
}

/* How many findings of each verdict there are; with a remedy for each that is not fine. */
static void examine(unsigned int ok, unsigned int warnings, unsigned int problems)
{
	struct json_object *remedy;
	struct report report;

	report_open(&report);
	certificate_examine(&report, pki, "host1");
	for (size_t i = 0; i < json_object_array_length(report.lines); i++) {
		struct json_object *line = json_object_array_get_idx(report.lines, i), *verdict;

		assert_true(json_object_object_get_ex(line, "verdict", &verdict));
		assert_int_equal(json_object_object_get_ex(line, "remedy", &remedy),
				 strcmp(json_object_get_string(verdict), "ok") != 0);
	}
	assert_int_equal(report.count[VERDICT_OK], ok);
	assert_int_equal(report.count[VERDICT_WARNING], warnings);
	assert_int_equal(report.count[VERDICT_PROBLEM], problems);
	assert_int_equal(report_status(&report), problems ? 1 : 0);
	report_close(&report);
}

static void check_files(void **state)
{
	static const char *const also[] = { "host1.example", "192.0.2.7", "2001:db8::7", NULL };
	struct issue issue = issue_for("host1", now - DAY, now + 100 * DAY);
	struct certificate certificate;
	char day[16];

	(void)state;
	make_ca(now + 1000 * DAY);
	issue.also = also;
	assert_int_equal(authority_issue(&issue), 0);
	assert_int_equal(mode_of(ca), 0700);
	assert_int_equal(mode_of(in(ca, "ca.key")), 0600);
	assert_int_equal(mode_of(pki), 0700);
	assert_int_equal(mode_of(in(pki, "key.pem")), 0600);
	assert_int_equal(files(ca), 2);
	assert_int_equal(files(pki), 3);
	assert_int_equal(certificate_read(in(pki, "cert.pem"), &certificate), 0);
	assert_string_equal(certificate.names, "host1, host1.example, 192.0.2.7, 2001:db8::7");
	assert_string_equal(certificate.name, "host1");
	assert_int_equal(certificate.until, now + 100 * DAY);
	assert_int_equal(certificate_days_left(&certificate, now), 100);
	assert_int_equal(certificate_days_left(&certificate, now + 100 * DAY), 0);
	assert_int_equal(certificate_days_left(&certificate, now + 100 * DAY + 1), -1);
	assert_string_equal(certificate_day(0, day), "1970-01-01");
	examine(3, 0, 0);
}

/* As two hosts do it, over a pair of sockets: what was made is what stream/tls.c takes. */
static void check_tls(void **state)
{
	static const char *const allowed[] = { "host1", NULL };
	struct issue issue = issue_for("host1", now - DAY, now + DAY);
	struct tls *client, *server;

	(void)state;
	make_ca(now + 1000 * DAY);
	assert_int_equal(authority_issue(&issue), 0);
	assert_int_equal(tls_client(&client, 0, pki, "host1"), 0);
	assert_int_equal(tls_server(&server, 0, pki, allowed), 0);
	tls_free(client);
	tls_free(server);
}

/* What is there stays as it is, byte for byte. */
static void check_overwrite(void **state)
{
	struct issue issue = issue_for("host1", now - DAY, now + DAY);
	struct stat before, after;

	(void)state;
	make_ca(now + 1000 * DAY);
	assert_int_equal(authority_make(ca, "another", now, now + DAY), -EEXIST);
	assert_int_equal(authority_issue(&issue), 0);
	assert_int_equal(stat(in(pki, "cert.pem"), &before), 0);
	assert_int_equal(authority_issue(&issue), -EEXIST);
	assert_int_equal(stat(in(pki, "cert.pem"), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(unlink(in(pki, "cert.pem")), 0);
	fail_forget();
	assert_int_equal(authority_issue(&issue), -EEXIST); /* for there is a key */
	assert_non_null(strstr(fail_reason(), "key.pem exists"));
	assert_int_equal(files(pki), 2);
}

/* A ca.pem of another CA would be lost; one of the same is what would be written anyway. */
static void check_other_ca(void **state)
{
	struct issue issue = issue_for("host1", now - DAY, now + DAY);
	char old[96];

	(void)state;
	make_ca(now + 1000 * DAY);
	assert_int_equal(authority_issue(&issue), 0);
	unlink(in(pki, "cert.pem"));
	unlink(in(pki, "key.pem"));
	assert_int_equal(authority_issue(&issue), 0);
	unlink(in(pki, "cert.pem"));
	unlink(in(pki, "key.pem"));
	snprintf(old, sizeof(old), "%s/old", folder);
	assert_int_equal(rename(ca, old), 0);
	make_ca(now + 1000 * DAY);
	assert_int_equal(authority_issue(&issue), -EEXIST);
	assert_int_equal(files(pki), 1);
	issue.renews = true;
	assert_int_equal(authority_issue(&issue), 0);
	assert_true(certificate_is_signed_by(in(pki, "cert.pem"), in(ca, "ca.pem")));
	assert_false(certificate_is_signed_by(in(pki, "cert.pem"), in(old, "ca.pem")));
	examine(2, 1, 0); /* a day is left */
}

static void check_renewal(void **state)
{
	struct issue issue = issue_for("host1", now - DAY, now + 10 * DAY);
	struct stat before, after;

	(void)state;
	make_ca(now + 1000 * DAY);
	assert_int_equal(authority_issue(&issue), 0);
	examine(2, 1, 0);
	assert_int_equal(stat(in(pki, "key.pem"), &before), 0);
	issue.renews = true;
	issue.until = now + 400 * DAY;
	assert_int_equal(authority_issue(&issue), 0);
	assert_int_equal(stat(in(pki, "key.pem"), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino); /* the key stays */
	assert_int_equal(files(pki), 3);
	examine(3, 0, 0);
}

static void check_expired(void **state)
{
	struct issue issue = issue_for("host1", now - 9 * DAY, now - DAY);

	(void)state;
	make_ca(now + 1000 * DAY);
	assert_int_equal(authority_issue(&issue), 0);
	examine(2, 0, 1);
	issue.renews = true;
	issue.from = now + 2 * DAY;
	issue.until = now + 9 * DAY;
	assert_int_equal(authority_issue(&issue), 0);
	examine(2, 0, 1); /* not valid yet */
}

/* Never longer than its CA; nothing by a CA that has expired. */
static void check_bounds(void **state)
{
	struct issue issue = issue_for("host1", now - DAY, now + 400 * DAY);
	struct certificate certificate;

	(void)state;
	make_ca(now + 100 * DAY);
	assert_int_equal(authority_issue(&issue), 0);
	assert_int_equal(certificate_read(in(pki, "cert.pem"), &certificate), 0);
	assert_int_equal(certificate.until, now + 100 * DAY);
	assert_int_equal(unlink(in(ca, "ca.pem")), 0);
	assert_int_equal(unlink(in(ca, "ca.key")), 0);
	make_ca(now - DAY);
	issue.renews = true;
	assert_int_equal(authority_issue(&issue), -EKEYEXPIRED);
}

static void check_defects(void **state)
{
	struct issue issue = issue_for("host1", now - DAY, now + 100 * DAY);
	struct issue other = issue_for("host2", now - DAY, now + 100 * DAY);
	char there[96];

	(void)state;
	make_ca(now + 1000 * DAY);
	snprintf(there, sizeof(there), "%s/other", folder);
	other.folder = there;
	examine(0, 0, 1); /* no directory at all */
	assert_int_equal(authority_issue(&issue), 0);
	assert_int_equal(authority_issue(&other), 0);
	assert_int_equal(chmod(in(pki, "key.pem"), 0644), 0);
	examine(2, 0, 1);
	assert_int_equal(unlink(in(pki, "key.pem")), 0);
	examine(2, 0, 1);
	assert_int_equal(link(in(there, "key.pem"), in(pki, "key.pem")), 0); /* another's */
	examine(2, 0, 1);
	assert_int_equal(truncate(in(pki, "cert.pem"), 100), 0);
	examine(1, 0, 2);
}

static void check_failure(void **state)
{
	struct issue issue = issue_for("host1", now - DAY, now + 100 * DAY);

	(void)state;
	assert_int_equal(authority_issue(&issue), -ENOENT); /* no CA */
	assert_int_equal(access(pki, F_OK), -1);
	make_ca(now + 1000 * DAY);
	assert_int_equal(mkdir(pki, 0700), 0);
	assert_int_equal(mkdir(in(pki, "ca.pem"), 0700), 0); /* stands where a file is to be */
	issue.renews = true;
	assert_true(authority_issue(&issue) < 0);
	assert_int_equal(files(pki), 1);
	assert_int_equal(truncate(in(ca, "ca.key"), 50), 0);
	fail_forget();
	assert_int_equal(authority_issue(&issue), -ENOKEY);
	assert_non_null(strstr(fail_reason(), "ca.key is not a key"));
}

/* The second cannot be placed, for its name was taken meanwhile: then the first must not stay either. */
static void check_all_or_none(void **state)
{
	struct sheet sheets[2] = { 0 };
	EVP_PKEY *key = EVP_EC_gen("P-256");

	(void)state;
	assert_int_equal(mkdir(pki, 0700), 0);
	for (int i = 0; i < 2; i++) {
		assert_done(sheet_begin(&sheets[i], pki, i ? "ca.key" : "key.pem", false));
		assert_done(sheet_write(&sheets[i], NULL, key));
	}
	EVP_PKEY_free(key);
	close(open(in(pki, "ca.key"), O_WRONLY | O_CREAT, 0600));
	assert_true(sheets_place(sheets, 2, 0) < 0);
	assert_int_equal(files(pki), 1);
	assert_int_equal(access(in(pki, "key.pem"), F_OK), -1);
}

/* Nothing is made for a name that cannot be one, be it the host's or a further one. */
static void check_names(void **state)
{
	static const char *const hostile[] = { "a,DNS:evil", NULL };
	struct issue issue = issue_for("../up", now - DAY, now + DAY);

	(void)state;
	make_ca(now + DAY);
	assert_fails(authority_issue(&issue), EINVAL, "cannot be a host's name");
	issue.host = "a";
	issue.also = hostile;
	assert_fails(authority_issue(&issue), EINVAL, "--also");
	assert_int_equal(access(pki, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(check_files, setup, teardown),
		cmocka_unit_test_setup_teardown(check_tls, setup, teardown),
		cmocka_unit_test_setup_teardown(check_overwrite, setup, teardown),
		cmocka_unit_test_setup_teardown(check_other_ca, setup, teardown),
		cmocka_unit_test_setup_teardown(check_renewal, setup, teardown),
		cmocka_unit_test_setup_teardown(check_expired, setup, teardown),
		cmocka_unit_test_setup_teardown(check_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(check_defects, setup, teardown),
		cmocka_unit_test_setup_teardown(check_failure, setup, teardown),
		cmocka_unit_test_setup_teardown(check_all_or_none, setup, teardown),
		cmocka_unit_test_setup_teardown(check_names, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
