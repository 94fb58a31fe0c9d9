//! State of each network session according to the reports, for the gateway that serves the session.

use super::SessionRow;
use crate::registry::used_ids::{counted, counted_id};
use ringside_model::command::{self, Action, Command};
use ringside_model::domain::SessionId;
use ringside_model::report::{Report, ReportKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Session states, written with the reports and read by the gateway. Sessions beyond its size
/// have no state.
#[derive(Clone)]
pub struct SessionStates {
    sessions: Arc<[State]>,
    day_ended: Arc<AtomicBool>,
}

#[derive(Default)]
struct State {
    consumed: AtomicU32,
    answered: AtomicU64,
}

/// Writer of the session states, fed with commands and their reports.
pub(super) struct Answers {
    pub states: SessionStates,
    /// Order id that the present command has used up.
    consumed: Option<u32>,
}

impl Answers {
    pub(super) fn new(states: SessionStates) -> Self {
        Answers { states, consumed: None }
    }

    /// Begins a command. The reports of a replace decide about its id.
    #[inline]
    pub(super) fn begin(&mut self, command: &Command) {
        self.consumed = match command.action {
            Action::Replace(_) | Action::ReplaceTerms(_) => None,
            action => counted_id(&action),
        };
    }

    /// Takes a report of the command.
    #[inline]
    pub(super) fn report(&mut self, report: &Report) {
        let takes_id = match report.kind {
            ReportKind::Replaced => true,
            ReportKind::Rejected => report.reason.refuses_service(),
            _ => false,
        };
        if takes_id {
            self.consumed = counted(report.id);
        }
    }

    /// Counts the command as answered if its session has sent it.
    #[inline]
    pub(super) fn end_command(&self, command: &Command) {
        let sent_by_session = !command::is_definition(command.action.kind());
        if sent_by_session && command.session != SessionId(0) {
            self.states.answer(command.session, self.consumed);
        }
    }
}

impl SessionStates {
    /// Returns states of the sessions 0 to `sessions - 1`.
    pub fn new(sessions: usize) -> Self {
        let sessions = (0..sessions).map(|_| State::default()).collect();
        SessionStates { sessions, day_ended: Arc::default() }
    }

    /// Returns the number of sessions that have a state.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    /// Returns the highest order id that the session has used up; an ignored or invalid replace
    /// uses up none.
    pub fn consumed(&self, session: SessionId) -> u32 {
        self.state(session).map_or(0, |state| state.consumed.load(Ordering::Acquire))
    }

    /// Returns the number of the session's commands that have been answered since this process
    /// began.
    pub fn answered(&self, session: SessionId) -> u64 {
        self.state(session).map_or(0, |state| state.answered.load(Ordering::Acquire))
    }

    /// Returns true if the trading day has ended and every stream has its last message.
    pub fn day_ended(&self) -> bool {
        self.day_ended.load(Ordering::Acquire)
    }

    /// Marks the trading day as ended.
    pub fn end_day(&self) {
        self.day_ended.store(true, Ordering::Release);
    }

    /// Returns the sessions that have used up an id, as rows of a snapshot.
    pub fn rows(&self) -> Vec<SessionRow> {
        let row = |session| SessionRow { session, consumed: self.consumed(SessionId(session)) };
        let rows = (0..self.sessions.len() as u32).map(row);
        rows.filter(|row| row.consumed != 0).collect()
    }

    /// Restores the states from rows.
    pub fn resume(&self, rows: &[SessionRow]) {
        for &SessionRow { session, consumed } in rows {
            self.answer(SessionId(session), Some(consumed));
        }
    }

    /// Records the answer to a command of the session; `consumed` is its id if it was used up.
    pub fn answer(&self, session: SessionId, consumed: Option<u32>) {
        let Some(state) = self.state(session) else { return };
        if let Some(id) = consumed {
            state.consumed.fetch_max(id, Ordering::Release);
        }
        state.answered.fetch_add(1, Ordering::Release);
    }

    /// Resets the counts of answers: answers of a replay do not count.
    pub fn begin(&self) {
        self.sessions.iter().for_each(|state| state.answered.store(0, Ordering::Release));
    }

    fn state(&self, SessionId(session): SessionId) -> Option<&State> {
        self.sessions.get(session as usize)
    }
}
