/*
 * A suspend, as a list and its mirror. What holds a machine frame that no
 * table and no p2m entry names is put away before: two numbers of start info,
 * the mapping of shared info. Xen tells afterwards whether the domain was
 * carried (0) or the suspend was cancelled (1); then ports are what they were.
 */
#include "tiny.h"

unsigned int suspend_round;

static void hide_frames(void)
{
	start_info->store_mfn = m2p_get(start_info->store_mfn);
	start_info->console.domU.mfn = m2p_get(start_info->console.domU.mfn);
	shared_info_map(0);
}

/* Who builds the domain anew has put the frames there; else they are still as they were hidden. */
static void show_frames(bool cancelled)
{
	if (cancelled) {
		start_info->store_mfn = mfn_of(start_info->store_mfn);
		start_info->console.domU.mfn = mfn_of(start_info->console.domU.mfn);
	}
	shared_info_map(start_info->shared_info);
}

static void connect(void)
{
	events_forget();
	p2m_publish();
	vcpus_connect();
}

bool suspend(void)
{
	struct sched_shutdown why = { SHUTDOWN_suspend };
	bool cancelled;

	scenario_leave();
	vcpus_park();
	events_close();
	if (!text_equal(option("mm_pin_all"), "off"))
		mm_pin_all();
	console_disconnect();
	hide_frames();

	cancelled = HYPERCALL(sched_op, SCHEDOP_shutdown, &why, mfn_of(pfn_of(start_info)), 0);

	show_frames(cancelled);
	if (!cancelled)
		connect();
	console_connect();
	mm_unpin_all();
	suspend_round++;
	events_open();
	if (!cancelled)
		store_connect();
	return cancelled;
}

void shut_down(unsigned int reason)
{
	struct sched_shutdown why = { reason };

	for (;;)
		sched_op(SCHEDOP_shutdown, &why);
}
