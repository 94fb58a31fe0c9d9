//! Tagged values of requests, read strictly. A tag that a request does not have, a tag that comes
//! twice, and a value that is not served are errors, because each may have been meant to change the
//! order.
//!
//! | Tag | Served values |
//! |---|---|
//! | firm | the session's firm, or blank |
//! | minimum quantity | any; on a replace the minimum of a hidden order, 0 if the order keeps its own |
//! | displayed quantity | any on an order without a minimum; on a replace the slice of an iceberg, 0 if the order keeps its own |
//! | expiry | below 86,400, with the time in force `6` alone |
//! | price type | `L`, `R` (primary peg) and `M` (midpoint peg); on a replace `R` and `M` say that the order is a peg, of the kind that it was entered as, and that the price is its bound |
//! | peg offset | with the price type `R`: distance from its own side of the quote, on a tick; on a replace, without the tag the order keeps its own |
//! | post-only | `P`, `N`; on a replace only `N`, since the order keeps its own |
//! | customer type | `N`, space |
//! | trade now | `N`, space |
//! | shares located, locate broker | `Y` or `N`, any text: repeated in reports, without effect |
//! | channel of the ids | 0 |
//! | self-trade prevention | of the firm: `N` and `*` none, `D` and `Y` decrement, `O` cancel oldest, `W` cancel newest; on a replace only `*`, since the order keeps its own |
//! | self-trade group | `**`: groups have no owner, so a firm could reach the orders of another firm |
//! | group, side | on a mass cancel |

use ringside_model::command::ClientFields;
use ringside_model::domain::{Peg, PostOnly, SelfTrade};
use ringside_model::reason::Reason;
use ringside_wire::ouch::{Tags, push_tag, tag};

/// Tags that are terms of an order.
const TERMS: [u8; 5] =
    [tag::MIN_QTY, tag::MAX_FLOOR, tag::EXPIRE_TIME, tag::PRICE_TYPE, tag::PEG_OFFSET];

const DAY_SECONDS: u32 = 86_400;

/// Options of a new order, from its tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub post_only: PostOnly,
    pub self_trade: SelfTrade,
    /// Quantity displayed at a time; `None` for all.
    pub displayed: Option<u32>,
    /// Least quantity that the order trades with one order; 0 for any.
    pub minimum: u32,
    /// Second of the day at which the order expires.
    pub expires: Option<u32>,
    /// Quote that the limit follows.
    pub peg: Peg,
    /// Distance of the limit from the quote, in 1/10000.
    pub peg_offset: u32,
}

/// Terms that a replace names, from its tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// Quantity displayed at a time.
    pub displayed: Option<u32>,
    /// Least quantity that the order trades with one order.
    pub minimum: Option<u32>,
    /// Second of the day at which the order expires.
    pub expires: Option<u32>,
    /// True if the order is a peg, and the price its bound.
    pub is_peg: bool,
    /// Distance of a peg's limit from the quote, in 1/10000.
    pub peg_offset: Option<u32>,
}

/// Orders that a mass cancel covers, from its tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Covered {
    pub group: Option<u16>,
    pub buy: Option<bool>,
}

/// Reads the tags of a new order; `check_firm` fails if the order may not be for a firm.
pub(crate) fn of_enter(
    tags: Tags<'_>,
    check_firm: impl Fn(&[u8]) -> Result<(), Reason>,
) -> Result<Options, Reason> {
    let mut options = Options {
        post_only: PostOnly::Off,
        self_trade: SelfTrade::None,
        displayed: None,
        minimum: 0,
        expires: None,
        peg: Peg::None,
        peg_offset: 0,
    };
    each_once(tags, |number, value| {
        match (number, value) {
            (tag::FIRM, firm @ [_, _, _, _]) => check_firm(firm)?,
            (tag::CUSTOMER_TYPE, [b'N' | b' ']) => {}
            (tag::MAX_FLOOR, &[a, b, c, d]) => {
                options.displayed =
                    Some(u32::from_be_bytes([a, b, c, d])).filter(|&shown| shown > 0);
            }
            (tag::MIN_QTY, &[a, b, c, d]) => options.minimum = u32::from_be_bytes([a, b, c, d]),
            (tag::EXPIRE_TIME, &[a, b, c, d]) => options.expires = Some(second([a, b, c, d])?),
            (tag::PRICE_TYPE, [b'R']) => options.peg = Peg::Primary,
            (tag::PRICE_TYPE, [b'M']) => options.peg = Peg::Midpoint,
            (tag::PEG_OFFSET, &[a, b, c, d]) => options.peg_offset = peg_offset([a, b, c, d])?,
            (tag::POST_ONLY, [b'P']) => options.post_only = PostOnly::Reject,
            (tag::AIQ_STRATEGY, [letter]) => options.self_trade = self_trade(*letter)?,
            _ => neutral(number, value)?,
        }
        Ok(())
    })?;
    Ok(options)
}

/// Returns the tags of an order that has some of them as terms, without these.
pub(crate) fn without_terms(tags: Tags<'_>) -> Vec<u8> {
    let is_other = |&(number, value): &(u8, &[u8])| {
        !TERMS.contains(&number) || (number, value) == (tag::PRICE_TYPE, b"L")
    };
    let mut others = vec![];
    for (number, value) in tags.iter().filter(is_other) {
        push_tag(number, value, &mut others);
    }
    others
}

