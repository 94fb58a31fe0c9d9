//! One session of the load: what it still has to send, and its account.

use super::ledger::{Ledger, timestamp};
use super::meter::Meter;
use super::plan::{Kind, Request, SessionPlan};
use super::wire;
use ringside_wire::client::session::{Event, Session};
use ringside_wire::client::soup::Broken;
use ringside_wire::soupbintcp::{NOT_AUTHORIZED, SESSION_NOT_AVAILABLE};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Instant;

/// When a request may go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// At its own time, whatever the venue does.
    OpenLoop,
    /// As soon as fewer new orders than this have no answer.
    Window(u64),
    /// When the one before has its answer, and not before its own time.
    PingPong,
}

/// What holds for all sessions just now.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// When a request may go.
    pub pace: Pace,
    /// What the times of requests count from.
    pub start_ns: u64,
    /// From here on nothing new goes out.
    pub until_ns: u64,
}

/// After so long without an answer a ping-pong goes on: what it did may have no answer.
const PING_PONG_NS: u64 = 1_000_000_000;
/// How long a new order may go without an answer once later requests have theirs.
const ANSWER_NS: u64 = 1_000_000_000;

/// How long an account query may go without an answer.
const QUERY_NS: u64 = 5_000_000_000;

/// A session with what it sends and what it was told.
pub struct Lane {
    /// Who.
    pub user: String,
    /// Its account.
    pub ledger: Ledger,
    /// How often its connection was lost.
    pub reconnects: u64,
    /// The latest cause.
    pub broken: Option<Broken>,
    /// Requests of a ping-pong that were left out, because their order was no more.
    pub skipped: u64,
    session: Session,
    symbols: Arc<[[u8; 8]]>,
    requests: Vec<Request>,
    /// How many of them may go out.
    limit: usize,
    /// The next one to go.
    next: usize,
    /// The first one that has never gone.
    fresh: usize,
    link: Link,
    fence: Fence,
    close: Close,
    /// Since when it cannot send.
    down_ns: Option<u64>,
    quiet: Quiet,
    /// Whether it is known where its ids begin.
    is_begun: bool,
    ids: u32,
    sent_ns: u64,
    /// New orders whose answers nobody waits for any more.
    given_up: u64,
}

/// Times in which the session is told nothing, although new orders wait for an answer or its connection is lost.
#[derive(Default)]
struct Quiet {
    since_ns: Option<u64>,
    longest_ns: u64,
}

impl Quiet {
    /// From now on something is waited for.
    #[inline]
    fn begins(&mut self, now_ns: u64) {
        self.since_ns.get_or_insert(now_ns);
    }

    /// A message has come. Perhaps others are still waited for.
    #[inline]
    fn ends(&mut self, now_ns: u64, waits: bool) {
        let quiet_ns = self.since_ns.map_or(0, |since| now_ns.saturating_sub(since));
        self.longest_ns = self.longest_ns.max(quiet_ns);
        self.since_ns = waits.then_some(now_ns);
    }
}

/// How far a connection is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    Down,
    /// Asked which id comes next: what is above has not arrived.
    Querying,
    Open,
}

/// A query behind the last request: when it is answered, so is everything before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fence {
    None,
    Asked { at_ns: u64 },
    Answered { at_ns: u64 },
}

/// The last login, which shows whether venue and client count the same messages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Close {
    No,
    /// Since a message of this official time nothing was read.
    Asked {
        timestamp_ns: u64,
    },
    Done,
}

impl Lane {
    /// A session that is not connected yet.
    pub fn new(user: String, session: Session, plan: SessionPlan, symbols: Arc<[[u8; 8]]>) -> Lane {
        Lane {
            user,
            ledger: Ledger::new(plan.ids),
            reconnects: 0,
            broken: None,
            skipped: 0,
            session,
            symbols,
            limit: plan.opening,
            requests: plan.requests,
            next: 0,
            fresh: 0,
            link: Link::Down,
            fence: Fence::None,
            close: Close::No,
            down_ns: Some(0),
            quiet: Quiet::default(),
            is_begun: false,
            ids: plan.ids,
            sent_ns: 0,
            given_up: 0,
        }
    }

    /// The longest time for which it was told nothing, although new orders waited for an answer or its connection was lost.
    pub fn longest_outage_ns(&self) -> u64 {
        self.quiet.longest_ns
    }

    /// Whether it may send.
    pub fn is_open(&self) -> bool {
        self.link == Link::Open
    }

    /// True once the session has been connected.
    pub fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// How many ids its requests use up.
    pub fn ids(&self) -> u32 {
        self.ids
    }

