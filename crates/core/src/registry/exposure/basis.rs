//! Prices by which risk limits value live orders that may be without a limit of their own.

use ringside_model::command::{NamedTerms, SpecialTerms};
use ringside_model::domain::{Peg, Price, Side};

/// Price that stands for the limit of an order if it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Stop price of a stop.
    Stop(Price),
    /// Bound of a peg that buys, 0 for none: a quote may carry the peg as far as that.
    BuyingPeg(Price),
    /// Bid of the reference quote, for a peg that sells.
    SellingPeg,
}

impl Basis {
    /// Returns the basis of a peg; `None` for special terms of another order.
    pub(super) fn of_terms(terms: &SpecialTerms, side: Side) -> Option<Basis> {
        match terms.peg {
            Peg::None => None,
            _ if side.is_buy() => Some(Basis::BuyingPeg(terms.peg_limit)),
            _ => Some(Basis::SellingPeg),
        }
    }

    /// Returns the basis after a replace that names these terms.
    pub(super) fn replaced(self, named: &NamedTerms) -> Basis {
        match (self, named) {
            (Basis::Stop(_), NamedTerms::Stop(stop)) => Basis::Stop(*stop),
            (Basis::BuyingPeg(bound), NamedTerms::Special(named)) => {
                Basis::BuyingPeg(named.peg_limit.unwrap_or(bound))
            }
            (unchanged, _) => unchanged,
        }
    }
}
