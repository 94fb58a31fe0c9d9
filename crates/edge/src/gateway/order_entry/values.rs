//! Values of the fields of requests, one function each.

use ringside_model::domain::{Capacity, Price, Quantity, Side};
use ringside_model::reason::Reason;
use ringside_wire::ouch::{PRICE_MAX, QUANTITY_MAX};

/// Parses a side letter.
pub(super) fn side(letter: u8) -> Option<Side> {
    match letter {
        b'B' => Some(Side::Buy),
        b'S' => Some(Side::Sell),
        b'T' => Some(Side::Short),
        b'E' => Some(Side::ShortExempt),
        _ => None,
    }
}

/// Checks the quantity of an order.
pub(super) fn quantity(quantity: u32) -> Result<Quantity, Reason> {
    let valid = (1..=QUANTITY_MAX).contains(&quantity);
    if valid { Ok(Quantity(quantity.into())) } else { Err(Reason::InvalidQuantity) }
}

/// Parses a display letter. The first result is true if market data shows the firm's name, the
/// second if market data does not show the order at all.
pub(super) fn display(letter: u8) -> Result<(bool, bool), Reason> {
    match letter {
        b'Y' => Ok((false, false)),
        b'A' => Ok((true, false)),
        b'N' => Ok((false, true)),
        _ => Err(Reason::InvalidDisplay),
    }
}

/// Parses a capacity letter.
pub(super) fn capacity(letter: u8) -> Result<Capacity, Reason> {
    match letter {
        b'A' => Ok(Capacity::Agency),
        b'P' => Ok(Capacity::Principal),
        b'R' => Ok(Capacity::Riskless),
        b'O' => Ok(Capacity::Other),
        _ => Err(Reason::UnsupportedField),
    }
}

/// Checks a sweep letter, which has no effect but must be one.
pub(crate) fn check_sweep(letter: u8) -> Result<(), Reason> {
    if matches!(letter, b'Y' | b'N') { Ok(()) } else { Err(Reason::UnsupportedField) }
}

/// Converts a price in 1/10000 to ticks; `tick` is in 1/10000.
pub(super) fn limit(price: u64, tick: u64) -> Result<Price, Reason> {
    if !(1..=PRICE_MAX).contains(&price) {
        return Err(Reason::InvalidPrice);
    }
    if !price.is_multiple_of(tick) {
        return Err(Reason::OffTick);
    }
    Ok(Price((price / tick) as i64))
}
