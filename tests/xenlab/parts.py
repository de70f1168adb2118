"""The parts of the lab, made from Debian's packages and kept in a cache outside the tree.

Every part is a folder named after a hash of all that went into it: a fresh clone finds it, a changed input makes a new
one. A part is made under a temporary name and renamed when whole, one process at a time."""
import contextlib
import fcntl
import gzip
import hashlib
import lzma
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from cpio import Cpio

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "pvferry/xenlab"
# The lab is of the Debian that it runs on: of its Xen, its kernels and its user space.
XEN_RELEASE = ".".join(subprocess.run(["pkg-config", "--modversion", "xencontrol"], capture_output=True, text=True,
                                      check=False).stdout.split(".")[:2])
XEN_BIN = f"/usr/lib/xen-{XEN_RELEASE}/bin"

# With log-dirty is the last build before XSA-495's, which only Debian 12 has; elsewhere that flavour's scenarios skip.
HYPERVISORS = {"noshadow": f"xen-hypervisor-{XEN_RELEASE}-amd64", "shadow": "xen-hypervisor-4.17-amd64=4.17.5+72-g01140da4e8-1"}

DOM0_PROGRAMS = {
    "/bin/busybox": "/bin/busybox",
    **{f"{XEN_BIN}/{name}": f"{XEN_BIN}/{name}" for name in (
        "xl", "libxl-save-helper", "xenconsole", "xenconsoled", "xenstored", "xen-init-dom0", "xenctx")},
    **{f"/usr/bin/{name}": f"/usr/bin/{name}" for name in (
        "xenstore-ls", "xenstore-read", "xenstore-write", "xenstore-rm", "xenstore-list", "xenstore-exists",
        "xenstore-chmod", "xenstore-watch", "zstd", "strace", "socat")},
    # What Xen's hotplug scripts want, where busybox has less of it. They look in /usr/bin first.
    "/bin/bash": "/bin/bash", "/usr/bin/flock": "/usr/bin/flock", "/sbin/losetup": "/usr/bin/losetup", "/bin/ip": "/usr/bin/ip", "/sbin/bridge": "/usr/bin/bridge",
    **{f"/etc/xen/scripts/{name}": f"/etc/xen/scripts/{name}" for name in (
        "block", "block-common.sh", "vif-bridge", "vif-common.sh", "xen-hotplug-common.sh", "xen-network-common.sh",
        "xen-script-common.sh", "hotplugpath.sh", "locking.sh", "logging.sh")},
}
DOM0_MODULES = (
    "virtio_pci 9p 9pnet_virtio "                       # the folder shared with the machine outside
    "xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs "
    "loop xen-blkback virtio_blk "                      # guests' disks; the one that both hosts of a pair see
    "xen-netback bridge virtio_net "                    # guests' networks; the link between two hosts
).split()
PATCHES = HERE.parent.parent / "guest/linux"
MEASURING = 4       # the first so many patches of the series show what a suspend costs, the others change it
GIT_NAME = ("-c", "user.name=xenlab", "-c", "user.email=xenlab@invalid")


class Unavailable(Exception):
    """A part that Debian no longer offers."""


def say(text):
    print(f"xenlab: {text}", flush=True)


def run(*command, **options):
    """Run a command quietly; on failure show its output's end."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          stdin=subprocess.DEVNULL, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout[-3000:]}")
    return done.stdout


def digest(*inputs):
    """A short hash of strings and of files' contents."""
    total = hashlib.sha256()
    for item in inputs:
        data = item.read_bytes() if isinstance(item, pathlib.Path) else str(item).encode()
        total.update(hashlib.sha256(data).digest())
    return total.hexdigest()[:16]


@contextlib.contextmanager
def cache_lock():
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cached(name, inputs, make):
    """The folder of a part; make(folder) fills it if it is not there yet."""
    place = CACHE / f"{name}-{digest(*inputs)}"
    if not place.exists():
        say(f"making {place.name}")
        work = pathlib.Path(tempfile.mkdtemp(prefix="making-", dir=CACHE))
        try:
            make(work)
            work.chmod(0o755)
            work.rename(place)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return place


# ---- Debian's packages

def package(wanted):
    """The folder into which a package (name or name=version), not installed, is unpacked."""
    lines = [line for line in _apt_uris(wanted).splitlines() if ".deb" in line]
    if not lines:
        raise Unavailable(f"Debian no longer offers {wanted}")
    name = lines[-1].split()[1]

    def unpack(place):
        run("apt-get", "download", wanted, cwd=place)
        for deb in place.glob("*.deb"):
            run("dpkg-deb", "-x", deb, place)
            deb.unlink()
    return cached("deb-" + name.split("_")[0], [name], unpack)


def _apt_uris(wanted):
    done = subprocess.run(["apt-get", "download", "--print-uris", wanted], capture_output=True, text=True)
    return done.stdout


