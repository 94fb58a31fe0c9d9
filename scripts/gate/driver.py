"""The driver of scripts/test and scripts/prove: which steps run, how, and what a run says at its
end."""

import argparse
import concurrent.futures
import contextlib
import os
import re
import signal
import time
import zlib

import budget
import cache
import green
import skips
import step as steps
import table

# Lines of a proof that say what was tried; its other output is only in its log.
TELLING = re.compile(r"^\s*\||SKIPPED|tried |seeds |(fsync|pagecache): .*(flipped bits|seed)")


def main(program, all_steps, *, proofs=False):
    """Runs a table of steps; the exit code.

    The gate shows all output, stops at the first failure and leaves out heavy steps whose files are
    unchanged. Of proofs, each one runs, and only what it tried is shown.
    """
    options = parse(program, all_steps)
    # A gate that is ended lets its step end, which may have networks and devices to take down.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    with contextlib.closing(cache.Builds(steps.ROOT)) as builds:
        try:
            return drive(program, all_steps, options, builds, proofs)
        except KeyboardInterrupt:
            say("\ninterrupted")
            return 130
        finally:
            steps.kept_open = ()


def seed_of_day(day):
    """A seed far from those of other days: tests try this one and the ones that follow it."""
    return str(zlib.crc32(time.strftime("%Y-%m-%d", day).encode()))


def drive(program, all_steps, options, builds, proofs):
    began = time.monotonic()
    steps.kept_open = (builds.lock.fileno(),) if builds.lock else ()
    seed = os.environ.get("RINGSIDE_SEED") or seed_of_day(time.gmtime())
    say(f"random seed of this run: RINGSIDE_SEED={seed}")
    say(f"builds: {builds.path}, {'warm' if builds.warm else 'COLD: everything is built'}")
    if not builds.shared:
        say("another run uses the shared build folder: this one builds in its clone")

    chosen = select(all_steps, options.names)
    results = run_all(chosen, environment(builds, seed), began, proofs, bool(options.names))
    passed = all(result.passed for result in results)
    if passed and not options.names:
        builds.complete()

    wall = time.monotonic() - began
    say(f"\n== end ({wall:.0f} s)\n")
    say("\n".join([*table.rows(results), *table.skips(results)]))
    over = False
    # Single steps build what other steps build in a whole run.
    if not proofs and not options.names:
        allowed = budget.read(budget.FILE.read_text())
        text, over = budget.judge(results, allowed, builds.warm)
        say(f"\n{text}")
        if wall > budget.WALL_SECONDS_MAX:
            limit = budget.WALL_SECONDS_MAX
            say(f"\n!!!!!!!! TOO SLOW: {wall:,.0f} s, and {limit} s are the limit !!!!!!!!")
        if options.set_budget and passed and builds.warm:
            budget.write(results, allowed)
        elif options.set_budget:
            say("\nno new budget: it is that of a run that passed with warm caches")
    for line in table.reproductions(results, program, seed):
        say(f"reproduce: {line}")
    say(f"\nRINGSIDE_SEED={seed}\n{table.closing(results, over)}")
    return 0 if passed and not over else 1


def run_all(chosen, env, began, proofs, named):
    logs = steps.ROOT / "target" / ("prove" if proofs else "gate")
    logs.mkdir(parents=True, exist_ok=True)
    results = []
    with concurrent.futures.ThreadPoolExecutor() as threads:
        beside = []
        for step in chosen:
            digest = green.digest(steps.ROOT, step) if step.paths else ""
            if digest and not proofs and not named:
                reason = green.reason_to_leave_out(step, digest)
                if reason:
                    say(f"\n== {step.name}: left out, {reason}")
                    results.append(steps.Result(step, left_out=reason))
                    continue
            say(f"\n== {step.name}: {step.what} ({time.monotonic() - began:.0f} s)")
            log = logs / f"{step.name}.log"
            if step.beside:
                say("runs beside the next steps")
                beside.append((log, threads.submit(steps.run, step, env, log, lambda line: None)))
                continue
            result = steps.run(step, env, log, tell if proofs else say)
            skips.judge(result)
            results.append(result)
            if result.passed:
                # A stamp leaves out the step until its files change, so it must have proved all that it can.
                if digest and not result.skipped:
                    green.stamp(step, digest)
            elif proofs:
                say("\n".join(log.read_text().splitlines()[-40:]))
            else:
                break
        for log, future in beside:
            result = future.result()
            skips.judge(result)
            results.append(result)
            say(f"\n== {result.step.name}, beside the others\n{log.read_text().rstrip()}")
    return results


def select(all_steps, names):
    """Steps in the order of the table: those named and those that they come after, or all."""
    by_name = {step.name: step for step in all_steps}
    wanted, ahead = set(), list(names or by_name)
    while ahead:
        name = ahead.pop()
        wanted.add(name)
        ahead += by_name[name].after
    return [step for step in all_steps if step.name in wanted]


def environment(builds, seed):
    # What others set may change what is built, where to, and how much is tried.
    ours = ("RINGSIDE_ALL", "RINGSIDE_CACHE")
    foreign = ("CARGO_BUILD_", "CARGO_ENCODED_", "CARGO_PROFILE_", "NEXTEST_", "RINGSIDE")
    env = {key: value for key, value in os.environ.items() if key in ours or not key.startswith(foreign)}
    return env | {
        # The scripts expect final programs in the clone.
        "CARGO_TARGET_DIR": "target",
        "CARGO_BUILD_BUILD_DIR": str(builds.path),
        "CARGO_TERM_COLOR": "never",
        "PYTHONUNBUFFERED": "1",
        "RUSTFLAGS": f"{env.get('RUSTFLAGS', '')} -D warnings".strip(),
        "RUSTDOCFLAGS": "-D warnings",
        "RINGSIDE_SEED": seed,
    }


def parse(program, all_steps):
    names = ", ".join(step.name for step in all_steps)
    words = argparse.ArgumentParser(prog=program, description=f"Steps: {names}")
    words.add_argument("names", nargs="*", metavar="STEP", help="run only these, and those that they need")
    if program == "scripts/test":
        words.add_argument("--set-budget", action="store_true", help="store the CPU seconds as the budget")
    options = words.parse_args()
    if options.names and getattr(options, "set_budget", False):
        words.error("the budget is that of a whole run")
    unknown = set(options.names) - {step.name for step in all_steps}
    if unknown:
        words.error(f"no such step: {', '.join(sorted(unknown))}")
    return options


def tell(line):
    if TELLING.search(line):
        say(line)


def say(text):
    print(text, flush=True)
