//! Time that threads wait for a core. A time bound for a venue holds on a busy machine, too, if
//! this time is subtracted: it is the machine's share and not the venue's.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{read_dir, read_to_string};
use std::path::Path;
use std::time::Duration;

/// Waits of the threads of a process since a moment.
pub struct CoreWaits {
    process: u32,
    /// Waits of each thread up to that moment.
    before: HashMap<OsString, Duration>,
}

impl CoreWaits {
    /// Begins the count now.
    pub fn begin(process: u32) -> CoreWaits {
        CoreWaits { process, before: waits(process).collect() }
    }

    /// Returns the time that the threads that run now have waited for a core since the beginning.
    /// Threads that have ended are not counted.
    ///
    /// Waits of different threads are added: the work of a venue passes from thread to thread.
    /// Simultaneous waits count twice, so this is no bound by itself.
    fn so_far(&self) -> Duration {
        let since = |(thread, waited): (OsString, Duration)| {
            waited.saturating_sub(self.before.get(&thread).copied().unwrap_or_default())
        };
        waits(self.process).map(since).sum()
    }

    /// Returns a bound for a quiet machine plus the waits since the beginning. The waits add at
    /// most twice the bound.
    pub fn bound(&self, quiet: Duration) -> Duration {
        quiet + self.so_far().min(2 * quiet)
    }
}

fn waits(process: u32) -> impl Iterator<Item = (OsString, Duration)> {
    let tasks = read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    tasks.map(|task| (task.file_name(), waited(&task.path().join("schedstat"))))
}

/// Reads the second number of the line: nanoseconds on the run queue. Zero if the kernel does not
/// count, or if the thread is gone.
fn waited(schedstat: &Path) -> Duration {
    let text = read_to_string(schedstat).unwrap_or_default();
    Duration::from_nanos(text.split(' ').nth(1).and_then(|ns| ns.parse().ok()).unwrap_or(0))
}
