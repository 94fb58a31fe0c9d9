"""The cache folder, ${RINGSIDE_CACHE:-~/.cache/ringside}. Any part of it may be removed between runs.

build/KEY    intermediate files of cargo, for clones with the same Cargo.lock and compiler
python/KEY   a virtual environment, for one line of requirements
green/STEP   digest of the files with which a heavy step last passed
"""

import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import time
import uuid

# Builds that were not used for longer are removed, and the oldest ones of those that take more room
# together.
BUILD_DAYS_MAX = 14
BUILD_BYTES_MAX = 30 << 30


def folder():
    named = os.environ.get("RINGSIDE_CACHE")
    return pathlib.Path(named).resolve() if named else pathlib.Path.home() / ".cache/ringside"


def files(root, *paths):
    """Files of a clone that git knows or would add, by name."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *paths]
    names = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    return sorted({name for name in names.split("\0") if name and os.path.lexists(root / name)})


def compiler(root=None):
    return subprocess.run(["rustc", "-vV"], cwd=root, check=True, capture_output=True, text=True).stdout


def build_key(root):
    return hashlib.sha256(compiler(root).encode() + (root / "Cargo.lock").read_bytes()).hexdigest()[:16]


class Builds:
    """The build folder of a clone, for the time of a run.

    Clones share a folder for the sake of their dependencies. Cargo tells clones apart neither by
    the names of intermediate files nor by the paths of sources: it would take what another clone
    built for up to date if the sources here are older. So one clone at a time uses a folder, and
    touches its sources if another one was the last to do so.
    """

    def __init__(self, root, builds=None):
        builds = builds or folder() / "build"
        builds.mkdir(parents=True, exist_ok=True)
        self.path = builds / build_key(root)
        prune(builds, self.path)
        self.lock = lock(self.path)
        self.shared = self.lock is not None
        if not self.shared:
            self.path = root / "target/build"
            self.path.mkdir(parents=True, exist_ok=True)
        # A whole run has built everything here: the caches are warm.
        self.warm = (self.path / "complete").exists()
        mine, owner = root / "target/clone-id", self.path / "owner"
        if not mine.exists():
            mine.parent.mkdir(exist_ok=True)
            mine.write_text(uuid.uuid4().hex)
        # A copy of a clone has its id, but is elsewhere.
        identity = f"{mine.read_text()} {root.resolve()}"
        if not owner.exists() or owner.read_text() != identity:
            for name in files(root):
                os.utime(root / name, follow_symlinks=False)
            owner.write_text(identity)

    def complete(self):
        (self.path / "complete").touch()

    def close(self):
        if self.lock:
            self.lock.close()


def lock(path):
    """Locks a build folder, which is made if need be, until the returned file is closed; None if
    another run has it."""
    path.mkdir(exist_ok=True)
    file = open(path / "lock", "w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    os.utime(file.fileno())
    return file


def prune(builds, mine, days=BUILD_DAYS_MAX, limit=BUILD_BYTES_MAX):
    """Removes builds that are old or over the limit. The folder of this run counts first, then
    the last one used."""

    def days_unused(path):
        lock = path / "lock"
        return (time.time() - lock.stat().st_mtime) / 86400 if lock.exists() else float("inf")

    bytes_kept = 0
    folders = [path for path in builds.iterdir() if not path.name.startswith("removed-")]
    for path in sorted(folders, key=lambda path: (path != mine, days_unused(path))):
        size = size_of(path)
        if bytes_kept + size <= limit and (path == mine or days_unused(path) <= days):
            bytes_kept += size
        elif held := lock(path):
            # A folder that is half removed must not have the name of a whole one.
            path.rename(builds / f"removed-{uuid.uuid4().hex}")
            held.close()
    for path in builds.glob("removed-*"):
        shutil.rmtree(path, ignore_errors=True)


def size_of(path):
    """Bytes on the device; a file with several names counts once."""
    inodes = {}
    for place, _, names in os.walk(path):
        for name in names:
            stat = os.lstat(os.path.join(place, name))
            inodes[stat.st_ino] = stat.st_blocks * 512
    return sum(inodes.values())
