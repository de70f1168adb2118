"""The process that builds a domain dies at each call of a restore: its parent removes all of it and says so in one line."""
import faults
from hosts import expect

LAST_CALL = "domctl.unpausedomain"


def run(stage):
    source, host, folder = stage.host("from", 48), stage.host("to", 48), faults.folder_of(stage)
    number, image = source.guest(4, vcpus=2, workload="mix"), folder / "image"
    source.freeze(number, image)
    before = faults.Before(host, folder)

    def job(fault, what):
        what = f"restore with {what}"
        trace = faults.Trace(stage)
        result = host.pvferry("restore", image, fault=fault, env=trace)
        if result.status < 0 and what.endswith(LAST_CALL):
            # The builder was done; its parent died at the last step, and leaves a whole domain that is paused.
            copy, = host.domains()
            host.driver("unpause", copy)
            result.status = 0
        if result.status == 0:
            copy, = host.domains()
            host.goes_on(copy, what)
            host.destroy(copy)
            before.is_as_it_was(what)
            return not trace.reached(fault)
        faults.says_one_line(result, what)
        expect("SIGKILL" in result.err, f"{what}: {result}")
        before.is_as_it_was(what)
        return False

    tried = faults.each("any", "kill", job)
    job(f"{LAST_CALL}:1:kill", LAST_CALL)
    stage.figure(f"{tried + 1} deaths")
