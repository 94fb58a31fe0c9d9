//! Intake of the gateway, shared by all connections: the directory, the ids that sessions have used
//! up, the queue.

use crate::gateway::accounts::{AccountId, UserRules};
use crate::gateway::admission::Admission;
use crate::gateway::file_session::{FileSession, LineError};
use crate::gateway::order_entry::{self, Ignored, Requester};
use crate::gateway::queue::{Inbound, Producer};
use crate::gateway::rate::Rate;
use crate::gateway::risk::{RequestTime, RiskDesk, RiskRequest};
use ringside_core::clock::OfficialClock;
use ringside_core::registry::directory::Directory;
use ringside_core::registry::used_ids::counted_id;
use ringside_core::streams::SessionStates;
use ringside_model::command::{Command, is_definition};
use ringside_model::domain::{FirmId, Nanos, Role, SessionId};
use ringside_model::reason::Reason;
use ringside_wire::Malformed;
use ringside_wire::ouch::Request;

/// Slots of the queue kept from clients, at most; fewer if the queue is short.
const KEPT_MAX: usize = 64;

/// Session that has logged in.
#[derive(Clone, Copy, Debug)]
pub(super) struct LoggedInSession {
    pub session: SessionId,
    pub firm: FirmId,
    pub role: Role,
    pub account: AccountId,
}

/// Intake of commands: hands each command to the queue and to the directory.
pub(crate) struct Intake {
    directory: Directory,
    queue: Producer,
    /// Slots of the queue that clients may not use.
    kept: usize,
    states: SessionStates,
    admission: Admission,
    clock: OfficialClock,
    sessions: Vec<IntakeSession>,
    /// Commands of a line; kept for the capacity of the vector.
    commands: Vec<Command>,
}

/// State of a session in the intake.
struct IntakeSession {
    /// Number of commands of the session that went into the queue, without definitions.
    handed_over: u64,
    /// Highest id that is used up, or that a command without an answer may use up.
    last_id: u32,
    rate: Rate,
}

impl Intake {
    /// Largest number of commands from one line of an operator.
    pub(crate) const LINE_COMMANDS_MAX: usize = 8;

    /// Creates the intake of a venue. `directory` has observed all commands so far, and all later
    /// commands come through this intake.
    pub(super) fn new(
        directory: Directory,
        states: SessionStates,
        desk: RiskDesk,
        queue: Producer,
        clock: OfficialClock,
    ) -> Self {
        let kept = KEPT_MAX.min(queue.buffer().capacity() / 8);
        let admission = Admission::with_limits(desk);
        let (sessions, commands) = (vec![], vec![]);
        Intake { directory, queue, kept, states, admission, clock, sessions, commands }
    }

    /// Lets the official clock take the step of the machine's wall clock. Returns the length of the
    /// step in ns; 0 if the clocks are not apart.
    pub(crate) fn take_clock_step(&self) -> i64 {
        self.clock.want_step()
    }

    /// Returns the directory: the names and rules of the venue, as its commands have set them.
    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Returns true if the session states have a place for a session.
    pub(crate) fn has_state(&self, session: SessionId) -> bool {
        (session.0 as usize) < self.states.sessions()
    }

    /// Returns true if one more session can be defined: each session needs a place for its state.
    pub(crate) fn has_room_for_session(&self) -> bool {
        self.directory.numbers().next_session().is_some_and(|next| self.has_state(next))
    }

    /// Returns the number of commands that can be handed over.
    pub(super) fn room(&self) -> usize {
        self.queue.slots()
    }

    /// Returns the number of commands of clients that can be handed over. The queue always keeps
    /// room for operators and for the cancels of sessions that are gone.
    #[inline]
    pub(crate) fn room_for_clients(&self) -> usize {
        self.queue.slots().saturating_sub(self.kept)
    }

