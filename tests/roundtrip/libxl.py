"""libxl's side of what its helper says, in a few lines: one run of a helper, message by message.

Bytes are held against what tools/libs/light/libxl_save_msgs_gen.pl makes of them: u16 length, u16 number, arguments in a
row; an answer is one int. Whatever does not fit is a Failure."""
import os
import select
import signal
import struct
import subprocess
import time

import hosts
from hosts import DEADLINE, Failure, expect

LOG, PROGRESS, SUSPEND, QEMU, STATIC, RESULTS, COMPLETE = 1, 2, 3, 7, 8, 9, 10
SAVE_CALLBACKS, RESTORE_CALLBACKS = 0x88, 0x300
LIVE, DEBUG = 1, 2
# s: a string, the rest as struct has it.
FORMS = {LOG: "IIss", PROGRESS: "ssQQ", SUSPEND: "", QEMU: "II", STATIC: "I", RESULTS: "QQ", COMPLETE: "ii"}
ASKS = (SUSPEND, QEMU, STATIC, COMPLETE)


def parse(body):
    """(number, arguments...); every byte has its place."""
    number, at, values = struct.unpack_from("<H", body)[0], 2, []
    expect(number in FORMS, f"message {number}: {body!r}")
    for form in FORMS[number]:
        if form == "s":
            count, = struct.unpack_from("<I", body, at)
            text = body[at + 4:at + 4 + count]
            expect(len(text) == count and text[-1:] == b"\0" and b"\0" not in text[:-1], f"a string: {body!r}")
            values.append(text[:-1].decode())
            at += 4 + count
        else:
            values.append(struct.unpack_from("<" + form, body, at)[0])
            at += struct.calcsize("<" + form)
    expect(at == len(body), f"message {number} has {len(body) - at} bytes too many")
    return (number, *values)


class Libxl:
    """A helper that runs. suspend: what to do when it asks for that, and the answer."""

    def __init__(self, host, words, stream, suspend=lambda: 1, helper=hosts.OUR_HELPER, static=0, **how):
        self.host, self.suspend, self.static, self.said = host, suspend, static, []
        self.process = host.start(helper, *words, stdin=subprocess.PIPE, pass_fds=(stream,),
                                  only=f"{helper.name},pvferry-builder", **how)
        self.pid = self.process.pid
        self.into, self.out = self.process.stdin.fileno(), self.process.stdout.fileno()

    @classmethod
    def save(cls, host, domain, stream, flags=0, **how):
        words = ("--save-domain", stream, 0, domain, flags, SAVE_CALLBACKS, 0)
        return cls(host, words, stream, **dict({"suspend": lambda: suspended(host, domain)}, **how))

    @classmethod
    def restore(cls, host, stream, vcpus=1, kib=1 << 24, **how):
        """Into a new domain, which .domain is."""
        domain, store, console = host.driver("create", vcpus, kib).split()
        self = cls(host, ("--restore-domain", stream, -1, domain, store, 0, console, 0, RESTORE_CALLBACKS, 0), stream, **how)
        self.domain, self.store_port = int(domain), store
        return self

    def take(self, count):
        data = b""
        while len(data) < count:
            expect(select.select([self.out], [], [], DEADLINE)[0], f"the helper is silent after {self.said[-3:]}")
            more = os.read(self.out, count - len(data))
            if not more:
                expect(not data, f"the helper ends within a message: {data!r}")
                return None
            data += more
        return data

    def hear(self):
        """The next message; None when it has closed its end."""
        head = self.take(2)
        if head is None:
            return None
        message = parse(self.take(struct.unpack("<H", head)[0]))
        self.said.append(message)
        return message

    def hear_until(self, *numbers):
        """The first message of one of these numbers, the others passed over; None at the end."""
        while True:
            message = self.hear()
            if message is None or message[0] in numbers:
                return message
            expect(message[0] not in ASKS, f"{message} instead of one of {numbers}")

    def answer(self, value):
        os.write(self.into, struct.pack("<i", value))

    def serve(self):
        """Answers everything, to the end; the COMPLETE, or None."""
        last = None
        while True:
            message = self.hear_until(*ASKS, RESULTS)
            if message is None:
                return last
            expect(last is None, f"{message} after COMPLETE")
            if message[0] == SUSPEND:
                self.answer(self.suspend())
            elif message[0] == QEMU:
                self.answer(0)
            elif message[0] == STATIC:
                self.answer(self.static)
            elif message[0] == RESULTS:
                self.results = message[1:]
            else:
                last = message
                self.answer(0)

    def leave(self):
        """libxl is gone."""
        self.process.stdin.close()
        self.process.stdout.close()

    def end(self):
        """Waits until nobody is left of it; its exit status. Nothing but libxl's log was used."""
        end = time.monotonic() + DEADLINE
        while self.process.poll() is None:
            if time.monotonic() > end:
                os.killpg(self.pid, signal.SIGKILL)
                raise Failure(f"the helper does not end: {self.said[-5:]}")
            time.sleep(0.005)
        said = self.process.stderr.read().decode(errors="replace")
        expect(not said, f"on standard error: {said}")
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            pipe.close()
        self.host.started.discard(self.process)
        hosts.poll("the end of its children", lambda: not in_group(self.pid))
        return self.process.returncode

    def run(self):
        """(COMPLETE's value or None, exit status)."""
        complete = self.serve()
        return complete and complete[1], self.end()

    def log(self):
        return [text for number, *rest in self.said if number == LOG for text in rest[-1:]]

    def errors(self):
        return [m[4] for m in self.said if m[0] == LOG and m[1] == 8]


def in_group(group):
    """Processes of a group that live."""
    found = subprocess.run(["ps", "-o", "stat=", "-g", str(group)], capture_output=True, text=True).stdout.split()
    return [state for state in found if not state.startswith("Z")]


def suspended(host, domain):
    host.driver("suspend", domain)
    return 1
