//! Lines about sessions, trades and the venue as a whole.

use super::fields::{Fault, Field, Fields, set};
use super::operations::{Interpreter, required_id, required_name};
use ringside_core::registry::rules::Amended;
use ringside_core::registry::trades::Trade;
use ringside_model::command::{
    AccountQuery, Action, BreakTrade, ClientFields, Command, CorrectTrade, SetDurability,
    SetOrderEntry, TradeSide, TradingDay,
};
use ringside_model::domain::{
    DayEvent, MatchNumber, Nanos, OrderId, Price, Quantity, SessionId, SymbolId,
};
use ringside_model::durability::Durability;
use ringside_model::field::FieldSource;
use ringside_model::reason::Reason;

const ORDER_ENTRY: u128 = set(&[Field::Session, Field::Id, Field::Enabled]);
const ACCOUNT_QUERY: u128 = set(&[Field::Session, Field::NextId]);
const TRADING_DAY: u128 = set(&[]);
const BREAK_TRADE: u128 = set(&[
    Field::Match,
    Field::RestingSession,
    Field::RestingId,
    Field::RestingText,
    Field::IncomingSession,
    Field::IncomingId,
    Field::IncomingText,
]);
const CORRECT_TRADE: u128 = BREAK_TRADE | set(&[Field::Price, Field::Qty]);
const DURABILITY: u128 = set(&[Field::Mode]);

