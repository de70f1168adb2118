#!/bin/busybox sh
# Runs what the machine outside asks for. A line on the second serial port names a job; its script is JOB.sh in the
# shared folder, its output goes to JOB.out there and its exit status, when it is over, to JOB.rc. Jobs run side by
# side, each in a session of its own. (Started with "&" they would ignore SIGINT, and so would all they start.)
jobs=/lab/share/jobs

stty -F /dev/ttyS1 raw -echo
exec 3</dev/ttyS1
echo ready >/lab/share/ready
while read -r job <&3; do
	start-stop-daemon -S -b -m -p "$jobs/$job.pid" -x /bin/busybox -- sh /lab/job.sh "$job"
done
