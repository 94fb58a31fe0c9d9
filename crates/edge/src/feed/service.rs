//! Service thread of the feed: re-requests, snapshots and the capture file, which may take their
//! time. The thread uses the time that other threads leave.

use super::capture::{Capture, CaptureError};
use super::glimpse::GlimpseServer;
use super::rerequest::RerequestServer;
use ringside_journal::low_priority::LowPriority;
use ringside_wire::feed::sockets::wait;
use rustix::event::{PollFd, PollFlags};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Pause before a capture goes on after an error of the file system.
const CAPTURE_RETRY: Duration = Duration::from_secs(5);

/// Duties of the thread. A capture whose file system fails is tried again; a duty that fails in any
/// other way is logged and dropped.
#[derive(Default)]
pub struct Duties {
    /// Server that resends lost messages.
    pub rerequest: Option<RerequestServer>,
    /// Server that sends snapshots.
    pub glimpse: Option<GlimpseServer>,
    /// Capture of the feed into a file.
    pub capture: Option<Capture>,
}

/// Running thread. Dropping it ends the thread, and the file then holds all messages published
/// before.
pub struct Service {
    signals: Arc<ServiceSignals>,
    _thread: LowPriority,
}

#[derive(Default)]
struct ServiceSignals {
    stop: AtomicBool,
    end_session: AtomicBool,
}

impl Service {
    /// Starts the thread.
    pub fn start(mut duties: Duties) -> io::Result<Service> {
        let signals = Arc::<ServiceSignals>::default();
        let seen = Arc::clone(&signals);
        let thread = LowPriority::start("feed", move || {
            while !seen.stop.load(Ordering::Acquire) {
                duties.end_session(seen.end_session.load(Ordering::Acquire));
                if !duties.step() {
                    duties.wait();
                }
            }
            duties.end_session(seen.end_session.load(Ordering::Acquire));
            while duties.write() {}
        })?;
        Ok(Service { signals, _thread: thread })
    }

    /// Notes that the last message is published: the file ends after it.
    pub fn end_session(&self) {
        self.signals.end_session.store(true, Ordering::Release);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.signals.stop.store(true, Ordering::Release);
    }
}

impl Duties {
    /// Does a bounded piece of each duty; returns true if there is more to do at once.
    fn step(&mut self) -> bool {
        let now = Instant::now();
        let asked = self.rerequest.as_mut().is_some_and(|server| server.step(now));
        let visited = match self.glimpse.as_mut().map(|server| server.step(now)) {
            Some(Ok(more)) => more,
            Some(Err(error)) => {
                tracing::warn!(
                    event = "glimpse_ended",
                    "no more snapshots: the stream of market data: {error}"
                );
                self.glimpse = None;
                false
            }
            None => false,
        };
        self.write() | asked | visited
    }

    /// Continues the file; returns true if there may be more to write.
    fn write(&mut self) -> bool {
        let Some(capture) = &mut self.capture else { return false };
        if capture.pauses_until.is_some_and(|until| Instant::now() < until) {
            return false;
        }
        capture.pauses_until = None;
        match capture.step() {
            Ok(more) => more,
            Err(error @ CaptureError::Io { .. }) => {
                tracing::warn!(
                    event = "capture_failed",
                    "the feed is not written, trying again in {CAPTURE_RETRY:?}: {error}"
                );
                capture.pauses_until = Some(Instant::now() + CAPTURE_RETRY);
                false
            }
            Err(error) => {
                tracing::warn!(event = "capture_ended", "the feed is no longer written: {error}");
                self.capture = None;
                false
            }
        }
    }

    fn end_session(&mut self, ended: bool) {
        if let Some(capture) = self.capture.as_mut().filter(|_| ended) {
            capture.end_session();
        }
    }

    /// Waits until a socket is ready, but only a short time: the stream does not signal new
    /// messages.
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
            // A failed wait must not make the thread spin.
            std::thread::sleep(LITTLE);
        }
    }
}