/// Reads the tags of a replace.
pub(crate) fn of_replace(tags: Tags<'_>) -> Result<Named, Reason> {
    let mut named = Named::default();
    each_once(tags, |number, value| {
        match (number, value) {
            (tag::MIN_QTY | tag::MAX_FLOOR, [0, 0, 0, 0]) => {}
            (tag::MIN_QTY, &[a, b, c, d]) => {
                named.minimum = Some(u32::from_be_bytes([a, b, c, d]));
            }
            (tag::MAX_FLOOR, &[a, b, c, d]) => {
                named.displayed = Some(u32::from_be_bytes([a, b, c, d]));
            }
            (tag::EXPIRE_TIME, &[a, b, c, d]) => named.expires = Some(second([a, b, c, d])?),
            (tag::PRICE_TYPE, [b'R' | b'M']) => named.is_peg = true,
            (tag::PEG_OFFSET, &[a, b, c, d]) => {
                named.peg_offset = Some(peg_offset([a, b, c, d])?);
            }
            _ => neutral(number, value)?,
        }
        Ok(())
    })?;
    // As on a new order, an offset of 0 is none.
    if !named.is_peg && named.peg_offset.take().is_some_and(|offset| offset != 0) {
        return Err(Reason::InvalidPeg);
    }
    Ok(named)
}

/// Reads the tags of a mass cancel.
pub(crate) fn of_mass_cancel(tags: Tags<'_>) -> Result<Covered, Reason> {
    let mut covered = Covered::default();
    each_once(tags, |number, value| {
        match (number, value) {
            (tag::GROUP_ID, &[high, low]) => {
                covered.group = Some(u16::from_be_bytes([high, low])).filter(|&group| group != 0);
            }
            (tag::SIDE, [b'B']) => covered.buy = Some(true),
            (tag::SIDE, [b'S' | b'T' | b'E']) => covered.buy = Some(false),
            _ => channel(number, value)?,
        }
        Ok(())
    })?;
    Ok(covered)
}

/// Checks the tags of a modify.
pub(crate) fn of_modify(tags: Tags<'_>) -> Result<(), Reason> {
    each_once(tags, |number, value| match number {
        tag::SHARES_LOCATED | tag::LOCATE_BROKER => neutral(number, value),
        _ => channel(number, value),
    })
}

/// Checks the tags of a request that has only the channel of its ids.
pub(crate) fn of_cancel(tags: Tags<'_>) -> Result<(), Reason> {
    each_once(tags, channel)
}

/// Checks a tag that orders have, with a value that asks for nothing.
fn neutral(number: u8, value: &[u8]) -> Result<(), Reason> {
    match (number, value) {
        (tag::PRICE_TYPE, [b'L']) => Ok(()),
        (tag::PRICE_TYPE, [_]) => Err(Reason::InvalidPeg),
        (tag::POST_ONLY, [b'N']) => Ok(()),
        (tag::TRADE_NOW, [b'N' | b' ']) => Ok(()),
        (tag::SHARES_LOCATED, [b'Y' | b'N']) => Ok(()),
        (tag::LOCATE_BROKER, [_, _, _, _]) => Ok(()),
        (tag::AIQ_STRATEGY, [b'*']) => Ok(()),
        (tag::AIQ_GROUP_ID, [b'*', b'*']) => Ok(()),
        (tag::AIQ_STRATEGY | tag::AIQ_GROUP_ID, _) => Err(Reason::InvalidSelfTrade),
        _ => channel(number, value),
    }
}

fn channel(number: u8, value: &[u8]) -> Result<(), Reason> {
    match (number, value) {
        (tag::USER_REF_IDX, [0]) => Ok(()),
        _ => Err(Reason::UnsupportedField),
    }
}

/// Reads a second of the day.
fn second(value: [u8; 4]) -> Result<u32, Reason> {
    let second = Some(u32::from_be_bytes(value)).filter(|&second| second < DAY_SECONDS);
    second.ok_or(Reason::UnsupportedField)
}

/// Reads the distance of a peg, which is not negative.
fn peg_offset(value: [u8; 4]) -> Result<u32, Reason> {
    u32::try_from(i32::from_be_bytes(value)).map_err(|_| Reason::InvalidPeg)
}

fn self_trade(letter: u8) -> Result<SelfTrade, Reason> {
    match letter {
        b'*' | b'N' => Ok(SelfTrade::None),
        b'D' | b'Y' => Ok(SelfTrade::Decrement),
        b'O' => Ok(SelfTrade::CancelOldest),
        b'W' => Ok(SelfTrade::CancelNewest),
        _ => Err(Reason::InvalidSelfTrade),
    }
}

/// Passes every tag to `read`; an error if a tag comes twice, or if the tags have more bytes than
/// reports can repeat.
fn each_once(
    tags: Tags<'_>,
    mut read: impl FnMut(u8, &[u8]) -> Result<(), Reason>,
) -> Result<(), Reason> {
    if tags.bytes().len() > ClientFields::TAG_BYTES_MAX {
        return Err(Reason::UnsupportedField);
    }
    let mut seen = 0u32;
    for (number, value) in tags.iter() {
        read(number, value)?;
        let bit = 1u32.checked_shl(number.into()).ok_or(Reason::UnsupportedField)?;
        if seen & bit != 0 {
            return Err(Reason::UnsupportedField);
        }
        seen |= bit;
    }
    Ok(())
}
