//! Timers of the gateway: heartbeats, silent clients, slow readers, and the orders of sessions
//! without a connection.

use super::Gateway;
use crate::gateway::accounts::Account;
use crate::gateway::connection::Phase;
use crate::gateway::intake::LoggedInSession;
use crate::gateway::queue::Inbound;
use ringside_model::command::{Action, Command, MassCancel};
use ringside_model::domain::{OrderId, Role, SessionId, SymbolId};
use ringside_model::reason::Reason;
use ringside_wire::soupbintcp::packet;

const MS: u64 = 1_000_000;
/// Interval between two passes over all connections.
const PASS_NS: u64 = 10 * MS;
/// Connections looked at in one step, at most.
const CONNECTIONS_PER_STEP: usize = 64;
/// Time that a client has to read why its connection ends.
const LINGER_NS: u64 = 1_000 * MS;
/// Time between two steps after which silence is not held against the clients.
const STALL_NS: u64 = 1_000 * MS;

/// State of the timers.
#[derive(Default)]
pub(crate) struct ConnectionTimers {
    /// Latest time of a step.
    pub now_ns: u64,
    has_begun: bool,
    /// Connection that is looked at next.
    next: usize,
    /// Time at which the next pass begins.
    pass_ns: u64,
    /// Last time at which clients could not be read.
    stalled_ns: u64,
    /// Sessions without a connection whose orders are to be cancelled.
    absent: Vec<Absent>,
}

struct Absent {
    session: SessionId,
    until_ns: u64,
}

impl ConnectionTimers {
    /// Notes that a session has lost its connection.
    pub(super) fn leave(&mut self, member: &LoggedInSession, account: &Account, now_ns: u64) {
        if member.role == Role::OrderEntry {
            self.miss(member.session, account, now_ns);
        }
    }

    /// Notes that a session has a connection again.
    pub(super) fn come_back(&mut self, session: SessionId) {
        self.absent.retain(|absent| absent.session != session);
    }

    fn miss(&mut self, session: SessionId, account: &Account, now_ns: u64) {
        if let Some(grace_ms) = account.rules.cancel_on_disconnect_ms {
            let until_ns = now_ns.saturating_add(grace_ms.saturating_mul(MS));
            self.absent.push(Absent { session, until_ns });
        }
    }
}

impl Gateway {
    /// Updates the time before anything else is done in a step.
    pub(super) fn begin_timers(&mut self, now_ns: u64) {
        if !self.timers.has_begun {
            self.timers.has_begun = true;
            self.miss_all(now_ns);
        }
        let is_full = self.intake.room_for_clients() == 0;
        self.counters.queue_full += u64::from(is_full);
        if is_full || now_ns.saturating_sub(self.timers.now_ns) >= STALL_NS {
            self.timers.stalled_ns = now_ns;
        }
        self.timers.now_ns = now_ns;
    }

    /// Notes that the sessions have no connection at the start: connections to an earlier process
    /// are lost.
    fn miss_all(&mut self, now_ns: u64) {
        for account in self.accounts.iter() {
            let directory = self.intake.directory();
            let Some(session) = directory.numbers().session_id(account.user) else { continue };
            if directory
                .names()
                .session(session)
                .is_some_and(|found| found.role == Role::OrderEntry)
            {
                self.timers.miss(session, account, now_ns);
            }
        }
    }

    /// Looks at some of the connections, and at the absent sessions once in a pass.
    pub(super) fn look_at_time(&mut self, now_ns: u64) -> usize {
        if self.timers.next == 0 && now_ns < self.timers.pass_ns {
            return 0;
        }
        let end = self.connections.len().min(self.timers.next + CONNECTIONS_PER_STEP);
        let work = (self.timers.next..end).map(|slot| self.look_at(slot, now_ns)).sum();
        self.timers.next = end;
        if end == self.connections.len() {
            self.timers.next = 0;
            self.timers.pass_ns = now_ns + PASS_NS;
            self.listener.forget(now_ns);
            self.cancel_for_absent(now_ns);
        }
        work
    }

    fn look_at(&mut self, slot: usize, now_ns: u64) -> usize {
        let Some(connection) = &mut self.connections[slot] else { return 0 };
        let limits = &self.options.limits;
        let in_phase_ns = now_ns.saturating_sub(connection.since_ns);
        let over = match connection.phase() {
            Phase::Login => in_phase_ns >= limits.login_timeout_ms * MS,
            Phase::Closing => in_phase_ns >= LINGER_NS,
            Phase::Open(_) => {
                // A connection that waits for its turn may have sent bytes that are not read yet.
                let heard_ns = if connection.waits { now_ns } else { connection.received_ns };
                let heard_ns = heard_ns.max(self.timers.stalled_ns);
                now_ns.saturating_sub(heard_ns) >= limits.client_timeout_ms * MS
            }
        };
        if over {
            let why = match connection.phase() {
                Phase::Login => "no login came in time",
                Phase::Open(_) => "the client was silent for too long",
                Phase::Closing => "",
            };
            self.counters.timeouts += u64::from(!matches!(connection.phase(), Phase::Closing));
            self.close(slot, why, now_ns);
            return 1;
        }
        if !matches!(connection.phase(), Phase::Open(_)) {
            return 0;
        }
        let (bytes_max, ns) = (limits.slow_reader_bytes_max, limits.slow_reader_ms * MS);
        if connection.is_slow(&mut self.reader, bytes_max, ns, now_ns) {
            self.counters.slow_readers += 1;
            let address = connection.address();
            tracing::warn!(
                event = "slow_reader",
                address,
                "the client at {address} has not read more than {bytes_max} bytes for too long"
            );
            self.close(slot, "the client does not read", now_ns);
            return 1;
        }
        if connection.is_silent(now_ns) {
            connection.tell(packet::SERVER_HEARTBEAT, &[]);
            return self.send(slot, now_ns);
        }
        0
    }

    /// Cancels the orders of the sessions that have been without a connection for too long. If the
    /// queue is full, a later pass cancels them.
    fn cancel_for_absent(&mut self, now_ns: u64) {
        let Gateway { timers, intake, counters, .. } = self;
        timers.absent.retain(|&Absent { session, until_ns }| {
            if now_ns < until_ns || intake.room() == 0 {
                return true;
            }
            let filter =
                MassCancel { id: OrderId(0), session: Some(session), ..MassCancel::default() };
            let command = Command {
                session,
                symbol: SymbolId::NONE,
                verdict: Reason::Disconnect,
                action: Action::MassCancel(filter),
            };
            intake.hand_over(Inbound { command, fields: None });
            counters.disconnect_cancels += 1;
            false
        });
    }
}
