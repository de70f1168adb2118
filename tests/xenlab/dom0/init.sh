#!/bin/busybox sh
# The init of a lab host (dom0): modules, file systems, Xen's daemons in the order they need, then the agent.
/bin/busybox mkdir -p /proc /sys /dev /tmp /run /mnt /sbin /usr/sbin /usr/bin /var/lib/xen /var/run /var/lock /root
/bin/busybox --install -s
export PATH=/usr/bin:/usr/sbin:/bin:/sbin:$(echo /usr/lib/xen-[0-9]*/bin) HOME=/root

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs -o size=95% tmp /tmp
mount -t tmpfs -o size=50% run /run
rm -rf /var/run && ln -s /run /var/run
ln -sf /proc/self/fd /dev/fd
ln -sf /proc/self/fd/0 /dev/stdin
ln -sf /proc/self/fd/1 /dev/stdout
ln -sf /proc/self/fd/2 /dev/stderr

while read -r module; do insmod "$module" || echo "LAB no module $module"; done </etc/modules
for tag in share common; do
	mkdir -p /lab/$tag
	mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=none $tag /lab/$tag || echo "LAB no folder $tag"
done

mount -t xenfs xenfs /proc/xen
mkdir -p /run/xen /run/xenstored /var/lib/xenstored /var/log/xen/console /run/xen-hotplug /var/lib/xen/dump
touch /etc/xen/xl.conf
xenstored --pid-file /run/xen/xenstored.pid
xen-init-dom0
xenconsoled --log=guest --pid-file=/run/xen/xenconsoled.pid
ip link set lo up 2>/dev/null
for net in 0 1; do
	ip link add xenbr$net type bridge && ip addr add 10.9.$net.1/24 dev xenbr$net && ip link set xenbr$net up
done

/lab/agent.sh
echo "LAB agent ended"
poweroff -f
