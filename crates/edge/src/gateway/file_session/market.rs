//! Lines about the market of one symbol: its states, its price bands, its reference quote, its
//! short sales; and lines about risk limits.

use super::fields::{Decimal, Fault, Field, Fields, set};
use super::operations::{Interpreter, required_name};
use ringside_model::command::{
    Action, Command, PlanState, RiskLimits, RunTimers, SetBands, SetQuote, SetRisk, SetShortSale,
    SetState,
};
use ringside_model::domain::{FirmId, Nanos, Price, RiskScope, SessionId, SymbolId, SymbolState};
use ringside_model::field::FieldSource;
use ringside_model::reason::Reason;

const STATE: u128 = set(&[Field::Symbol, Field::State, Field::Collar]);
const PLAN: u128 = set(&[Field::Symbol, Field::State, Field::At, Field::RandomMs, Field::Seed]);
const TICK: u128 = set(&[Field::Symbol]);
const BANDS: u128 =
    set(&[Field::Symbol, Field::Low, Field::High, Field::BandBps, Field::Reference]);
const QUOTE: u128 = set(&[Field::Symbol, Field::Bid, Field::Offer]);
const SHORT_SALE: u128 = set(&[Field::Symbol, Field::Restricted, Field::Automatic]);
const RISK: u128 = set(&[
    Field::Session,
    Field::Firm,
    Field::Symbol,
    Field::QtyMax,
    Field::NotionalMax,
    Field::OpenOrdersMax,
    Field::StopsMax,
    Field::PegsMax,
    Field::MinimumsMax,
    Field::SlicesMax,
    Field::GrossNotionalMax,
    Field::OrdersPerSecondMax,
    Field::Killed,
]);

/// Longest delay of a planned state, in ms.
const RANDOM_MS_MAX: u64 = 24 * 3_600_000;

