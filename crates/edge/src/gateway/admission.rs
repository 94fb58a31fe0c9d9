//! Admission: the place where a gateway decides if a request may enter or replace an order.
//!
//! The first reason against a request is its verdict:
//!
//! | Reason | Decided by |
//! |---|---|
//! | the order id is used up | [`Directory::refuses`]; the network does not answer |
//! | the day has ended, or the session disabled its order entry | `VenueRules::refuses` |
//! | the user sends more requests than it may | the intake |
//! | the request has a fault: a symbol, a price, a field | the translation of the request |
//! | a risk limit is broken | [`RiskDesk`] |
//!
//! Behind the gateway the sequencer rejects orders while space is low, and the engine decides
//! everything that depends on the book.

use crate::gateway::risk::{RequestTime, RiskDesk, RiskRequest};
use ringside_core::registry::directory::Directory;
use ringside_core::registry::exposure::ExposureView;
use ringside_model::command::Command;
use ringside_model::domain::SessionId;
use ringside_model::reason::Reason;

/// Admission of the requests of one gateway or one file.
#[derive(Default)]
pub(super) struct Admission {
    desk: Option<RiskDesk>,
}

impl Admission {
    /// Creates an admission with risk limits.
    pub(super) fn with_limits(desk: RiskDesk) -> Self {
        Admission { desk: Some(desk) }
    }

    /// Returns what the venue knows of orders and trades from their reports.
    pub(super) fn exposures(&self) -> Option<&ExposureView> {
        self.desk.as_ref().map(RiskDesk::exposures)
    }

    /// Returns true if the decision about a command depends on the results of earlier orders.
    pub(super) fn needs_answers(&self, command: &Command, directory: &Directory) -> bool {
        self.desk.as_ref().is_some_and(|desk| desk.needs_answers(command, directory))
    }

    /// Decides about a request to enter or replace an order. Returns the request as the limits see
    /// it, or the reason against it.
    ///
    /// `refusal` is the reason against any order of the session now. The verdict of `command` is
    /// the fault of the request itself.
    #[inline]
    pub(super) fn admit(
        &mut self,
        command: &Command,
        refusal: Option<Reason>,
        directory: &Directory,
        time: RequestTime,
    ) -> Result<Option<RiskRequest>, Reason> {
        match (refusal, command.verdict) {
            (Some(reason), _) => return Err(reason),
            (None, Reason::None) => {}
            (None, fault) => return Err(fault),
        }
        let Some(desk) = &mut self.desk else { return Ok(None) };
        let Some(request) = desk.asked(command, directory) else { return Ok(None) };
        match desk.verdict(&request, directory, time) {
            Reason::None => Ok(Some(request)),
            reason => Err(reason),
        }
    }

    /// Counts an admitted request until it is answered. `ordinal` is its number among the commands
    /// of its session.
    #[inline]
    pub(super) fn reserve(&mut self, request: RiskRequest, ordinal: u64) {
        if let Some(desk) = &mut self.desk {
            desk.reserve(request, ordinal);
        }
    }

    /// Forgets the answered requests. Settle before the counts of answered commands are read: the
    /// counts contain them.
    #[inline]
    pub(super) fn settle(&mut self, is_answered: impl Fn(SessionId, u64) -> bool) {
        if let Some(desk) = &mut self.desk {
            desk.settle(is_answered);
        }
    }
}
