//! Fixed terms of an order, in one word.

use ringside_model::command::{Enter, RichTerms};
use ringside_model::domain::{Capacity, PostOnly, SelfTrade, Side, TimeInForce};

/// Firm, group, side, time in force, post-only, self-trade mode, capacity, attribution, and marks
/// of rare kinds. They share one word, because every new order copies all of them and every hash of
/// an order reads all of them.
///
/// ```text
/// bit 0      16      32     36    39     40          44                48         52
///   firm   │ group │ side │ tif │ stop │ post-only │ self-trade mode │ capacity │ attributed
///
/// bit 53        54          55              56
///   iceberg   │ has terms │ not displayed │ of these: has a minimum
/// ```
#[derive(Clone, Copy, Debug)]
pub(super) struct Traits(pub u64);

impl Traits {
    pub(crate) const NONE: Traits = Traits(0);
    /// Traits of slot 0, which is no order: marked as hidden, so that the fast path of cancel does
    /// not take it.
    pub(crate) const OF_NO_ORDER: Traits = Traits(Self::NON_DISPLAYED);
    /// Set while the order waits as a stop.
    pub(crate) const STOP: u64 = 1 << 39;
    /// Set on an iceberg.
    const RESERVE: u64 = 1 << 53;
    /// Set on an order that rests with rare terms.
    const RICH: u64 = 1 << 54;
    /// Set on a hidden order.
    const NON_DISPLAYED: u64 = 1 << 55;
    /// Set on a hidden order with a minimum quantity.
    const MINIMUM: u64 = 1 << 56;
    /// Bits of which an undisplayed order has at least one. The auction-only times in force share
    /// bit 38.
    const UNSEEN: u64 = 1 << 38 | Self::STOP | Self::NON_DISPLAYED;

    #[inline(always)]
    pub(crate) fn of(enter: &Enter) -> Self {
        Traits(
            u64::from(enter.firm.0)
                | u64::from(enter.group) << 16
                | (enter.side as u64) << 32
                | (enter.tif as u64) << 36
                | (enter.post_only as u64) << 40
                | (enter.self_trade as u64) << 44
                | (enter.capacity as u64) << 48
                | u64::from(enter.attributed) << 52,
        )
    }

    /// Returns the traits of a stored word; `None` if no order can have such a word.
    pub(crate) fn from_word(word: u64) -> Option<Self> {
        let code = |shift: u32| (word >> shift) as u8 & 15;
        Side::from_code(code(32))?;
        TimeInForce::from_code(code(36) & 7)?;
        PostOnly::from_code(code(40))?;
        SelfTrade::from_code(code(44))?;
        Capacity::from_code(code(48))?;
        let traits = Traits(word);
        let is_ordered = (!traits.is_non_displayed() || traits.is_rich())
            && (!traits.has_minimum() || traits.is_non_displayed());
        (word >> 57 == 0 && is_ordered).then_some(traits)
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

    /// Returns true for an iceberg.
    #[inline(always)]
    pub(crate) fn has_reserve(self) -> bool {
        self.0 & Self::RESERVE != 0
    }

    /// Returns the traits with the mark of an iceberg.
    pub(crate) fn with_reserve(self) -> Self {
        Traits(self.0 | Self::RESERVE)
    }

    /// Returns true for an order with rare terms.
    #[inline(always)]
    pub(crate) fn is_rich(self) -> bool {
        self.0 & Self::RICH != 0
    }

    /// Returns true if data is kept beside the resting order: for a stop, an iceberg, or an order
    /// with rare terms.
    #[inline(always)]
    pub(crate) fn needs_care(self) -> bool {
        self.0 & (Self::STOP | Self::RESERVE | Self::RICH) != 0
    }

    /// Returns true if the order rests in the book, displayed whole, with no data beside it.
    #[inline(always)]
    pub(crate) fn is_plain(self) -> bool {
        self.0 & (Self::UNSEEN | Self::RESERVE | Self::RICH) == 0
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

    /// Returns the traits with the marks of these rare terms.
    pub(crate) fn with_terms(self, terms: &RichTerms) -> Self {
        let hidden = if terms.hidden { Self::NON_DISPLAYED } else { 0 };
        let has_minimum = terms.hidden && terms.min_quantity.0 > 0;
        let minimum = if has_minimum { Self::MINIMUM } else { 0 };
        let others = self.0 & !(Self::NON_DISPLAYED | Self::MINIMUM);
        Traits(others | Self::RICH | hidden | minimum)
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

    /// Returns the traits with another sell marking.
    pub(crate) fn with_side(self, side: Side) -> Self {
        Traits(self.0 & !(15 << 32) | (side as u64) << 32)
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
                        let traits = Traits::of(&Enter {
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
                        assert_eq!(traits.is_displayed(), !tif.is_for_auction());
                        assert_eq!(traits.capacity(), Capacity::Riskless);
                        assert!(traits.is_attributed());
                        assert_eq!(traits.with_side(Side::Short).side(), Side::Short);
                        assert_eq!((traits.firm(), traits.group()), (0xFEDC, 0xBA98));
                        assert_eq!((traits.side(), traits.tif()), (side, tif));
                        assert_eq!(
                            (traits.post_only(), traits.self_trade()),
                            (post_only, self_trade)
                        );
                        assert_eq!(Traits::from_word(traits.0).map(|same| same.0), Some(traits.0));
                    }
                }
            }
        }
    }

    #[test]
    fn terms_are_marked_and_what_is_unseen_says_so() {
        let with = |hidden, least| {
            let min_quantity = Quantity(least);
            Traits::NONE.with_terms(&RichTerms { hidden, min_quantity, ..RichTerms::NONE })
        };
        let marks =
            |traits: Traits| (traits.is_rich(), traits.is_non_displayed(), traits.has_minimum());
        assert_eq!(marks(with(false, 0)), (true, false, false));
        assert_eq!(marks(with(true, 0)), (true, true, false));
        assert_eq!(marks(with(true, 5)), (true, true, true));
        assert_eq!(marks(with(true, 5).with_terms(&RichTerms::NONE)), (true, false, false));
        assert_eq!([with(false, 0), with(true, 5)].map(Traits::is_displayed), [true, false]);
        assert_eq!(Traits::from_word(with(true, 5).0).map(|same| same.0), Some(with(true, 5).0));
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
            1 << 63,
            u64::MAX,
        ] {
            assert!(Traits::from_word(word).is_none(), "{word:#x}");
        }
    }
}