impl<F: FnMut(Command, Option<Nanos>)> Interpreter<'_, F> {
    pub(super) fn set_order_entry(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("order_entry", ORDER_ENTRY)?;
        let session = required_name(fields, Field::Session)?;
        let id = OrderId(fields.integer_to(Field::Id, u64::MAX)?.unwrap_or(0));
        let enabled = fields.required(Field::Enabled, fields.truth(Field::Enabled)?)?;

        let session = self.session(fields, Field::Session, session)?;
        let action = Action::SetOrderEntry(SetOrderEntry { id, enabled });
        self.send(session, SymbolId::NONE, Reason::None, action);
        Ok(())
    }

    pub(crate) fn query_account(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("account_query", ACCOUNT_QUERY)?;
        let session = required_name(fields, Field::Session)?;
        let next = fields.integer_to(Field::NextId, u64::MAX)?.map(OrderId);

        let session = self.session(fields, Field::Session, session)?;
        let next = next.unwrap_or_else(|| self.directory.used_ids().next(session));
        self.send(
            session,
            SymbolId::NONE,
            Reason::None,
            Action::AccountQuery(AccountQuery { next }),
        );
        Ok(())
    }

    pub(super) fn trading_day(&mut self, fields: &Fields, operation: &str) -> Result<(), Fault> {
        fields.allow(operation, TRADING_DAY)?;
        let event = DayEvent::ALL.iter().find(|event| event.name() == operation);
        let event = *event.expect("the operation has the name of the event");
        self.send(SessionId(0), SymbolId::NONE, Reason::None, Action::from(TradingDay { event }));
        Ok(())
    }

    pub(super) fn break_trade(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("break_trade", BREAK_TRADE)?;
        let trade = self.trade(fields)?;
        let (symbol, verdict) = match self.unbroken(&trade) {
            Ok((symbol, _)) => (symbol, Reason::None),
            Err(reason) => (SymbolId::NONE, reason),
        };
        self.send(SessionId(0), symbol, verdict, Action::from(trade));
        Ok(())
    }

    pub(super) fn correct_trade(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("correct_trade", CORRECT_TRADE)?;
        let price = fields.required(Field::Price, fields.decimal(Field::Price)?)?;
        let quantity = fields.required(Field::Qty, fields.quantity(Field::Qty)?)?;
        let trade = self.trade(fields)?;
        let unbroken = self.unbroken(&trade);
        let symbol = unbroken.map_or(SymbolId::NONE, |(symbol, _)| symbol);
        let price = self.ticks(symbol, price);
        let verdict = match (unbroken, price) {
            (Err(reason), _) | (Ok(_), Err(reason)) => reason,
            (Ok((_, traded)), Ok(_)) if quantity.0 == 0 || quantity > traded => {
                Reason::InvalidQuantity
            }
            (Ok(_), Ok(price)) => self.beyond_bands(symbol, price).unwrap_or(Reason::None),
        };
        let price = price.unwrap_or_default();
        let correction = CorrectTrade { trade, price, quantity };
        self.send(SessionId(0), symbol, verdict, Action::from(correction));
        Ok(())
    }

    /// Returns the symbol and the quantity of a trade that happened between these orders and was
    /// not broken before.
    fn unbroken(&mut self, trade: &BreakTrade) -> Result<(SymbolId, Quantity), Reason> {
        (self.wait)();
        let exposures = self.admission.exposures().ok_or(Reason::UnknownTrade)?;
        if let Some(oldest) = exposures.oldest_trade() {
            self.directory.forget_trades_before(oldest);
        }
        let sides = trade.sides().map(|side| (side.session, side.id));
        let known = exposures.trade(trade.match_number).filter(|known| known.sides == sides);
        let Trade { symbol, quantity, .. } = known.ok_or(Reason::UnknownTrade)?;
        match self.directory.rules().amended(trade.match_number) {
            Some(Amended::Broken) => Err(Reason::AlreadyBroken),
            Some(Amended::Corrected(quantity)) => Ok((symbol, quantity)),
            None => Ok((symbol, quantity)),
        }
    }

    /// Returns the reason against a price of a correction: it is beyond the static bands, or they
    /// are being set.
    fn beyond_bands(&self, symbol: SymbolId, price: Price) -> Option<Reason> {
        match self.admission.exposures()?.static_bands(symbol) {
            None => Some(Reason::Busy),
            Some(bands) => (!bands.allow(price)).then_some(Reason::InvalidPrice),
        }
    }

    /// Returns the trade that a line names.
    fn trade(&self, fields: &Fields) -> Result<BreakTrade, Fault> {
        let number = fields.required(Field::Match, fields.integer_to(Field::Match, u64::MAX)?)?;
        let resting = (Field::RestingSession, Field::RestingId, Field::RestingText);
        let incoming = (Field::IncomingSession, Field::IncomingId, Field::IncomingText);
        let sides = [self.trade_side(fields, resting)?, self.trade_side(fields, incoming)?];
        Ok(BreakTrade::new(MatchNumber(number), sides))
    }

    /// Returns one side of a trade. A new session name is not defined here: a session that never
    /// existed has not traded.
    fn trade_side(
        &self,
        fields: &Fields,
        (session, id, text): (Field, Field, Field),
    ) -> Result<TradeSide, Fault> {
        let (name, id) = (required_name(fields, session)?, required_id(fields, id)?);
        let text = client_text(fields, text)?;
        let session = self.directory.numbers().session_id(name).unwrap_or_default();
        Ok(TradeSide { id, session, text })
    }

    pub(super) fn set_durability(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("durability", DURABILITY)?;
        let mode = fields.required(Field::Mode, fields.word::<Durability>(Field::Mode)?)?;
        self.send(
            SessionId(0),
            SymbolId::NONE,
            Reason::None,
            Action::from(SetDurability { durability: mode }),
        );
        Ok(())
    }
}

const NO_TEXT: [u8; ClientFields::TEXT_BYTES] = [b' '; ClientFields::TEXT_BYTES];

/// Returns a client's text on an order, padded with spaces.
fn client_text(fields: &Fields, field: Field) -> Result<[u8; ClientFields::TEXT_BYTES], Fault> {
    let mut padded = NO_TEXT;
    let Some(text) = fields.text(field)? else { return Ok(padded) };
    let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    match padded.get_mut(..text.len()).filter(|_| printable) {
        Some(start) => start.copy_from_slice(text.as_bytes()),
        None => return Err(fields.fault(field, "must have at most 14 printable ASCII characters")),
    }
    Ok(padded)
}
