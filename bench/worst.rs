//! The dearest command of each kind: the engine beside books that make the command as dear as
//! possible.
//!
//! `cargo bench --bench worst -- [--only TEXT] [--quick]`. A command may take 300 ns for each of
//! its reports, and a little for each level or order that the rules let it look at. Each row fills
//! a venue, applies its command several times, and prints the median. A row beyond its bound, or
//! with an unexpected number of reports, ends the run with exit code 1. `scripts/instructions`
//! counts the instructions of the same commands.

#[expect(dead_code, reason = "no flow is run here")]
#[path = "contest.rs"]
mod contest;
#[path = "worst/mod.rs"]
mod rows;

use rows::{Outcome, ROWS, Row, Size};
use std::process::ExitCode;

/// Bound for each report, in ns.
const REPORT_NS_MAX: f64 = 300.0;
/// Bound for each level that the rules let a command look at, in ns.
const LEVEL_NS_MAX: f64 = 30.0;

fn main() -> ExitCode {
    let (mut quick, mut only) = (false, String::new());
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        match (flag.as_str(), args.len()) {
            ("--quick", _) => quick = true,
            ("--only", 1..) => only = args.next().unwrap_or_default(),
            // Cargo passes this flag to every benchmark.
            ("--bench", _) => {}
            _ => {
                eprintln!("unknown option {flag:?}");
                return ExitCode::from(2);
            }
        }
    }
    contest::pin();
    println!(
        "| command | ns | reports | ns a report | × plain order | looks at | bound ns | verdict |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---|");
    let size = Size { scale: if quick { 10 } else { 1 }, once: false };
    let rows = ROWS.iter().copied().flatten().filter(|row| row.what.contains(&only));
    let missed = rows.filter(|row| !measure(row, size)).count();
    if missed == 0 {
        return ExitCode::SUCCESS;
    }
    eprintln!("{missed} rows are beyond their bound");
    ExitCode::FAILURE
}

/// Measures and prints a row; returns true if the command keeps its bound.
fn measure(row: &Row, size: Size) -> bool {
    let Outcome { ns, plain_ns, reports, looks_at } = (row.run)(size);
    let bound = REPORT_NS_MAX * reports as f64 + LEVEL_NS_MAX * looks_at as f64;
    let is_met = ns <= bound;
    println!(
        "| {} | {ns:.0} | {reports} | {:.0} | {:.1} | {looks_at} | {bound:.0} | {} |",
        row.what,
        ns / reports as f64,
        ns / plain_ns,
        if is_met { "met" } else { "MISSED" },
    );
    is_met
}