    /// Hands over a client's request as a command, unless the request is ignored. The queue must
    /// have room.
    #[inline]
    pub(super) fn request(
        &mut self,
        message: &[u8],
        member: &LoggedInSession,
        rules: &UserRules,
        now_ns: u64,
    ) -> Result<Result<(), Ignored>, Malformed> {
        let request = Request::parse(message)?;
        let LoggedInSession { session, firm, .. } = *member;
        let last_id = self.last_id(session);
        let now = if names_time(&request) { self.clock.read() } else { Nanos(0) };
        let requester = Requester { session, firm, last_id, symbols: rules.symbols.as_ref(), now };
        let mut inbound = match order_entry::translate(&request, &requester, &self.directory) {
            Ok(inbound) => inbound,
            Err(ignored) => return Ok(Err(ignored)),
        };
        if !inbound.command.enters() {
            self.hand_over(inbound);
            return Ok(Ok(()));
        }
        let admitted = self.admit(&inbound.command, rules, now_ns);
        inbound.command.verdict = admitted.err().unwrap_or(Reason::None);
        self.hand_over(inbound);
        if let Ok(Some(request)) = admitted {
            let ordinal = self.session(session).handed_over;
            self.admission.reserve(request, ordinal);
        }
        Ok(Ok(()))
    }

    /// Decides about a request to enter or replace an order.
    #[inline]
    fn admit(
        &mut self,
        command: &Command,
        rules: &UserRules,
        now_ns: u64,
    ) -> Result<Option<RiskRequest>, Reason> {
        let refusal = self.refusal(command.session, rules, now_ns);
        let states = &self.states;
        self.admission.settle(|session, ordinal| states.answered(session) >= ordinal);
        let time = RequestTime { rates_ns: Some(now_ns), official: None };
        self.admission.admit(command, refusal, &self.directory, time)
    }

    /// Reads a line of an operator and hands its commands over. The queue must have room for
    /// [`Intake::LINE_COMMANDS_MAX`] commands.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<(), LineError> {
        let directory = std::mem::take(&mut self.directory);
        let mut reader = FileSession::of_operator(directory, std::mem::take(&mut self.admission));
        let mut commands = std::mem::take(&mut self.commands);
        let read = reader.line_bytes(line, &mut |command, _| commands.push(command));
        (self.directory, self.admission) = reader.into_parts();
        for command in commands.drain(..) {
            self.pass_on(Inbound { command, fields: None });
        }
        self.commands = commands;
        read
    }

    /// Hands a command over. The queue must have room.
    #[inline]
    pub(super) fn hand_over(&mut self, inbound: Inbound) {
        self.directory.observe(&inbound.command);
        self.pass_on(inbound);
    }

    fn pass_on(&mut self, inbound: Inbound) {
        let Command { session, action, .. } = inbound.command;
        let state = self.session(session);
        state.handed_over += u64::from(!is_definition(action.kind()));
        state.last_id = state.last_id.max(counted_id(&action).unwrap_or(0));
        self.queue.push(inbound).expect("whoever hands over has looked for room");
    }

    /// Returns the last id that is used up, as far as the answers have come. Until then this is the
    /// highest id under way. An id that turns out not to be used up is free again when no command
    /// of the session is under way.
    #[inline]
    fn last_id(&mut self, session: SessionId) -> u32 {
        let answered = self.states.answered(session);
        // Read after `answered`: an answer is counted only after its id is noted.
        let consumed = self.states.consumed(session);
        let state = self.session(session);
        if answered >= state.handed_over {
            state.last_id = consumed;
        }
        state.last_id
    }

    /// Returns the reason against any order of a session now.
    #[inline]
    fn refusal(&mut self, session: SessionId, rules: &UserRules, now_ns: u64) -> Option<Reason> {
        self.directory.rules().refuses(session).or_else(|| {
            let per_second = rules.orders_per_second?;
            (!self.session(session).rate.take(per_second, now_ns)).then_some(Reason::RateLimit)
        })
    }

    #[inline]
    fn session(&mut self, session: SessionId) -> &mut IntakeSession {
        if session.0 as usize >= self.sessions.len() {
            self.add_sessions(session);
        }
        &mut self.sessions[session.0 as usize]
    }

    #[cold]
    fn add_sessions(&mut self, SessionId(last): SessionId) {
        for session in self.sessions.len() as u32..=last {
            let session = SessionId(session);
            self.sessions.push(IntakeSession {
                handed_over: 0,
                last_id: self.states.consumed(session),
                rate: Rate::default(),
            });
        }
    }
}

/// Returns true if the request names a time of day.
fn names_time(request: &Request<'_>) -> bool {
    match request {
        Request::Enter(m, _) => m.time_in_force == b'6',
        Request::Replace(m, _) => m.time_in_force == b'6',
        _ => false,
    }
}
