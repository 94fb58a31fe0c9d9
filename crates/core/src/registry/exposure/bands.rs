//! Static price bands of symbols: the price of a corrected trade must be within them.

use ringside_model::command::SetBands;
use ringside_model::domain::{Price, SymbolId};
use std::collections::HashMap;

/// Static price bands of a symbol, 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StaticBands {
    /// Lowest price.
    pub low: Price,
    /// Highest price.
    pub high: Price,
}

impl StaticBands {
    /// Returns the bands that a command sets.
    pub(super) fn of(asked: &SetBands) -> StaticBands {
        StaticBands { low: asked.low, high: asked.high }
    }

    /// Returns true if a price is within the bands.
    pub fn allow(self, price: Price) -> bool {
        self.low <= price && (self.high == Price(0) || price <= self.high)
    }
}

/// Static bands of all symbols.
#[derive(Default)]
pub(super) struct SymbolBands {
    /// Bands of the symbols that have some.
    set: HashMap<SymbolId, StaticBands>,
    /// Numbers of the commands that set bands and are not answered yet.
    asked: HashMap<SymbolId, u64>,
}

impl SymbolBands {
    /// Returns the bands of a symbol; `None` while it is not known which ones the next command
    /// meets.
    pub(super) fn of(&self, symbol: SymbolId) -> Option<StaticBands> {
        let is_asked = self.asked.contains_key(&symbol);
        (!is_asked).then(|| self.set.get(&symbol).copied().unwrap_or_default())
    }

    pub(super) fn set(&mut self, symbol: SymbolId, bands: StaticBands) {
        if bands == StaticBands::default() {
            self.set.remove(&symbol);
        } else {
            self.set.insert(symbol, bands);
        }
    }

    /// Changes both bands of a symbol if it has some.
    pub(super) fn convert(&mut self, symbol: SymbolId, convert: impl Fn(Price) -> Price) {
        if let Some(StaticBands { low, high }) = self.set.get_mut(&symbol) {
            (*low, *high) = (convert(*low), convert(*high));
        }
    }

    /// Notes that a command which sets the bands is handed over.
    pub(super) fn ask(&mut self, symbol: SymbolId) {
        *self.asked.entry(symbol).or_default() += 1;
    }

    /// Notes the answer to such a command: the bands that it has set, `None` if it was rejected. A
    /// replay answers commands that nobody asked for here.
    pub(super) fn answer(&mut self, symbol: SymbolId, bands: Option<StaticBands>) {
        bands.into_iter().for_each(|bands| self.set(symbol, bands));
        if let Some(asked) = self.asked.get_mut(&symbol) {
            *asked -= 1;
            if *asked == 0 {
                self.asked.remove(&symbol);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ExposureCounter;
    use super::*;
    use ringside_model::command::{
        Action, ChangeSymbol, Command, DefineSymbol, OperatorCommand, RunTimers,
    };
    use ringside_model::domain::{Name, Nanos, SessionId, Tick};
    use ringside_model::reason::Reason;
    use ringside_model::report::{BandsSet, Body, Rejected, SymbolChanged};

    const SYMBOL: SymbolId = SymbolId(1);

    fn command(action: Action) -> Command {
        Command { session: SessionId(0), symbol: SYMBOL, verdict: Reason::None, action }
    }

    fn set(low: i64, high: i64) -> Command {
        let [low, high, reference] = [low, high, 0].map(Price);
        command(Action::from(SetBands { low, high, bps: 100, reference }))
    }

    /// Counts the reports of a command; returns the bands after them.
    fn tell(exposure: &mut ExposureCounter, command: Command, bodies: &[Body]) -> [i64; 2] {
        for body in bodies {
            exposure.report(&body.about(SYMBOL), &command);
        }
        exposure.end_command(1, Nanos(1));
        let StaticBands { low, high } = exposure.exposures().static_bands(SYMBOL).unwrap();
        [low.0, high.0]
    }

    #[test]
    fn a_price_is_within_the_bands_that_are_set() {
        let allowed = |low, high| {
            let bands = StaticBands { low: Price(low), high: Price(high) };
            (1..=5).filter(|price| bands.allow(Price(*price))).collect::<Vec<_>>()
        };
        assert_eq!(allowed(0, 0), [1, 2, 3, 4, 5]);
        assert_eq!(allowed(2, 4), [2, 3, 4]);
        assert_eq!(allowed(4, 0), [4, 5]);
        assert_eq!(allowed(0, 2), [1, 2]);
    }

    #[test]
    fn bands_are_those_of_the_last_command_that_was_accepted() {
        let exposure = &mut ExposureCounter::default();
        // Reports have the static and the dynamic bands together.
        let [low, high, reference] = [19, 21, 20].map(Price);
        let told = Body::from(BandsSet { low, high, reference });
        assert_eq!(tell(exposure, set(10, 30), &[told]), [10, 30]);
        let auction = command(Action::from(RunTimers));
        assert_eq!(tell(exposure, auction, &[told]), [10, 30], "the reference has moved");
        // The rest of an auction moves the reference before the command is rejected.
        let rejected = Body::from(Rejected { moved: None });
        assert_eq!(tell(exposure, set(30, 10), &[told, rejected]), [10, 30]);
        assert_eq!(tell(exposure, set(0, 40), &[told]), [0, 40]);
        assert_eq!(tell(exposure, set(0, 0), &[told]), [0, 0]);
    }

    #[test]
    fn bands_are_not_known_while_a_command_that_sets_them_is_unanswered() {
        let exposure = &mut ExposureCounter::default();
        let [low, high, reference] = [10, 30, 0].map(Price);
        let told = Body::from(BandsSet { low, high, reference });
        let rejected = Body::from(Rejected { moved: None });
        let view = exposure.exposures().clone();
        [SYMBOL, SYMBOL].iter().for_each(|symbol| view.ask_bands(*symbol));
        assert_eq!(view.static_bands(SYMBOL), None);
        assert_eq!(view.static_bands(SymbolId(2)), Some(StaticBands::default()));
        exposure.report(&told.about(SYMBOL), &set(10, 30));
        exposure.end_command(1, Nanos(1));
        assert_eq!(view.static_bands(SYMBOL), None, "the other one is under way");
        assert_eq!(tell(exposure, set(30, 10), &[rejected]), [10, 30]);
        view.ask_bands(SYMBOL);
        exposure.report(&rejected.about(SYMBOL), &command(Action::from(RunTimers)));
        exposure.end_command(2, Nanos(1));
        assert_eq!(view.static_bands(SYMBOL), None, "another command was rejected");
    }

    #[test]
    fn bands_of_a_snapshot_follow_a_change_of_the_tick() {
        let mut exposure = ExposureCounter::default();
        let (name, tick) = (Name::new("A").unwrap(), Tick::parse("0.01").unwrap());
        let definition = Action::from(DefineSymbol::new(name, tick));
        [command(definition), set(100, 203)].iter().for_each(|c| exposure.definition(c));
        let changed = SymbolChanged {
            tick_mantissa: 5,
            tick_scale: 2,
            lot: ringside_model::domain::Quantity(1),
            collar_bps: 0,
            auction: Default::default(),
            extension: Default::default(),
        };
        let change = Action::Operator(OperatorCommand::ChangeSymbol(ChangeSymbol::default()));
        assert_eq!(tell(&mut exposure, command(change), &[changed.into()]), [20, 41]);
    }
}
