#!/bin/busybox sh
# The init of a lab guest. The kernel's command line chooses: selfcheck=ARGUMENTS and spaces=ARGUMENTS (commas for
# spaces), which start those programs, and offline=N (take that CPU off). Then each line typed on the console is run as
# a command.
/bin/busybox mkdir -p /proc /sys /dev /tmp /sbin /usr/bin /usr/sbin
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs tmp /tmp
mount -t debugfs debug /sys/kernel/debug
mount -t tracefs trace /sys/kernel/tracing 2>/dev/null
exec </dev/hvc0 >/dev/hvc0 2>&1

for word in $(cat /proc/cmdline); do
	case $word in
	offline=*) echo 0 >"/sys/devices/system/cpu/cpu${word#*=}/online" ;;
	selfcheck=*) arguments=$(echo "${word#*=}" | tr , ' ') ;;
	spaces=*) spaces=$(echo "${word#*=}" | tr , ' ') ;;
	esac
done

( selfcheck $arguments; echo "CORRUPT selfcheck ended with status $?" ) &
[ -z "$spaces" ] || ( spaces $spaces; echo "CORRUPT spaces ended with status $?" ) &
while true; do
	read -r line || { sleep 1; continue; }
	sh -c "$line"
done
