//! Slots: the places of a report's line that hold the fields of its body.
//!
//! ```text
//!  0    1      2    3     4     8     16 24    32       40   48    56      60
//!  kind reason side flags trade order id price quantity open other session symbol
//!
//!  flags: bit 0 last report, bits 1 and 2 slots, bit 3 hidden order, bits 4 to 7 slot
//! ```

use super::{AuctionLimits, ExportedTerms, Moved, Report};
use crate::domain::{
    Auction, Capacity, DayEvent, FirmId, MatchNumber, MoveStep, Nanos, OrderId, OrderNumber,
    PartitionId, PostOnly, Price, Quantity, SelfTrade, SymbolState, TimeInForce,
};
use crate::durability::Durability;

/// Place in the line for a field of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// Bit 1 of the flags.
    Bit1,
    /// Bit 2 of the flags.
    Bit2,
    /// Upper four bits of the flags.
    Nibble,
    Trade,
    Price,
    Quantity,
    Open,
    Other,
    /// Bit 0 of `other`.
    OtherBit0,
    /// Bit 1 of `other`.
    OtherBit1,
}

impl Report {
    /// Reads a slot.
    #[inline(always)]
    pub(super) fn get(&self, slot: Slot) -> u64 {
        match slot {
            Slot::Bit1 => u64::from(self.flags >> 1 & 1),
            Slot::Bit2 => u64::from(self.flags >> 2 & 1),
            Slot::Nibble => u64::from(self.flags >> 4),
            Slot::Trade => self.trade.into(),
            Slot::Price => self.price.0 as u64,
            Slot::Quantity => self.quantity.0,
            Slot::Open => self.open.0,
            Slot::Other => self.other,
            Slot::OtherBit0 => self.other & 1,
            Slot::OtherBit1 => self.other >> 1 & 1,
        }
    }

    /// Writes a slot, whose bits are 0 so far if the slot is a part of a word.
    #[inline(always)]
    pub(super) fn set(&mut self, slot: Slot, word: u64) {
        match slot {
            Slot::Bit1 => self.flags |= (word as u8) << 1,
            Slot::Bit2 => self.flags |= (word as u8) << 2,
            Slot::Nibble => self.flags |= (word as u8) << 4,
            Slot::Trade => self.trade = word as u32,
            Slot::Price => self.price = Price(word as i64),
            Slot::Quantity => self.quantity = Quantity(word),
            Slot::Open => self.open = Quantity(word),
            Slot::Other => self.other = word,
            Slot::OtherBit0 => self.other |= word,
            Slot::OtherBit1 => self.other |= word << 1,
        }
    }
}

/// Value that fits into a slot.
pub(super) trait Packed {
    /// Returns the word of the value.
    fn pack(self) -> u64;
    /// Reads the word of a value. Bodies alone write slots, so that a bare code always has a value.
    fn unpack(word: u64) -> Self;
}

macro_rules! packed {
    (
        numbers { $($number:ident($inner:ty)),* }
        codes { $($code:ident),* }
        options { $($option:ident),* }
    ) => {
        $(impl Packed for $number {
            #[inline(always)]
            fn pack(self) -> u64 {
                self.0 as u64
            }

            #[inline(always)]
            fn unpack(word: u64) -> Self {
                $number(word as $inner)
            }
        })*
        $(impl Packed for $code {
            #[inline(always)]
            fn pack(self) -> u64 {
                self as u64
            }

            #[inline(always)]
            fn unpack(word: u64) -> Self {
                $code::from_code(word as u8).expect("a body wrote the code")
            }
        })*
        $(impl Packed for Option<$option> {
            #[inline(always)]
            fn pack(self) -> u64 {
                self.map_or(0, |value| value as u64)
            }

            #[inline(always)]
            fn unpack(word: u64) -> Self {
                $option::from_code(word as u8)
            }
        })*
    };
}

