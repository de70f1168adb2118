"""Two hosts of one flavour joined by a cable: 10.0.0.1 and 10.0.0.2, called NAME-1 and NAME-2."""
import concurrent.futures
import shutil
import time

from host import BOOT_SECONDS, RUN, Host, LabError, Link

MEM, DOM0_MEM = 2816, 1200      # MiB of each: dom0, a guest of 512 MiB, and as much again while it arrives


def hosts(name):
    """The pair of that name, up or not."""
    socket = RUN / f"{name}-1" / "link"
    return [Host(f"{name}-{end}", Link(end, socket)) for end in (1, 2)]


def up(pair, flavour="noshadow", mem=MEM, dom0_mem=DOM0_MEM, cpus=2):
    """Boot both at once; if one does not come up, neither stays."""
    def boot(host):
        if host.link.end == 2:
            await_socket(pair[0])
        host.up(flavour, mem, dom0_mem, cpus)
    try:
        with concurrent.futures.ThreadPoolExecutor() as both:
            list(both.map(boot, pair))
        pair[0].must("until ping -c 1 -w 1 10.0.0.2 >/dev/null; do :; done")
    except BaseException:
        down(pair)
        raise
    return pair


def await_socket(first, seconds=BOOT_SECONDS):
    end = time.monotonic() + seconds
    while not (first.alive() and first.link.socket.exists()):
        if time.monotonic() > end:
            raise LabError(f"host {first.name} made no end of the cable")
        time.sleep(0.05)


def down(pair):
    for host in pair:
        host.down()


def remove(pair):
    """End both and take their folders away."""
    down(pair)
    for host in pair:
        shutil.rmtree(host.folder, ignore_errors=True)
