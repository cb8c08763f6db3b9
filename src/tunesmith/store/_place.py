"""Where a SQLite file may lie: a folder that exists, on a disk of this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tunesmith.errors import StoreError

MOUNTS = Path("/proc/self/mountinfo")
_NETWORK = {
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "beegfs", "beegfs_nodev", "afs", "ceph",
    "glusterfs", "pvfs2", "panfs", "wekafs", "ncpfs", "fuse.sshfs", "fuse.glusterfs", "fuse.ceph",
    "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "fuse.juicefs", "fuse.mfs",
}  # fmt: skip
_ESCAPE = re.compile(r"\\([0-7]{3})")


def check_place(path: Path) -> None:
    """Raises StoreError where a SQLite file cannot be, or would not be safe."""
    if path.name == ":memory:":
        raise StoreError(
            "a store in memory is no file: leave the study's name out to keep it in memory, or give a path"
        )
    if path.is_dir():
        raise StoreError(f"{path} is a folder: name a file in it, such as {path / 'studies.db'}")
    if not path.parent.is_dir():
        raise StoreError(f"the folder {path.parent} of the store {path.name} does not exist: create it first")
    kind = file_system(path)
    if kind in _NETWORK:
        raise StoreError(
            f"{path} lies on a network file system ({kind}), where SQLite's locks do not hold and studies "
            f"get damaged: use a path on a local disk, or a PostgreSQL store (from a later release on)"
        )


def file_system(path: Path) -> str:
    """The type of the file system that holds `path`, '' where that cannot be known."""
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    where = os.path.realpath(path)
    kind, depth = "", -1
    for line in lines:
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if len(fields) < 5 or not right:
            continue
        point = _ESCAPE.sub(lambda found: chr(int(found[1], 8)), fields[4])
        inside = where == point or where.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= depth:  # >=: of two mounts on one point the later hides the earlier
            kind, depth = right.split(" ", 1)[0], len(point)
    return kind
