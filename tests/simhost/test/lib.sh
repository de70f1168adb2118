# Sourced by the test scripts: a host of their own, gone at their end.
SIM_OUT=${SIM_OUT:-build/simhost}
SIM=$SIM_OUT/simhost
WORK=$(mktemp -d)
touch "$WORK/log"
HOST=$WORK/host

die() { echo "failure: $*" >&2; exit 1; }

# driver COMMAND...: upstream's save and restore, on the host
driver() { "$SIM" run "$HOST" -- "$SIM_OUT/helper-driver" "$@" 2>>"$WORK/log"; }

# wait_for DOMAIN: until the guest's program has booted, or has seen that it was moved.
# Before that its shared_info still names the frames of the host it came from.
wait_for() {
	for _ in $(seq 24000); do
		"$SIM" check "$HOST" "$1" | grep -q '^phase 1' && return
		sleep 0.005
	done
	die "guest $1 does not run"
}

clean_up() {
	status=$?
	wait	# who has a host of its own takes it away itself
	[ $status -eq 0 ] || tail -n 30 "$WORK"/log "$HOST"/guests.lo[g] >&2
	"$SIM" destroy "$HOST" 2>/dev/null
	rm -rf "$WORK"
	exit $status
}
trap clean_up EXIT

helper=/usr/lib/xen-$(pkg-config --modversion xencontrol | cut -d. -f1,2)/bin/libxl-save-helper
[ -x "$helper" ] || { echo "skip: no $helper"; exit 77; }
