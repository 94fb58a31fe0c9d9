#!/usr/bin/env python3
"""Python environments of the checks, each made once below the cache folder.

Usage: scripts/gate/environments.py NAME, prints the interpreter of the environment; --all makes
every one of them.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys

import cache

# Arguments of `pip install`.
ENVIRONMENTS = {
    "conformance": "tracebook-conformance==0.6.0",
    "deploy": "kubernetes-validate==1.37.0",
    "interop": "nasdaq-protocols==1.3.0 itchfeed==1.6.4 meatpy==0.5.0",
    # For the sample data in it, which need none of the package's dependencies.
    "real-flow": "--no-deps ob-analytics==0.1.0",
}


def interpreter(requirements):
    key = hashlib.sha256(f"{sys.version} {sys.prefix} {requirements}".encode()).hexdigest()[:16]
    path = cache.folder() / "python" / key
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Programs in an environment name its path, so it cannot get its name last: a file says that
        # it is whole.
        if not (path / "ready").exists():
            shutil.rmtree(path, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", path], check=True, stdout=sys.stderr)
            pip = [path / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, *requirements.split()], check=True, stdout=sys.stderr)
            (path / "ready").write_text(f"{requirements}\n")
    return path / "bin/python"


if __name__ == "__main__":
    wanted = ENVIRONMENTS if sys.argv[1:] == ["--all"] else sys.argv[1:]
    if not wanted or any(name not in ENVIRONMENTS for name in wanted):
        sys.exit(f"usage: {sys.argv[0]} --all | {' | '.join(ENVIRONMENTS)}")
    for name in wanted:
        print(interpreter(ENVIRONMENTS[name]), flush=True)
