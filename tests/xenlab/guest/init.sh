#!/bin/busybox sh
# The init of a lab guest. The kernel's command line chooses: selfcheck=ARGUMENTS and spaces=ARGUMENTS (commas for
# spaces), blocks=DEVICES, which start those programs, nets=N (so many network cards: 10.9.I.2 is eth I's address) and
# offline=N (take that CPU off). Then each line typed on the console is run as a command.
/bin/busybox mkdir -p /proc /sys /dev /tmp /sbin /usr/bin /usr/sbin
/bin/busybox --install -s
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs tmp /tmp
mount -t debugfs debug /sys/kernel/debug
mount -t tracefs trace /sys/kernel/tracing 2>/dev/null
exec </dev/hvc0 >/dev/hvc0 2>&1

# What xl shutdown and xl reboot ask of it: busybox's own would ask this shell, which is no init of busybox's.
for how in poweroff reboot; do
	rm -f /sbin/$how
	printf '#!/bin/busybox sh\nexec /bin/busybox %s -f\n' $how >/sbin/$how
	chmod +x /sbin/$how
done

for word in $(cat /proc/cmdline); do
	case $word in
	offline=*) echo 0 >"/sys/devices/system/cpu/cpu${word#*=}/online" ;;
	selfcheck=*) arguments=$(echo "${word#*=}" | tr , ' ') ;;
	spaces=*) spaces=$(echo "${word#*=}" | tr , ' ') ;;
	blocks=*) blocks=$(echo "${word#*=}" | tr , ' ') ;;
	nets=*) nets=${word#*=} ;;
	esac
done

( selfcheck $arguments; echo "CORRUPT selfcheck ended with status $?" ) &
for net in $(seq 0 $((nets - 1))); do
	ip addr add "10.9.$net.2/24" dev "eth$net" && ip link set "eth$net" up || echo "CORRUPT no eth$net"
done
[ -z "$blocks" ] || ( blocks $blocks; echo "CORRUPT blocks ended with status $?" ) &
[ -z "$spaces" ] || ( spaces $spaces; echo "CORRUPT spaces ended with status $?" ) &
while true; do
	read -r line || { sleep 1; continue; }
	sh -c "$line"
done
