"""Budget of CPU seconds: budget.txt has those of each step, measured in a new clone with the
caches of an earlier run. A run fails if its steps together take 30 % more. Wall time depends on
what else the machine does and fails nothing."""

import pathlib

FILE = pathlib.Path(__file__).with_name("budget.txt")
MARGIN = 1.3
WALL_SECONDS_MAX = 900


def read(text):
    lines = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(seconds) for name, seconds in lines}


def judge(results, budget, warm):
    """Verdict as text, and whether it is a failure. Steps without a budget, and with those left
    out, do not count."""
    counted = [result for result in results if not result.left_out and result.step.name in budget]
    spent = sum(result.cpu for result in counted)
    allowed = sum(budget[result.step.name] for result in counted)
    total = sum(result.cpu for result in results)
    text = f"CPU {total:,.0f} s; steps with a budget {spent:,.0f} s of {allowed:,.0f} s"
    missing = [
        result.step.name for result in results if not result.left_out and result.step.name not in budget
    ]
    if missing:
        text += f"; without a budget: {', '.join(missing)}"
    if not counted or spent <= MARGIN * allowed:
        return text, False
    if not warm:
        return f"{text}; no failure, because the caches were cold", False
    return f"OVER BUDGET: {text}, more than {MARGIN - 1:.0%} above it", True


def write(results, budget):
    """Stores what this run took as the budget of its steps."""
    comments = [line for line in FILE.read_text().splitlines() if line.startswith("#")]
    budget = budget | {result.step.name: result.cpu for result in results if not result.left_out}
    lines = [f"{name} {seconds:.0f}" for name, seconds in budget.items()]
    FILE.write_text("\n".join(comments + lines) + "\n")
