"""A hundred jobs, of every kind: no memory, descriptor or process is left. Under valgrind too; SAN=1: under ASan."""
import os
import shutil

from daemon import SAN, Skip, expect, poll

VALGRIND = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full", "--show-leak-kinds=all", "--errors-for-leak-kinds=all",
            "--track-fds=no", "--child-silent-after-fork=yes"]


def run(stage):
    told = hundred(stage.daemon("max-connections = 64"))
    if SAN:
        return told + "; under ASan"
    if not shutil.which("valgrind"):
        raise Skip(told + "; there is no valgrind")
    hundred(stage.daemon("max-connections = 64", under=VALGRIND))
    return told + "; under valgrind as well"


def one_of_each(daemon, number):
    client = daemon.client()
    if number % 5 == 0:
        client.do("migrate", domain="quick", host="there", follow=True)
        client.until(event="end")
    elif number % 5 == 1:
        client.do("migrate", domain=f"slow.{number}", host="there", follow=True)
        client.do("set", job=f"slow.{number}", bandwidth=number)
        client.do("cancel", job=f"slow.{number}")
        client.until(event="end")
    elif number % 5 == 2:
        client.refuse("migrate", "no domain", domain="refused", host="there")
    elif number % 5 == 3:
        client.do("migrate", domain="dies", host="kept", follow=True)
        client.until(event="end")
    else:
        peer, job = daemon.connect(), os.urandom(16).hex()
        peer.sendall(f"in {job} web{number}\nend\n".encode())
        daemon.job("ended", job=job)
        peer.close()
        daemon.connect().close()
    client.close()


def hundred(daemon):
    for number in range(10):
        one_of_each(daemon, number)
    poll("they have ended", lambda: not daemon.children())
    daemon.jobs()
    before = settled(daemon)
    for number in range(100):
        one_of_each(daemon, number)
    poll("they have ended", lambda: not daemon.children())
    poll("no descriptor is left", lambda: daemon.descriptors() <= before)
    expect(daemon.end() == 0, "its exit status")
    expect(not daemon.said("left in the loop") and not daemon.said("ERROR"), "left")
    return f"{before} descriptors before and after"


def settled(daemon):
    """The descriptors, once clients that went are closed."""
    count = daemon.descriptors()
    while True:
        daemon.jobs()
        now = daemon.descriptors()
        if now >= count:
            return count
        count = now
