#!/bin/bash
# What is asked to go wrong goes wrong, there and nowhere else, and the host gets over it.
cd "$(dirname "$0")/../../.." && . tests/simhost/test/lib.sh

"$SIM" create "$HOST" --mem 128 || die create
"$SIM" guests "$HOST" --daemon
guest=$("$SIM" guest "$HOST" --mem 16 --workload mix --vcpus 2)
wait_for "$guest"
driver suspend "$guest" || die suspend

alone() { [ "$("$SIM" list "$HOST" | wc -l)" = 2 ] || die "something is left after: $*"; }

# said TEXT: the helper's own words about the fault
fails() {
	what=$1; shift
	: >"$WORK/log"
	SIMHOST_FAULT=$what driver "$@" >/dev/null && die "$what: no failure"
	grep -q "$said" "$WORK/log" || die "$what: not said: $said"
	alone "$what"
}

SIMHOST_TRACE=$WORK/trace driver save "$guest" "$WORK/1.img" || die save
grep -q ' domctl.getpageframeinfo3$' "$WORK/trace" || die "no trace"

said='No space left' fails domctl.getpageframeinfo3:2:ENOSPC save "$guest" "$WORK/2.img"
said='No such device' fails map:3:ENXIO save "$guest" "$WORK/2.img"
said='Mapping of pfn' fails mapframe:2000:EPERM save "$guest" "$WORK/2.img"
said='Cannot allocate' fails memory.populate_physmap:5:ENOMEM restore "$WORK/1.img" 2
said='opulat' fails memory.populate_physmap:3:oom restore "$WORK/1.img" 2
"$SIM" fault "$HOST" --memory-back
said='opulat' ; "$SIM" fault "$HOST" --free-frames 700
fails none:1:0 restore "$WORK/1.img" 2
"$SIM" fault "$HOST" --memory-back

# a helper killed in the middle: what it had mapped and made goes with its domain
SIMHOST_FAULT_IN=libxl-save-helper SIMHOST_FAULT=map:6:kill driver restore "$WORK/1.img" 2 &&
	die "no failure from a dead helper"
left=$("$SIM" list "$HOST" | awk 'NR == 3 { print $1 }')
[ -n "$left" ] || die "nothing left by the dead helper"
driver destroy "$left"
alone "a killed helper"

# a callback between two calls: the guest runs on while it is saved, and upstream sees it
driver resume "$guest" || die resume
"$SIM" guests "$HOST" --stop
before=$("$SIM" check "$HOST" "$guest" | sed 's/.* ticks \([0-9]*\).*/\1/')
SIMHOST_FAULT="sysctl.getdomaininfolist:*:step=${guest}x3" driver suspend "$guest" ||
	die "nobody made the guest suspend"
after=$("$SIM" check "$HOST" "$guest" | sed 's/.* ticks \([0-9]*\).*/\1/')
[ "$after" -gt "$before" ] || die "the guest made no step"
SIMHOST_FAULT="domctl:4:exec=touch $WORK/touched" driver save "$guest" "$WORK/3.img" || die save
[ -e "$WORK/touched" ] || die "the command was not run"

# a host without shadow paging has no log-dirty, and upstream no live save
"$SIM" create "$HOST.2" --flavour noshadow --mem 64 && "$SIM" guests "$HOST.2" --daemon
plain=$("$SIM" guest "$HOST.2" --mem 16)
HOST=$HOST.2 wait_for "$plain"
HOST=$HOST.2 driver save "$plain" "$WORK/4.img" live && die "a live save without log-dirty"
grep -q 'Failed to enable logdirty: 95,22' "$WORK/log" || die "not said: no log-dirty"
"$SIM" check "$HOST.2" "$plain" | grep -q '^phase 1' || die "the guest does not run on"
"$SIM" destroy "$HOST.2"

# a guest that keeps an entry for a frame not its own: upstream loses the table, silently
rude=$("$SIM" guest "$HOST" --mem 16 --keeps-foreign)
"$SIM" guests "$HOST" --daemon
wait_for "$rude"
driver save "$rude" "$WORK/5.img" || die "upstream refuses what it used to lose"
driver destroy "$rude"
"$SIM" guests "$HOST" --stop

# and without faults all is well
copy=$(driver restore "$WORK/3.img" 2) || die restore
"$SIM" compare "$HOST" "$guest" "$HOST" "$copy" >>"$WORK/log" || die "another guest"
echo ok
