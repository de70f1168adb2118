"""Each call of a save fails once: the guest runs on, nothing is left behind, one line says why; -c, -p and plain save."""
import faults
import hosts
from hosts import expect

SAYS_COMPLETE, SAYS_STOPPED = "; the image is complete", "; the domain could not be resumed"


class Job:
    """save with one option; a new guest whenever the last one is gone."""

    def __init__(self, stage, host, folder, options):
        self.stage, self.host, self.folder, self.options = stage, host, folder, options
        self.image = folder / "image"
        self.number = None

    def prepare(self):
        if self.number is None:
            self.number = self.host.guest(4, vcpus=2)
            self.before = faults.Before(self.host, self.folder)

    def drop(self):
        if self.number in self.host.domains():
            self.host.destroy(self.number)
        self.number = None
        self.image.unlink(missing_ok=True)

    def __call__(self, fault, what):
        """True if the save succeeded."""
        what = f"save {' '.join(self.options)} with {what}"
        self.prepare()
        trace = faults.Trace(self.stage)
        result = self.host.pvferry("save", *self.options, self.number, self.image, fault=fault, env=trace)
        if result.status == 0:
            self.check_done(what)
            return not trace.reached(fault)
        faults.says_one_line(result, what)
        if result.err.rstrip().endswith(SAYS_COMPLETE):
            self.check_complete(what)
            return False
        if trace.reached(fault) > 1 and result.err.rstrip().endswith(SAYS_STOPPED):
            self.host.driver("resume", self.number)    # the parent failed too
        self.host.goes_on(self.number, what)
        self.before.is_as_it_was(what)
        return False

    def check_done(self, what):
        """What the options promise."""
        expect([f.name for f in self.folder.iterdir()] == ["image"], f"{what}: {list(self.folder.iterdir())}")
        sound = self.host.pvferry("verify", self.image)
        expect(sound.status == 0, f"{what}: {sound}")
        flags = self.host.domains().get(self.number)
        if "-c" in self.options:
            self.host.goes_on(self.number, what)
        else:
            expect(flags is None if not self.options else flags[:3] == "-p-", f"{what}: it is {flags}")
        self.drop()

    def check_complete(self, what):
        """The image is safe and only then something failed: with -c and -p the guest must still be let go."""
        sound = self.host.pvferry("verify", self.image)
        expect(sound.status == 0, f"{what}: {sound}")
        flags = self.host.domains().get(self.number)
        expect("-c" not in self.options or flags[:3] == "r--", f"{what}: it shall run on, but is {flags}")
        expect("-p" not in self.options or flags[:3] == "-p-", f"{what}: it shall be paused, but is {flags}")
        self.drop()


def last_step(job, fault, flags, says):
    """What comes after the image is safe, fails: the image is whole, and the line tells that and what failed."""
    what = f"save {' '.join(job.options)} with {fault}"
    job.prepare()
    result = job.host.pvferry("save", *job.options, job.number, job.image, fault=fault)
    *warned, line = result.err.splitlines(keepends=True)    # -c: that it is not resumed before its image is written
    expect(len(warned) == ("-c" in job.options), f"{what}: {result}")
    faults.says_one_line(hosts.Result(result.status, None, line), what)
    expect(says in line and SAYS_COMPLETE in result.err, f"{what}: {result}")
    expect(job.host.pvferry("verify", job.image).status == 0, f"{what}: the image is not sound")
    expect(job.host.domains()[job.number][:3] == flags, f"{what}: the domain is {job.host.domains()}")
    job.drop()


def run(stage):
    host, folder = stage.host("host", 48), faults.folder_of(stage)
    plain, running, paused = (Job(stage, host, folder, options) for options in ((), ("-c",), ("-p",)))
    tried = sum(faults.each("any", "ENOMEM", job) for job in (plain, running, paused))
    tried += faults.each("map", "EINVAL", running)
    # One frame of many: the first of them, and some of all others.
    tried += faults.each("mapframe", "EPERM", running, 20000, lambda n: n + 1 if n < 20 else n + 1 + n // 5)
    last_step(plain, "domctl.destroydomain:*:EPERM", "--s", "cannot destroy")
    last_step(running, "domctl.resumedomain:*:EPERM", "--s", "cannot resume")
    last_step(paused, "domctl.pausedomain:*:EPERM", "--s", "cannot pause")
    stage.figure(f"{tried + 3} saves")
