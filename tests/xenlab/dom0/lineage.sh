#!/bin/busybox sh
# lineage NAME N: the pid of the Nth child down from the eldest process of that name (0: that one itself).
all=$(cat /proc/[0-9]*/stat 2>/dev/null)
pid=$(echo "$all" | awk -v name="($1)" '$2 == name { parent[$1] = $4 }
	END { for (p in parent) if (!(parent[p] in parent)) print p }' | sort -n | head -n 1)
for i in $(seq "$2"); do
	pid=$(echo "$all" | awk -v name="($1)" -v parent="$pid" '$2 == name && $4 == parent { print $1 }' | sort -n | head -n 1)
done
[ -n "$pid" ] && echo "$pid"