def current(name):
    """What the package of that name, which has nothing itself, stands for: linux-source is linux-source-6.1 in Debian 12."""
    found = re.search(rf"^ *Depends: ({re.escape(name.removesuffix('-amd64'))}-\S+)$", run("apt-cache", "depends", name), re.MULTILINE)
    if not found:
        raise Unavailable(f"no package {name}: apt-get update?")
    return found[1]


# ---- hosts

def hypervisor(flavour):
    if XEN_RELEASE not in HYPERVISORS[flavour]:
        raise Unavailable(f"Debian has no Xen {XEN_RELEASE} of the kind \"{flavour}\"")
    deb = package(HYPERVISORS[flavour])

    def unzip(place):
        with gzip.open(next((deb / "boot").glob("xen-*-amd64.gz"))) as packed:
            (place / "xen").write_bytes(packed.read())
    return cached(f"xen-{flavour}", [deb.name], unzip) / "xen"


def dom0_kernel():
    """(the kernel, the folder that holds lib/modules, its release)"""
    deb = package(current("linux-image-amd64") + "-unsigned")
    if not (deb / "lib").exists():      # from Debian 13 on: the package has usr/lib only
        (deb / "lib").symlink_to("usr/lib")
    release = next((deb / "lib/modules").iterdir()).name
    if not (deb / "lib/modules" / release / "modules.dep.bin").exists():
        run("/sbin/depmod", "-b", deb, release)
    return deb / f"boot/vmlinuz-{release}", deb, release


def libraries(*programs):
    """Every library the programs need, as paths here; pthread_cancel's, which ldd does not name, among them."""
    found = {"/lib/x86_64-linux-gnu/libgcc_s.so.1"}
    for program in programs:
        done = subprocess.run(["ldd", str(program)], capture_output=True, text=True)
        found.update(word for line in done.stdout.splitlines() for word in line.split() if word.startswith("/"))
    return sorted(path for path in found if ".so" in os.path.basename(path))


def dom0_initrd():
    """The hosts' user space: busybox, Xen's tools, their libraries, the modules, our init."""
    _, deb, release = dom0_kernel()
    modules = _modules(deb, release, DOM0_MODULES)
    programs = [pathlib.Path(p) for p in DOM0_PROGRAMS]
    libs = [pathlib.Path(p) for p in libraries(*programs)]
    scripts = sorted((HERE / "dom0").glob("*.sh"))
    inputs = ["5", deb.name, *modules, *map(str, programs), *programs, *map(str, libs), *libs, *scripts]

    def make(place):
        with open(place / "dom0.cpio", "wb") as out:
            tree = Cpio(out)
            for source, path in DOM0_PROGRAMS.items():
                tree.copy(source, path)
            for lib in libs:
                tree.copy(lib, str(lib))
            for name in modules:
                tree.file(name.removesuffix(".xz"), _unpacked(deb / name))
            tree.file("etc/modules", "".join(f"/{name.removesuffix('.xz')}\n" for name in modules).encode())
            for script in scripts:
                tree.file(f"lab/{script.name}", script.read_bytes(), 0o755)
            tree.link("init", "lab/init.sh")
            tree.link("usr/sbin/xl", f"{XEN_BIN}/xl")
            tree.device("dev/console", 5, 1)
            tree.close()
    return cached("dom0", inputs, make) / "dom0.cpio"


def _unpacked(path):
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


def _modules(deb, release, names):
    """Paths of modules below deb, those they need before them."""
    order = []
    for name in names:
        shown = run("/sbin/modprobe", "-d", deb, "-S", release, "-D", name)
        for line in shown.splitlines():
            path = os.path.relpath(os.path.realpath(line.split()[1]), deb)
            if line.startswith("insmod") and path not in order:
                order.append(path)
    return order


def dom0_tools():
    """The lab's own small C programs that run in dom0, and what is loaded into others before all else."""
    sources, preloads = sorted((HERE / "dom0").glob("*.c")), sorted((HERE / "dom0/preload").glob("*.c"))

    def make(place):
        for source in sources:
            run("gcc", "-O2", "-Wall", "-o", place / source.stem, source, "-lxenctrl", "-lxenforeignmemory",
                "-lxentoollog")
        for source in preloads:
            run("gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", place / f"{source.stem}.so", source)
    both = [*sources, *preloads]
    return cached("dom0-tools", [*(s.name for s in both), *both], make)


# ---- guests

def guest_kernel():
    source, config = package(current("linux-source")), HERE / "guest/kernel.config"

    def make(place):
        with tempfile.TemporaryDirectory(prefix="linux-", dir=CACHE) as work:
            _build_kernel(source, [config], work)
            shutil.copy(pathlib.Path(work) / "arch/x86/boot/bzImage", place / "vmlinuz")
    return cached("guest-kernel", [source.name, config], make) / "vmlinuz"


