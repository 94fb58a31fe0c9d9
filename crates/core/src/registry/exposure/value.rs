//! Exact values in the currency of the venue.

use ringside_model::domain::{Price, Quantity, Tick};

/// Value in units of 10^-12 of the currency, as fine as the finest tick. A value that does not fit
/// becomes the largest one, which is above every limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Value(pub u128);

impl Value {
    const SCALE: u32 = Tick::SCALE_MAX as u32;

    /// Returns the value of whole units of the currency.
    pub fn whole(units: u64) -> Value {
        Value(u128::from(units) * 10u128.pow(Self::SCALE))
    }

    /// Returns the value of one tick.
    pub fn of_tick(tick: Tick) -> Value {
        let digits = Self::SCALE.saturating_sub(tick.scale.into());
        Value(u128::from(tick.mantissa) * 10u128.pow(digits))
    }

    /// Returns the value of a quantity at a price, for a tick of value `self`. Negative prices
    /// count as zero.
    #[inline]
    pub fn traded(self, Price(ticks): Price, Quantity(quantity): Quantity) -> Value {
        let ticks = u128::try_from(ticks).unwrap_or(0);
        Value(self.0.saturating_mul(ticks).saturating_mul(quantity.into()))
    }

    /// Returns the sum, at most the largest value.
    #[inline]
    pub fn plus(self, other: Value) -> Value {
        Value(self.0.saturating_add(other.0))
    }

    /// Returns the difference, at least zero.
    #[inline]
    pub fn minus(self, other: Value) -> Value {
        Value(self.0.saturating_sub(other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(tick: &str, ticks: i64, quantity: u64) -> Value {
        Value::of_tick(Tick::parse(tick).unwrap()).traded(Price(ticks), Quantity(quantity))
    }

    #[test]
    fn a_value_is_exact_in_every_tick() {
        assert_eq!(value("0.01", 18_705, 100), Value(18_705 * 10u128.pow(12)));
        assert_eq!(value("5", 2, 10), Value::whole(100));
        assert_eq!(value("0.000000000001", 1, 1), Value(1));
        assert_eq!(value("0.01", 0, 100), Value::default());
        assert_eq!(value("0.01", -3, 100), Value::default());
    }

    #[test]
    fn a_value_that_does_not_fit_is_above_every_limit() {
        let largest = value("1000000000", i64::MAX, u64::MAX);
        assert_eq!(largest, Value(u128::MAX));
        assert_eq!(largest.plus(largest), largest);
        assert!(largest > Value::whole(u64::MAX));
        assert_eq!(Value::whole(1).minus(largest), Value::default());
    }
}
