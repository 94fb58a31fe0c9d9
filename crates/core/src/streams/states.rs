//! State of each network session according to the reports, for the gateway that serves the session.

use super::SessionRow;
use ringside_model::domain::SessionId;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

/// Session states, shared by the encoder of the streams and the gateway. Sessions beyond its size
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
