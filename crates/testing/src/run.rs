//! A run of the tests: its random seed, and the proofs that are skipped on this machine.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write;
use std::sync::Once;

/// Returns the base seed of the run, from `RINGSIDE_SEED`; 1 if that is not set.
///
/// `scripts/test` sets another seed each day. Tests derive their random seeds from it, so that the
/// printed line repeats a test exactly: test runners show the line only for failing tests.
pub fn base_seed() -> u64 {
    static PRINTED: Once = Once::new();
    let seed = std::env::var("RINGSIDE_SEED")
        .map_or(1, |text| text.parse().expect("RINGSIDE_SEED is a number"));
    PRINTED.call_once(|| {
        let package = std::env::var("CARGO_PKG_NAME").unwrap_or_else(|_| "ringside".into());
        // The runner names the thread of a test after the test.
        let thread = std::thread::current();
        let test = thread.name().unwrap_or_default();
        println!("RINGSIDE_SEED={seed} cargo nextest run -p {package} {test}");
    });
    seed
}

/// Reports a proof that this machine cannot run, with the reason; the test then returns.
///
/// Test runners hide the output of passing tests, so the reason also goes to the file that
/// `RINGSIDE_SKIPS` names, where `scripts/test` finds it. A reason has no path, number or time that
/// differs from run to run: `scripts/gate/skips.txt` excuses it by its text.
pub fn skipped(reason: impl Display) {
    let reason = reason.to_string().replace('\n', "; ");
    eprintln!("SKIPPED: {reason}");
    if let Some(file) = std::env::var_os("RINGSIDE_SKIPS") {
        // One write per line: tests of several processes append to this file.
        OpenOptions::new()
            .append(true)
            .open(&file)
            .and_then(|mut file| file.write_all(format!("{reason}\n").as_bytes()))
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}
