/*
 * All that one side of a migration says -> the other side, the real one, from the front to the
 * journal, over the stand-ins for Xen of tests/unit/fake. Only the processes that build and send
 * the memory are stand-ins, see below.
 *
 * However the peer behaves: a guest never runs here unless the peer has said that it may, and is
 * never destroyed here unless the peer has said that it runs there; what the peer is told is true;
 * no lock, no descriptor and no half-built domain is left.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "machine/config.h"
#include "machine/registry.h"
#include "migrate/handover.h"
#include "protocol-peer.h"
#include "restore/handover.h"
#include "restore/preflight.h"
#include "tests/unit/fake/fake.h"

#define JOB "0123456789abcdef0123456789abcdef"

/* The first byte. */
enum { SOURCE = 1, AS_FRONT = 2, ENDS_WELL = 4, WORK_FAILS = 8, DIES_SILENT = 16, HAS_JOURNAL = 32 };

static unsigned int flags, fail_at, stage;
static char folder[64];
static struct domain *guest; /* of the job: what is built, or what moves */

static void say_nothing(enum say_level level, const char *text)
{
	(void)level, (void)text;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	/* Where the disk need not be waited for. */
	strcpy(folder, "/dev/shm/fuzz-protocol-XXXXXX");
	expect(mkdtemp(folder));
	setenv("PVFERRY_STATE", folder, 1);
	setenv("PVFERRY_RUN", folder, 1);
	say_to = say_nothing;
	signal(SIGPIPE, SIG_IGN); /* as stop_on_signals() does */
	return 0;
}

static void name_domain(const struct domain *domain, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/local/domain/%u/name", domain->id);
	fake_store_set(path, name);
}

static bool runs(const struct domain *domain)
{
	return domain && !domain->is_destroyed && !domain->is_paused && !domain->is_suspended;
}

static bool is_there(const struct domain *domain)
{
	return domain && !domain->is_destroyed;
}

/* --- stands in for restore/builder.c ------------------------------------- */

struct builder {
	struct built *built;
	const struct restore_options *options;
	int feed[2], watch;
};

int builder_start(struct builder **builder, struct built *built, const struct restore_options *options)
{
	struct builder *b = calloc(1, sizeof(*b));

	*b = (struct builder){ .built = built, .options = options, .watch = eventfd(1, EFD_CLOEXEC) };
	expect(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, b->feed));
	expect(options->uuid && options->name);
	guest = fake_domain(8, 1);
	guest->is_paused = true;
	memcpy(guest->uuid, options->uuid, sizeof(guest->uuid));
	name_domain(guest, options->name);
	if (!(flags & DIES_SILENT))
		built->is_created = built->is_there = true, built->domain = guest->id;
	*builder = b;
	return 0;
}

int builder_feed(const struct builder *b)
{
	return b->feed[0];
}

int builder_watch(const struct builder *b)
{
	return b->watch;
}

/* It has ended as soon as it was started. */
bool builder_listen(struct builder *b)
{
	(void)b;
	return false;
}

void builder_clean_up(struct built *built)
{
	if (built->is_there)
		built->is_there = domain_demolish(fake_find(built->domain));
}

int builder_finish(struct builder *b)
{
	bool fails = flags & (WORK_FAILS | DIES_SILENT);

	if (fails)
		builder_clean_up(b->built);
	close(b->feed[0]);
	close(b->feed[1]);
	close(b->watch);
	free(b);
	return fails ? fail(ECHILD, "the builder has died") : 0;
}

void builder_abort(struct builder *b)
{
	struct built *built = b->built;

	builder_finish(b);
	builder_clean_up(built);
}

/* --- stands in for migrate/sender.c --------------------------------------- */

struct sender {
	const struct sending *sending;
	struct sending copy;
	int feed;
};

