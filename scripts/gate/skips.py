"""Skips: what a run could not prove on this machine. With RINGSIDE_ALL=1 each is a failure, but
for those that skips.txt excuses."""

import fnmatch
import os
import pathlib
import re

LINE = re.compile(r"^\s*SKIPPED: (.+)")
EXCUSES = pathlib.Path(__file__).with_name("skips.txt")


def reasons(lines):
    return [found[1].rstrip() for line in lines if (found := LINE.match(line))]


def excuses(text):
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def unexcused(skipped, patterns):
    return [
        reason for reason in skipped if not any(fnmatch.fnmatchcase(reason, pattern) for pattern in patterns)
    ]


def judge(result, patterns=None, all_required=None):
    """Makes a failure of each skip that nothing excuses, where nothing may be skipped."""
    if patterns is None:
        patterns = excuses(EXCUSES.read_text())
    if all_required is None:
        all_required = os.environ.get("RINGSIDE_ALL") == "1"
    if all_required:
        result.unexcused = unexcused(result.skipped, patterns)
        result.tests.failed += len(result.unexcused)
        result.passed = result.passed and not result.unexcused
