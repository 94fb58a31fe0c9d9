//! Signals to a venue: SIGTERM and SIGINT end it, SIGHUP makes it read its settings again.

use super::CliError;
use crate::log;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Time within which a second signal does not cut the clean end short: whoever ends a group of
/// processes often signals twice.
const REPEATED_WITHIN: Duration = Duration::from_secs(5);

/// Handles the signals on a thread of its own. The first SIGTERM or SIGINT sets `stop`; SIGHUP
/// calls `reread`.
pub(super) fn handle(
    stop: Arc<AtomicBool>,
    mut reread: impl FnMut() + Send + 'static,
) -> Result<(), CliError> {
    let failed = |error| CliError::Failure(format!("cannot handle signals: {error}"));
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).map_err(failed)?;
    let mut ends = Ends::default();
    let run = move || {
        for signal in signals.forever() {
            if signal == SIGHUP {
                reread();
                continue;
            }
            let name = low_level::signal_name(signal).unwrap_or("signal");
            match ends.next(Instant::now()) {
                Answer::Drain => {
                    tracing::info!(event = "stopping", signal = name, "{name}: the venue ends");
                    stop.store(true, Ordering::Relaxed);
                }
                Answer::GoOn => tracing::info!(
                    event = "stopping",
                    signal = name,
                    "{name}: the venue is ending already; the next signal ends it at once"
                ),
                Answer::EndAtOnce => {
                    log::stopped(&format!("stopped: {name} came again before the clean end"));
                    low_level::exit(1);
                }
            }
        }
    };
    let thread = std::thread::Builder::new().name("signals".into()).spawn(run);
    thread.map_err(failed).map(drop)
}

/// Signals to end that have come.
#[derive(Default)]
struct Ends {
    first: Option<Instant>,
    count: u32,
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Drain,
    GoOn,
    EndAtOnce,
}

impl Ends {
    fn next(&mut self, now: Instant) -> Answer {
        self.count += 1;
        let first = *self.first.get_or_insert(now);
        match self.count {
            1 => Answer::Drain,
            2 if now.saturating_duration_since(first) < REPEATED_WITHIN => Answer::GoOn,
            _ => Answer::EndAtOnce,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_signal_ends_at_once_only_after_a_while_and_a_third_always() {
        let now = Instant::now();
        let after = |seconds: f32| now + Duration::from_secs_f32(seconds);
        let mut twice = Ends::default();
        assert_eq!([twice.next(now), twice.next(after(4.9))], [Answer::Drain, Answer::GoOn]);
        assert_eq!(twice.next(after(4.95)), Answer::EndAtOnce);
        let mut late = Ends::default();
        assert_eq!([late.next(now), late.next(after(5.0))], [Answer::Drain, Answer::EndAtOnce]);
    }
}
