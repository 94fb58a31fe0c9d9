//! Threads that take what time the others leave. Whoever waits for one lends it its own priority: on a machine without
//! time to spare it would otherwise wait for as long as that lasts.

use rustix::process::{Pid, getpriority_process, setpriority_process};
use rustix::thread::gettid;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// The lowest priority.
const NICE: i32 = 19;

/// A thread of the lowest priority. Dropping it waits for its end: the work must have been told to end before.
pub struct LowPriority {
    thread: Option<JoinHandle<()>>,
    priority: Arc<Priority>,
}

struct Priority {
    /// That of whoever started the thread.
    normal: i32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The thread, once it runs.
    thread: Option<Pid>,
    is_waited_for: bool,
}

impl LowPriority {
    /// Starts a thread.
    pub fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        // Who may not know its priority has the usual one.
        let normal = getpriority_process(None).unwrap_or(0);
        let priority = Arc::new(Priority { normal, state: Mutex::default() });
        let own = Arc::clone(&priority);
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || {
            own.change(|state| state.thread = Some(gettid()));
            work();
        })?;
        Ok(LowPriority { thread: Some(thread), priority })
    }

    /// Waits for something that the thread does. Without the right to raise a priority (`RLIMIT_NICE`, `CAP_SYS_NICE`)
    /// that takes as long as it takes.
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
            // Without it the work is done all the same.
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
                    // Also ends when the test has failed and dropped the other end.
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
