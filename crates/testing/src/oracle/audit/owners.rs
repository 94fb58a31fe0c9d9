//! Laws of self-trade prevention.

use super::{Audit, Law, Told};
use ringside_model::command::{Action, OperatorCommand};
use ringside_model::domain::{FirmId, SelfTrade, SessionId};
use ringside_model::report::Report;

/// Owner of an order in self-trade prevention, with the mode of the order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    session: SessionId,
    firm: FirmId,
    group: u16,
    pub(super) mode: SelfTrade,
}

impl Owner {
    /// Reads the owner of the order that a command brings.
    pub(super) fn of(session: SessionId, action: &Action) -> Owner {
        let order = match action {
            Action::Operator(OperatorCommand::ImportOrder(import)) => Some(&import.order),
            action => action.entered(),
        };
        let none = Owner { session, firm: FirmId(0), group: 0, mode: SelfTrade::None };
        order.map_or(none, |order| {
            let (firm, group, mode) = (order.firm, order.group, order.self_trade);
            Owner { session, firm, group, mode }
        })
    }

    /// Returns true for two orders of one owner: of one group if both have a group, else of one
    /// firm, and without any firm of one session.
    pub(super) fn is(&self, other: &Owner) -> bool {
        if self.group != 0 && other.group != 0 {
            return self.group == other.group;
        }
        let has_firm = self.firm.0 != 0 || other.firm.0 != 0;
        if has_firm { self.firm == other.firm } else { self.session == other.session }
    }
}

impl Audit {
    /// Checks that two orders which trade may trade with each other.
    pub(super) fn check_owners(
        &mut self,
        resting: &Report,
        removing: &Report,
    ) -> Result<(), String> {
        let [rests, comes] = [resting, removing].map(|r| self.numbered(r.symbol, r.order));
        let (rests, comes) = (rests?.owner, comes?.owner);
        if comes.mode == SelfTrade::None {
            return Ok(());
        }
        self.keep(Law::OwnersApart, !comes.is(&rests), removing)
    }

    /// Checks that quantity which self-trade prevention takes stood against an order of the same
    /// owner, and that one of the two asked for it.
    pub(super) fn check_prevention(&mut self, r: &Report) -> Result<(), String> {
        let order = self.numbered(r.symbol, r.order)?;
        let is_cause = |other: &Told| {
            other.symbol == order.symbol
                && other.side.is_buy() != order.side.is_buy()
                && other.owner.is(&order.owner)
                && (other.owner.mode, order.owner.mode) != (SelfTrade::None, SelfTrade::None)
        };
        let has_cause = self.live.iter().chain(&self.progress.prevented).any(is_cause);
        self.progress.prevented = Some(order);
        self.keep(Law::PreventedForCause, has_cause, r)
    }
}
