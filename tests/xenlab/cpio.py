"""A writer of cpio archives in the "newc" form the kernel unpacks. Everything in them belongs to root, whoever
builds them; dates are left at zero, so equal contents give equal bytes."""
import os
import stat


class Cpio:
    def __init__(self, out):
        self.out, self.inode, self.folders = out, 0, set()

    def folder(self, path):
        path = path.strip("/")
        if path and path not in self.folders:
            self.folder(os.path.dirname(path))
            self.folders.add(path)
            self._entry(path, stat.S_IFDIR | 0o755, b"")

    def file(self, path, data, mode=0o644):
        self._place(path, stat.S_IFREG | mode, data)

    def link(self, path, target):
        self._place(path, stat.S_IFLNK | 0o777, target.encode())

    def device(self, path, major, minor):
        self._place(path, stat.S_IFCHR | 0o600, b"", (major, minor))

    def copy(self, source, path):
        """Put the file at source (a link's target) into the archive, executable if it is."""
        with open(source, "rb") as f:
            self.file(path, f.read(), 0o755 if os.access(source, os.X_OK) else 0o644)

    def close(self):
        self._entry("TRAILER!!!", 0, b"")
        self.out.write(bytes(-self.out.tell() % 512))

    def _place(self, path, mode, data, device=(0, 0)):
        self.folder(os.path.dirname(path.strip("/")))
        self._entry(path.strip("/"), mode, data, device)

    def _entry(self, name, mode, data, device=(0, 0)):
        self.inode += 1
        name = name.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name), 0)
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
        self.out.write(head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4))
