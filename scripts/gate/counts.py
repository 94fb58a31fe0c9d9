"""Numbers of tests, and names of those that failed, from the output of test runners."""

import dataclasses
import re

LIBTEST = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored")
LIBTEST_FAILURE = re.compile(r"^---- (\S+) stdout ----")
NEXTEST = re.compile(r"^\s*Summary \[.*?\]\s+[\d/]+ tests? run: (.*)")
NEXTEST_FAILURE = re.compile(
    r"^\s*(?:TRY \d+ )?(?:FAIL|TIMEOUT|ABORT|SIG[A-Z]+)\s+\[.*?\]\s+(?:\(.*?\)\s+)?\S+\s+(\S+)$"
)
UNITTEST = re.compile(r"^Ran (\d+) tests? in ")
UNITTEST_FAILURE = re.compile(r"^(?:FAIL|ERROR): \w+ \((\S+)\)")


@dataclasses.dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    failures: list = dataclasses.field(default_factory=list)
    ignored: int = 0

    def __add__(self, other):
        return Counts(
            self.passed + other.passed,
            self.failed + other.failed,
            self.failures + other.failures,
            self.ignored + other.ignored,
        )


def count(lines):
    """Counts of one command."""
    libtest, nextest, unittest = Counts(), Counts(), Counts()
    summary = False
    for line in lines:
        if found := LIBTEST.match(line):
            libtest += Counts(int(found[1]), int(found[2]), ignored=int(found[3]))
        elif found := LIBTEST_FAILURE.match(line):
            libtest.failures.append(found[1])
        elif found := NEXTEST.match(line):
            summary = True
            numbers = {
                what: int(n) for n, what in re.findall(r"(\d+) ([a-z ]+)", re.sub(r"\(.*?\)", "", found[1]))
            }
            numbers = {what.strip(): n for what, n in numbers.items()}
            passed, ignored = numbers.pop("passed", 0), numbers.pop("skipped", 0)
            nextest += Counts(passed, sum(numbers.values()), ignored=ignored)
        elif found := NEXTEST_FAILURE.match(line):
            nextest.failures.append(found[1])
        elif found := UNITTEST.match(line):
            unittest.passed += int(found[1])
        elif found := UNITTEST_FAILURE.match(line):
            unittest += Counts(-1, 1, [found[1]])
    # nextest runs each test as a libtest program, whose own result may be in the output that it
    # shows.
    total = (nextest if summary else libtest) + unittest
    total.failures = list(dict.fromkeys(total.failures))
    return total
