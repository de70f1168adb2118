#!/bin/bash
# compare tells guests apart that differ in a bit, wherever it is; check finds a wrong page.
cd "$(dirname "$0")/../../.." && . tests/simhost/test/lib.sh

"$SIM" create "$HOST" --mem 64 --no-xenstored || die create
"$SIM" run "$HOST" -- "$SIM_OUT/differences" "$SIM" 2>&1 | grep -Ev '^\[ +(RUN|OK) ' || true
[ "${PIPESTATUS[0]}" = 0 ] || die differences
