#!/bin/bash
# Upstream's own xc_domain_save and xc_domain_restore, in an unmodified libxl-save-helper,
# move guests of every kind, which stay what they were, run on, and can be moved again.
cd "$(dirname "$0")/../../.." && . tests/simhost/test/lib.sh

# Upstream asks for a page's type and then maps it: it gives up where a running guest has made another page of it meanwhile.
save_first() {
	for _ in 1 2 3 4 5; do
		driver save "$first" "$WORK/1.img" $live && return
		[ "$live" ] || return
	done
	return 1
}

move() {
	"$SIM" create "$HOST" --mem 256 "${host_options[@]}" || die create
	"$SIM" guests "$HOST" --daemon
	first=$("$SIM" guest "$HOST" --mem 32 --seed 7 "$@") || die guest
	vcpus=1; [[ "$*" =~ --vcpus\ ([0-9]+) ]] && vcpus=${BASH_REMATCH[1]}
	wait_for "$first"; sleep "${busy:-0}"
	# upstream reads the p2m before it suspends, and a guest may be changing it then
	[ "$live" ] || driver suspend "$first" || die "suspend ($*)"
	save_first || die "save ($*)"
	second=$(driver restore "$WORK/1.img" "$vcpus") || die "restore ($*)"
	"$SIM" compare "$HOST" "$first" "$HOST" "$second" >>"$WORK/log" || die "another guest ($*)"
	driver resume "$first" && driver unpause "$second" || die "resume, unpause"
	wait_for "$second"
	driver suspend "$second" || die "suspend again ($*)"
	driver save "$second" "$WORK/2.img" || die "save again ($*)"
	driver suspend "$first" || die "suspend the source again ($*)"
	"$SIM" check "$HOST" "$first" >>"$WORK/log" || die "source after resume ($*)"
	third=$(driver restore "$WORK/2.img" "$vcpus") || die "restore again ($*)"
	"$SIM" compare "$HOST" "$second" "$HOST" "$third" >>"$WORK/log" || die "another guest, second time ($*)"
	"$SIM" check "$HOST" "$third" >>"$WORK/log" || die "content ($*)"
	for domain in "$first" "$second" "$third"; do driver destroy "$domain"; done
	[ "$("$SIM" list "$HOST" | wc -l)" = 1 ] || die "a domain is left ($*)"
	"$SIM" destroy "$HOST"
	echo "ok: $* $live"
}

# One guest's story, on a host of its own; two are told at a time.
stories=()
tell() {
	[ ${#stories[@]} -lt 2 ] || wait "${stories[-2]}" || die "a story"
	(
		WORK=$WORK/${#stories[@]}
		HOST=$WORK/host
		mkdir "$WORK" && touch "$WORK/log"
		trap clean_up EXIT
		move "$@"
	) &
	stories+=($!)
}

live=
host_options=()
for width in 64 32; do
	for p2m in linear list; do
		tell --width $width --p2m $p2m
		tell --width $width --p2m $p2m --vcpus 3 --holes 40
	done
done
busy=0.1
for workload in write fork remap balloon grant mix; do
	tell --workload $workload --vcpus 4
	tell --workload $workload --width 32 --p2m list
done
live=live
# Not grant: upstream goes by the log alone, which misses what is written through a grant that stays mapped.
for workload in idle write fork remap; do tell --workload $workload --vcpus 4; done
tell --workload fork --width 32 --p2m list
live= busy=
tell --vcpus 64
host_options=(--scatter 100)
tell --width 64
host_options=(--flavour noshadow)
tell --width 64
for story in "${stories[@]: -2}"; do wait "$story" || die "a story"; done
