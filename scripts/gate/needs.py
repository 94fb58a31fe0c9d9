"""Programs from Debian packages that proofs use, installed where root can do so. Run as a step
of the gate."""

import importlib.util
import os
import shutil
import subprocess

# Program, Debian package, what cannot be proved without it.
NEEDS = [
    ("mkfs.ext4", "e2fsprogs", "power cuts and full disks on ext4"),
    ("mkfs.xfs", "xfsprogs", "power cuts on XFS"),
    ("etcd", "etcd-server", "the record of a cluster in etcd"),
    ("nft", "nftables", "cut lines between nodes"),
    ("ip", "iproute2", "networks of nodes"),
    ("faketime", "faketime", "steps of the clock of a running venue"),
    ("valgrind", "valgrind", "instruction counts of the hot paths"),
    ("systemd-analyze", "systemd", "the unit for systemd"),
    ("ensurepip", "python3-venv", "checks with packages from PyPI"),
]


def is_there(program):
    # Debian has the module `venv` without the part that puts pip into an environment.
    return bool(importlib.util.find_spec("ensurepip") if program == "ensurepip" else shutil.which(program))


def missing():
    return [need for need in NEEDS if not is_there(need[0])]


def apt_get(*words):
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    # A failure shows in what is missing afterwards.
    subprocess.run(["apt-get", "-qq", *words], env=env, stdout=subprocess.DEVNULL, check=False)


def main():
    if missing() and os.geteuid() == 0 and shutil.which("apt-get"):
        apt_get("update")
        # One by one, so that a package that is not there keeps no other away.
        for _, package, _ in missing():
            print(f"installing {package}", flush=True)
            apt_get("install", "-y", "--no-install-recommends", package)
    for program, package, what in missing():
        print(f"SKIPPED: {what}: no {program} (Debian package {package})")


if __name__ == "__main__":
    main()
