#!/bin/busybox sh
# Runs one job for the agent and says how it ended.
cd /lab/share/jobs || exit 1
(cd /root && sh "/lab/share/jobs/$1.sh") </dev/null >"$1.out" 2>&1
echo $? >"$1.new"
mv "$1.new" "$1.rc"
