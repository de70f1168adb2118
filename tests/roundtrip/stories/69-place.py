"""A guest without devices whose config gives it processors, a share and a pool: it has them again, restored and moved."""
import devices
import faults
import moves
from hosts import expect

PLACE = {"c_info": {"pool_name": "Pool-0"},
         "b_info": {"vcpu_hard_affinity": [[0, 1], [2]], "vcpu_soft_affinity": [[1], [2]], "sched_params": {"weight": 1024, "cap": 50}}}
ALLOW = ("--allow", "pools")


def words(host, *command):
    """What xl shows, line by line, without its head."""
    shown = host.host.end(host.host.start(devices.XL, *command))
    expect(not shown.status, f"xl {command}: {shown}")
    return [line.split() for line in shown.out.splitlines()[1:]]


def is_placed(host, number, what):
    host.host.goes_on(number, what)
    places = [line[-3:] for line in words(host, "vcpu-list", number)]
    expect(places == [["0-1", "/", "1"], ["2", "/", "2"]], f"{what}: its processors are {places}")
    share = words(host, "sched-credit2", "-d", number)[-1]
    expect(share[1:] == [str(number), "1024", "50"], f"{what}: its share is {share}")
    expect(host.host.store.read(f"/local/domain/{number}/name") == "web", f"{what}: another name")
    expect(not host.processes(), f"{what}: there still are {host.processes()}")


def elsewhere(host, image, folder):
    """A pool that this host lacks is no pool; one that it may not choose is not asked for."""
    devices.edit(image, folder / "other", **{**PLACE, "c_info": {"pool_name": "no-such-pool"}})
    before = faults.Before(host.host, folder)
    result = host.host.pvferry("restore", *ALLOW, folder / "other")
    faults.says_one_line(result, "a pool that is not there")
    expect("Illegal pool specified: no-such-pool" in result.err and "no domain was made" in result.err, result)
    before.is_as_it_was("a pool that is not there")
    result = host.host.pvferry("restore", folder / "other")
    expect(not result.status and "c_info.pool_name (needs --allow pools)" in result.err, result)
    number, = host.host.domains()
    is_placed(host, number, "in the usual pool")
    host.host.must("save", "--force", number, folder / "last")
    expect(not host.host.listed() and not host.left(), "it is not gone")


def run(stage):
    source = stage.host("source")
    folder = faults.folder_of(stage)
    here, there = (devices.Devices(stage, name) for name in ("here", "there"))
    bare = source.guest(4, vcpus=2, name="web")
    source.freeze(bare, folder / "bare")
    devices.edit(folder / "bare", folder / "image", **PLACE)
    empty = faults.Before(here.host, faults.folder_of(stage, "here-files"))
    elsewhere(here, folder / "bare", folder)

    number = here.host.restore(folder / "image", "-p", *ALLOW)
    here.host.same(number, source, bare, "as it came out of the image")
    here.host.end(here.host.start(devices.XL, "unpause", number))
    is_placed(here, number, "restored")
    result, _ = moves.Move(here.host, there.host, number, options=(), receives=("--allow-config", "pools")).end()
    expect(not result.status, f"move: {result}")
    moves.forget_jobs(here.host)
    empty.is_as_it_was("it has moved away")
    number, = there.host.domains()
    is_placed(there, number, "moved")
