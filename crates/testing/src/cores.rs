//! Time that threads wait for a core. A bound on what a venue does in a time holds on a busy machine, too, if this part is
//! taken off: it is the machine's and not the venue's.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{read_dir, read_to_string};
use std::path::Path;
use std::time::Duration;

/// Waits of the threads of a process from a moment on.
pub struct CoreWaits {
    process: u32,
    /// Waits of each thread up to that moment.
    before: HashMap<OsString, Duration>,
}

impl CoreWaits {
    /// Begins now.
    pub fn begin(process: u32) -> CoreWaits {
        CoreWaits { process, before: waits(process).collect() }
    }

    /// Time that the threads that run now have waited for a core since. A thread that has ended counts for nothing.
    ///
    /// Waits of different threads are added: what a venue does passes from thread to thread. Waits at the same time count
    /// twice, so this is no bound by itself.
    fn so_far(&self) -> Duration {
        let since = |(thread, waited): (OsString, Duration)| {
            waited.saturating_sub(self.before.get(&thread).copied().unwrap_or_default())
        };
        waits(self.process).map(since).sum()
    }

    /// A bound for a quiet machine, with the waits since the beginning on top, but with no more than twice itself.
    pub fn bound(&self, quiet: Duration) -> Duration {
        quiet + self.so_far().min(2 * quiet)
    }
}

fn waits(process: u32) -> impl Iterator<Item = (OsString, Duration)> {
    let tasks = read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    tasks.map(|task| (task.file_name(), waited(&task.path().join("schedstat"))))
}

/// Second number of the line: nanoseconds on the run queue. None where the kernel does not count, or the thread is gone.
fn waited(schedstat: &Path) -> Duration {
    let text = read_to_string(schedstat).unwrap_or_default();
    Duration::from_nanos(text.split(' ').nth(1).and_then(|ns| ns.parse().ok()).unwrap_or(0))
}
