//! Everything of the feed that may take its time: re-requests, snapshots and the file, on one thread that takes what
//! time the others leave.

use super::capture::Capture;
use super::glimpse::GlimpseServer;
use super::rerequest::RerequestServer;
use ringside_journal::low_priority::LowPriority;
use ringside_wire::feed::sockets::wait;
use rustix::event::{PollFd, PollFlags};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What the thread does. What fails is said and left out from then on.
#[derive(Default)]
pub struct Duties {
    /// Gives lost messages again.
    pub rerequest: Option<RerequestServer>,
    /// Gives snapshots.
    pub glimpse: Option<GlimpseServer>,
    /// Writes a file.
    pub capture: Option<Capture>,
}

/// The thread; it ends when this is dropped, and the file has then all that was published before.
pub struct Service {
    orders: Arc<Orders>,
    _thread: LowPriority,
}

#[derive(Default)]
struct Orders {
    stop: AtomicBool,
    end_session: AtomicBool,
}

impl Service {
    /// Starts the thread. `say` hears of what fails.
    pub fn start(
        mut duties: Duties,
        mut say: impl FnMut(String) + Send + 'static,
    ) -> io::Result<Service> {
        let orders = Arc::<Orders>::default();
        let seen = Arc::clone(&orders);
        let thread = LowPriority::start("feed", move || {
            while !seen.stop.load(Ordering::Acquire) {
                duties.end_session(seen.end_session.load(Ordering::Acquire));
                if !duties.step(&mut say) {
                    duties.wait();
                }
            }
            duties.end_session(seen.end_session.load(Ordering::Acquire));
            while duties.write(&mut say) {}
        })?;
        Ok(Service { orders, _thread: thread })
    }

    /// The last message is published: the file ends behind it.
    pub fn end_session(&self) {
        self.orders.end_session.store(true, Ordering::Release);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.orders.stop.store(true, Ordering::Release);
    }
}

impl Duties {
    /// Does a bounded piece of everything; true if there is more to do at once.
    fn step(&mut self, say: &mut impl FnMut(String)) -> bool {
        let now = Instant::now();
        let asked = self.rerequest.as_mut().is_some_and(|server| server.step(now));
        let visited = match self.glimpse.as_mut().map(|server| server.step(now)) {
            Some(Ok(more)) => more,
            Some(Err(error)) => {
                say(format!("no more snapshots: the stream of market data: {error}"));
                self.glimpse = None;
                false
            }
            None => false,
        };
        self.write(say) | asked | visited
    }

    /// Goes on with the file.
    fn write(&mut self, say: &mut impl FnMut(String)) -> bool {
        let Some(capture) = &mut self.capture else { return false };
        capture.step().unwrap_or_else(|error| {
            say(format!("the feed is no longer written: {error}"));
            self.capture = None;
            false
        })
    }

    fn end_session(&mut self, ended: bool) {
        if let Some(capture) = self.capture.as_mut().filter(|_| ended) {
            capture.end_session();
        }
    }

    /// Waits until a socket has something, or a little: the stream does not say when it has.
    fn wait(&self) {
        const LITTLE: Duration = Duration::from_millis(20);
        let mut waiting = vec![];
        if let Some(server) = &self.rerequest {
            waiting.push(PollFd::new(server.socket(), PollFlags::IN));
        }
        if let Some(server) = &self.glimpse {
            waiting.extend(server.listener().map(|socket| PollFd::new(socket, PollFlags::IN)));
            for (stream, has_output) in server.sockets() {
                let output = if has_output { PollFlags::OUT } else { PollFlags::empty() };
                waiting.push(PollFd::new(stream, PollFlags::IN | output));
            }
        }
        if wait(&mut waiting, LITTLE).is_err() {
            // What cannot be waited for must not make the thread spin.
            std::thread::sleep(LITTLE);
        }
    }
}
