"""FLASK labels: the label that a domain has goes into its image as text, and comes back where --allow lets it and the policy has it; its number is another one on each host."""
import json
import re

import faults
from hosts import expect

ISOLATED, PROTECTED, BUILDING = (f"system_u:system_r:{word}_domU_t" for word in ("isolated", "prot", "building"))
USUAL = "system_u:system_r:domU_t"


def label_of(host, number):
    line, = (line for line in host.must_simhost("list", host.path).splitlines() if line.split()[0] == str(number))
    found = re.search(r"system_u\S+", line)
    return found and found[0]


def config_of(host, number):
    file, = (host.path / "xenstored").glob(f"userdata-d.{number}.*.libxl-json")
    return json.loads(file.read_text().rstrip("\0"))


def one(source, number, hosts, image):
    """With leave the label, without it the usual one; on a host without FLASK a line, and the config keeps it."""
    for host in hosts:
        done = host.must("restore", "-p", "--json", "--name", "another", "--allow", "labels", image)
        new = json.loads(done.out)["domid"]
        expect(label_of(host, new) == ISOLATED, f"{host.path.name}: {label_of(host, new)}: {done}")
        expect(not done.err, f"{host.path.name}: {done}")
        if host is hosts[0]:
            source.same(number, host, new, "with a label")
        host.destroy(new)
        done = host.must("restore", "-p", "--json", "--name", "another", image)
        expect("c_info.ssid_label (needs --allow labels)" in done.err and done.is_one_line(), f"without leave: {done}")
        new = json.loads(done.out)["domid"]
        expect(label_of(host, new) == USUAL and "ssid_label" not in config_of(host, new)["c_info"], f"without leave: {label_of(host, new)}")
        host.destroy(new)


def without_flask(host, image):
    done = host.must("restore", "--json", "--allow", "labels", image)
    new = json.loads(done.out)["domid"]
    expect('its FLASK label has no effect: Xen runs without FLASK' in done.err and done.is_one_line(), f"no FLASK: {done}")
    expect(config_of(host, new)["c_info"]["ssid_label"] == ISOLATED, f"no FLASK: {config_of(host, new)}")
    host.goes_on(new, "a guest with a label, without FLASK")
    # and so it stands in the next image, for a host that has FLASK
    again = image.with_name("again")
    host.must("save", new, again)
    expect(json.loads(host.must("inspect", "--config", again).out)["c_info"]["ssid_label"] == ISOLATED, "the label got lost")
    again.unlink()


def stale(host, image):
    for key in ("ssid_label", "exec_ssid_label"):
        text = json.loads(host.must("inspect", "--config", image).out)
        expect(text["c_info"]["ssid_label"] == ISOLATED, text)
        number = host.guest(4, label=ISOLATED)
        keep(host, number, {key: "a:b:c"})
        other = image.with_name(key)
        # what Xen says of a domain counts more than what libxl wrote once
        host.must("save", "-c", number, other)
        config = json.loads(host.must("inspect", "--config", other).out)
        expect({**config["c_info"], **config["b_info"]}[key] == ISOLATED, f"{key}: {config}")
        host.destroy(number)


def keep(host, number, labels):
    """libxl's config of a domain, with labels and the numbers that libxl has had for them."""
    image = host.path / "for-its-uuid"
    host.must("save", "-c", number, image)
    uuid = json.loads(host.must("inspect", "--config", image).out)["c_info"]["uuid"]
    image.unlink()
    create = {key: value for key, value in labels.items() if not key.startswith("exec")}
    build = {key: value for key, value in labels.items() if key.startswith("exec")}
    path = host.path / "xenstored" / f"userdata-d.{number}.{uuid}.libxl-json"
    path.write_text(json.dumps({"c_info": {"type": "pv", "uuid": uuid, "ssidref": 99, **create}, "b_info": {"exec_ssidref": 98, **build}}) + "\0")


def run(stage):
    source, same, plain = (stage.host(name, 48, *options) for name, options in
                           (("from", ("--flask", 20)), ("to", ("--flask", 300)), ("plain", ())))
    folder = faults.folder_of(stage)
    number, image = source.guest(4, name="labelled", label=ISOLATED), folder / "image"
    source.freeze(number, image)
    config = json.loads(source.must("inspect", "--config", image).out)
    expect(config["c_info"]["ssid_label"] == ISOLATED and "ssidref" not in config["c_info"], f"the image: {config}")
    one(source, number, (same, source), image)
    without_flask(plain, image)

    # the usual label is the host's, and an image without a label says nothing anywhere
    other = same.guest(4)
    same.must("save", other, folder / "usual")
    expect("ssid_label" not in same.must("inspect", "--config", folder / "usual").out, "the usual label is in the image")
    done = same.must("restore", "--json", "--allow", "labels", folder / "usual")
    expect(not done.err and label_of(same, json.loads(done.out)["domid"]) == USUAL, f"the usual label: {done}")

    # two labels: one to be built with, and one to run with, which is what the domain has
    other = same.guest(4, label=PROTECTED)
    keep(same, other, {"ssid_label": BUILDING, "exec_ssid_label": USUAL})
    same.must("save", other, folder / "two")
    config = json.loads(same.must("inspect", "--config", folder / "two").out)
    expect((config["c_info"]["ssid_label"], config["b_info"]["exec_ssid_label"]) == (BUILDING, PROTECTED) and
           "ssidref" not in config["c_info"] and "exec_ssidref" not in config["b_info"], f"two labels: {config}")
    new = source.restore(folder / "two", "--allow", "labels")
    expect(label_of(source, new) == PROTECTED, f"two labels: {label_of(source, new)}")
    source.goes_on(new, "a guest with two labels")
    stale(same, image)

    # a policy without the label: one line, and no domain
    lost = stage.host("lost", 48, "--flask", 20)
    for key in ("c_info", "b_info"):
        other = plain.guest(4)
        keep(plain, other, {"ssid_label" if key == "c_info" else "exec_ssid_label": "system_u:system_r:shop_t"})
        plain.must("save", other, folder / key)
        before = faults.Before(lost, folder)
        result = lost.pvferry("restore", "--allow", "labels", folder / key)
        faults.says_one_line(result, f"{key}: a label that the policy does not have")
        expect('no label "system_u:system_r:shop_t"' in result.err, f"{key}: {result}")
        before.is_as_it_was(f"{key}: a label that the policy does not have")
    stage.figure("4 hosts, 3 policies")
