"""The table of scripts/prove: the long forms of the proofs, and all heavy steps of scripts/test."""

import shutil

import steps
from runners import tests
from step import Step


def long(name, what, setting, module):
    variable, value = setting.split("=")
    return Step(name, what, (tests(module, release=True, shown=True),), env={variable: value}, tests=True)


def mutants():
    """Placeholder for a row of each crate that cargo-mutants is tried on."""
    command = "cargo mutants --package ringside-engine"
    if shutil.which("cargo-mutants") is None:
        command = "echo SKIPPED: cargo-mutants is not installed"
    # Mutants are copies of the sources, which cargo would not tell from those here in shared builds.
    own_builds = {"CARGO_BUILD_BUILD_DIR": "target"}
    return Step("mutants", "changed operators and results in the engine", (command,), env=own_builds)


PREPARE = [step for step in steps.STEPS if step.name in ("tools", "python", "program")]

STEPS = [
    *PREPARE,
    Step("release", "all tests with the settings of the shipped program", (tests(release=True),), tests=True),
    long(
        "oracle",
        "10,000,000 random commands of each of seven kinds, against the naive venue",
        "RINGSIDE_ORACLE_COMMANDS=10000000",
        "engine_oracle",
    ),
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
        "20,000 seeds of instruments that move between partitions",
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
    Step("bugs", "planted bugs, each caught by a proof", ("scripts/planted-bugs",)),
    *[step for step in steps.STEPS if step.paths],
    mutants(),
]
