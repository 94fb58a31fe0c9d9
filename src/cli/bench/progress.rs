//! Progress line on standard error, once a second during a run.

use super::figures::{duration, thousands};
use crate::cli::output::{note, prompt};
use ringside_core::pipeline::{Control, Point, Trace};
use std::io::IsTerminal;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// Prints a message on standard error, beside the data on standard output.
pub fn say(what: &str) {
    note!("{what}");
}

/// Does `work`; meanwhile a thread prints the progress of a pipeline once a second.
pub fn while_running<T>(
    trace: &Trace,
    measured: Range<u64>,
    control: &Control,
    work: impl FnOnce() -> T,
) -> T {
    let mut last = 0;
    let line = move || {
        let released = control.released.load(Ordering::Acquire);
        let rate = released - last;
        let p99 = p99_ns(trace, last.max(measured.start)..released);
        let p99 = p99.map_or("warming up".into(), |ns| format!("p99 {}", duration(ns)));
        last = released;
        format!("{} commands, {}/s, {p99}", thousands(released), thousands(rate))
    };
    each_second(line, work)
}

/// Does `work`; meanwhile a thread prints `line` once a second.
pub fn each_second<T>(mut line: impl FnMut() -> String + Send, work: impl FnOnce() -> T) -> T {
    const INTERVAL: Duration = Duration::from_secs(1);
    let (done, ended) = channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let terminal = std::io::stderr().is_terminal();
            let mut shown = false;
            while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                let line = line();
                if terminal {
                    prompt(&format!("\r{:<76}", format!("ringside: {line}")));
                } else {
                    note!("{line}");
                }
                shown = true;
            }
            if terminal && shown {
                prompt("\n");
            }
        });
        let outcome = work();
        drop(done);
        outcome
    })
}

/// Estimates the p99 latency from a sample of the stamps that the trace still holds. The sample is
/// small, so that reading the stamps does not take a core away from the measured pipeline.
fn p99_ns(trace: &Trace, range: Range<u64>) -> Option<u64> {
    const STAMPS: u64 = 2000;
    let from = range.start.max(range.end.saturating_sub(Trace::KEPT_COMMANDS / 2));
    let from = from.next_multiple_of(Trace::EVERY);
    let stride = (range.end.saturating_sub(from) / STAMPS).next_multiple_of(Trace::EVERY);
    let sampled = (from..range.end).step_by(stride.max(Trace::EVERY) as usize);
    let span = |seqno| {
        let (from, to) = (trace.get(Point::Intended, seqno), trace.get(Point::Published, seqno));
        to.saturating_sub(from)
    };
    let mut ns: Vec<u64> = sampled.map(span).collect();
    let at = ns.len() * 99 / 100;
    (!ns.is_empty()).then(|| *ns.select_nth_unstable(at).1)
}
