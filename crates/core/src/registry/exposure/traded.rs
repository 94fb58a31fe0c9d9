//! Values traded on the day, as rows of a snapshot.

use super::ExposureCounter;
use super::value::Notional;
use super::view::halves;
use ringside_model::domain::{RiskScope, SessionId};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Value that one session, firm or symbol has traded on the day; row of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TradedRow {
    /// Code of the [`RiskScope`].
    pub scope: u32,
    /// Number of the session, firm or symbol.
    pub number: u32,
    /// Low half of the [`Notional`].
    pub low: u64,
    /// High half of the [`Notional`].
    pub high: u64,
}

impl ExposureCounter {
    /// Returns the values traded on the day by session, firm and symbol, in one canonical order.
    pub(crate) fn traded_rows(&self) -> Vec<TradedRow> {
        let mut rows = vec![];
        for &scope in RiskScope::ALL {
            for (number, counts) in self.exposures.table(scope).iter() {
                let [low, high] = halves(counts.traded());
                if (low, high) != (0, 0) {
                    rows.push(TradedRow { scope: scope as u32, number, low, high });
                }
            }
        }
        rows
    }

    /// Restores traded values. `None` if no venue with the definitions so far can have such rows.
    pub(crate) fn set_traded(&mut self, rows: &[TradedRow]) -> Option<()> {
        let place = |row: &TradedRow| (row.scope, row.number);
        if !rows.is_sorted_by(|a, b| place(a) < place(b)) {
            return None;
        }
        for row in rows {
            let scope = u8::try_from(row.scope).ok().and_then(RiskScope::from_code)?;
            let value = Notional(u128::from(row.high) << 64 | u128::from(row.low));
            if value == Notional::default() || !self.is_known(scope, row.number) {
                return None;
            }
            self.exposures.table(scope).make(row.number).set_traded(value);
        }
        Some(())
    }

    fn is_known(&self, scope: RiskScope, number: u32) -> bool {
        match scope {
            RiskScope::Session => self.is_session(SessionId(number)),
            RiskScope::Firm => (1..=u16::MAX.into()).contains(&number),
            RiskScope::Symbol => self.ticks.get(number as usize).is_some_and(Option::is_some),
        }
    }

    /// Forgets all values.
    #[cold]
    pub(super) fn begin_day(&mut self) {
        for &scope in RiskScope::ALL {
            for (_, counts) in self.exposures.table(scope).iter() {
                counts.set_traded(Notional::default());
            }
        }
    }
}
