//! Market data of a standby: the same messages under the same numbers as the leader's, as soon as
//! the standby knows that they are committed.

use super::past::Past;
use super::setup::session_name;
use super::{ServeError, at, feed};
use crate::config::Config;
use ringside_core::clock::{Clock, SystemClock};
use ringside_core::streams::{Committed, MarketEnd, StreamReader};
use ringside_core::venue::Standby;
use ringside_edge::feed::sender::FeedSender;
use ringside_edge::feed::service::Service;
use ringside_edge::gateway::accounts::Passwords;
use ringside_journal::Position;
use ringside_model::domain::Nanos;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Feed of a standby, which starts when the standby has caught up.
pub(super) struct StandbyFeed<'a> {
    config: &'a Config,
    passwords: &'a Passwords,
    committed: Arc<Committed<MarketEnd>>,
    reader: StreamReader,
    /// Number of the first message to send; none given: the first new one.
    first: Option<u64>,
    /// End of the journal at the last change, and the time of that change.
    stands: (Position, Instant),
    lines: Option<FeedThread>,
}

impl<'a> StandbyFeed<'a> {
    /// Returns the feed of a standby; `first` continues behind the messages that this node has sent
    /// before. `None` if the config asks for no feed.
    pub(super) fn new(
        config: &'a Config,
        passwords: &'a Passwords,
        standby: &Standby<Past>,
        first: Option<u64>,
    ) -> Option<Self> {
        let past = standby.told();
        let committed = past.committed.clone();
        let reader = past.projections.encoder.sink().reader().of_committed(committed.clone());
        let stands = (standby.place().position, Instant::now());
        config.feed.from_standbys.then_some(StandbyFeed {
            config,
            passwords,
            committed,
            reader,
            first,
            stands,
            lines: None,
        })
    }

    /// Releases all messages that the standby knows to be committed.
    pub(super) fn step(&mut self, standby: &Standby<Past>) -> Result<(), ServeError> {
        self.committed.commit(standby.uncommitted()[0].seqno);
        if self.lines.is_some() || !self.has_caught_up(standby) {
            return Ok(());
        }
        let Some(end) = self.committed.end().filter(|end| end.day.began != Nanos(0)) else {
            return Ok(());
        };
        let first = self.first.unwrap_or(end.next);
        self.lines = Some(self.open(end, first)?);
        tracing::info!(
            event = "standby_feed",
            first,
            "market data is sent while standing by, from message {first} on"
        );
        Ok(())
    }

    /// Ends the feed. Returns the number of the first message that has not been sent.
    pub(super) fn end(self) -> Option<u64> {
        self.lines.map_or(self.first, FeedThread::end)
    }

    /// Returns true if the latest commands have just happened, or if none arrive. The messages that
    /// a node has missed would come too late for every listener.
    fn has_caught_up(&mut self, standby: &Standby<Past>) -> bool {
        const JUST_NOW: Duration = Duration::from_secs(1);
        let place = standby.place();
        if place.position == self.stands.0 {
            return self.stands.1.elapsed() >= JUST_NOW && standby.unapplied() == 0;
        }
        self.stands = (place.position, Instant::now());
        Duration::from_nanos(SystemClock.now().0.saturating_sub(standby.applied_time().0))
            < JUST_NOW
    }

    fn open(&self, end: MarketEnd, first: u64) -> Result<FeedThread, ServeError> {
        let (config, reader) = (self.config, &self.reader);
        let session = session_name(end.day.began);
        let sender = feed::sender(config, &session, reader.clone(), first)?;
        let answers = feed::answers(config, &session, reader, self.passwords, &mut vec![])?;
        let service = Service::start(answers);
        let service = service.map_err(at("cannot start a thread".into()))?;
        FeedThread::start(sender, service, self.committed.clone())
    }
}

/// The thread that sends, and the servers that answer listeners.
struct FeedThread {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Option<u64>>>,
    _service: Service,
}

impl FeedThread {
    fn start(
        mut sender: FeedSender,
        service: Service,
        committed: Arc<Committed<MarketEnd>>,
    ) -> Result<FeedThread, ServeError> {
        /// Pause between two looks at the stream, which does not signal new messages.
        const MOMENT: Duration = Duration::from_millis(1);
        let stop = Arc::<AtomicBool>::default();
        let stops = stop.clone();
        let thread = std::thread::Builder::new().name("standby feed".into()).spawn(move || {
            while !stops.load(Ordering::Acquire) {
                if committed.end().is_some_and(|end| end.day.ended != Nanos(0)) {
                    sender.end_session();
                }
                if sender.step(Instant::now()) == 0 {
                    std::thread::sleep(MOMENT);
                }
            }
            sender.next_number()
        });
        let thread = thread.map_err(at("cannot start a thread".into()))?;
        Ok(FeedThread { stop, thread: Some(thread), _service: service })
    }

    fn end(mut self) -> Option<u64> {
        self.join()
    }

    fn join(&mut self) -> Option<u64> {
        self.stop.store(true, Ordering::Release);
        self.thread.take()?.join().expect("the thread does not panic")
    }
}

impl Drop for FeedThread {
    fn drop(&mut self) {
        self.join();
    }
}
