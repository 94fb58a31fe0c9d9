"""The end of a run: a table of its steps, the skips, and how to see a failure again."""

import shlex


def rows(results):
    """One row for each step, with columns of equal width."""
    head = ("step", "result", "seconds", "CPU s", "tests", "skipped", "")
    cells = [head] + [cell(result) for result in results]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    left = {0, 1, len(head) - 1}
    for row in cells:
        padded = (
            text.ljust(width) if column in left else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths))
        )
        yield "  ".join(padded).rstrip()


def cell(result):
    step = result.step
    if result.left_out:
        return step.name, "left out", "", "", "", "", result.left_out
    outcome = "FAILED" if not result.passed else "skipped part" if result.skipped else "passed"
    tests = str(result.tests.passed + result.tests.failed) if result.tests.passed else ""
    skipped = str(len(result.skipped)) if result.skipped else ""
    return (step.name, outcome, f"{result.seconds:.0f}", f"{result.cpu:.0f}", tests, skipped, step.what)


def skips(results):
    for result in results:
        for reason in result.skipped:
            failure = "  (FAILURE: RINGSIDE_ALL=1)" if reason in result.unexcused else ""
            yield f"SKIPPED in {result.step.name}: {reason}{failure}"


def reproductions(results, program, seed):
    """Commands that run again what failed, with the same random seed."""
    for result in results:
        if result.passed or result.left_out:
            continue
        step = result.step
        settings = "".join(
            f"{name}={shlex.quote(value)} " for name, value in [("RINGSIDE_SEED", seed), *step.env.items()]
        )
        for test in result.tests.failures if step.tests else []:
            release = "--release " if any("--release" in command for command in step.commands) else ""
            yield f"{settings}cargo test {release}-- --exact {test}"
        yield f"RINGSIDE_SEED={seed} {program} {step.name}"


def closing(results, over_budget):
    """The line that continuous integration reads."""
    passed = sum(result.tests.passed for result in results)
    failed = sum(result.tests.failed for result in results) + over_budget
    skipped = sum(len(result.skipped) for result in results)
    return f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")
