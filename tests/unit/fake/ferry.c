/* See ferry.h. */
#include "ferry.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "log.h"
#include "machine/config-flat.h"
#include "restore/examine.h"
#include "xen/pte.h"

#define P2M_AT 0xf0000000

struct ferry ferry = { .fd = -1 };
static char run[32]; /* run_folder() */

/* What the test's own machinery needs. */
static void must(int rc)
{
	if (rc)
		abort();
}

static void remove_run(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", run);
	must(system(command));
	unsetenv("PVFERRY_RUN");
}

/* A restore takes locks, and another run of the tests may do so at the same time: each has its own. */
void ferry_open(void)
{
	snprintf(run, sizeof(run), "/tmp/pvferry-unit-XXXXXX");
	if (!mkdtemp(run))
		abort();
	setenv("PVFERRY_RUN", run, 1);
	ferry.fd = memfd_create("image", MFD_CLOEXEC);
}

void ferry_close(void)
{
	ferry_release();
	ferry.options = (struct migrate_options){ 0 };
	ferry.allowed = 0;
	ferry.prove = NULL;
	guest_release(&ferry.guest);
	close(ferry.fd);
	remove_run();
}

void ferry_make(unsigned int width, enum p2m_form form, uint64_t pfns)
{
	fake_reset();
	guest_make(&ferry.guest, width, pfns);
	ferry.guest.domain->vcpu_count = 3;
	guest_publish_linear(&ferry.guest, P2M_AT);
	if (form == P2M_LIST) {
		guest_publish_list(&ferry.guest);
		word_set(ferry.guest.layout, ferry.guest.shared_info, ferry.guest.layout->shared_info.p2m_cr3,
			 0);
	}
	for (uint64_t pfn = 0; pfn < 500; pfn++) {
		*(uint64_t *)guest_page(&ferry.guest, pfn) = pfn * 0x9e3779b97f4a7c15;
		guest_map(&ferry.guest, 0x8000000 + pfn * PAGE_BYTES, pfn, pfn % 2 ? PTE_WRITABLE : 0);
	}
	guest_map(&ferry.guest, 0x9000000, ferry.guest.root, 0);
	guest_add_vcpus(&ferry.guest);
	for (uint64_t pfn = 600; pfn < 700; pfn++)
		guest_set_type(&ferry.guest, pfn, FRAME_XTAB);
	for (unsigned int slot = 256; width == 8 && slot < 272; slot++)
		((uint64_t *)guest_page(&ferry.guest, ferry.guest.root))[slot] = 5 << PAGE_BITS | PTE_PRESENT;
	ferry.guest.domain->tsc = (struct tsc_info){ .mode = 1, .khz = 1234 };
	fake_store_set("/local/domain/1/name", "web1");
	fake_store_set("/local/domain/1/vm", "/vm/something");
}

void ferry_release(void)
{
	struct domain *built = ferry.restoration.domain;

	migration_release(&ferry.migration);
	ferry.migration = (struct migration){ 0 };
	restoration_release(&ferry.restoration);
	if (built)
		fake_remove(built);
	fake_unmap(ferry.guest.domain);
	ferry.restoration = (struct restoration){ 0 };
	fail_forget();
}

int ferry_save(int level)
{
	struct migrate_options options = ferry.options;
	int rc;

	options.level = level;
	options.threads = 2;
	options.timeout_seconds = 1;

	must(ftruncate(ferry.fd, 0));
	lseek(ferry.fd, 0, SEEK_SET);
	must(channel_init(&ferry.to, ferry.fd, "the image"));
	rc = migration_send(&ferry.migration, ferry.guest.domain, &ferry.to, &options);
	channel_release(&ferry.to);
	return rc;
}

/* As the expander does. */
static int flatten(struct stream_facts *facts)
{
	return config_flatten(facts->config, &facts->flat_config);
}

int ferry_restore(const char *name)
{
	struct restore_options options = { .threads = 2,
					   .name = name,
					   .allowed = ferry.allowed,
					   .maker = ferry.maker,
					   .prove = ferry.prove };
	struct reader *reader;
	int rc;

	lseek(ferry.fd, 0, SEEK_SET);
	must(channel_init(&ferry.from, ferry.fd, "the image"));
	ferry.from.leave_pages = !ferry.prove;
	rc = reader_open(&reader, &ferry.from, options.threads);
	if (!rc)
		rc = flatten((struct stream_facts *)reader_facts(reader));
	if (!rc)
		rc = restore_domain(&ferry.restoration, domain_host(ferry.guest.domain), reader, &options);
	channel_release(&ferry.from);
	return rc;
}

int ferry_verify(void)
{
	struct examination x = { 0 };
	int rc;

	lseek(ferry.fd, 0, SEEK_SET);
	must(channel_init(&ferry.from, ferry.fd, "the image"));
	rc = examine(&x, &ferry.from, 2);
	examination_release(&x);
	return rc;
}
