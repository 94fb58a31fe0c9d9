//! Exact values in the currency of the venue.

use ringside_model::domain::{Price, Quantity, Tick};

/// Value in units of 10^-12 of the currency, as fine as the finest tick. A value that does not fit
/// becomes the largest one, which is above every limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Notional(pub u128);

impl Notional {
    const SCALE: u32 = Tick::SCALE_MAX as u32;

    /// Returns the value of whole units of the currency.
    pub fn whole(units: u64) -> Notional {
        Notional(u128::from(units) * 10u128.pow(Self::SCALE))
    }

    /// Returns the value of one tick.
    pub fn of_tick(tick: Tick) -> Notional {
        let digits = Self::SCALE.saturating_sub(tick.scale.into());
        Notional(u128::from(tick.mantissa) * 10u128.pow(digits))
    }

    /// Returns the value of a quantity at a price, for a tick of value `self`. Negative prices
    /// count as zero.
    #[inline]
    pub fn traded(self, Price(ticks): Price, Quantity(quantity): Quantity) -> Notional {
        let ticks = u128::try_from(ticks).unwrap_or(0);
        Notional(self.0.saturating_mul(ticks).saturating_mul(quantity.into()))
    }

    /// Returns the sum, at most the largest value.
    #[inline]
    pub fn plus(self, other: Notional) -> Notional {
        Notional(self.0.saturating_add(other.0))
    }

    /// Returns the difference, at least zero.
    #[inline]
    pub fn minus(self, other: Notional) -> Notional {
        Notional(self.0.saturating_sub(other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(tick: &str, ticks: i64, quantity: u64) -> Notional {
        Notional::of_tick(Tick::parse(tick).unwrap()).traded(Price(ticks), Quantity(quantity))
    }

    #[test]
    fn a_value_is_exact_in_every_tick() {
        assert_eq!(value("0.01", 18_705, 100), Notional(18_705 * 10u128.pow(12)));
        assert_eq!(value("5", 2, 10), Notional::whole(100));
        assert_eq!(value("0.000000000001", 1, 1), Notional(1));
        assert_eq!(value("0.01", 0, 100), Notional::default());
        assert_eq!(value("0.01", -3, 100), Notional::default());
    }

    #[test]
    fn a_value_that_does_not_fit_is_above_every_limit() {
        let largest = value("1000000000", i64::MAX, u64::MAX);
        assert_eq!(largest, Notional(u128::MAX));
        assert_eq!(largest.plus(largest), largest);
        assert!(largest > Notional::whole(u64::MAX));
        assert_eq!(Notional::whole(1).minus(largest), Notional::default());
    }
}
