#!/bin/bash
# Breaks each rule of the machine and gets Xen's errno; and the guests' processor against
# a reference.
cd "$(dirname "$0")/../../.." && . tests/simhost/test/lib.sh

"$SIM" create "$HOST" --mem 64 --no-xenstored || die create
for test in rules-memory rules-domain rules-vcpu rules-pae shadow; do
	"$SIM" run "$HOST" -- "$SIM_OUT/$test" 2>&1 | grep -Ev '^\[ +(RUN|OK) ' || true
	[ "${PIPESTATUS[0]}" = 0 ] || die "$test"
done
[ "$("$SIM" list "$HOST" | wc -l)" = 1 ] || die "a domain is left"
