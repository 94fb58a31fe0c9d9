//! One session of the load: its remaining requests and its ledger.

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

/// Rule for the send times of requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// Each request at its intended time, whatever the venue does.
    OpenLoop,
    /// Each request as soon as fewer new orders than this are unanswered.
    Window(u64),
    /// Each request when the one before has its answer, but not before its intended time.
    PingPong,
}

/// Rules that hold for all sessions at the moment.
#[derive(Clone, Copy, Debug)]
pub struct PaceRules {
    /// Rule for the send times.
    pub pace: Pace,
    /// Time from which the due times of requests count.
    pub start_ns: u64,
    /// Time from which on no new request is sent.
    pub until_ns: u64,
}

/// Time without an answer after which a ping-pong continues: some requests have none.
const PING_PONG_NS: u64 = 1_000_000_000;
/// Time for which a new order may be unanswered once a later query has its answer.
const ANSWER_NS: u64 = 1_000_000_000;

/// Time for which an account query may be unanswered.
const QUERY_NS: u64 = 5_000_000_000;

/// Session with its requests, its connection and its ledger.
pub struct Lane {
    /// User name of the login.
    pub user: String,
    /// Record of requests and answers.
    pub ledger: Ledger,
    /// Number of lost connections.
    pub reconnects: u64,
    /// Latest cause of a lost connection.
    pub broken: Option<Broken>,
    /// Number of ping-pong requests skipped because their order was no longer live.
    pub skipped: u64,
    session: Session,
    symbols: Arc<[[u8; 8]]>,
    requests: Vec<Request>,
    /// Number of requests that may be sent at the moment.
    limit: usize,
    /// Index of the next request to send.
    next: usize,
    /// Index of the first request that has never been sent.
    fresh: usize,
    link: Link,
    fence: Fence,
    close: Close,
    /// Time since which the session cannot send.
    down_ns: Option<u64>,
    quiet: Quiet,
    /// True once the first id of the session is known.
    is_begun: bool,
    ids: u32,
    sent_ns: u64,
    /// Number of unanswered new orders that are no longer waited for.
    given_up: u64,
}

/// Periods without a message, although new orders are unanswered or the connection is lost.
#[derive(Default)]
struct Quiet {
    since_ns: Option<u64>,
    longest_ns: u64,
}

impl Quiet {
    /// Starts a period, unless one is running.
    #[inline]
    fn begins(&mut self, now_ns: u64) {
        self.since_ns.get_or_insert(now_ns);
    }

    /// Ends the period, because a message has arrived. If others are still awaited, the next period
    /// starts.
    #[inline]
    fn ends(&mut self, now_ns: u64, waits: bool) {
        let quiet_ns = self.since_ns.map_or(0, |since| now_ns.saturating_sub(since));
        self.longest_ns = self.longest_ns.max(quiet_ns);
        self.since_ns = waits.then_some(now_ns);
    }
}

/// State of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    Down,
    /// The next id is asked for; requests from that id on have not arrived.
    Querying,
    Open,
}

/// Query after the last request: when the query is answered, so is everything before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fence {
    None,
    Asked { at_ns: u64 },
    Answered { at_ns: u64 },
}

/// Final login, which shows if venue and client count the same messages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Close {
    No,
    /// Logged out after a message of this official time; nothing has been read since.
    Asked {
        timestamp_ns: u64,
    },
    Done,
}

impl Lane {
    /// Creates a session that is not connected yet.
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

    /// Longest period without a message, although new orders were unanswered or the connection was
    /// lost.
    pub fn longest_outage_ns(&self) -> u64 {
        self.quiet.longest_ns
    }

    /// Returns true if the session may send.
    pub fn is_open(&self) -> bool {
        self.link == Link::Open
    }

    /// Returns true once the session has been connected.
    pub fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// Number of ids that the requests use.
    pub fn ids(&self) -> u32 {
        self.ids
    }

    /// Allows the requests after the opening book.
    pub(crate) fn begin_flow(&mut self) {
        self.limit = self.requests.len();
        self.fence = Fence::None;
    }

