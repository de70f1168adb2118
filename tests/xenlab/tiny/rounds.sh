#!/bin/busybox sh
# rounds.sh ROUNDS OPTIONS SCENARIO...: in dom0. Each scenario of the tiny guest, one after another: started, then saved
# and restored by pvferry ROUNDS times, once saved by pvferry and restored by xl, once the other way round. In pvferry's
# rounds the old domain stays, paused, until the new one runs, under another name: so the new one has other frames, and
# whatever was not translated shows.
# A line for each scenario: NAME OUTCOME SECONDS LAST-LINE; status 1 if any did not succeed. OPTIONS: for the guest's
# command line, with commas; also mib=N, vcpus=N; noxlsave: xl is not asked to save it; live: instead of all that it
# moves ROUNDS times, live, from this host to this host.
rounds=$1 options=$2
shift 2

option() { # name, otherwise
	echo ",$options," | sed -n "s/.*,$1=\([^,]*\),.*/\1/p;t;s/.*/$2/p"
}

said() {
	cat "$log"-[01]*.log 2>/dev/null | grep -c "^tiny $name [a-z]*: round $1[ :]"
}

await() { # a round
	local tries=0
	until [ "$(said "$1")" -gt 0 ]; do
		tries=$((tries + 1))
		[ $tries -lt 1200 ] || { echo "never came to round $1"; return 1; }
		sleep 0.05
	done
}

start() {
	rm -f "$log"-[01]*.log
	cat >"/run/$guest.cfg" <<-END
	name = "$guest-0"
	type = "pv"
	memory = $(option mib 16)
	vcpus = $(option vcpus 2)
	kernel = "/run/tiny"
	extra = "scenario=$name $(echo "$options" | tr , ' ')"
	on_crash = "preserve"
	END
	xl create -q "/run/$guest.cfg" || return 1
	local tries=0
	until grep -q '^tiny boot' "$log-0.log" 2>/dev/null; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || return 1
		sleep 0.05
	done
}

# The two names change places with each round. xl has no --name: there the old domain goes first.
round_of_ours() {
	pvferry save -q -p "$guest-$now" "$image" && wait && pvferry restore -q --name "$guest-$((1 - now))" "$image" || return 1
	rm "$image"
	xl destroy "$guest-$now" &
	now=$((1 - now))
	await "$1"
}

# Its console's log is called as it is while it arrives.
move_of_ours() {
	pvferry migrate -q --foreground --via ssh --ssh '' "$guest-0" 'pvferry receive -q' && await "$1"
}

to_xl() {
	pvferry save -q "$guest-$now" "$image" && zstd -dcq "$image" | xl restore /dev/stdin && await "$1"
	rm "$image"
}

from_xl() {
	xl save "$guest-$now" "$image" && pvferry restore -q "$image" && await "$1"
}

play() {
	local number=1 round=round_of_ours
	case ",$options," in *,live,*) round=move_of_ours ;; esac
	start || { echo "does not boot"; return 1; }
	while [ $number -le "$rounds" ]; do
		$round $number || return 1
		number=$((number + 1))
	done
	[ $round = round_of_ours ] || return 0
	to_xl $number || return 1
	case ",$options," in *,noxlsave,*) return 0 ;; esac
	from_xl $((number + 1))
}

outcome() { # what play() returned
	if [ "$1" != 0 ] || grep -qE "^tiny ($name )?(error|failure|wrong)" "$log"-[01]*.log; then echo FAIL
	elif grep -q "^tiny $name skip" "$log"-[01]*.log; then echo skip
	else echo success; fi
}

failed=0
for name; do
	guest=tiny-$name log=/var/log/xen/console/guest-tiny-$name now=0 image=/tmp/tiny-$name.image
	began=$(cut -d. -f1 /proc/uptime)
	play >"/run/$guest.out" 2>&1
	result=$(outcome $?)
	echo "$name $result $(($(cut -d. -f1 /proc/uptime) - began)) $(tail -n 1 "$(ls -t "$log"-[01]*.log | head -n 1)")"
	if [ "$result" = FAIL ]; then
		failed=1
		tail -n 20 "/run/$guest.out" "$log"-[01]*.log | sed 's/^/    /'
	fi
	wait
	xl destroy "$guest-0" 2>/dev/null
	xl destroy "$guest-1" 2>/dev/null
	rm -f "$image"
done
exit $failed
