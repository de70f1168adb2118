"""restore with other disks and bridges than the image's, and with a config of this host in place of the image's."""
import json
import os

import devices
import faults
from hosts import expect, poll


def image_of(stage, host):
    """One of a guest with devices that name what this host lacks."""
    number = host.host.guest(4, name="web")
    host.host.freeze(number, stage.folder / "bare")
    host.host.destroy(number)
    config = host.config()
    config["disks"][0]["pdev_path"] = "/dev/not-here"
    config["nics"][0]["bridge"] = "br-not-here"
    devices.edit(stage.folder / "bare", stage.folder / "image", **config)
    return stage.folder / "image"


def away(host, number):
    host.host.save(number, host.folder / "last", "--force")
    host.ran()


def redirected(host, image):
    """A disk and a bridge, each by its name; what is attached is said."""
    before = faults.Before(host.host, host.folder)
    for option, words in ((("--disk", "xvdz=/dev/null"), "--disk: the config has no disk xvdz; it has xvda"),
                          (("--bridge", "4=br0"), "--bridge: the config has no network interface 4; it has 0")):
        result = host.host.pvferry("restore", "--allow", "scripts", *option, image)
        faults.says_one_line(result, option)
        expect(words in result.err and "no domain was made" in result.err, result)
    expect(host.host.pvferry("restore", "--disk", "xvda", image).status == 2, "--disk without a target")
    before.is_as_it_was("wishes that cannot be fulfilled")
    told = host.host.must("restore", "--allow", "scripts", "--disk", "xvda=/dev/zero", "--bridge", "0=xenbr9", image).err
    expect("web: attached to disks xvda=/dev/zero; bridges 0=xenbr9\n" in told, told)
    number, = host.host.domains()
    host.host.goes_on(number)
    read = host.host.store.read
    expect(read(f"/local/domain/0/backend/vbd/{number}/51712/params") == "/dev/zero", "another disk")
    expect(read(f"/local/domain/0/backend/vif/{number}/0/bridge") == "xenbr9", "another bridge")
    away(host, number)


def local(host, image, folder):
    """The whole config is xl's file: name, devices, on_reboot; nothing needs --allow."""
    xl = dict(os.environ, PATH=f"{devices.XL.parent}:{os.environ['PATH']}")
    config = folder / "web.cfg"
    script = host.folder / "ok"
    config.write_text(f"""
name = "local"
kernel = "{devices.kernel(folder / 'kernel')}"
memory = 4
cpus = "0-1"
disk = ["format=raw, vdev=xvda, access=rw, script={script}, target=/dev/zero"]
vif = ["mac=00:16:3e:01:02:03, bridge=xenbr7, script={script}"]
on_reboot = "restart"
""")
    number = json.loads(host.host.must("restore", "--json", config, image, env=xl).out)["domid"]
    host.host.goes_on(number)
    expect(host.xl_lists() == {"Domain-0": 0, "local": number}, f"xl lists {host.xl_lists()}")
    expect(host.host.store.read(f"/local/domain/0/backend/vif/{number}/0/bridge") == "xenbr7", "the image's bridge")
    host.host.driver("shutdown", number, 1)
    again = poll("it is started again, from its own kernel", lambda: [n for n in host.host.listed() if n > number])[0]
    poll("its watcher is done", lambda: f"(domain {again}): is started again" in host.log())
    host.host.driver("shutdown", again, 0)
    poll("it goes", lambda: not host.host.listed() and not host.watchers())
    host.ran()

    config.write_text("name = \n")
    before = faults.Before(host.host, folder)
    result = host.host.pvferry("restore", config, image, env=xl)
    faults.says_one_line(result, "a config that xl does not read")
    expect(f"xl does not accept {config}: " in result.err and "config parsing error" in result.err, result)
    result = host.host.pvferry("restore", config, image, env=dict(os.environ, PATH="/nowhere"))
    faults.says_one_line(result, "no xl")
    before.is_as_it_was("texts that are no configs")


def run(stage):
    host = devices.Devices(stage, "host")
    image = image_of(stage, host)
    redirected(host, image)
    local(host, image, faults.folder_of(stage))