    /// Allows no requests beyond those already sent.
    pub(crate) fn end_flow(&mut self) {
        self.limit = self.fresh;
    }

    /// Returns true if all requests that may be sent have been sent.
    pub fn is_spent(&self) -> bool {
        self.next == self.limit
    }

    /// Due time of the next request, if the request waits for a time.
    pub(crate) fn next_due_ns(&self, now_ns: u64, rules: &PaceRules) -> Option<u64> {
        let request = self.requests[..self.limit].get(self.next)?;
        let due_ns = rules.start_ns + request.due_ns;
        match rules.pace {
            Pace::OpenLoop => Some(due_ns),
            Pace::Window(_) => None,
            Pace::PingPong => (due_ns > now_ns).then_some(due_ns),
        }
    }

    /// Sends the requests that may go now. Returns the number of requests done for the first time,
    /// skipped ones included.
    #[inline]
    pub fn send(&mut self, now_ns: u64, rules: &PaceRules, meter: &mut Meter) -> u64 {
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

    /// Sends a query after the last request. Returns true once all requests are answered or given
    /// up.
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

    /// Logs out and in again, to check that the venue continues at the message number expected
    /// here.
    pub(crate) fn begin_close(&mut self, now: Instant, now_ns: u64) {
        self.close = Close::Asked { timestamp_ns: self.ledger.timestamp_ns() };
        self.session.log_out(now);
        self.went_down(now_ns);
    }

    /// Returns true once [`begin_close`](Self::begin_close) has been called.
    pub(crate) fn is_closing(&self) -> bool {
        self.close != Close::No
    }

    /// Returns true once the final login has been checked.
    pub fn is_closed(&self) -> bool {
        self.close == Close::Done
    }

    /// Logs out for good. Returns the numbers of messages that the venue lost and sent twice, as
    /// far as message numbers show.
    pub fn finish(&mut self, now: Instant) -> (u64, u64) {
        self.session.log_out(now);
        (self.session.lost, self.session.doubled)
    }

    /// Socket to wait on; `None` without a connection.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.session.socket()
    }

    /// Returns true if the venue refused the login as not authorised.
    pub fn is_refused(&self) -> bool {
        matches!(self.broken, Some(Broken::Refused(NOT_AUTHORIZED)))
    }

    /// Time for which the session has been unable to send.
    pub(crate) fn down_for_ns(&self, now_ns: u64) -> u64 {
        self.down_ns.map_or(0, |since| now_ns.saturating_sub(since))
    }

    /// Writes what the network takes. Returns true if output is left.
    #[inline]
    pub fn write(&mut self, now: Instant) -> bool {
        self.session.write(now)
    }

    /// Reads and handles what has arrived. Returns true if there is a new socket to wait on.
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

    /// Handles the venue's answer with the next id.
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

    /// Sends again what was sent and did not arrive: everything after the last request whose id is
    /// below the next id. The venue ignores requests that had arrived.
    fn go_on_from(&mut self, next_id: u32) {
        let arrived = |request: &Request| request.uses().is_some_and(|id| id < next_id);
        let sent = &self.requests[..self.fresh];
        self.next = sent.iter().rposition(arrived).map_or(0, |at| at + 1);
        self.fence = Fence::None;
    }

    fn lost_connection(&mut self, broken: Broken, now_ns: u64) {
        /// Time in which the venue may not have noticed yet that the last connection is gone.
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
            // Keeps an earlier start: a venue that froze kept the connection for a while and left
            // orders unanswered.
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

    /// Intended time of a request that may go now; `None` if the request has to wait.
    #[inline]
    fn may_go(&mut self, request: &Request, now_ns: u64, rules: &PaceRules) -> Option<u64> {
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

    /// Returns false if a ping-pong request will have no answer, because its order is no longer
    /// live.
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
    /// Returns true if a message comes again or late: it belongs before those that were read.
    #[inline]
    fn has_passed(self, bytes: &[u8]) -> bool {
        let Close::Asked { timestamp_ns } = self else { return false };
        timestamp(bytes).is_some_and(|time| time <= timestamp_ns)
    }
}
