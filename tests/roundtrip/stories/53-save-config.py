"""libxl's config of the domain: what is there goes into the image; a file that is damaged stops the save while the guest runs; none at all is said."""
import json

import faults
from hosts import expect

CREATE = {"type": "pv", "name": "cfg"}
BUILD = {"max_vcpus": 1, "max_memkb": 4096, "target_memkb": 4096, "kernel": "/boot/vmlinuz"}


def damages(text):
    return {"cut": text[:90], "cut by a byte": text.rstrip("}\0"), "empty": "", "zeros, after a crash": "\0" * 300,
            "no object": "[]\0", "nothing of libxl's": "{}\0", "a section that is none": '{"c_info": [], "b_info": {}}\0',
            "something behind it": text.rstrip("\0") + "x\0", "deep": '{"c_info":' + "[" * 5000,
            "many values": json.dumps({"c_info": CREATE, "b_info": BUILD, "x": [0] * 300000}),
            "long": json.dumps({"c_info": CREATE, "b_info": BUILD, "x": "x" * (5 << 20)})}


def run(stage):
    host, folder = stage.host("host", 48), faults.folder_of(stage)
    number, image = host.guest(4, name="cfg"), folder / "image"
    done = host.must("save", "-c", number, image)
    expect("libxl keeps no config" in done.err, f"no config at all: {done}")
    made = json.loads(host.must("inspect", "--config", image).out)
    expect(made["c_info"]["name"] == "cfg" and "disks" not in made, f"no config at all: {made}")
    image.unlink()

    path = host.path / "xenstored" / f"userdata-d.{number}.{made['c_info']['uuid']}.libxl-json"
    text = json.dumps({"c_info": dict(CREATE, uuid=made["c_info"]["uuid"]), "b_info": BUILD, "on_reboot": "restart",
                       "disks": [{"pdev_path": "/dev/vg/web"}]}) + "\0"
    path.write_text(text)
    done = host.must("save", "-c", number, image)
    expect("no config" not in done.err, f"a config that is whole: {done}")
    config = json.loads(host.must("inspect", "--config", image).out)
    expect(config["b_info"]["kernel"] == "/boot/vmlinuz" and config["on_reboot"] == "restart" and
           config["disks"] == [{"pdev_path": "/dev/vg/web"}], f"a config that is whole: {config}")
    image.unlink()

    def refused(what, *args):
        before = faults.Before(host, folder)
        result = host.pvferry(*args)
        faults.says_one_line(result, what)
        for word in ("libxl's config", str(path), "rename it"):
            expect(word in result.err, f"{what}: not said: {word}: {result}")
        before.is_as_it_was(what)
        host.goes_on(number, what)

    for what, damage in damages(text).items():
        path.write_text(damage)
        refused(what, "save", number, image)
    refused("a move", "migrate", "--foreground", "--via", "tcp", number, "127.0.0.1")
    path.unlink()
    path.mkdir()
    refused("it is a directory", "save", number, image)
    path.rmdir()
    stage.figure(f"{len(damages(text)) + 1} damages")
