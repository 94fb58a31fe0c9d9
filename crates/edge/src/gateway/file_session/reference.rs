//! Lines about the reference data of one symbol: prior close and last price, tick, lot and collars,
//! the cap on waves of stops.

use super::fields::{Fault, Field, Fields, set};
use super::operations::Interpreter;
use ringside_model::command::{Action, ChangeSymbol, Command, SetReference, SetStopWaves};
use ringside_model::domain::{Nanos, Tick};
use ringside_model::reason::Reason;

const REFERENCE: u128 = set(&[Field::Symbol, Field::PriorClose, Field::Last]);
const CHANGE_SYMBOL: u128 = set(&[
    Field::Symbol,
    Field::Tick,
    Field::Lot,
    Field::CollarBps,
    Field::AuctionCollarBps,
    Field::ExtensionMs,
    Field::Extensions,
]);
const STOP_WAVES: u128 = set(&[Field::Symbol, Field::WavesMax]);

impl<F: FnMut(Command, Option<Nanos>)> Interpreter<'_, F> {
    pub(super) fn set_reference(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("reference", REFERENCE)?;
        let symbol = self.named_symbol(fields)?;
        let prior_close = self.price_or_none(symbol, fields.decimal(Field::PriorClose)?);
        let last = self.price_or_none(symbol, fields.decimal(Field::Last)?);
        let set = prior_close
            .and_then(|prior_close| Ok(Action::from(SetReference { prior_close, last: last? })));
        self.say_of(symbol, set);
        Ok(())
    }

    pub(super) fn change_symbol(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("change_symbol", CHANGE_SYMBOL)?;
        let symbol = self.named_symbol(fields)?;
        let tick = fields.decimal(Field::Tick)?.map(|tick| Tick::parse(tick.text()));
        let lot = fields.quantity(Field::Lot)?;
        let collar_bps = small(fields, Field::CollarBps)?;
        let auction_collar_bps = small(fields, Field::AuctionCollarBps)?;
        let extension = fields.integer(Field::ExtensionMs)?;
        let extension = extension.map(|ms| Some(Nanos(ms?.checked_mul(1_000_000)?)));
        let extensions = small(fields, Field::Extensions)?;
        let change = || {
            Some(Action::from(ChangeSymbol {
                tick: known(tick)?,
                lot,
                collar_bps: known(collar_bps)?,
                auction_collar_bps: known(auction_collar_bps)?,
                extension: known(extension)?,
                extensions: known(extensions)?,
            }))
        };
        self.say_of(symbol, change().ok_or(Reason::InvalidDefinition));
        // The prices of the next lines are those of the new tick, if the engine accepts it.
        (self.wait)();
        Ok(())
    }

    pub(super) fn set_stop_waves(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("stop_waves", STOP_WAVES)?;
        let symbol = self.named_symbol(fields)?;
        let waves_max = fields.required(Field::WavesMax, small(fields, Field::WavesMax)?)?;
        let set = waves_max.map(|waves_max| Action::from(SetStopWaves { waves_max }));
        self.say_of(symbol, set.ok_or(Reason::InvalidDefinition));
        Ok(())
    }
}

/// Returns an integer; the inner `None` is one that 32 bits cannot hold.
fn small(fields: &Fields, field: Field) -> Result<Option<Option<u32>>, Fault> {
    let integer = fields.integer(field)?;
    Ok(integer.map(|integer| u32::try_from(integer?).ok()))
}

/// Returns the value of a field that may be left out; `None` if the value is out of range.
fn known<T>(value: Option<Option<T>>) -> Option<Option<T>> {
    match value {
        Some(value) => value.map(Some),
        None => Some(None),
    }
}