    /// Lets out what follows the opening book.
    pub(crate) fn begin_flow(&mut self) {
        self.limit = self.requests.len();
        self.fence = Fence::None;
    }

    /// Ends with what has been sent.
    pub(crate) fn end_flow(&mut self) {
        self.limit = self.fresh;
    }

    /// Whether all that may go has gone.
    pub fn is_spent(&self) -> bool {
        self.next == self.limit
    }

    /// When the next request is meant to go, if it waits for a time.
    pub(crate) fn next_due_ns(&self, now_ns: u64, rules: &Rules) -> Option<u64> {
        let request = self.requests[..self.limit].get(self.next)?;
        let due_ns = rules.start_ns + request.due_ns;
        match rules.pace {
            Pace::OpenLoop => Some(due_ns),
            Pace::Window(_) => None,
            Pace::PingPong => (due_ns > now_ns).then_some(due_ns),
        }
    }

    /// Sends what may go now; how many first sends that were.
    #[inline]
    pub fn send(&mut self, now_ns: u64, rules: &Rules, meter: &mut Meter) -> u64 {
        let before = self.fresh;
        while self.link == Link::Open && self.next < self.limit && self.session.has_room() {
            let request = self.requests[self.next];
            let again = self.next < self.fresh;
            if rules.pace == Pace::PingPong && !self.makes_sense(&request) {
                self.pass_over();
                continue;
            }
            if !again {
                let Some(intended_ns) = self.may_go(&request, now_ns, rules) else { break };
                self.ledger.sent(&request, intended_ns);
                if self.ledger.unanswered() > 0 {
                    self.quiet.begins(now_ns);
                }
                meter.sent(intended_ns, now_ns);
                self.fresh += 1;
            }
            wire::send(&mut self.session, &request, &self.symbols, self.ledger.base());
            self.next += 1;
            self.sent_ns = now_ns;
        }
        (self.fresh - before) as u64
    }

    /// Asks for an answer behind everything that was sent. Whether all of it has been answered.
    pub(crate) fn is_drained(&mut self, now_ns: u64) -> bool {
        if self.link != Link::Open || !self.is_spent() {
            return false;
        }
        match self.fence {
            Fence::None if self.session.has_room() => {
                wire::query(&mut self.session);
                self.fence = Fence::Asked { at_ns: now_ns };
                false
            }
            Fence::None => false,
            Fence::Asked { at_ns } => {
                if now_ns > at_ns + QUERY_NS {
                    self.ledger.fail(format_args!("an account query has no answer"));
                    self.fence = Fence::Answered { at_ns: now_ns };
                }
                false
            }
            Fence::Answered { at_ns } => {
                if now_ns > at_ns + ANSWER_NS {
                    self.given_up = self.ledger.unanswered();
                }
                self.ledger.unanswered() == self.given_up
            }
        }
    }

    /// Logs out and in again, to see whether the venue goes on at the number that comes next here.
    pub(crate) fn begin_close(&mut self, now: Instant, now_ns: u64) {
        self.close = Close::Asked { timestamp_ns: self.ledger.timestamp_ns() };
        self.session.log_out(now);
        self.went_down(now_ns);
    }

    /// Whether it has logged out for that.
    pub(crate) fn is_closing(&self) -> bool {
        self.close != Close::No
    }

    /// Whether that has been seen.
    pub fn is_closed(&self) -> bool {
        self.close == Close::Done
    }

    /// Logs out for good; how many messages the venue lost and sent twice, as far as their numbers tell.
    pub fn finish(&mut self, now: Instant) -> (u64, u64) {
        self.session.log_out(now);
        (self.session.lost, self.session.doubled)
    }

