//! What happens in a venue because it has become late: the gateway's thread looks at the clock, and hands over what is
//! due. Only who leads has a gateway, so only who leads does that.

use super::schedule::Schedule;
use crate::due::DueTimes;
use crate::gateway::server::Server;
use ringside_model::command::{Action, Command};
use ringside_model::domain::{Nanos, SessionId, SymbolId};
use ringside_model::reason::Reason;

/// So many commands are handed over in one step.
const COMMANDS_PER_STEP: usize = 16;

/// Looks at the time.
pub struct Clock {
    due: DueTimes,
    schedule: Schedule,
    /// The latest time: official time does not fall back either.
    now: Nanos,
}

impl Clock {
    /// Goes by what is due and by a schedule, in a venue whose official time has come so far.
    pub fn new(due: DueTimes, schedule: Schedule, time: Nanos) -> Clock {
        Clock { due, schedule, now: time }
    }

    /// Hands over what is due by now, as far as the queue has room; returns how much that was.
    pub fn step(&mut self, gateway: &mut Server, now: Nanos) -> usize {
        self.now = self.now.max(now);
        for done in 0..COMMANDS_PER_STEP {
            // What comes behind the end of the day would come behind the ends of all streams.
            if !gateway.has_room() || gateway.directory().standing().is_closed() {
                return done;
            }
            let planned = self.schedule.next(self.now, gateway.directory());
            let due = || self.due.take(self.now).map(tick);
            let Some(command) = planned.or_else(due) else { return done };
            gateway.hand_over(command);
        }
        COMMANDS_PER_STEP
    }
}

fn tick(symbol: SymbolId) -> Command {
    Command { session: SessionId(0), symbol, verdict: Reason::None, action: Action::Tick }
}
