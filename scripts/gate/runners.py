"""Commands that run Rust tests: nextest where it is installed, else cargo test, with the same
tests."""

import shutil

NEXTEST = shutil.which("cargo-nextest") is not None


def tests(module="", *, release=False, ignored=False, shown=False):
    """Tests of the default packages, or those of one module of the test programs. `shown`: with what
    they print when they pass; and they may take hours."""
    profile = "--release " if release else ""
    if not NEXTEST:
        command = f"cargo test --lib --bins --tests --quiet --no-fail-fast {profile}--"
        command += f" {module}::" if module else ""
        command += " --ignored" if ignored else ""
        return command + (" --nocapture" if shown else "")
    # Neither examples nor benches have tests, and nobody runs them as they are built here.
    command = f"cargo nextest run --cargo-quiet --lib --bins --tests {profile}"
    if module:
        command += f"-E 'test(/^{module}::/)' "
    if ignored:
        command += "--run-ignored only "
    if shown:
        command += "--profile prove --success-output immediate "
    return command.strip()
