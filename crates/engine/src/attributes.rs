//! Fixed terms of an order, in one word.

use ringside_model::command::{Enter, SpecialTerms};
use ringside_model::domain::{Capacity, PostOnly, SelfTrade, Side, TimeInForce};

/// Firm, group, side, time in force, post-only, self-trade mode, capacity, attribution, and marks
/// of rare kinds. They share one word, because every new order copies all of them and every hash of
/// an order reads all of them.
///
/// ```text
/// bit 0      16      32     36    39     40          44                48         52
///   firm   │ group │ side │ tif │ stop │ post-only │ self-trade mode │ capacity │ attributed
///
/// bit 53        54          55              56                        57             58
///   iceberg   │ has terms │ not displayed │ of these: has a minimum │ reached stop │ parked
/// ```
#[derive(Clone, Copy, Debug)]
pub(super) struct Attributes(pub u64);

impl Attributes {
    pub(crate) const NONE: Attributes = Attributes(0);
    /// Attributes of slot 0, which is no order: marked as hidden, so that the fast path of cancel
    /// does not take it.
    pub(crate) const OF_NO_ORDER: Attributes = Attributes(Self::NON_DISPLAYED);
    /// Set while the order waits as a stop.
    pub(crate) const STOP: u64 = 1 << 39;
    /// Set on an iceberg.
    const RESERVE: u64 = 1 << 53;
    /// Set on an order that rests with special terms.
    const SPECIAL: u64 = 1 << 54;
    /// Set on a hidden order.
    const NON_DISPLAYED: u64 = 1 << 55;
    /// Set on a hidden order with a minimum quantity.
    const MINIMUM: u64 = 1 << 56;
    /// Set, beside `STOP`, on a stop that was reached and waits until its symbol trades.
    const REACHED: u64 = 1 << 57;
    /// Set on a peg that is out of the book.
    const PARKED: u64 = 1 << 58;
    /// Bits of which an undisplayed order has at least one. The auction-only times in force share
    /// bit 38.
    const UNSEEN: u64 = 1 << 38 | Self::STOP | Self::NON_DISPLAYED | Self::PARKED;

    #[inline(always)]
    pub(crate) fn of(enter: &Enter) -> Self {
        // Every attribute of an order is named, so that none is forgotten. An attribute that is
        // kept here is also one of `ExportedTerms`, or the order loses it when its symbol moves.
        let Enter {
            id: _,
            price: _,
            quantity: _,
            firm,
            group,
            side,
            order_type: _,
            tif,
            post_only,
            self_trade,
            capacity,
            attributed,
        } = *enter;
        Attributes(
            u64::from(firm.0)
                | u64::from(group) << 16
                | (side as u64) << 32
                | (tif as u64) << 36
                | (post_only as u64) << 40
                | (self_trade as u64) << 44
                | (capacity as u64) << 48
                | u64::from(attributed) << 52,
        )
    }

    /// Returns the attributes of a stored word; `None` if no order can have such a word.
    pub(crate) fn from_word(word: u64) -> Option<Self> {
        let code = |shift: u32| (word >> shift) as u8 & 15;
        Side::from_code(code(32))?;
        TimeInForce::from_code(code(36) & 7)?;
        PostOnly::from_code(code(40))?;
        SelfTrade::from_code(code(44))?;
        Capacity::from_code(code(48))?;
        let attributes = Attributes(word);
        let is_ordered = (!attributes.is_non_displayed() || attributes.is_special())
            && (!attributes.has_minimum() || attributes.is_non_displayed())
            && (!attributes.is_reached() || attributes.is_stop())
            && (!attributes.is_parked() || attributes.is_special());
        (word >> 59 == 0 && is_ordered).then_some(attributes)
    }

    pub(crate) fn firm(self) -> u16 {
        self.0 as u16
    }

    pub(crate) fn group(self) -> u16 {
        (self.0 >> 16) as u16
    }

