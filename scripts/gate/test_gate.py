"""Tests of the driver's own decisions. Run with `python3 -m unittest discover -s scripts/gate`."""

import contextlib
import io
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

import budget
import cache
import columns
import counts
import driver
import green
import proofs
import runners
import skips
import step as steps
import steps as gate
import table
from step import Result, Step


def python(text):
    return f"{sys.executable} -c '{text}'"


class Folder(unittest.TestCase):
    """A temporary folder, which is also the cache."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        environment = mock.patch.dict(os.environ, {"RINGSIDE_CACHE": str(self.folder / "cache")})
        environment.start()
        self.addCleanup(environment.stop)

    def clone(self, name, content="x\n"):
        root = self.folder / name
        root.mkdir()
        subprocess.run(["git", "init", "--quiet", root], check=True)
        (root / "Cargo.lock").write_text("lock\n")
        (root / "here").mkdir()
        (root / "here/file").write_text(content)
        (root / "elsewhere").write_text("y\n")
        subprocess.run(["git", "add", "."], cwd=root, check=True)
        return root

    def run_step(self, *commands, **fields):
        step = Step("a-step", "what it tries", commands, **fields)
        return steps.run(step, dict(os.environ), self.folder / "log", lambda line: None)


class Columns(unittest.TestCase):
    LONG = "x" * 101

    def test_code_and_comments_have_100_columns(self):
        self.assertEqual(columns.too_long(f"{'é' * 100}\n{self.LONG}\n/// {self.LONG}\n"), [2, 3])

    def test_strings_pictures_and_tables_may_be_longer(self):
        rust = f'''let a = "{self.LONG}";
let b = "first \\
    {self.LONG}";
let c = r#"a " mark {self.LONG}"#;
//! ```text
//! {self.LONG}
//! ```
//! | {self.LONG} |
'''
        self.assertEqual(columns.too_long(rust), [])

    def test_marks_in_comments_and_characters_begin_no_string(self):
        rust = f"""// a " mark
{self.LONG}
match c {{ b'"' => {self.LONG}
fn f<'a>() {{ '\\'' }} // {self.LONG}
//! ```
//! picture
//! ```
//! {self.LONG}
"""
        self.assertEqual(columns.too_long(rust), [2, 3, 4, 8])


class Digests(Folder):
    STEP = Step("heavy", "", ("true",), paths=("here",))

    def test_content_counts_and_the_place_of_the_clone_does_not(self):
        a, b = self.clone("a"), self.clone("b")
        self.assertEqual(green.digest(a, self.STEP), green.digest(b, self.STEP))
        (b / "elsewhere").write_text("changed\n")
        self.assertEqual(green.digest(a, self.STEP), green.digest(b, self.STEP))
        (b / "here/file").write_text("not committed\n")
        self.assertNotEqual(green.digest(a, self.STEP), green.digest(b, self.STEP))

    def test_new_removed_and_executable_files_count(self):
        root = self.clone("a")
        seen = {green.digest(root, self.STEP)}
        (root / "here/new").write_text("")
        seen.add(green.digest(root, self.STEP))
        (root / "here/new").chmod(0o755)
        seen.add(green.digest(root, self.STEP))
        (root / "here/file").unlink()
        seen.add(green.digest(root, self.STEP))
        self.assertEqual(len(seen), 4)

    def test_a_step_is_left_out_only_with_the_digest_that_it_passed_with(self):
        self.assertEqual(green.reason_to_leave_out(self.STEP, "1"), "")
        green.stamp(self.STEP, "1")
        self.assertIn("unchanged", green.reason_to_leave_out(self.STEP, "1"))
        self.assertEqual(green.reason_to_leave_out(self.STEP, "2"), "")


class Runs(Folder):
    def test_cpu_seconds_of_processes_below_a_step_count(self):
        burn = "import time\nwhile time.process_time() < 0.3: pass"
        result = self.run_step(f"sh -c \"{sys.executable} -c '{burn}'; true\"")
        self.assertTrue(result.passed)
        self.assertGreater(result.cpu, 0.25)

    def test_the_first_command_that_fails_ends_a_step(self):
        result = self.run_step("false", f"touch {self.folder}/ran")
        self.assertFalse(result.passed or (self.folder / "ran").exists())
        self.assertEqual(result.tests.failed, 1)
        self.assertFalse(self.run_step("no-such-program").passed)

    def test_a_step_of_tests_that_ran_none_fails(self):
        self.assertTrue(self.run_step("true").passed)
        self.assertFalse(self.run_step("true", tests=True).passed)

    def test_a_test_that_is_ignored_and_not_listed_fails(self):
        line = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out"
        self.assertTrue(self.run_step(f"echo {line!r}", ignored=1).passed)
        for ignored in (0, 2):
            self.assertFalse(self.run_step(f"echo {line!r}", ignored=ignored).passed)

    def test_output_that_cannot_be_read_is_no_success(self):
        def fails(line):
            raise ValueError(line)

        with self.assertRaises(ValueError):
            steps.run(Step("a", "", ("echo SKIPPED: no etcd",)), dict(os.environ), self.folder / "log", fails)

    def test_a_process_left_behind_is_ended(self):
        began = time.monotonic()
        self.assertTrue(self.run_step('sh -c "sleep 60 & exit 0"').passed)
        self.assertLess(time.monotonic() - began, 5)

    def test_skips_come_from_the_output_and_from_the_file(self):
        write = 'import os; open(os.environ["RINGSIDE_SKIPS"], "a").write("no etcd\\nno nft\\n")'
        result = self.run_step(python('print("SKIPPED: no etcd")'), python(write))
        self.assertEqual(result.skipped, ["no etcd", "no nft"])


class Skips(unittest.TestCase):
    def result(self):
        return Result(Step("a", "", ()), skipped=["XFS: mount: unknown type", "no etcd"])

    def test_skips_are_failures_only_where_all_is_required(self):
        result = self.result()
        skips.judge(result, [], False)
        self.assertTrue(result.passed)
        skips.judge(result, [], True)
        self.assertFalse(result.passed)
        self.assertEqual(result.tests.failed, 2)

    def test_listed_skips_are_excused(self):
        text = "# comment\n\nXFS: mount: *\n"
        result = self.result()
        skips.judge(result, skips.excuses(text), True)
        self.assertEqual(result.unexcused, ["no etcd"])
        result = self.result()
        skips.judge(result, skips.excuses(text + "no etcd\n"), True)
        self.assertTrue(result.passed)


class Budgets(unittest.TestCase):
    def test_only_steps_that_ran_and_have_a_budget_count(self):
        a, b, c = (Result(Step(name, "", ()), cpu=cpu) for name, cpu in [("a", 129), ("b", 0), ("c", 999)])
        b.left_out = "unchanged"
        allowed = budget.read("# comment\na 100\nb 500\n")
        self.assertEqual(allowed, {"a": 100, "b": 500})
        text, over = budget.judge([a, b, c], allowed, warm=True)
        self.assertFalse(over)
        self.assertIn("without a budget: c", text)
        a.cpu = 131
        self.assertTrue(budget.judge([a, b, c], allowed, warm=True)[1])
        self.assertFalse(budget.judge([a, b, c], allowed, warm=False)[1])


class Counts(unittest.TestCase):
    def check(self, text, passed, failed, failures=(), ignored=0):
        expected = counts.Counts(passed, failed, list(failures), ignored)
        self.assertEqual(counts.count(text.splitlines()), expected)

    def test_cargo_test(self):
        line = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s"
        self.check(f"{line}\n{line}", 6, 0, ignored=2)
        bad = "---- a::b stdout ----\ntest result: FAILED. 1 passed; 1 failed; 0 ignored"
        self.check(bad, 1, 1, ["a::b"])

    def test_nextest_counts_no_test_twice(self):
        inner = "test result: FAILED. 0 passed; 1 failed; 0 ignored"
        fail = "        FAIL [   0.005s] ( 2/14) ringside-core::core a::b"
        end = "     Summary [   0.1s] 14 tests run: 11 passed (2 slow), 2 failed, 1 timed out, 3 skipped"
        late = "     TIMEOUT [   9.005s] (14/14) ringside-core::core a::c"
        self.check(f"{inner}\n{fail}\n{late}\n{end}\n{fail}", 11, 3, ["a::b", "a::c"], ignored=3)

    def test_unittest(self):
        text = "FAIL: test_x (test_gate.A.test_x)\nRan 4 tests in 0.1s\n\nFAILED (failures=1)"
        self.check(text, 3, 1, ["test_gate.A.test_x"])


class Builds(Folder):
    def age(self, path):
        return time.time() - path.stat().st_mtime

    def test_sources_are_touched_where_another_clone_built_last(self):
        a, b = self.clone("a"), self.clone("b")
        for root in a, b, b, a:
            old = time.time() - 1000
            os.utime(root / "here/file", (old, old))
            builds = cache.Builds(root)
            fresh = self.age(root / "here/file") < 100
            # The second run of b in a row is the only one that may rely on times.
            self.assertEqual(fresh, not (root == b and getattr(self, "before", None) == b))
            self.before = root
            builds.close()

    def test_a_copy_of_a_clone_is_another_clone(self):
        a = self.clone("a")
        cache.Builds(a).close()
        b = self.folder / "b"
        shutil.copytree(a, b, symlinks=True)
        old = time.time() - 1000
        os.utime(b / "here/file", (old, old))
        cache.Builds(b).close()
        self.assertLess(self.age(b / "here/file"), 100)

    def test_builds_are_warm_after_a_whole_run_with_the_same_lock_file(self):
        root = self.clone("a")
        builds = cache.Builds(root)
        self.assertFalse(builds.warm)
        builds.complete()
        builds.close()
        builds = cache.Builds(root)
        self.assertTrue(builds.warm)
        builds.close()
        (root / "Cargo.lock").write_text("other\n")
        builds = cache.Builds(root)
        self.assertFalse(builds.warm)
        builds.close()

    def test_a_second_run_at_the_same_time_builds_in_its_clone(self):
        a, b = self.clone("a"), self.clone("b")
        with contextlib.closing(cache.Builds(a)) as first, contextlib.closing(cache.Builds(b)) as second:
            self.assertTrue(first.shared)
            self.assertEqual(second.path, b / "target/build")

    def test_old_and_large_builds_are_removed(self):
        builds = self.folder / "builds"
        for name, days in [("mine", 99), ("new", 1), ("old", 20)]:
            (builds / name).mkdir(parents=True)
            (builds / name / "file").write_bytes(b"x" * 8192)
            cache.lock(builds / name).close()
            then = time.time() - days * 86400
            os.utime(builds / name / "lock", (then, then))
        cache.prune(builds, builds / "mine", days=14, limit=1 << 20)
        self.assertEqual(sorted(path.name for path in builds.iterdir()), ["mine", "new"])
        cache.prune(builds, builds / "mine", days=14, limit=10000)
        self.assertEqual([path.name for path in builds.iterdir()], ["mine"])
        cache.prune(builds, builds / "mine", days=14, limit=100)
        self.assertEqual(list(builds.iterdir()), [])


class Drives(Folder):
    def drive(self, all_steps, *words, proofs=False, **settings):
        """Exit code and output of a run, in a clone of its own."""
        root = self.folder / "clone"
        if not root.exists():
            self.clone("clone")
        out = io.StringIO()
        patches = [
            mock.patch.object(steps, "ROOT", root),
            mock.patch.object(sys, "argv", ["gate", *words]),
            mock.patch.dict(os.environ, {"RINGSIDE_SEED": "7", "RINGSIDE_ALL": "0"} | settings),
            contextlib.redirect_stdout(out),
        ]
        with contextlib.ExitStack() as stack:
            for patch in patches:
                stack.enter_context(patch)
            code = driver.main("scripts/prove" if proofs else "scripts/test", all_steps, proofs=proofs)
        return code, out.getvalue()

    def test_a_failure_ends_the_gate_and_can_be_reproduced(self):
        table = [Step("bad", "", ("false",)), Step("later", "", ("true",))]
        code, out = self.drive(table)
        self.assertEqual(code, 1)
        self.assertNotIn("later", out)
        self.assertIn("reproduce: RINGSIDE_SEED=7 scripts/test bad\n", out)
        self.assertEqual(out.splitlines()[-1], "0 passed, 1 failed")
        code, out = self.drive(table, proofs=True)
        self.assertEqual(code, 1)
        self.assertIn("later", out)

    def test_settings_of_others_do_not_reach_the_steps(self):
        foreign = {"CARGO_BUILD_TARGET_DIR": "x", "NEXTEST_RETRIES": "3", "RINGSIDE_KILLS": "0", "RINGSIDE": "x"}
        table = [Step("shown", "", ("env",))]
        _, out = self.drive(table, **foreign, CARGO_TARGET_DIR="/elsewhere")
        for name in foreign:
            self.assertNotIn(f"\n{name}=", out)
        self.assertIn("\nCARGO_TARGET_DIR=target\n", out)
        self.assertIn("\nRINGSIDE_SEED=7\n", out)

    def test_a_heavy_step_is_left_out_until_its_files_change(self):
        table = [Step("heavy", "", ("true",), paths=("here",))]
        self.assertNotIn("left out", self.drive(table)[1])
        self.assertIn("left out", self.drive(table)[1])
        self.assertNotIn("left out", self.drive(table, "heavy")[1])
        self.assertNotIn("left out", self.drive(table, proofs=True)[1])
        (self.folder / "clone/here/file").write_text("changed\n")
        self.assertNotIn("left out", self.drive(table)[1])

    def test_a_heavy_step_that_skipped_something_runs_again(self):
        table = [Step("heavy", "", ("echo SKIPPED: no etcd",), paths=("here",))]
        self.assertEqual(self.drive(table)[0], 0)
        code, out = self.drive(table, RINGSIDE_ALL="1")
        self.assertEqual(code, 1)
        self.assertEqual(out.splitlines()[-1], "0 passed, 1 failed, 1 skipped")

    def test_a_run_over_its_budget_fails_where_caches_are_warm(self):
        table = [Step("a", "", (python("sum(range(10**7))"),))]
        with mock.patch.object(budget, "FILE", self.folder / "budget.txt"):
            budget.FILE.write_text("# comment\na 0.001\n")
            self.assertEqual(self.drive(table)[0], 0)
            code, out = self.drive(table)
            self.assertEqual((code, out.splitlines()[-1]), (1, "0 passed, 1 failed"))
            self.assertIn("OVER BUDGET", out)
            self.assertEqual(self.drive(table, "a")[0], 0)
            self.drive(table, "--set-budget")
            self.assertRegex(budget.FILE.read_text(), r"^# comment\na \d+\n$")

    def test_a_step_beside_the_others_is_judged_too(self):
        code, out = self.drive([Step("slow", "", ("false",), beside=True), Step("next", "", ("true",))])
        self.assertEqual(code, 1)
        self.assertRegex(out, r"(?m)^next +passed")

    def test_a_named_step_brings_those_that_it_needs(self):
        table = [Step("a", "", ()), Step("b", "", (), after=("a",)), Step("c", "", (), after=("b",))]
        self.assertEqual([step.name for step in driver.select(table, ["c"])], ["a", "b", "c"])
        self.assertEqual([step.name for step in driver.select(table, ["b"])], ["a", "b"])


class Tables(unittest.TestCase):
    def test_names_are_unique_and_known(self):
        for rows in gate.STEPS, proofs.STEPS:
            names = [step.name for step in rows]
            self.assertEqual(len(names), len(set(names)))
            self.assertLessEqual({name for step in rows for name in step.after}, set(names))

    def test_heavy_steps_name_files_that_are_there(self):
        for step in gate.STEPS:
            for path in step.paths:
                if not path.startswith(":"):
                    self.assertTrue(cache.files(steps.ROOT, path), f"{step.name}: no file matches {path}")

    def test_modules_that_groups_and_steps_name_are_there(self):
        text = (steps.ROOT / ".config/nextest.toml").read_text()
        text += "".join(command for step in gate.STEPS + proofs.STEPS for command in step.commands)
        for module in {
            name for found in re.findall(r"/\^\(?([\w|]+)\)?::/", text) for name in found.split("|")
        }:
            places = f":(glob)**/tests/**/{module}.rs", f":(glob)**/tests/**/{module}/mod.rs"
            self.assertTrue(cache.files(steps.ROOT, *places), f"no tests in a module {module}")

    def test_a_failed_test_is_reproduced_by_name_with_seed_and_settings(self):
        step = Step(
            "oracle", "", ("cargo test --release",), env={"RINGSIDE_ORACLE_COMMANDS": "9"}, tests=True
        )
        result = Result(step, passed=False, tests=counts.Counts(1, 1, ["a::b"]))
        self.assertEqual(
            next(table.reproductions([result], "scripts/test", "7")),
            "RINGSIDE_SEED=7 RINGSIDE_ORACLE_COMMANDS=9 cargo test --release -- --exact a::b",
        )

    def test_both_runners_run_the_same_tests(self):
        with mock.patch.object(runners, "NEXTEST", False):
            self.assertEqual(
                runners.tests("kill", release=True, shown=True),
                "cargo test --lib --bins --tests --quiet --no-fail-fast --release -- kill:: --nocapture",
            )
        with mock.patch.object(runners, "NEXTEST", True):
            self.assertIn("-E 'test(/^kill::/)'", runners.tests("kill", release=True, shown=True))


if __name__ == "__main__":
    unittest.main()
