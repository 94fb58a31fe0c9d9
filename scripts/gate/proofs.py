"""The table of scripts/prove: the long forms of the proofs, and all heavy steps of scripts/test."""

import shutil

import steps
from runners import tests
from step import Step


def long(name, what, setting, module):
    variable, value = setting.split("=")
    return Step(name, what, (tests(module, release=True, shown=True),), env={variable: value}, tests=True)


def mutants(name, what, selected, tried_with=""):
    """Small changes to the sources of a package, one after the other: each must make a test fail. The
    survivors are listed in target/prove/mutants-NAME/mutants.out/missed.txt."""
    output = f"target/prove/mutants-{name}"
    command = (
        f"cargo mutants {selected} --test-workspace=false --test-tool nextest -j1 --timeout 300 "
        f"--output {output} --no-shuffle --colors never -- {tried_with}"
    )
    if shutil.which("cargo-mutants") is None:
        command = "echo SKIPPED: cargo-mutants is not installed (cargo install --locked cargo-mutants)"
    # Mutants are copies of the sources, which cargo would not tell from those here in shared builds.
    own_builds = {"CARGO_BUILD_BUILD_DIR": "target"}
    return Step(f"mutants-{name}", what, (command.strip(),), env=own_builds)


PREPARE = [step for step in steps.STEPS if step.name in ("tools", "python", "program")]

STEPS = [
    *PREPARE,
    Step("release", "all tests with the settings of the shipped program", (tests(release=True),), tests=True),
    long(
        "oracle",
        "10,000,000 random commands of each of eleven kinds, against the naive venue",
        "RINGSIDE_ORACLE_COMMANDS=10000000",
        "engine_oracle",
    ),
    long(
        "laws",
        "20,000,000 random commands, against the laws of reports alone",
        "RINGSIDE_LAWS_COMMANDS=20000000",
        "laws",
    ),
    long(
        "metamorphic",
        "100,000 pairs of sessions that must be alike, in each of five ways",
        "RINGSIDE_METAMORPHIC_SESSIONS=100000",
        "metamorphic",
    ),
    Step("fuzz", "an hour of coverage-guided streams, against the naive venue", ("scripts/fuzz 3600",)),
    Step(
        "soak",
        "ten minutes of mixed flow through a venue on a network",
        ("scripts/soak --seconds 600",),
        after=("program",),
    ),
    long("journal", "every single-bit flip and every length of a journal", "RINGSIDE_EVERY_BIT=1", "damage"),
    long(
        "snapshot",
        "every single-bit flip and every length of a snapshot",
        "RINGSIDE_EVERY_BIT=1",
        "snapshot_file",
    ),
    long("images", "200,000 crash images of the real writer", "RINGSIDE_CRASH_IMAGES=200000", "crash_images"),
    long("kill", "1,000 kills at random moments, in chains", "RINGSIDE_KILLS=1000", "kill"),
    long(
        "serve",
        "1,000 kills of a venue that trades on a network, in days",
        "RINGSIDE_SERVE_KILLS=1000",
        "serve_kill",
    ),
    long(
        "failover",
        "100 leaders killed or frozen, and leaders cut off in namespaces",
        "RINGSIDE_FAILOVERS=100",
        "failover",
    ),
    long("cluster", "20,000 seeds of the simulated cluster", "RINGSIDE_SIMULATIONS=20000", "cluster_sim"),
    long(
        "moves",
        "20,000 seeds of symbols that move between partitions",
        "RINGSIDE_MOVES=20000",
        "partitions_sim",
    ),
    Step(
        "model",
        "the model of a cluster at a larger scope",
        (tests("cluster_model", release=True, ignored=True, shown=True),),
        tests=True,
    ),
    long("power", "200 power cuts each of ext4 and XFS", "RINGSIDE_POWER_CUTS=200", "power_cut"),
    long("disk", "50 failed syncs, failing devices, full disks", "RINGSIDE_FAILED_SYNCS=50", "failing_disk"),
    Step("sanitize", "tests of unsafe code under AddressSanitizer", ("scripts/sanitize",), tests=True),
    Step("bugs", "planted bugs, each caught by a proof", ("scripts/planted-bugs",), after=("program",)),
    *[step for step in steps.STEPS if step.paths],
    mutants(
        "engine",
        "about 2,300 small changes to the engine, against its tests",
        "--package ringside-engine",
        "-E 'not test(/^engine_oracle::(wide_prices|huge_values|deep|mixed_beside)/)'",
    ),
    mutants(
        "streams",
        "about 700 small changes to what makes messages, against the tests of streams",
        "--package ringside-core --file 'crates/core/src/streams/**'",
        "-E 'test(stream) | test(session_messages)'",
    ),
    mutants("wire", "about 600 small changes to the protocols, against their tests", "--package ringside-wire"),
]