    #[inline(always)]
    pub(crate) fn side(self) -> Side {
        Side::from_code((self.0 >> 32) as u8 & 3).unwrap_or(Side::Buy)
    }

    #[inline(always)]
    pub(crate) fn is_buy(self) -> bool {
        self.side().is_buy()
    }

    pub(crate) fn tif(self) -> TimeInForce {
        TimeInForce::from_code((self.0 >> 36) as u8 & 7).unwrap_or(TimeInForce::Day)
    }

    /// Returns true while the order waits as a stop.
    #[inline(always)]
    pub(crate) fn is_stop(self) -> bool {
        self.0 & Self::STOP != 0
    }

    /// Returns the attributes with or without the mark of a stop, which is not reached yet.
    pub(crate) fn with_stop(self, stop: bool) -> Self {
        let others = self.0 & !(Self::STOP | Self::REACHED);
        Attributes(others | if stop { Self::STOP } else { 0 })
    }

    /// Returns true for a stop that was reached and waits until its symbol trades.
    pub(crate) fn is_reached(self) -> bool {
        self.0 & Self::REACHED != 0
    }

    /// Returns the attributes with the mark of a reached stop.
    pub(crate) fn with_reached(self) -> Self {
        Attributes(self.0 | Self::REACHED)
    }

    /// Returns true for a peg that is out of the book.
    pub(crate) fn is_parked(self) -> bool {
        self.0 & Self::PARKED != 0
    }

    /// Returns the attributes with or without the mark of a parked peg.
    pub(crate) fn with_parked(self, parked: bool) -> Self {
        Attributes(self.0 & !Self::PARKED | if parked { Self::PARKED } else { 0 })
    }

    /// Returns true for an iceberg.
    #[inline(always)]
    pub(crate) fn has_reserve(self) -> bool {
        self.0 & Self::RESERVE != 0
    }

    /// Returns the attributes with the mark of an iceberg.
    pub(crate) fn with_reserve(self) -> Self {
        Attributes(self.0 | Self::RESERVE)
    }

    /// Returns true for an order with special terms.
    #[inline(always)]
    pub(crate) fn is_special(self) -> bool {
        self.0 & Self::SPECIAL != 0
    }

    /// Returns true if data is kept beside the resting order: for a stop, an iceberg, or an order
    /// with special terms.
    #[inline(always)]
    pub(crate) fn takes_slow_path(self) -> bool {
        self.0 & (Self::STOP | Self::RESERVE | Self::SPECIAL) != 0
    }

    /// Returns true if the order rests in the book, displayed whole, with no data beside it.
    #[inline(always)]
    pub(crate) fn is_plain(self) -> bool {
        self.0 & (Self::UNSEEN | Self::RESERVE | Self::SPECIAL) == 0
    }

    /// Returns true for a hidden order: it rests beside the book and trades like orders in the
    /// book.
    #[inline(always)]
    pub(crate) fn is_non_displayed(self) -> bool {
        self.0 & Self::NON_DISPLAYED != 0
    }

    /// Returns true for a hidden order with a minimum quantity, which may be too large for an
    /// incoming order.
    #[inline(always)]
    pub(crate) fn has_minimum(self) -> bool {
        self.0 & Self::MINIMUM != 0
    }

    /// Returns the attributes with the marks of these special terms.
    pub(crate) fn with_terms(self, terms: &SpecialTerms) -> Self {
        let hidden = if terms.hidden { Self::NON_DISPLAYED } else { 0 };
        let has_minimum = terms.hidden && terms.min_quantity.0 > 0;
        let minimum = if has_minimum { Self::MINIMUM } else { 0 };
        let others = self.0 & !(Self::NON_DISPLAYED | Self::MINIMUM);
        Attributes(others | Self::SPECIAL | hidden | minimum)
    }

    /// Returns true if the order rests in the book; false if it is hidden, or waits for an auction
    /// or as a stop, and so rests beside the book, see [`super::beside`].
    #[inline(always)]
    pub(crate) fn is_displayed(self) -> bool {
        self.0 & Self::UNSEEN == 0
    }

