//! Lines that define symbols, sessions and firms.

use super::fields::{Fault, Field, Fields, set};
use super::operations::{Interpreter, required_name};
use ringside_model::command::{Command, DefineSymbol};
use ringside_model::domain::{Nanos, Price, Quantity, Role, Tick};
use ringside_model::field::FieldSource;

const SYMBOL: u128 =
    set(&[Field::Symbol, Field::Tick, Field::Lot, Field::CollarBps, Field::Reference]);
const SESSION: u128 = set(&[Field::Session, Field::Firm, Field::Role]);
const FIRM: u128 = set(&[Field::Firm]);

impl<F: FnMut(Command, Option<Nanos>)> Interpreter<'_, F> {
    pub(super) fn define_symbol(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("symbol", SYMBOL)?;
        let name = required_name(fields, Field::Symbol)?;
        let tick = fields.required(Field::Tick, fields.decimal(Field::Tick)?)?;
        let lot = fields.quantity(Field::Lot)?.unwrap_or(Quantity(1));
        let collar = fields.integer(Field::CollarBps)?.unwrap_or(Some(0));
        let reference = fields.decimal(Field::Reference)?;

        let tick = Tick::parse(tick.text());
        let collar_bps = collar.and_then(|bps| u32::try_from(bps).ok());
        let reference = match (tick, reference) {
            (Some(tick), Some(reference)) => reference.ticks(tick).ok(),
            _ => Some(Price(0)),
        };
        let is_valid = lot.0 > 0 && tick.is_some() && collar_bps.is_some() && reference.is_some();
        let definition = DefineSymbol {
            name,
            tick: tick.unwrap_or(Tick { mantissa: 0, scale: 0 }),
            lot,
            collar_bps: collar_bps.unwrap_or_default(),
            reference: reference.unwrap_or_default(),
        };
        self.define(fields, Field::Symbol, |directory, out| {
            directory.define_symbol(definition, is_valid, out).map(drop)
        })
    }

    pub(super) fn define_session(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("session", SESSION)?;
        let name = required_name(fields, Field::Session)?;
        let firm = fields.name(Field::Firm)?;
        let role = fields.word::<Role>(Field::Role)?.unwrap_or(Role::File);
        let firm = firm.map(|name| self.firm(fields, Field::Firm, name)).transpose()?;
        let firm = firm.unwrap_or_default();
        self.define(fields, Field::Session, |directory, out| {
            directory.define_session(name, firm, role, out).map(drop)
        })
    }

    pub(super) fn define_firm(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("firm", FIRM)?;
        let name = required_name(fields, Field::Firm)?;
        self.define(fields, Field::Firm, |directory, out| {
            directory.define_firm(name, out).map(drop)
        })
    }
}
