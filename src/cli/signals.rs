//! Signals to a venue: SIGTERM and SIGINT end it, SIGHUP makes it read its settings again.

use super::CliError;
use crate::log;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use signal_hook::low_level;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Time within which a second signal does not cut the clean end short: whoever ends a group of
/// processes often signals twice.
const REPEATED_WITHIN: Duration = Duration::from_secs(5);

/// Keeps SIGXFSZ from ending the process: a write beyond the largest size that a file may have then
/// fails like a write to a full disk.
pub(super) fn outlive_limits_of_files() {
    // Without this handler a limit ends the process, as it ends most others.
    let _ = flag::register(SIGXFSZ, Arc::default());
}

/// Keeps SIGHUP from ending the process. The signal waits for [`handle`].
pub(super) fn outlive_hangups() -> Result<Signals, CliError> {
    Signals::new([SIGHUP]).map_err(failed)
}

/// Handles the signals on a thread of its own. The first SIGTERM or SIGINT sets `stop`; SIGHUP
/// calls `reread` on another thread, because files may take any time.
pub(super) fn handle(
    mut signals: Signals,
    stop: Arc<AtomicBool>,
    reread: impl FnMut() + Send + 'static,
) -> Result<(), CliError> {
    [SIGTERM, SIGINT].iter().try_for_each(|&signal| signals.add_signal(signal)).map_err(failed)?;
    let hangups = aside(reread).map_err(failed)?;
    let mut ends = Ends::default();
    let run = move || {
        for signal in signals.forever() {
            if signal == SIGHUP {
                let _ = hangups.try_send(());
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

fn failed(error: io::Error) -> CliError {
    CliError::Failure(format!("cannot handle signals: {error}"))
}

/// Starts a thread that rereads once for each request. Requests during a reread become one: a
/// further one finds no place, and is not needed.
fn aside(mut reread: impl FnMut() + Send + 'static) -> io::Result<SyncSender<()>> {
    let (requests, asked) = sync_channel(1);
    let run = move || asked.iter().for_each(|()| reread());
    std::thread::Builder::new().name("reread".into()).spawn(run)?;
    Ok(requests)
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
    fn requests_during_a_reread_become_one_and_do_not_wait() {
        let (began, begins) = sync_channel(0);
        let hangups = aside(move || began.send(()).unwrap()).unwrap();
        hangups.send(()).unwrap();
        // Waits until the thread has taken the first request: its reread ends only below.
        hangups.send(()).unwrap();
        assert!(hangups.try_send(()).is_err());
        drop(hangups);
        assert_eq!(begins.iter().count(), 2);
    }

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
