//! The runner: the loop of a thread that steps its stages in turn and idles by its strategy.

use super::stage::Progress;
use crossbeam_utils::Backoff;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Idle strategy: the action of a thread when none of its stages has work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Polls again at once. For isolated cores.
    Spin,
    /// Polls again after a pause instruction.
    SpinHint,
    /// Yields to other threads, then polls again.
    Yield,
    /// Spins, then yields, then sleeps for 50 µs at a time.
    Backoff,
}

impl Idle {
    const ALL: [(Idle, &'static str); 4] = [
        (Idle::Spin, "spin"),
        (Idle::SpinHint, "spin-hint"),
        (Idle::Yield, "yield"),
        (Idle::Backoff, "backoff"),
    ];
}

impl std::str::FromStr for Idle {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text).map(|(idle, _)| *idle);
        let known = Self::ALL.map(|(_, name)| name).join(", ");
        found.ok_or_else(|| format!("unknown idle strategy {text:?}, expected one of {known}"))
    }
}

impl fmt::Display for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(idle, _)| idle == self).map(|(_, name)| name);
        f.write_str(name.expect("every strategy has a name"))
    }
}

/// Step function of a stage with its rings, or of a task beside the pipeline.
pub type Task<'a> = Box<dyn FnMut() -> Progress + Send + 'a>;

/// Steps the tasks until all have ended or `abandon` is set.
pub(super) fn run(mut tasks: Vec<Task<'_>>, idle: Idle, abandon: &AtomicBool) {
    const SLEEP: Duration = Duration::from_micros(50);
    let backoff = Backoff::new();
    while !tasks.is_empty() && !abandon.load(Ordering::Relaxed) {
        let mut did = 0;
        tasks.retain_mut(|step| match step() {
            Progress::Did(count) => {
                did += count;
                true
            }
            Progress::Ended => false,
        });
        match idle {
            _ if did > 0 => backoff.reset(),
            Idle::Spin => {}
            Idle::SpinHint => std::hint::spin_loop(),
            Idle::Yield => std::thread::yield_now(),
            Idle::Backoff if !backoff.is_completed() => backoff.snooze(),
            Idle::Backoff => std::thread::park_timeout(SLEEP),
        }
    }
}
