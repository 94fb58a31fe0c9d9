//! Threads that use only the time that other threads leave. A caller that waits for such a thread
//! lends it the caller's priority: on a busy machine the wait would otherwise last as long as the
//! load.

use rustix::process::{Pid, getpriority_process, setpriority_process};
use rustix::thread::gettid;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Nice value of the lowest priority.
const NICE: i32 = 19;

/// Thread of the lowest priority. Dropping it waits for its end, so the work must have been told to
/// end before.
pub struct LowPriority {
    thread: Option<JoinHandle<()>>,
    priority: Arc<Priority>,
}

struct Priority {
    /// Nice value of the thread that called `start`.
    normal: i32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Id of the thread, once the thread runs.
    thread: Option<Pid>,
    is_waited_for: bool,
}

impl LowPriority {
    /// Starts a thread of the lowest priority that does `work`.
    pub fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        // If the priority cannot be read, it is taken for the usual one.
        let normal = getpriority_process(None).unwrap_or(0);
        let priority = Arc::new(Priority { normal, state: Mutex::default() });
        let own = Arc::clone(&priority);
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || {
            own.change(|state| state.thread = Some(gettid()));
            work();
        })?;
        Ok(LowPriority { thread: Some(thread), priority })
    }

    /// Waits, with `wait`, for something that the thread does, and lends the thread the normal
    /// priority meanwhile. Without the right to raise a priority (`RLIMIT_NICE`, `CAP_SYS_NICE`)
    /// the thread stays slow.
    pub fn wait<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.priority.change(|state| state.is_waited_for = true);
        let waited = wait();
        self.priority.change(|state| state.is_waited_for = false);
        waited
    }
}

impl Drop for LowPriority {
    fn drop(&mut self) {
        self.priority.change(|state| state.is_waited_for = true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Priority {
    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        if state.thread.is_some() {
            let nice = if state.is_waited_for { self.normal } else { NICE };
            // If this fails, the work is done all the same.
            let _ = setpriority_process(state.thread, nice);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{TryRecvError, channel};

    #[test]
    fn who_waits_for_a_thread_lends_it_its_priority() {
        if rustix::process::getrlimit(rustix::process::Resource::Nice).current == Some(0)
            && !rustix::process::geteuid().is_root()
        {
            let reason = "a user without RLIMIT_NICE cannot raise a priority again";
            return ringside_testing::run::skipped(reason);
        }
        let nice = || getpriority_process(Some(gettid())).unwrap();
        let normal = nice();
        let (tells, told) = channel();
        let (end, is_over) = channel();
        let thread = LowPriority::start("low", move || {
            let mut last = normal + 1;
            while tells.send(last).is_ok() {
                while nice() == last {
                    // Also ends if the test has failed and dropped the other end.
                    if is_over.try_recv() != Err(TryRecvError::Empty) {
                        return;
                    }
                    std::thread::yield_now();
                }
                last = nice();
            }
        });
        let thread = thread.unwrap();
        assert_eq!((told.recv(), told.recv()), (Ok(normal + 1), Ok(NICE)));
        assert_eq!(thread.wait(|| told.recv()), Ok(normal));
        assert_eq!(told.recv(), Ok(NICE));
        let ends = std::thread::spawn(move || drop(thread));
        assert_eq!(told.recv(), Ok(normal));
        end.send(()).unwrap();
        ends.join().unwrap();
    }
}
