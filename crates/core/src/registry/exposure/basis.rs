//! Prices by which risk limits value live orders that may be without a limit of their own.

use ringside_model::command::{Action, EnterSpecial, EnterStop, NamedTerms};
use ringside_model::domain::{Peg, Price};

/// Price that stands for the limit of an order if it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Stop price of a stop.
    Stop(Price),
    /// Bound of a peg that buys, 0 for none: a quote may carry the peg as far as that.
    BuyingPeg(Price),
}

impl Basis {
    /// Returns the basis of a new order; `None` for an order that limits value by its limit or by
    /// the last price.
    #[inline]
    pub fn of_new(action: &Action) -> Option<Basis> {
        match action {
            Action::EnterStop(EnterStop { stop, .. }) => Some(Basis::Stop(*stop)),
            Action::EnterSpecial(EnterSpecial { order, terms }) if order.side.is_buy() => {
                (terms.peg != Peg::None).then_some(Basis::BuyingPeg(terms.peg_limit))
            }
            _ => None,
        }
    }

    /// Returns the basis after a replace of the order.
    pub fn replaced(self, action: &Action) -> Basis {
        let Action::ReplaceTerms(replace) = action else { return self };
        match (self, replace.terms) {
            (Basis::Stop(_), NamedTerms::Stop(stop)) => Basis::Stop(stop),
            (Basis::BuyingPeg(bound), NamedTerms::Special(named)) => {
                Basis::BuyingPeg(named.peg_limit.unwrap_or(bound))
            }
            (unchanged, _) => unchanged,
        }
    }

    /// Returns the price; `None` for a peg without a bound.
    pub fn price(self) -> Option<Price> {
        match self {
            Basis::BuyingPeg(Price(0)) => None,
            Basis::Stop(price) | Basis::BuyingPeg(price) => Some(price),
        }
    }
}
