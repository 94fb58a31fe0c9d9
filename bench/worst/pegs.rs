//! Quotes that move pegs, or leave them where they are.

use super::venue::{
    ACTOR, APART, CROWD, FIRM, MIDDLE, OPERATOR, SYMBOL, Size, Venue, limit, special,
};
use super::{Outcome, Row};
use ringside_model::command::{Action, Enter, Modify, SetBands, SetQuote, SpecialTerms};
use ringside_model::domain::{AtBand, Peg, Price, Quantity, SelfTrade, Side};

pub const ROWS: &[Row] = &[
    Row { what: "quote over 10^5 pegs", run: moves_all },
    Row {
        what: "offer that concerns none of 10^5 buying pegs",
        run: |size| moves_none(size, 0, 1),
    },
    Row { what: "bid above the bounds of 10^5 pegs", run: |size| moves_none(size, 1, 0) },
    Row { what: "bid above the band that holds 10^5 pegs", run: held_by_band },
    Row { what: "bid below the offsets of 10^5 parked pegs", run: below_offsets },
    Row { what: "bid after another marking of an order beside 10^5 pegs", run: after_marking },
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

const PRIMARY: SpecialTerms = SpecialTerms { peg: Peg::Primary, ..SpecialTerms::NONE };

/// Fills the bids with pegs of the crowd.
fn with_pegs(pegs: u64, terms: SpecialTerms) -> Venue {
    let mut venue = Venue::new(pegs);
    venue.apply(OPERATOR, SYMBOL, quote(BID, OFFER));
    for id in 1..=pegs {
        venue.apply(CROWD, SYMBOL, special(limit(id, Side::Buy, 10, 0), terms));
    }
    venue
}

/// Returns a venue whose pegs have no price to follow.
pub fn parked(pegs: u64) -> Venue {
    let mut venue = with_pegs(pegs, PRIMARY);
    venue.apply(OPERATOR, SYMBOL, quote(0, 0));
    venue
}

fn moves_all(size: Size) -> Outcome {
    let pegs = size.of(100_000);
    let mut venue = with_pegs(pegs, PRIMARY);
    let mut bid = BID;
    venue.measure(size, (5, 1 + pegs, 0), |venue| {
        bid += 1;
        venue.time(OPERATOR, SYMBOL, quote(bid, OFFER))
    })
}

/// Both quotes are far above the bound at which all pegs stand.
fn moves_none(size: Size, bid_step: i64, offer_step: i64) -> Outcome {
    let bounded = SpecialTerms { peg_limit: Price(MIDDLE - 10_000), ..PRIMARY };
    let mut venue = with_pegs(size.of(100_000), bounded);
    steps(&mut venue, size, bid_step, offer_step)
}

/// Measures quotes that move step by step and move no peg.
fn steps(venue: &mut Venue, size: Size, bid_step: i64, offer_step: i64) -> Outcome {
    let (mut bid, mut offer) = (BID, OFFER);
    venue.measure(size, (15, 1, 0), |venue| {
        bid += bid_step;
        offer += offer_step;
        venue.time(OPERATOR, SYMBOL, quote(bid, offer))
    })
}

/// Half of the pegs have a bound above the band.
fn held_by_band(size: Size) -> Outcome {
    let mut venue = Venue::new(size.of(100_000));
    let high = Price(MIDDLE - 10_000);
    let bands = SetBands { low: Price(0), high, reference: Price(0), bps: 0 };
    venue.apply(OPERATOR, SYMBOL, Action::from(bands));
    venue.apply(OPERATOR, SYMBOL, quote(BID, OFFER));
    for id in 1..=size.of(100_000) {
        let peg_limit = Price((id % 2) as i64 * (MIDDLE - 1_000));
        let terms = SpecialTerms { peg_limit, at_band: AtBand::Reprice, ..PRIMARY };
        venue.apply(CROWD, SYMBOL, special(limit(id, Side::Buy, 10, 0), terms));
    }
    steps(&mut venue, size, 1, 0)
}

/// An order that is no peg gets another marking before each quote.
fn after_marking(size: Size) -> Outcome {
    let bounded = SpecialTerms { peg_limit: Price(MIDDLE - 10_000), ..PRIMARY };
    let mut venue = with_pegs(size.of(100_000), bounded);
    let id = venue.new_id();
    let terms = SpecialTerms { hidden: true, ..SpecialTerms::NONE };
    venue.apply(ACTOR, SYMBOL, special(limit(id.0, Side::Sell, 10, 2 * MIDDLE), terms));
    let (mut bid, mut side) = (BID, Side::Sell);
    venue.measure(size, (15, 1, 0), |venue| {
        bid += 1;
        side = if side == Side::Sell { Side::Short } else { Side::Sell };
        venue.apply(ACTOR, SYMBOL, Action::Modify(Modify { id, side: Some(side), quantity: None }));
        venue.time(OPERATOR, SYMBOL, quote(bid, OFFER))
    })
}

/// The bid has fallen to what the pegs have as their offset.
fn below_offsets(size: Size) -> Outcome {
    let pegs = size.of(100_000);
    let mut venue = Venue::new(pegs);
    venue.apply(OPERATOR, SYMBOL, quote(2 * MIDDLE, 3 * MIDDLE));
    for id in 1..=pegs {
        let terms = SpecialTerms { peg_offset: MIDDLE as u32, ..PRIMARY };
        venue.apply(CROWD, SYMBOL, special(limit(id, Side::Buy, 10, 0), terms));
    }
    venue.apply(OPERATOR, SYMBOL, quote(BID, OFFER));
    steps(&mut venue, size, 1, 0)
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
    venue.measure(size, (5, 1 + pegs, pegs), |venue| {
        bid = 2 * BID + 2 - bid;
        venue.time(OPERATOR, SYMBOL, quote(bid, OFFER))
    })
}
