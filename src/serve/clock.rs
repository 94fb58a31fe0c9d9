//! Official clock of a running venue: compared with the wall clock from time to time. The log tells
//! what is not as it should be each minute.

use crate::config::ClockSection;
use ringside_core::clock::{Clock, ClockKeeper, Compared, OfficialClock, SystemClock};
use ringside_model::domain::Nanos;
use std::time::{Duration, Instant};

/// Interval of the comparisons.
const INTERVAL: Duration = Duration::from_millis(100);
/// Interval at which a fault that lasts is told again.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Returns the official clock of a venue that begins to lead behind a command of this official
/// time. A wall clock that does not fit is not followed: official time goes on from the last
/// command.
pub(super) fn begin(section: &ClockSection, last: Nanos) -> OfficialClock {
    let wall = SystemClock.now();
    match section.fault_at_start(wall, last) {
        None => OfficialClock::at(wall),
        Some(fault) => {
            tracing::warn!(event = "clock_not_believed", "{fault}");
            OfficialClock::at(last)
        }
    }
}

/// Keeper of a venue's clock that tells what it finds.
pub(super) struct ClockWatch {
    keeper: ClockKeeper,
    next: Instant,
    /// Time at which the distance of the wall clock was last told; `None` while it is close.
    told_apart: Option<Instant>,
    /// Time at which standing still was last told; `None` while official time goes on.
    told_still: Option<Instant>,
}

impl ClockWatch {
    /// Creates the watch of a clock in a venue whose last command has the official time `last`.
    pub(super) fn new(clock: OfficialClock, section: &ClockSection, last: Nanos) -> Self {
        let keeper = ClockKeeper::new(clock, section.limits(), last);
        ClockWatch { keeper, next: Instant::now(), told_apart: None, told_still: None }
    }

    /// Compares the clocks if it is time.
    #[inline]
    pub(super) fn step(&mut self, now: Instant) {
        if now >= self.next {
            self.next = now + INTERVAL;
            self.compare(now);
        }
    }

    #[cold]
    fn compare(&mut self, now: Instant) {
        match self.keeper.compare(SystemClock.now()) {
            Compared::Close if self.told_apart.take().is_some() => {
                tracing::info!(event = "clock_close", "official time follows the wall clock again");
            }
            Compared::Close => {}
            Compared::Apart(ns) if is_due(&mut self.told_apart, now) => {
                let ahead_ms = ns / 1_000_000;
                tracing::warn!(
                    event = "clock_apart",
                    ahead_ms,
                    "the wall clock is {}: official time does not follow; set the clock, or take the step with {{\"op\":\"take_clock_step\"}}",
                    distance(ns)
                );
            }
            Compared::Apart(_) => {}
            Compared::Taken(ns) => {
                self.told_apart = None;
                let step_ms = ns / 1_000_000;
                tracing::warn!(
                    event = "clock_step_taken",
                    step_ms,
                    "an operator lets official time follow the wall clock, which is {}",
                    distance(ns)
                );
            }
        }
        let still = self.keeper.stands_still();
        if still.is_zero() {
            self.told_still = None;
        } else if is_due(&mut self.told_still, now) {
            let for_s = still.as_secs();
            tracing::warn!(
                event = "time_stands_still",
                for_s,
                "official time stands still for {for_s} s more, until the clock has reached the last command"
            );
        }
    }
}

/// Returns true if a fault is to be told now.
fn is_due(told: &mut Option<Instant>, now: Instant) -> bool {
    let is_due = told.is_none_or(|told| now.saturating_duration_since(told) >= TOLD_EVERY);
    if is_due {
        *told = Some(now);
    }
    is_due
}

fn distance(ns: i64) -> String {
    let seconds = ns.unsigned_abs() as f64 / 1e9;
    format!("{seconds:.1} s {}", if ns > 0 { "ahead" } else { "behind" })
}
