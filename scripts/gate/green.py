"""Stamps of heavy steps: such a step is left out while its files are as they were when it last
passed."""

import hashlib
import os
import time

import cache


def digest(root, step):
    """Digest of names, modes and contents of the files of a step as they lie in the clone,
    wherever that is, and of what builds and runs them."""
    total = hashlib.sha256(repr((step.commands, sorted(step.env.items()), cache.compiler())).encode())
    for name in cache.files(root, *step.paths):
        path = root / name
        content = os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
        executable = os.access(path, os.X_OK)
        total.update(f"{name}\0{executable}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def reason_to_leave_out(step, now):
    """Text for the table if the step passed with this digest, else nothing."""
    stamp = cache.folder() / "green" / step.name
    if not stamp.exists():
        return ""
    then, day = stamp.read_text().split()
    return f"its files are unchanged since it passed on {day}" if then == now else ""


def stamp(step, now):
    """Stores that the step passed. The digest is one from before the run: files may change
    meanwhile."""
    path = cache.folder() / "green" / step.name
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    new.write_text(f"{now} {time.strftime('%Y-%m-%d', time.gmtime())}\n")
    new.rename(path)