impl<F: FnMut(Command, Option<Nanos>)> Interpreter<'_, F> {
    pub(super) fn set_state(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("state", STATE)?;
        let symbol = self.named_symbol(fields)?;
        let state = fields.required(Field::State, fields.word::<SymbolState>(Field::State)?)?;
        let collar_off =
            fields.word_of(Field::Collar, [("off", true), ("on", false)].into_iter())?;
        let collar_off = collar_off.unwrap_or(false);
        self.say_of(symbol, Ok(Action::from(SetState { state, collar_off })));
        Ok(())
    }

    pub(super) fn plan_state(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("plan", PLAN)?;
        let symbol = self.named_symbol(fields)?;
        let state = fields.word::<SymbolState>(Field::State)?;
        let due = Nanos(fields.integer_to(Field::At, u64::MAX)?.unwrap_or(0));
        let random_ms = fields.integer_to(Field::RandomMs, RANDOM_MS_MAX)?.unwrap_or(0);
        let seed = fields.integer_to(Field::Seed, u64::MAX)?.unwrap_or(0);
        if state.is_some() != (due.0 != 0) {
            let missing = "`plan` needs the fields `state` and `at`, or none of both";
            return Err(Fault::new(fields.end, missing));
        }
        let state = state.unwrap_or(SymbolState::Open);
        let plan = PlanState { due, random_ns: random_ms * 1_000_000, seed, state };
        self.say_of(symbol, Ok(Action::from(plan)));
        Ok(())
    }

    pub(super) fn tick(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("tick", TICK)?;
        let symbol = self.named_symbol(fields)?;
        self.say_of(symbol, Ok(Action::from(RunTimers)));
        Ok(())
    }

    pub(super) fn set_bands(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("bands", BANDS)?;
        let symbol = self.named_symbol(fields)?;
        let bps = fields.integer_to(Field::BandBps, 10_000)?.unwrap_or(0) as u32;
        let prices = [Field::Low, Field::High, Field::Reference];
        let mut ticks = [Ok(Price(0)); 3];
        for (ticks, field) in ticks.iter_mut().zip(prices) {
            *ticks = self.price_or_none(symbol, fields.decimal(field)?);
        }
        let [low, high, reference] = ticks;
        let bands = low.and_then(|low| {
            Ok(Action::from(SetBands { low, high: high?, bps, reference: reference? }))
        });
        if let Some(exposures) = self.admission.exposures()
            && symbol != SymbolId::NONE
            && bands.is_ok()
        {
            exposures.ask_bands(symbol);
        }
        self.say_of(symbol, bands);
        Ok(())
    }

    pub(super) fn set_quote(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("quote", QUOTE)?;
        let symbol = self.named_symbol(fields)?;
        let bid = fields.required(Field::Bid, fields.decimal(Field::Bid)?)?;
        let offer = fields.required(Field::Offer, fields.decimal(Field::Offer)?)?;
        let offer = self.price_or_none(symbol, Some(offer));
        let quote = self.price_or_none(symbol, Some(bid));
        self.say_of(
            symbol,
            quote.and_then(|bid| Ok(Action::from(SetQuote { bid, offer: offer? }))),
        );
        Ok(())
    }

    pub(super) fn set_short_sale(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("short_sale", SHORT_SALE)?;
        let symbol = self.named_symbol(fields)?;
        let restricted = fields.truth(Field::Restricted)?;
        let restricted = fields.required(Field::Restricted, restricted)?;
        let automatic = fields.truth(Field::Automatic)?.unwrap_or(false);
        self.say_of(symbol, Ok(Action::from(SetShortSale { restricted, automatic })));
        Ok(())
    }

    /// Sets the limits of exactly one session, firm or symbol.
    pub(super) fn set_risk(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("risk", RISK)?;
        let session = fields.name(Field::Session)?;
        let firm = fields.name(Field::Firm)?;
        let symbol = fields.name(Field::Symbol)?;
        let number = |field| Ok(fields.integer_to(field, u64::MAX)?.unwrap_or(0));
        let rate = fields.integer_to(Field::OrdersPerSecondMax, u32::MAX.into())?;
        let limits = RiskLimits {
            quantity_max: number(Field::QtyMax)?,
            notional_max: number(Field::NotionalMax)?,
            open_orders_max: number(Field::OpenOrdersMax)?,
            stops_max: number(Field::StopsMax)?,
            pegs_max: number(Field::PegsMax)?,
            minimums_max: number(Field::MinimumsMax)?,
            slices_max: number(Field::SlicesMax)?,
            gross_notional_max: number(Field::GrossNotionalMax)?,
            orders_per_second_max: rate.unwrap_or(0) as u32,
            killed: fields.truth(Field::Killed)?.unwrap_or(false),
        };
        let (mut of_session, mut of_firm, mut of_symbol) =
            (SessionId(0), FirmId(0), SymbolId::NONE);
        let mut verdict = Reason::None;
        let scope = match (session, firm, symbol) {
            (Some(name), None, None) => {
                of_session = self.session(fields, Field::Session, name)?;
                RiskScope::Session
            }
            (None, Some(name), None) => {
                of_firm = self.firm(fields, Field::Firm, name)?;
                RiskScope::Firm
            }
            (None, None, Some(name)) => {
                of_symbol = self.directory.numbers().symbol_id(name).unwrap_or(SymbolId::NONE);
                if of_symbol == SymbolId::NONE {
                    verdict = Reason::UnknownSymbol;
                }
                RiskScope::Symbol
            }
            _ => {
                let whose = "`risk` needs one of the fields `session`, `firm` and `symbol`";
                return Err(Fault::new(fields.end, whose));
            }
        };
        let action = Action::from(SetRisk { scope, firm: of_firm, limits });
        self.send(of_session, of_symbol, verdict, action);
        let set = Command { session: of_session, symbol: of_symbol, verdict, action };
        if let Some(Command { session, symbol, verdict, action }) = set.kills() {
            self.send(session, symbol, verdict, action);
        }
        Ok(())
    }

    /// Returns the symbol that a line names; `SymbolId::NONE` if it is unknown.
    pub(super) fn named_symbol(&self, fields: &Fields) -> Result<SymbolId, Fault> {
        let name = required_name(fields, Field::Symbol)?;
        Ok(self.directory.numbers().symbol_id(name).unwrap_or(SymbolId::NONE))
    }

    /// Returns the price in ticks; 0 if the price is zero or left out.
    pub(super) fn price_or_none(
        &self,
        symbol: SymbolId,
        price: Option<Decimal>,
    ) -> Result<Price, Reason> {
        match price {
            Some(price) if !price.is_zero() => self.ticks(symbol, price),
            _ => Ok(Price(0)),
        }
    }

    /// Sends an operator's action on a symbol, or the reason why it is impossible.
    pub(super) fn say_of(&mut self, symbol: SymbolId, action: Result<Action, Reason>) {
        let (verdict, action) = match action {
            _ if symbol == SymbolId::NONE => {
                (Reason::UnknownSymbol, action.unwrap_or(Action::from(RunTimers)))
            }
            Ok(action) => (Reason::None, action),
            // No stage looks at the terms of a rejected command.
            Err(reason) => (reason, Action::from(RunTimers)),
        };
        self.send(SessionId(0), symbol, verdict, action);
    }
}