packed! {
    numbers {
        Price(i64), Quantity(u64), Nanos(u64), OrderId(u64), OrderNumber(u64), MatchNumber(u64),
        PartitionId(u16), FirmId(u16)
    }
    codes { Capacity, Durability, DayEvent, SymbolState, Auction, TimeInForce, PostOnly, SelfTrade }
    options { Auction, SymbolState }
}

impl Packed for u64 {
    #[inline(always)]
    fn pack(self) -> u64 {
        self
    }

    #[inline(always)]
    fn unpack(word: u64) -> Self {
        word
    }
}

impl Packed for u32 {
    #[inline(always)]
    fn pack(self) -> u64 {
        self.into()
    }

    #[inline(always)]
    fn unpack(word: u64) -> Self {
        word as u32
    }
}

impl Packed for u8 {
    #[inline(always)]
    fn pack(self) -> u64 {
        self.into()
    }

    #[inline(always)]
    fn unpack(word: u64) -> Self {
        word as u8
    }
}

impl Packed for bool {
    #[inline(always)]
    fn pack(self) -> u64 {
        self.into()
    }

    #[inline(always)]
    fn unpack(word: u64) -> Self {
        word != 0
    }
}

impl Packed for Moved {
    fn pack(self) -> u64 {
        self.word()
    }

    fn unpack(word: u64) -> Self {
        Option::unpack(word).expect("a body wrote the step")
    }
}

impl Packed for Option<Moved> {
    fn pack(self) -> u64 {
        self.map_or(0, Moved::word)
    }

    fn unpack(word: u64) -> Self {
        let partition = PartitionId((word >> 8) as u16);
        let step = MoveStep::from_code(word as u8)?;
        Some(Moved { step, partition, version: (word >> 32) as u32 })
    }
}

impl Packed for AuctionLimits {
    fn pack(self) -> u64 {
        u64::from(self.collar_bps) << 32 | u64::from(self.extensions)
    }

    fn unpack(word: u64) -> Self {
        AuctionLimits { collar_bps: (word >> 32) as u32, extensions: word as u32 }
    }
}

impl Packed for ExportedTerms {
    fn pack(self) -> u64 {
        u64::from(self.firm.0)
            | u64::from(self.group) << 16
            | (self.tif as u64) << 32
            | (self.post_only as u64) << 40
            | (self.self_trade as u64) << 48
    }

    fn unpack(word: u64) -> Self {
        let code = |shift: u32| word >> shift & 0xFF;
        ExportedTerms {
            firm: FirmId(word as u16),
            group: (word >> 16) as u16,
            tif: Packed::unpack(code(32)),
            post_only: Packed::unpack(code(40)),
            self_trade: Packed::unpack(code(48)),
        }
    }
}

/// Writes a field of a body into its slot.
macro_rules! put {
    ($report:ident, $value:expr, $slot:ident) => {
        $report.set(Slot::$slot, Packed::pack($value))
    };
    ($report:ident, $value:expr, $slot:ident if $flag:ident) => {
        if let Some(value) = $value {
            $report.set(Slot::$flag, 1);
            $report.set(Slot::$slot, Packed::pack(value));
        }
    };
    ($report:ident, $value:expr, $slot:ident unless $flag:ident) => {
        if $report.get(Slot::$flag) == 0 {
            $report.set(Slot::$slot, Packed::pack($value));
        }
    };
}

/// Reads a field of a body from its slot.
macro_rules! get {
    ($report:ident, $slot:ident) => {
        Packed::unpack($report.get(Slot::$slot))
    };
    ($report:ident, $slot:ident if $flag:ident) => {
        ($report.get(Slot::$flag) != 0).then(|| Packed::unpack($report.get(Slot::$slot)))
    };
    ($report:ident, $slot:ident unless $flag:ident) => {
        Packed::unpack(if $report.get(Slot::$flag) == 0 { $report.get(Slot::$slot) } else { 0 })
    };
}
pub(super) use get;
pub(super) use put;
