//! OUCH 5.0-compatible order entry: what a client asks ([`inbound`]) and what the venue says ([`outbound`]).
//!
//! A message is its fixed layout and, in most cases, an *appendage*: a u16 length and as many bytes of tagged
//! values ([`Tags`]). Letters mean something else in each direction.

pub mod inbound;
pub mod outbound;
mod tags;

pub use tags::{Tags, push_tag, tag};

use super::{Malformed, Message};

/// The highest price of a normal order, 199,999.9900, in 1/10000.
pub const PRICE_MAX: u64 = 1_999_999_900;
/// The price of a market order, 200,000.0000.
pub const PRICE_MARKET: u64 = 2_000_000_000;
/// The price of a market order for a cross, 214,748.3647.
pub const PRICE_MARKET_CROSS: u64 = 0x7FFF_FFFF;
/// The highest quantity of an order.
pub const QUANTITY_MAX: u32 = 999_999;

/// What follows a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appendage {
    /// Nothing.
    Never,
    /// An appendage if there are tagged values. One without any is read, too, but never written.
    IfTagged,
    /// An appendage, of length 0 if there are no tagged values.
    Always,
}

/// The fixed part of a message.
pub trait Layout: Message {
    /// What follows it.
    const APPENDAGE: Appendage;
}

/// Writes a message and returns its length in bytes.
///
/// # Panics
///
/// If `out` has no room for it, or `tags` has any and the message never has an appendage.
#[inline]
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

/// Reads a layout and what follows it.
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

/// Declares the messages of one direction and what follows the layout of each.
macro_rules! direction {
    ($(#[$doc:meta])* $direction:ident: $module:ident {
        $($variant:ident = $layout:ident, $appendage:ident;)*
    }) => {
        $(impl Layout for $module::$layout {
            const APPENDAGE: Appendage = Appendage::$appendage;
        })*

        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)] // The layouts say it.
        pub enum $direction<'a> {
            $($variant(&'a $module::$layout, Tags<'a>),)*
        }

        impl<'a> $direction<'a> {
            /// Reads a whole message: the payload of a SoupBinTCP packet.
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
    /// What a client asks.
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
    /// What the venue says.
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
