//! The fields of requests, one by one.

use ringside_model::domain::{Capacity, Price, Quantity, Side};
use ringside_model::reason::Reason;
use ringside_wire::ouch::{PRICE_MAX, QUANTITY_MAX};

/// A side letter.
pub(super) fn side(letter: u8) -> Option<Side> {
    match letter {
        b'B' => Some(Side::Buy),
        b'S' => Some(Side::Sell),
        b'T' => Some(Side::Short),
        b'E' => Some(Side::ShortExempt),
        _ => None,
    }
}

/// The quantity of an order.
pub(super) fn quantity(quantity: u32) -> Result<Quantity, Reason> {
    let valid = (1..=QUANTITY_MAX).contains(&quantity);
    if valid { Ok(Quantity(quantity.into())) } else { Err(Reason::InvalidQuantity) }
}

/// What a display letter asks for: the firm's name on market data, and not to be shown there at all.
pub(super) fn display(letter: u8) -> Result<(bool, bool), Reason> {
    match letter {
        b'Y' => Ok((false, false)),
        b'A' => Ok((true, false)),
        b'N' => Ok((false, true)),
        _ => Err(Reason::InvalidDisplay),
    }
}

/// A capacity letter.
pub(super) fn capacity(letter: u8) -> Result<Capacity, Reason> {
    match letter {
        b'A' => Ok(Capacity::Agency),
        b'P' => Ok(Capacity::Principal),
        b'R' => Ok(Capacity::Riskless),
        b'O' => Ok(Capacity::Other),
        _ => Err(Reason::UnsupportedField),
    }
}

/// A sweep letter has no effect, but must be one.
pub(crate) fn check_sweep(letter: u8) -> Result<(), Reason> {
    if matches!(letter, b'Y' | b'N') { Ok(()) } else { Err(Reason::UnsupportedField) }
}

/// A price in 1/10000 as ticks of so many 1/10000.
pub(super) fn limit(price: u64, tick: u64) -> Result<Price, Reason> {
    if !(1..=PRICE_MAX).contains(&price) {
        return Err(Reason::InvalidPrice);
    }
    if !price.is_multiple_of(tick) {
        return Err(Reason::OffTick);
    }
    Ok(Price((price / tick) as i64))
}
