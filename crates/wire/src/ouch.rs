//! OUCH 5.0-compatible order entry: requests of a client ([`inbound`]) and responses of the venue
//! ([`outbound`]).
//!
//! A message is its fixed layout and, in most cases, an *appendage*: a u16 length and as many bytes
//! of tagged values ([`Tags`]). A type letter means different messages in the two directions.

pub mod inbound;
pub mod outbound;
mod tags;

pub use tags::{Tags, push_tag, tag};

use super::{Malformed, Message};

/// Highest price of a normal order, in 1/10000: 199,999.9900.
pub const PRICE_MAX: u64 = 1_999_999_900;
/// Price that marks a market order: 200,000.0000.
pub const PRICE_MARKET: u64 = 2_000_000_000;
/// Price that marks a market order for a cross: 214,748.3647.
pub const PRICE_MARKET_CROSS: u64 = 0x7FFF_FFFF;
/// Highest quantity of an order, in shares.
pub const QUANTITY_MAX: u32 = 999_999;

/// Presence of an appendage after a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appendage {
    /// The layout is the whole message.
    Never,
    /// An appendage follows if there are tagged values. An empty appendage is read, too, but never
    /// written.
    IfTagged,
    /// An appendage follows; its length is 0 if there are no tagged values.
    Always,
}

/// Fixed part of a message.
pub trait Layout: Message {
    /// Presence of an appendage after this layout.
    const APPENDAGE: Appendage;
}

/// Writes a message and returns its length in bytes.
///
/// # Panics
///
/// If `out` has no room for the message, or `tags` has any and the message never has an appendage.
#[inline]
#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "`out` is the caller's, and whatever has been written lies in `out`"
)]
pub fn write<M: Layout>(message: &M, tags: Tags<'_>, out: &mut [u8]) -> usize {
    let (layout, tags) = (message.as_bytes(), tags.bytes());
    let (head, rest) = out.split_at_mut(layout.len());
    head.copy_from_slice(layout);
    match M::APPENDAGE {
        Appendage::Never => assert!(tags.is_empty(), "the message has no tagged values"),
        Appendage::IfTagged if tags.is_empty() => {}
        Appendage::IfTagged | Appendage::Always => {
            rest[..2].copy_from_slice(&(tags.len() as u16).to_be_bytes());
            rest[2..][..tags.len()].copy_from_slice(tags);
            return layout.len() + 2 + tags.len();
        }
    }
    layout.len()
}

/// Parses a layout and its appendage.
#[inline]
fn read<M: Layout>(bytes: &[u8]) -> Result<(&M, Tags<'_>), Malformed> {
    let length = Malformed::Length { message_type: M::TYPE, bytes: bytes.len() };
    let (message, rest) = M::ref_from_prefix(bytes).map_err(|_| length)?;
    match rest {
        [] if M::APPENDAGE != Appendage::Always => Ok((message, Tags::NONE)),
        [high, low, tags @ ..]
            if M::APPENDAGE != Appendage::Never
                && tags.len() == usize::from(u16::from_be_bytes([*high, *low])) =>
        {
            Ok((message, Tags::new(tags).ok_or(Malformed::Tags(M::TYPE))?))
        }
        _ => Err(length),
    }
}

/// Declares the messages of one direction and the appendage of each.
macro_rules! direction {
    ($(#[$doc:meta])* $direction:ident: $module:ident {
        $($variant:ident = $layout:ident, $appendage:ident;)*
    }) => {
        $(impl Layout for $module::$layout {
            const APPENDAGE: Appendage = Appendage::$appendage;
        })*

        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)] // Each layout documents its variant.
        pub enum $direction<'a> {
            $($variant(&'a $module::$layout, Tags<'a>),)*
        }

        impl<'a> $direction<'a> {
            /// Parses a whole message: the payload of a SoupBinTCP packet.
            #[inline]
            pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
                match *bytes.first().ok_or(Malformed::Empty)? {
                    $($module::$layout::TYPE => {
                        read(bytes).map(|(message, tags)| $direction::$variant(message, tags))
                    })*
                    unknown => Err(Malformed::UnknownType(unknown)),
                }
            }

            /// Writes the message as [`write()`] does.
            pub fn write(&self, out: &mut [u8]) -> usize {
                match *self {
                    $($direction::$variant(message, tags) => write(message, tags, out),)*
                }
            }
        }
    };
}

direction! {
    /// Request of a client.
    Request: inbound {
        Enter = EnterOrder, Always;
        Replace = ReplaceOrder, Always;
        Cancel = CancelOrder, IfTagged;
        Modify = ModifyOrder, IfTagged;
        MassCancel = MassCancel, Always;
        Disable = DisableOrderEntry, Always;
        Enable = EnableOrderEntry, Always;
        Query = AccountQuery, IfTagged;
    }
}

direction! {
    /// Response of the venue.
    Response: outbound {
        System = SystemEvent, Never;
        Accepted = OrderAccepted, Always;
        Replaced = OrderReplaced, Always;
        Canceled = OrderCanceled, IfTagged;
        AiqCanceled = AiqCanceled, IfTagged;
        Executed = OrderExecuted, Always;
        BrokenTrade = BrokenTrade, IfTagged;
        Rejected = Rejected, IfTagged;
        CancelPending = CancelPending, IfTagged;
        CancelReject = CancelReject, IfTagged;
        PriorityUpdate = OrderPriorityUpdate, IfTagged;
        Modified = OrderModified, IfTagged;
        Restated = OrderRestated, Always;
        MassCancel = MassCancelResponse, Always;
        Disable = DisableOrderEntryResponse, Always;
        Enable = EnableOrderEntryResponse, Always;
        Query = AccountQueryResponse, IfTagged;
    }
}