def tiny_kernel():
    """The tiny guest, which is built where the tree is and kept here."""
    tree = HERE.parent.parent
    sources = sorted(p for p in (tree / "guest/tiny").rglob("*") if p.suffix in (".c", ".h", ".S", ".lds", ".mk"))

    def make(place):
        with tempfile.TemporaryDirectory(prefix="tiny-", dir=CACHE) as work:
            run("make", "-C", tree, "-f", "guest/tiny/build.mk", f"BUILD={work}", "tiny")
            shutil.copy(pathlib.Path(work) / "tiny/tiny", place / "tiny")
    return cached("tiny", [*(str(s.relative_to(tree)) for s in sources), *sources], make) / "tiny"


def _build_kernel(source, configs, place):
    """Debian's source, unpacked in place and built with allnoconfig and these."""
    run("tar", "-C", place, "--strip-components=1", "-xf", next((source / "usr/src").glob("linux-source-*.tar.xz")))
    wanted = pathlib.Path(place) / "wanted.config"
    wanted.write_text("".join(config.read_text() for config in configs))
    run("make", "-C", place, "allnoconfig", f"KCONFIG_ALLCONFIG={wanted}")
    say("building the guest's kernel: some minutes")
    _make_kernel(place)


def _make_kernel(tree):
    run("nice", "make", "-C", tree, f"-j{os.cpu_count()}", "LOCALVERSION=", "bzImage")


def kernel_tree():
    """The guest's kernel as a built tree, with what shows its own suspends. Patches on top of it take a minute or two,
    if a copy is where it was built: elsewhere make does everything anew."""
    source, configs = package(current("linux-source")), [HERE / "guest" / f"{n}.config" for n in ("kernel", "patched")]

    def make(place):
        _build_kernel(source, configs, place)
        (place / "built-at").write_text(str(place))
    return cached("guest-tree", [source.name, *configs], make)


def patched_kernels():
    """The folder of two kernels with the series of guest/linux/VERSION/: `measured`, the patches alone that show what a suspend
    costs, and `patched`, all of them. Both have hung-file.patch, which is the lab's. The series has to be clean."""
    tree, lab = kernel_tree(), HERE / "guest/hung-file.patch"
    series = sorted((PATCHES / current("linux-source").rpartition("-")[2]).glob("[0-9]*.patch"))[1:]

    def make(place):
        work = pathlib.Path((tree / "built-at").read_text())
        try:
            run("cp", "-a", tree, work)
            run("scripts/checkpatch.pl", "--strict", "--no-summary", "-q", *series, cwd=work)
            _git_for([lab, *series], work)
            for name, patches in (("measured", [lab, *series[:MEASURING]]), ("patched", series[MEASURING:])):
                run("git", *GIT_NAME, "am", "-q", *patches, cwd=work)
                _make_kernel(work)
                shutil.copy(work / "arch/x86/boot/bzImage", place / name)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return cached("patched-kernels", [tree.name, lab, *series, MEASURING], make)


def _git_for(patches, work):
    """Make a repository of those files of an unpacked tree that the patches change, for git am."""
    shown = run("git", "apply", "--numstat", *patches, cwd=work)
    touched = {line.split("\t")[2] for line in shown.splitlines()}
    run("git", "init", "-q", cwd=work)
    run("git", "add", "-f", *(path for path in touched if (work / path).exists()), cwd=work)
    run("git", *GIT_NAME, "commit", "-q", "-m", "Debian's source", cwd=work)


def guest_initrd(file_mib=0):
    """The guests' user space; with file_mib, that many MiB of real files (Debian's kernel modules) below /files."""
    busybox, init = pathlib.Path("/bin/busybox"), HERE / "guest/init.sh"
    programs = [HERE / "guest" / f"{name}.c" for name in ("selfcheck", "spaces", "blocks")]
    _, deb, release = dom0_kernel()

    def make(place):
        with open(place / "initrd", "wb") as out:
            tree = Cpio(out)
            tree.copy(busybox, "bin/busybox")
            for program in programs:
                run("gcc", "-O2", "-Wall", "-static", "-o", place / program.stem, program)
                tree.copy(place / program.stem, f"bin/{program.stem}")
            tree.file("init", init.read_bytes(), 0o755)
            tree.device("dev/console", 5, 1)
            _add_real_files(tree, deb / "lib/modules" / release / "kernel", file_mib << 20)
            tree.close()
    inputs = ["3", busybox, *programs, init, file_mib, deb.name if file_mib else ""]
    return cached(f"guest-initrd-{file_mib}", inputs, make) / "initrd"


def _add_real_files(tree, folder, wanted):
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        if wanted <= 0:
            return
        data = _unpacked(path)[:wanted]
        tree.file(f"files/{path.relative_to(folder)}", data)
        wanted -= len(data)


def make_all():
    """Make every part but the patched kernels, which whoever wants them makes; a flavour that Debian dropped is only told of."""
    with cache_lock():
        for flavour in HYPERVISORS:
            try:
                hypervisor(flavour)
            except Unavailable as gone:
                say(f"{flavour}: {gone}")
        dom0_initrd(), dom0_tools(), guest_kernel(), guest_initrd(), guest_initrd(205), tiny_kernel()
