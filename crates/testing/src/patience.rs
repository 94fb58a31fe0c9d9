//! Waits for events: a wait returns as soon as the event is seen, and fails after one patience for
//! all tests.

use std::time::{Duration, Instant};

/// Time after which a test assumes that an event never comes. Only a failing test waits so long: a
/// bound on the venue itself is proved by the order of events or by the venue's own clocks and
/// counters.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until a condition is true.
#[track_caller]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    wait_for(what, || is_so().then_some(()));
}

/// Waits for a value and returns it.
#[track_caller]
pub fn wait_for<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    let mut pause = Duration::from_micros(100);
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(pause);
        // A condition that takes long is checked less often.
        pause = (pause * 5 / 4).min(Duration::from_millis(5));
    }
}
