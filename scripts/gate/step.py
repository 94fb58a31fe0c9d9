"""A step of the gate, and one run of it: wall time, CPU time, tests, skips."""

import dataclasses
import os
import pathlib
import shlex
import signal
import subprocess
import tempfile
import threading
import time

import counts
import skips

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Descriptors that commands keep open: a lock lasts as long as what was started under it.
kept_open = ()


@dataclasses.dataclass(frozen=True)
class Step:
    name: str
    what: str
    # Run one after the other from the root of the clone; quoted as for a shell, but no shell runs
    # them.
    commands: tuple
    env: dict = dataclasses.field(default_factory=dict)
    # Steps whose results this one reads; they run too when it is asked for by name.
    after: tuple = ()
    # Makes a step heavy: it is left out while these files are as they were when it last passed.
    paths: tuple = ()
    # At least one test must run: a filter that matches nothing proves nothing.
    tests: bool = False
    # Tests that are ignored: one that nobody knows of proves nothing.
    ignored: int | None = None
    # Runs while the next steps run; for what waits for a network or a clock and nothing else needs.
    beside: bool = False


@dataclasses.dataclass
class Result:
    step: Step
    passed: bool = True
    seconds: float = 0.0
    cpu: float = 0.0
    tests: counts.Counts = dataclasses.field(default_factory=counts.Counts)
    # Reasons of all skips of the step, and of those that no line of skips.txt excuses.
    skipped: list = dataclasses.field(default_factory=list)
    unexcused: list = dataclasses.field(default_factory=list)
    # Reason why the step did not run.
    left_out: str = ""


def run(step, env, log, show):
    """Runs the commands up to the first that fails. `log` gets all output, `show` is called with
    each line."""
    result, began = Result(step), time.monotonic()
    with tempfile.NamedTemporaryFile("r") as skip_file, open(log, "w", encoding="utf-8") as file:
        seen = []

        def line(text):
            seen.append(text)
            print(text, file=file)
            show(text)

        for command in step.commands:
            del seen[:]
            try:
                code, cpu = run_command(command, env | step.env | {"RINGSIDE_SKIPS": skip_file.name}, line)
            except OSError as error:
                line(f"{command}: {error}")
                code, cpu = 127, 0.0
            result.cpu += cpu
            result.tests += counts.count(seen)
            result.skipped += skips.reasons(seen)
            if code != 0:
                line(f"exit code {code}: {command}")
                result.passed = False
                break
        if step.tests and result.passed and result.tests.passed == 0:
            line("no test ran")
            result.passed = False
        if step.ignored is not None and result.passed and result.tests.ignored != step.ignored:
            line(f"{result.tests.ignored} tests are ignored, and {step.ignored} should be: see steps.py")
            result.passed = False
        # Test runners show no output of tests that pass, so these write their skips to a file as
        # well.
        result.skipped = list(dict.fromkeys(result.skipped + skip_file.read().splitlines()))
    if not result.passed and result.tests.failed == 0:
        result.tests.failed = 1
    result.seconds = time.monotonic() - began
    return result


def run_command(command, env, line):
    """Exit code of a command, and the CPU seconds of all processes that it started and waited
    for."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    child = subprocess.Popen(
        shlex.split(command), cwd=ROOT, env=env, start_new_session=True, pass_fds=kept_open, **pipes
    )
    failed = []

    def read():
        try:
            with child.stdout as output:
                for raw in output:
                    line(raw.decode(errors="replace").rstrip("\n"))
        except BaseException as error:
            failed.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        _, status, usage = os.wait4(child.pid, 0)
    except KeyboardInterrupt:
        # Tests take down their networks and devices.
        os.killpg(child.pid, signal.SIGINT)
        os.wait4(child.pid, 0)
        raise
    child.returncode = os.waitstatus_to_exitcode(status)
    try:
        # A process that outlives its command would keep ports and the pipe.
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    reader.join(timeout=10)
    # Output that nobody read may hold a skip or a failure.
    if reader.is_alive():
        raise OSError("the output has not ended")
    if failed:
        raise failed[0]
    return child.returncode, usage.ru_utime + usage.ru_stime