    #[inline]
    pub(crate) fn post_only(self) -> PostOnly {
        PostOnly::from_code((self.0 >> 40) as u8 & 15).unwrap_or(PostOnly::Off)
    }

    /// Returns the attributes with another sell marking.
    pub(crate) fn with_side(self, side: Side) -> Self {
        Attributes(self.0 & !(15 << 32) | (side as u64) << 32)
    }

    pub(crate) fn capacity(self) -> Capacity {
        Capacity::from_code((self.0 >> 48) as u8 & 15).unwrap_or(Capacity::Other)
    }

    /// Returns true if market data shows the order with the name of its firm.
    pub(crate) fn is_attributed(self) -> bool {
        self.0 >> 52 & 1 == 1
    }

    pub(crate) fn self_trade(self) -> SelfTrade {
        SelfTrade::from_code((self.0 >> 44) as u8 & 15).unwrap_or(SelfTrade::None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringside_model::domain::{FirmId, OrderId, OrderType, Price, Quantity};

    #[test]
    fn every_trait_reads_back() {
        for &side in Side::ALL {
            for &tif in TimeInForce::ALL {
                for &post_only in PostOnly::ALL {
                    for &self_trade in SelfTrade::ALL {
                        let attributes = Attributes::of(&Enter {
                            id: OrderId(u64::MAX),
                            price: Price(i64::MAX),
                            quantity: Quantity(u64::MAX),
                            firm: FirmId(0xFEDC),
                            group: 0xBA98,
                            side,
                            order_type: OrderType::MarketToLimit,
                            tif,
                            post_only,
                            self_trade,
                            capacity: Capacity::Riskless,
                            attributed: true,
                        });
                        assert_eq!(attributes.is_displayed(), !tif.is_for_auction());
                        assert_eq!(attributes.capacity(), Capacity::Riskless);
                        assert!(attributes.is_attributed());
                        assert_eq!(attributes.with_side(Side::Short).side(), Side::Short);
                        assert_eq!((attributes.firm(), attributes.group()), (0xFEDC, 0xBA98));
                        assert_eq!((attributes.side(), attributes.tif()), (side, tif));
                        assert_eq!(
                            (attributes.post_only(), attributes.self_trade()),
                            (post_only, self_trade)
                        );
                        assert_eq!(
                            Attributes::from_word(attributes.0).map(|same| same.0),
                            Some(attributes.0)
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn terms_are_marked_and_what_is_unseen_says_so() {
        let with = |hidden, least| {
            let min_quantity = Quantity(least);
            Attributes::NONE.with_terms(&SpecialTerms {
                hidden,
                min_quantity,
                ..SpecialTerms::NONE
            })
        };
        let marks = |attributes: Attributes| {
            (attributes.is_special(), attributes.is_non_displayed(), attributes.has_minimum())
        };
        assert_eq!(marks(with(false, 0)), (true, false, false));
        assert_eq!(marks(with(true, 0)), (true, true, false));
        assert_eq!(marks(with(true, 5)), (true, true, true));
        assert_eq!(marks(with(true, 5).with_terms(&SpecialTerms::NONE)), (true, false, false));
        assert_eq!([with(false, 0), with(true, 5)].map(Attributes::is_displayed), [true, false]);
        assert_eq!(
            Attributes::from_word(with(true, 5).0).map(|same| same.0),
            Some(with(true, 5).0)
        );
    }

    #[test]
    fn a_word_with_a_code_that_no_order_has_is_none() {
        for word in [
            4 << 32,
            7 << 36,
            3 << 40,
            6 << 44,
            4 << 48,
            1 << 55,
            5 << 54,
            1 << 57,
            1 << 58,
            1 << 59,
            1 << 63,
            u64::MAX,
        ] {
            assert!(Attributes::from_word(word).is_none(), "{word:#x}");
        }
    }
}
