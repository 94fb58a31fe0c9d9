//! Time that threads wait for a core. A bound on what a venue does in a time holds on a busy machine, too, if this part is
//! taken off: it is the machine's and not the venue's.

use std::fs::{read_dir, read_to_string};
use std::time::Duration;

/// Time that all threads of a process that run now have waited for a core, each since its start.
pub fn waited_for_cores(process: u32) -> Duration {
    let tasks = read_dir(format!("/proc/{process}/task")).into_iter().flatten();
    tasks
        .map(|task| task.map_or(Duration::ZERO, |task| waited(&task.path().join("schedstat"))))
        .sum()
}

/// Time that the calling thread has waited for a core.
pub fn waited_here() -> Duration {
    waited("/proc/thread-self/schedstat".as_ref())
}

/// Second number of the line: nanoseconds on the run queue. None where the kernel does not count, or the thread is gone.
fn waited(schedstat: &std::path::Path) -> Duration {
    let text = read_to_string(schedstat).unwrap_or_default();
    Duration::from_nanos(text.split(' ').nth(1).and_then(|ns| ns.parse().ok()).unwrap_or(0))
}
