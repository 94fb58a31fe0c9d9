"""The table of scripts/test, in the order in which the steps run.

A new step is a row here. With `paths` it is heavy: it runs only where these files changed since it
last passed, and always in scripts/prove. `scripts/test --set-budget` then adds its CPU seconds to
budget.txt.
"""

from runners import tests
from step import Step

# Sources that heavy steps depend on, besides their own; tests of the crates change no program.
ENGINE = ("Cargo.toml", "Cargo.lock", "crates/planted", "crates/model", "crates/engine")
PIPELINE = (*ENGINE, "crates/journal", "crates/wire", "crates/core")
VENUE = (*PIPELINE, "crates/cluster", "crates/edge", "crates/load", "configs", "src")
NO_TESTS = ":(exclude)crates/*/tests"

PROGRAM = "target/release/ringside"

STEPS = [
    Step(
        "gate", "tests of this driver", ("python3 -m unittest discover --quiet -s scripts/gate",), tests=True
    ),
    Step("tools", "Debian packages that proofs use", ("python3 scripts/gate/needs.py",)),
    Step("python", "Python packages of the checks", ("scripts/gate/environments.py --all",), beside=True),
    Step(
        "format",
        "rustfmt on every package, and the lines that rustfmt leaves too long",
        (
            "cargo fmt --all --check -- --color never",
            "cargo fmt --check --manifest-path fuzz/Cargo.toml -- --color never",
            "python3 scripts/gate/columns.py",
        ),
    ),
    Step("clippy", "lints of all targets", ("cargo clippy --locked --quiet --workspace --all-targets",)),
    Step("docs", "documentation without warnings", ("cargo doc --quiet --no-deps --workspace",)),
    Step("tests", "tests of the default packages", (tests(),), tests=True, ignored=1),
    Step("examples", "examples in the documentation", ("cargo test --quiet --doc",), tests=True),
    Step("program", "the program as it is shipped", ("cargo build --quiet --release",)),
    Step(
        "oracle",
        "400,000 random commands of each kind: the engine against the naive venue",
        (tests("engine_oracle"),),
        env={"RINGSIDE_ORACLE_COMMANDS": "400000"},
        tests=True,
    ),
    Step(
        "real-flow",
        "30 minutes of BTC/USD, order by order",
        ("scripts/real-flow --keep target/real-flow",),
        after=("program",),
    ),
    Step(
        "conformance",
        "matching rules against another reference engine",
        ("scripts/conformance",),
        after=("program",),
    ),
    Step(
        "layouts",
        "the same report bytes on every layout",
        ("scripts/determinism target/real-flow/session.jsonl",),
        after=("program", "real-flow"),
    ),
    Step(
        "corpus",
        "stored journals and sessions: the same bytes as when they were stored",
        (f"scripts/corpus check --program {PROGRAM}", f"scripts/corpus old --program {PROGRAM}"),
        after=("program", "real-flow"),
    ),
    Step(
        "main-job",
        "the main job of the README, small",
        (
            f"{PROGRAM} bench --commands 1000000 --out target/bench-smoke",
            f"{PROGRAM} bench sweep --seconds 0.2 --out target/bench-smoke",
        ),
        after=("program",),
    ),
    Step(
        "planted-bugs",
        "bugs on purpose, each caught by a named proof",
        ("scripts/planted-bugs",),
        after=("program",),
    ),
    Step(
        "instructions", "instruction counts of the hot paths", ("scripts/instructions",), after=("program",)
    ),
    Step(
        "benches",
        "each bench once, with the outcome that it asserts",
        tuple(
            # Optimized as tests are, from the crates that the tests have built: times count for nothing here.
            f"cargo bench --quiet --profile dev --bench {name} -- --quick"
            for name in ("book", "journal", "pipeline", "durability", "restart")
        ),
        paths=(*VENUE, NO_TESTS, "crates/testing", "bench/*.rs"),
    ),
    Step("wire", "the venue over the wire, small", ("scripts/wire-bench --quick",), after=("program",)),
    Step(
        "cluster",
        "three nodes: kill the leader under load, hand over",
        ("scripts/cluster --check",),
        after=("program",),
    ),
    Step("deploy", "examples for systemd and Kubernetes", ("scripts/check-deploy",), after=("program",)),
    Step(
        "interop",
        "a running venue against clients and readers of others",
        ("scripts/interop",),
        after=("program",),
        paths=(
            *VENUE,
            NO_TESTS,
            "tests/interop",
            "scripts/interop",
            "scripts/interop.py",
            "scripts/gate/environments.py",
        ),
    ),
    Step(
        "peers",
        "order books of other crates on the same events",
        ("cargo run --quiet --release --package ringside-peers -- --events 100000 --runs 1",),
        paths=(*ENGINE, NO_TESTS, "crates/wire", "crates/load", "bench/peers", "bench/contest.rs"),
    ),
]
