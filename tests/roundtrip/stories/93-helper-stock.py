"""What is not pvferry-save-helper's (HVM, Remus, COLO, arguments of another libxl) reaches the stock helper as libxl gave it."""
import os
import subprocess

import libxl
from hosts import HELPER, OUR_HELPER, expect

FAKE = r"""#!/bin/sh
ends="$(readlink /proc/$$/fd/0) $(readlink /proc/$$/fd/1)"
{
	printf '%s\0' "$@"
	printf '\n%s' "$ends"
	printf '\n%s' "$(sed -n 's/pos:\t//p' /proc/$$/fdinfo/$STREAM)"
	printf '\n%s' "$(sed -n 's/SigIgn:\t//p' /proc/$$/status)"
	printf '\n%s %s' "$PVFERRY_HELPER_CONF" "$PVFERRY_HELPER"
} >$TOLD
printf 'from the stock helper'
exit 7
"""


def handed(stage, host, words, stream, env=()):
    """What the fake stock helper was told."""
    told = stage.folder / "told"
    told.unlink(missing_ok=True)
    env = dict(env, TOLD=str(told), STREAM=str(stream))
    process = host.start(OUR_HELPER, *words, stdin=subprocess.PIPE, pass_fds=(stream,), env=env, only="none")
    names = [os.readlink(f"/proc/self/fd/{pipe.fileno()}") for pipe in (process.stdin, process.stdout)]
    result = host.end(process)
    expect(result.status == 7 and result.out == "from the stock helper" and not result.err, f"{words}: {result}")
    args, descriptors, offset, ignored, settings = told.read_text().split("\n")
    expect(args == "".join(f"{word}\0" for word in words), f"{words} became {args!r}")
    expect(descriptors == " ".join(names), f"{words}: descriptors {descriptors}, were {names}")
    expect(offset == "5", f"{words}: the stream was read or written: {offset}")
    expect(not int(ignored, 16) & 1 << 12, f"{words}: SIGPIPE is ignored")
    expect(settings == " ".join(env.get(k, "") for k in ("PVFERRY_HELPER_CONF", "PVFERRY_HELPER")), f"{words}: {settings}")


def finds_it(stage, host, stream):
    """Without a setting: the one in /usr/lib/xen-*/bin, if it is another program than this one."""
    if not HELPER.exists():
        return
    run = libxl.Libxl(host, ("--save-domain", stream, 0, 1, 0, libxl.SAVE_CALLBACKS, 0), stream,
                      suspend=lambda: 0, env=dict(PVFERRY_HELPER_CONF="/nonexistent"))
    status = run.serve()
    run.end()
    expect(status and any("type HVM" in text or "HVM" in text or "Saving domain" in text for text in run.log()),
           f"Xen's own helper was not started: {run.said}")


def run(stage):
    host = stage.host("host", 64)
    number = host.guest(4)
    fake = stage.folder / "stock"
    fake.write_text(FAKE)
    fake.chmod(0o755)
    conf = stage.folder / "helper.conf"
    conf.write_text(f"# diverted\nstock-helper = {fake}\n")
    env = dict(PVFERRY_HELPER_CONF=str(conf))
    stream = os.open(stage.folder / "stream", os.O_RDWR | os.O_CREAT)
    os.write(stream, b"12345")
    save = lambda kind, flags=0, domain=number: ("--save-domain", stream, 0, domain, flags, libxl.SAVE_CALLBACKS, kind)
    restore = lambda kind: ("--restore-domain", stream, stream, number, 1, 0, 2, 0, libxl.RESTORE_CALLBACKS, kind)
    for words in (save(1), save(2), save(1, 1), restore(1), restore(2), save(0) + (9,), ("--another", 1), save(0, 4)):
        handed(stage, host, words, stream, env)
    handed(stage, host, save(2), stream, dict(PVFERRY_HELPER=f"stock-helper={fake}", PVFERRY_HELPER_CONF="/nonexistent"))
    host.must_simhost("fault", host.path, "--hvm", number)
    for words in (save(0), save(0, 1), restore(0)):
        handed(stage, host, words, stream, env)
    finds_it(stage, host, stream)
    host.must_simhost("fault", host.path, "--hvm", number)
    for missing in (stage.folder / "none", OUR_HELPER):
        conf.write_text(f"stock-helper = {missing}\n")
        lost = libxl.Libxl(host, save(2), stream, env=env)
        complete, status = lost.run()
        expect(complete is None and status == 1 and "stock-helper" in lost.errors()[-1], f"no stock helper: {lost.said}")
    os.close(stream)
    host.goes_on(number)
