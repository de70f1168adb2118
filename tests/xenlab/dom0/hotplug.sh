#!/bin/busybox sh
# All that libxl needs from a hotplug script: a disk's device number, and "connected". XENBUS_PATH is the backend's.
export PATH=/usr/bin:/usr/sbin:/bin:/sbin
case $1 in
add|online)
	device=$(xenstore-read "$XENBUS_PATH/params" 2>/dev/null)
	if [ -b "$device" ]; then
		xenstore-write "$XENBUS_PATH/physical-device" "$(stat -c '%t:%T' "$device")"
	fi
	xenstore-write "$XENBUS_PATH/hotplug-status" connected ;;
remove|offline)
	xenstore-rm "$XENBUS_PATH/hotplug-status" ;;
esac
