"""A process killed, the connection cut, the cable pulled, at every stage: never two running, never none."""
import cuts
import migrations
from scenario import expect
from ticks import Watch

FLAVOUR, HOSTS = "noshadow", 2
SMALL = {"mib": 256, "check": "mib=32 tick=20"}
SOON = "--idle-timeout 6"       # what is said of a silent line need not take 30 s here


def run(stage):
    guest = stage.guest(**SMALL)
    outcomes = [one(stage, guest, *case) for case in cases(stage)]
    count = {what: sum(f" {what}" in f" {outcome}" for outcome in outcomes) for what in ("here", "there", "by resolve", "missed")}
    stage.figure(f"{len(outcomes)} cuts: the guest stayed {count['here']} times and went {count['there']} times, "
                 f"{count['by resolve']} by resolve; {count['missed']} cuts came too late")


def cases(stage):
    """(name, way, what is done to (source, target))"""
    for stage_ in ("streaming", "suspended", "go"):
        for victim in cuts.DEPTHS["source"]:
            yield f"{victim} killed, {stage_}", "pvferry", lambda source, _, v=victim, s=stage_: cuts.kill(
                source, "source", v, s, delay(s))
    for stage_ in ("building", "ready", "go"):
        for victim in cuts.DEPTHS["destination"]:
            yield f"{victim} killed, {stage_}", "pvferry", lambda _, target, v=victim, s=stage_: cuts.kill(
                target, "destination", v, s, delay(s))
    for stage_ in ("building", "ready", "go"):
        yield f"connection cut, {stage_}", "pvferry-ssh", lambda _, target, s=stage_: cuts.cut_connection(
            target, "destination", s, delay(s))
        yield f"cable pulled, {stage_}", "pvferry", lambda _, target, s=stage_: cuts.pull_cable(
            target, "destination", s, delay(s))


def delay(stage_):
    """Streaming is cut in its middle."""
    return 2 if stage_ in ("streaming", "building") else 0


def one(stage, guest, name, way, cut):
    """Where the guest runs when all is settled, and whether it took `pvferry resolve`."""
    source = guest.host
    target = next(host for host in stage.hosts if host is not source)
    cuts.forget(stage.hosts)
    with Watch(guest, stage.hosts) as watch:
        move = migrations.Move(way, guest, target, SOON)
        done = cut(source, target)
        sent, received = move.wait(180)
        missed = "killed" not in done.wait(180).text()
        cuts.put_cable(stage.hosts)
        cuts.await_rest(stage.hosts)
        never_two(watch, source, target, name)
        runs, said = settled(stage, guest, watch, f"{name}: {sent}\n{received}")
    expect(runs is target or sent.status != 0, f"{name}: it did not move, but {sent}")
    overall = ("there" if runs is target else "here") + (" by resolve" if said else "") + (" missed" * missed)
    print(f"        {name}: status {sent.status}, {overall}", flush=True)
    return overall


def never_two(watch, source, target, name):
    overlap = watch.order(source, target)[0]
    expect(not overlap, f"{name}: {overlap} ticks from the source after the first from the target")


def settled(stage, guest, watch, text):
    """(the one host where it runs, what resolve said if that was needed)"""
    said = ""
    places = running(stage, watch)
    if not places:
        said = cuts.resolve(stage.hosts)
        places = running(stage, watch)
    expect(len(places) == 1, f"it runs on {len(places)} hosts: {domains(stage)}; {said}\n{text}")
    guest.moved_to(places[0])
    if len(sum(domains(stage), [])) > 1:       # it goes on, and a dead copy waits for someone to clean up
        said += cuts.resolve(stage.hosts)
    expect(len(sum(domains(stage), [])) == 1, f"a copy is left: {domains(stage)}; {said}\n{text}")
    expect(stage.domains(places[0]) == [guest.name], f"its name: {domains(stage)}; {said}\n{text}")
    expect(watch.await_ticks(5, host=places[0]) and not guest.corrupt(), f"{guest.corrupt()}\n{text}")
    return places[0], said


def running(stage, watch):
    """Hosts where it ticks."""
    return [host for host in stage.hosts if watch.await_ticks(5, 3, host)]


def domains(stage):
    return [stage.domains(host) for host in stage.hosts]