int sender_start(struct sender **sender, const struct sending *sending)
{
	struct sender *s = calloc(1, sizeof(*s));
	struct sent *sent = sending->sent;
	char image[3000] = "an image";
	int ends[2];

	expect(!pipe2(ends, O_CLOEXEC) && write(ends[1], image, sizeof(image)) == sizeof(image));
	close(ends[1]);
	*s = (struct sender){ .copy = *sending, .feed = ends[0] };
	*sender = s;
	sending->journal->stage = JOURNAL_SUSPENDING;
	if (!journal_write(sending->journal))
		guest->is_suspended = sent->is_asked = sent->was_asked = sent->is_suspended = true;
	return 0;
}

int sender_feed(const struct sender *s)
{
	return s->feed;
}

static void let_go(struct sender *s)
{
	guest->is_suspended = s->copy.sent->is_asked = s->copy.sent->is_suspended = false;
}

int sender_finish(struct sender *s)
{
	if (!(flags & WORK_FAILS) && guest->is_suspended)
		return 0;
	let_go(s);
	return fail(EIO, "the guest could not be sent");
}

int sender_release(struct sender *s)
{
	(void)s;
	return 0;
}

void sender_abort(struct sender *s)
{
	let_go(s);
}

void sender_close(struct sender *s)
{
	if (s)
		close(s->feed);
	free(s);
}

/* --- the destination ------------------------------------------------------- */

/* Of a job that was here before, for those who ask. */
static void put_journal(void)
{
	struct journal journal = {
		.role = JOURNAL_DESTINATION, .job = JOB, .domain = "web2", .stage = stage
	};

	guest = fake_domain(8, 1);
	guest->is_paused = stage != JOURNAL_RUNNING;
	guest->is_destroyed = stage == JOURNAL_DESTROYED;
	name_domain(guest, "web2" INCOMING_SUFFIX);
	uuid_format(guest->uuid, journal.uuid);
	journal.domid = guest->id;
	expect(!journal_write(&journal));
}

static void check_answer(void)
{
	bool may_run = stage == JOURNAL_GO || stage == JOURNAL_RUNNING;

	expect(!runs(guest) || may_run);
	expect(is_there(guest) || !may_run);
	if (!strcmp(heard.state, "running"))
		expect(runs(guest));
	if (!strcmp(heard.state, "destroyed"))
		expect(!is_there(guest));
	if (heard.count[MESSAGE_STATE])
		expect(said.count[MESSAGE_QUERY]);
}

static void check_taken(const struct take_status *status, int rc)
{
	bool is_running = runs(guest);

	expect(!is_running || (said.count[MESSAGE_END] && said.count[MESSAGE_GO] && !rc));
	expect(!is_running || status->stage == TAKE_RUNNING);
	expect(!is_running || !(flags & (WORK_FAILS | DIES_SILENT)));
	expect(is_running || !is_there(guest) || (fail_at && status->built->is_there));
	expect(!heard.count[MESSAGE_RUNNING] || is_running);
	expect(!heard.count[MESSAGE_READY] || said.count[MESSAGE_END]);
	expect(heard.count[MESSAGE_READY] <= 1 && heard.count[MESSAGE_RUNNING] <= 1);
	if (!strcmp(heard.state, "destroyed"))
		expect(!is_there(guest));
	if (!rc && !is_running)
		expect(status->stage == TAKE_ANSWERED);
	/* One that failed before READY has no journal any more, any other one has an end. */
	if (*status->journal.job && !fail_at) {
		struct journal journal;
		int found = journal_read(&journal, status->journal.job, JOURNAL_DESTINATION);

		expect(!found || found == -ENOENT);
		expect(found ? !is_running
			     : journal.stage == (is_running ? JOURNAL_RUNNING : JOURNAL_DESTROYED));
	}
}

static void be_destination(int connection)
{
	static struct take_status status;
	static struct built built;
	struct take task = { .in = connection, .out = connection, .is_stream = true, .status = &status };
	bool has_journal = flags & HAS_JOURNAL;
	int rc;

	built = (struct built){ .fd = -1 };
	status = (struct take_status){ .built = &built, .lock = -1 };
	if (has_journal)
		put_journal();
	fake_calls = 0;
	fake_fail_at = fail_at;
	rc = take_guest(&task);
	fake_fail_at = 0;
	if (getenv("FUZZ_SHOW"))
		fprintf(stderr, "take: %d, stage %d: %s\n", rc, status.stage, fail_reason());
	expect_reason(rc);
	peer_end();
	if (has_journal && !*status.journal.job)
		check_answer();
	else
		check_taken(&status, rc);
	journal_remove(status.journal.job, JOURNAL_DESTINATION);
}

