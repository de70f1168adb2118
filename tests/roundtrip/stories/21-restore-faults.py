"""Each call of a restore fails once: no domain, no node, no file is left, one line says why; wide and narrow guests."""
import faults
from hosts import expect

SAYS_PAUSED = "; the domain is complete but paused"


def run(stage):
    source, host, folder = stage.host("from", 48), stage.host("to", 48), faults.folder_of(stage)
    tried = 0
    for options in (dict(vcpus=2), dict(width=32, p2m="list", holes=5)):
        number, image = source.guest(4, workload="mix", **options), folder / f"image-{len(options)}"
        source.freeze(number, image)
        source.destroy(number)    # or the next save resumes it, as its journal says
        before = faults.Before(host, folder)

        def works(what):
            numbers = list(host.domains())
            expect(len(numbers) == 1, f"{what}: domains are {numbers}")
            host.goes_on(numbers[0], what)
            host.destroy(numbers[0])
            before.is_as_it_was(what)

        def job(fault, what):
            what = f"restore ({options}) with {what}"
            trace = faults.Trace(stage)
            result = host.pvferry("restore", image, fault=fault, env=trace)
            if result.status == 0:
                works(what)
                return not trace.reached(fault)
            faults.says_one_line(result, what)
            if result.err.rstrip().endswith(SAYS_PAUSED):
                host.driver("unpause", list(host.domains())[0])
                works(what)
            else:
                before.is_as_it_was(what)
            return False

        for kind, what in (("any", "ENOMEM"), ("map", "EINVAL"), ("domctl.unpausedomain", "EINVAL"), ("memory", "ENOMEM")):
            tried += faults.each(kind, what, job)
        tried += faults.each("mapframe", "EINVAL", job, 20000, lambda n: n + 1 if n < 20 else n + 1 + n // 5)
    stage.figure(f"{tried} restores")