    /// The socket to wait on.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.session.socket()
    }

    /// Whether the venue does not know it.
    pub fn is_refused(&self) -> bool {
        matches!(self.broken, Some(Broken::Refused(NOT_AUTHORIZED)))
    }

    /// For how long there has been no connection.
    pub(crate) fn down_for_ns(&self, now_ns: u64) -> u64 {
        self.down_ns.map_or(0, |since| now_ns.saturating_sub(since))
    }

    /// Writes what the network takes. Whether something is left.
    #[inline]
    pub fn write(&mut self, now: Instant) -> bool {
        self.session.write(now)
    }

    /// Reads what is there and takes it. Whether there is a new socket to wait on.
    #[inline]
    pub fn read(&mut self, now: Instant, now_ns: u64, meter: &mut Meter) -> bool {
        self.session.read(now);
        let mut connected = false;
        while let Some(event) = self.session.next_event(now) {
            match event {
                Event::Message { bytes, .. } => {
                    if self.close.has_passed(bytes) {
                        self.ledger.fail(format_args!("the venue has a message that never came"));
                        continue;
                    }
                    if self.is_begun {
                        self.ledger.take(bytes, now_ns, meter);
                        self.quiet.ends(now_ns, self.ledger.unanswered() > 0);
                    }
                    if let Some(next) = wire::next_id(bytes) {
                        self.queried(next, now_ns);
                    }
                }
                Event::LoggedIn { .. } => {
                    wire::query(&mut self.session);
                    self.link = Link::Querying;
                }
                Event::Connected => connected = true,
                Event::Text(_) => {}
                Event::Down(broken) => {
                    self.lost_connection(broken, now_ns);
                    break;
                }
            }
        }
        connected
    }

    /// The venue has said which id it takes next.
    fn queried(&mut self, next: u32, now_ns: u64) {
        if !self.is_begun {
            self.is_begun = true;
            self.ledger.begin_behind(next.saturating_sub(1));
        }
        match (self.link, self.close) {
            (_, Close::Asked { .. }) => {
                let id = self.ledger.id_of_next(next);
                if id <= self.ledger.answered_id() || id > self.ids + 1 {
                    self.ledger.fail(format_args!("the venue says that {next} is its next id"));
                }
                self.close = Close::Done;
            }
            (Link::Querying, _) => self.go_on_from(self.ledger.id_of_next(next)),
            _ => self.fence = Fence::Answered { at_ns: now_ns },
        }
        self.link = Link::Open;
        self.down_ns = None;
    }

    /// Sends again what was sent and did not arrive: everything behind the last request whose id is below
    /// the next one. Requests that arrived are ignored by the venue.
    fn go_on_from(&mut self, next_id: u32) {
        let arrived = |request: &Request| request.uses().is_some_and(|id| id < next_id);
        let sent = &self.requests[..self.fresh];
        self.next = sent.iter().rposition(arrived).map_or(0, |at| at + 1);
        self.fence = Fence::None;
    }

    fn lost_connection(&mut self, broken: Broken, now_ns: u64) {
        /// The venue may not have noticed yet that the last connection is gone.
        const PATIENCE_NS: u64 = 1_000_000_000;
        let is_ahead = matches!(broken, Broken::Refused(SESSION_NOT_AVAILABLE));
        if is_ahead && self.close != Close::No && self.down_for_ns(now_ns) > PATIENCE_NS {
            let next = self.session.next_number();
            self.ledger
                .fail(format_args!("{next} is the number of the next message here, not there"));
            self.close = Close::Done;
        }
        if self.link != Link::Down {
            self.reconnects += 1;
            // A venue that froze has kept the connection for a while, and left orders without an answer.
            self.quiet.begins(now_ns);
        }
        self.went_down(now_ns);
        self.broken = Some(broken);
    }

    fn went_down(&mut self, now_ns: u64) {
        self.link = Link::Down;
        self.fence = Fence::None;
        self.down_ns.get_or_insert(now_ns);
    }

    /// When a request that may go now was meant to; `None` if it has to wait.
    #[inline]
    fn may_go(&mut self, request: &Request, now_ns: u64, rules: &Rules) -> Option<u64> {
        if now_ns >= rules.until_ns {
            return None;
        }
        let due_ns = rules.start_ns + request.due_ns;
        match rules.pace {
            Pace::OpenLoop => (due_ns <= now_ns).then_some(due_ns),
            Pace::Window(window) => {
                let fits = request.kind != Kind::Enter || self.ledger.unanswered() < window;
                fits.then_some(now_ns)
            }
            Pace::PingPong => {
                if !self.ledger.is_answered() && now_ns > self.sent_ns + PING_PONG_NS {
                    self.ledger.give_up_waiting();
                }
                (self.ledger.is_answered() && due_ns <= now_ns).then_some(now_ns)
            }
        }
    }

    /// Whether a request of a ping-pong will be answered: not if its order is no more.
    fn makes_sense(&self, request: &Request) -> bool {
        request.kind == Kind::Enter || !self.ledger.is_answered() || self.ledger.is_live(request.id)
    }

    fn pass_over(&mut self) {
        self.skipped += u64::from(self.next == self.fresh);
        self.next += 1;
        self.fresh = self.fresh.max(self.next);
    }
}

impl Close {
    /// Whether a message comes again, or late, that belongs before those that were read.
    #[inline]
    fn has_passed(self, bytes: &[u8]) -> bool {
        let Close::Asked { timestamp_ns } = self else { return false };
        timestamp(bytes).is_some_and(|time| time <= timestamp_ns)
    }
}