/* --- the source ------------------------------------------------------------- */

static void check_moved(const struct move_status *status, int rc)
{
	bool is_moved = status->stage >= MOVE_RUNNING;

	expect(status->stage < MOVE_READY || said.count[MESSAGE_READY]);
	expect(!is_moved || (said.count[MESSAGE_RUNNING] && said.count[MESSAGE_ACCEPT]));
	expect(is_moved == !rc);
	expect(!heard.count[MESSAGE_GO] || status->stage >= MOVE_GO);
	expect(heard.count[MESSAGE_GO] <= 1 && heard.count[MESSAGE_END] <= 1);
	if (is_moved)
		expect(!is_there(guest) || fail_at);
	else
		expect(is_there(guest));
	if (status->stage < MOVE_GO)
		expect(runs(guest) || fail_at);
	if (status->stage == MOVE_GO && rc != -ECANCELED)
		expect(guest->is_suspended && status->journal.stage == JOURNAL_GO);
	if (status->stage == MOVE_GO && rc == -ECANCELED)
		expect(said.is_destroyed_said && (runs(guest) || fail_at));
}

static void be_source(int connection)
{
	static struct move_status status;
	struct move task = { .peer = { .via = VIA_TCP, .host = "host2", .port = 1, .idle_seconds = 5 },
			     .offer = { .job = JOB, .lanes = 1 },
			     .status = &status };
	int rc;

	guest = fake_domain(8, 1);
	guest->frames = guest->most_frames = 64;
	name_domain(guest, "web1");
	status =
		(struct move_status){ .journal = { .role = JOURNAL_SOURCE, .job = JOB, .domid = guest->id } };
	strcpy(status.journal.peer, "host2");
	strcpy(status.journal.via, "tcp");
	task.domain = guest->id;
	peer_connection = connection;
	fake_calls = 0;
	fake_fail_at = fail_at;
	rc = move_guest(&task);
	fake_fail_at = 0;
	if (getenv("FUZZ_SHOW"))
		fprintf(stderr, "move: %d, stage %d: %s\n", rc, status.stage, fail_reason());
	expect_reason(rc);
	peer_end();
	check_moved(&status, rc);
	journal_remove(JOB, JOURNAL_SOURCE);
}

/* --- both --------------------------------------------------------------------- */

static void expect_no_locks(void)
{
	char path[128];
	DIR *locks;
	struct dirent *entry;

	snprintf(path, sizeof(path), "%s/locks", folder);
	locks = opendir(path);
	while (locks && (entry = readdir(locks)))
		expect(*entry->d_name == '.');
	if (locks)
		closedir(locks);
}

static int lowest_free(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t count)
{
	struct input in = { data, count };
	struct domain *neighbour;
	int connection, first;

	fake_reset();
	first = lowest_free();
	neighbour = fake_domain(8, 1);
	name_domain(neighbour, "neighbour");
	guest = NULL;
	flags = take8(&in);
	fail_at = take8(&in);
	stage = (const uint8_t[]){ JOURNAL_BUILDING, JOURNAL_READY, JOURNAL_GO, JOURNAL_RUNNING,
				   JOURNAL_DESTROYED }[take8(&in) % 5];
	said.as_front = flags & AS_FRONT;
	said.ends_well = flags & ENDS_WELL;
	connection = peer_begin(&in);
	fail_forget();
	(flags & SOURCE ? be_source : be_destination)(connection);
	expect(runs(neighbour));
	expect_no_locks();
	journal_remove(JOB, JOURNAL_DESTINATION);
	fail_forget();
	expect(lowest_free() == first);
	return 0;
}
