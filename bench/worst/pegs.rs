//! Quotes that move pegs, or leave them where they are.

use super::venue::{
    ACTOR, APART, CROWD, FIRM, MIDDLE, OPERATOR, SYMBOL, Size, Venue, limit, special,
};
use super::{Outcome, Row};
use ringside_model::command::{Action, Enter, SetQuote, SpecialTerms};
use ringside_model::domain::{Peg, Price, Quantity, SelfTrade, Side};

pub const ROWS: &[Row] = &[
    Row { what: "quote over 10^5 pegs", run: moves_all },
    Row {
        what: "offer that concerns none of 10^5 buying pegs",
        run: |size| moves_none(size, 0, 1),
    },
    Row { what: "bid above the bounds of 10^5 pegs", run: |size| moves_none(size, 1, 0) },
    Row {
        what: "quote over 2,000 midpoint pegs with minimums, 10^5 own orders elsewhere",
        run: moves_minimums,
    },
];

const BID: i64 = MIDDLE - 100;
const OFFER: i64 = MIDDLE + 100;

fn quote(bid: i64, offer: i64) -> Action {
    Action::from(SetQuote { bid: Price(bid), offer: Price(offer) })
}

/// Fills the bids with pegs of the crowd, whose bound is 0 for none.
fn with_pegs(pegs: u64, bound: i64) -> Venue {
    let mut venue = Venue::new(pegs);
    venue.apply(OPERATOR, SYMBOL, quote(BID, OFFER));
    for id in 1..=pegs {
        let order = limit(id, Side::Buy, 10, 0);
        let peg_limit = Price(bound);
        let terms = SpecialTerms { peg: Peg::Primary, peg_limit, ..SpecialTerms::NONE };
        venue.apply(CROWD, SYMBOL, special(order, terms));
    }
    venue
}

/// Returns a venue whose pegs have no price to follow.
pub fn parked(pegs: u64) -> Venue {
    let mut venue = with_pegs(pegs, 0);
    venue.apply(OPERATOR, SYMBOL, quote(0, 0));
    venue
}

fn moves_all(size: Size) -> Outcome {
    let pegs = size.of(100_000);
    let mut venue = with_pegs(pegs, 0);
    let mut bid = BID;
    venue.measure(size, (5, 1 + pegs, 0), |venue| {
        bid += 1;
        venue.time(OPERATOR, SYMBOL, quote(bid, OFFER))
    })
}

/// Both quotes are far above the bound at which all pegs stand.
fn moves_none(size: Size, bid_step: i64, offer_step: i64) -> Outcome {
    let mut venue = with_pegs(size.of(100_000), MIDDLE - 10_000);
    let (mut bid, mut offer) = (BID, OFFER);
    venue.measure(size, (15, 1, 0), |venue| {
        bid += bid_step;
        offer += offer_step;
        venue.time(OPERATOR, SYMBOL, quote(bid, offer))
    })
}

/// The pegs cross a level that cannot meet their minimum.
fn moves_minimums(size: Size) -> Outcome {
    let (pegs, own, resting) = (size.of(2_000), size.of(100_000), size.of(10_000));
    let mut venue = Venue::new(pegs + own + resting);
    venue.apply(OPERATOR, SYMBOL, quote(BID, OFFER));
    let own_terms = |order| Enter { firm: FIRM, self_trade: SelfTrade::CancelNewest, ..order };
    for _ in 0..pegs {
        let order = own_terms(limit(venue.new_id().0, Side::Buy, 1 << 20, 0));
        let min_quantity = Quantity(1 << 20);
        let peg = Peg::Midpoint;
        let terms = SpecialTerms { peg, hidden: true, min_quantity, ..SpecialTerms::NONE };
        venue.apply(ACTOR, SYMBOL, special(order, terms));
    }
    for _ in 0..own {
        let order = own_terms(limit(venue.new_id().0, Side::Buy, 1, MIDDLE));
        venue.apply(ACTOR, APART, Action::Enter(order));
    }
    for id in 1..=resting {
        venue.enter(CROWD, limit(id, Side::Sell, 1, MIDDLE));
    }
    venue.sort_orders_of_actor();
    let mut bid = BID;
    venue.measure(size, (5, 1 + pegs, 0), |venue| {
        bid = 2 * BID + 2 - bid;
        venue.time(OPERATOR, SYMBOL, quote(bid, OFFER))
    })
}
