//! Clock of a venue: reads the time on the gateway's thread and hands over the commands that are
//! due. Only the leader has a gateway, so only the leader does that.

use super::schedule::Schedule;
use crate::gateway::server::Gateway;
use crate::timers::TimerTable;
use ringside_model::command::{Action, Command, RunTimers};
use ringside_model::domain::{Nanos, SessionId, SymbolId};
use ringside_model::reason::Reason;

/// Commands handed over in one step, at most.
const COMMANDS_PER_STEP: usize = 16;

/// Clock of a leading venue: hands over the commands that are due.
pub struct TimerClock {
    timers: TimerTable,
    schedule: Schedule,
    /// Latest time seen. Official time does not go backwards, so this time does not either.
    now: Nanos,
}

impl TimerClock {
    /// Creates a clock from due times and a schedule, in a venue whose official time is `time` so
    /// far.
    pub fn new(timers: TimerTable, schedule: Schedule, time: Nanos) -> TimerClock {
        TimerClock { timers, schedule, now: time }
    }

    /// Hands over the commands that are due at `now` while the queue has room; returns their
    /// number.
    pub fn step(&mut self, gateway: &mut Gateway, now: Nanos) -> usize {
        self.now = self.now.max(now);
        for done in 0..COMMANDS_PER_STEP {
            // A command after the end of the day would come after the ends of all streams.
            if !gateway.has_room() || gateway.directory().rules().is_closed() {
                return done;
            }
            let planned = self.schedule.next(self.now, gateway.directory());
            let due = || self.timers.take(self.now).map(tick);
            let Some(command) = planned.or_else(due) else { return done };
            gateway.hand_over(command);
        }
        COMMANDS_PER_STEP
    }
}

fn tick(symbol: SymbolId) -> Command {
    Command {
        session: SessionId(0),
        symbol,
        verdict: Reason::None,
        action: Action::from(RunTimers),
    }
}
