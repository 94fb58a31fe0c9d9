//! Lines about sessions, trades and the venue as a whole.

use super::fields::{Fault, Field, Fields, set};
use super::operations::{Interpreter, required_id, required_name};
use ringside_model::command::{
    AccountQuery, Action, BreakTrade, ClientFields, Command, CorrectTrade, SetDurability,
    SetOrderEntry, TradeSide, TradingDay,
};
use ringside_model::domain::{DayEvent, MatchNumber, Name, Nanos, OrderId, SessionId, SymbolId};
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
        let (symbol, trade) = self.trade(fields)?;
        let verdict = verdict_on(symbol);
        self.send(SessionId(0), symbol, verdict, Action::from(trade));
        Ok(())
    }

    pub(super) fn correct_trade(&mut self, fields: &Fields) -> Result<(), Fault> {
        fields.allow("correct_trade", CORRECT_TRADE)?;
        let price = fields.required(Field::Price, fields.decimal(Field::Price)?)?;
        let quantity = fields.required(Field::Qty, fields.quantity(Field::Qty)?)?;
        let (symbol, trade) = self.trade(fields)?;
        let price = self.ticks(symbol, price);
        let verdict = match (verdict_on(symbol), price) {
            (Reason::None, Err(reason)) => reason,
            (Reason::None, Ok(_)) if quantity.0 == 0 => Reason::InvalidQuantity,
            (verdict, _) => verdict,
        };
        let price = price.unwrap_or_default();
        let correction = CorrectTrade { trade, price, quantity };
        self.send(SessionId(0), symbol, verdict, Action::from(correction));
        Ok(())
    }

    /// Returns the trade that a line names, and its symbol; `SymbolId::NONE` if its orders cannot
    /// have traded with each other. It is not known here if they did.
    fn trade(&self, fields: &Fields) -> Result<(SymbolId, BreakTrade), Fault> {
        let number = fields.required(Field::Match, fields.integer_to(Field::Match, u64::MAX)?)?;
        let fields_of_sides = [
            (Field::RestingSession, Field::RestingId, Field::RestingText),
            (Field::IncomingSession, Field::IncomingId, Field::IncomingText),
        ];
        let mut sides = [(SymbolId::NONE, NOBODY); 2];
        for (side, (session, id, text)) in sides.iter_mut().zip(fields_of_sides) {
            let (name, id) = (required_name(fields, session)?, required_id(fields, id)?);
            *side = self.trade_side(name, id, client_text(fields, text)?);
        }
        let [(symbol, resting), (other, incoming)] = sides;
        let symbol = if symbol == other { symbol } else { SymbolId::NONE };
        let match_number = MatchNumber(number);
        Ok((symbol, BreakTrade::new(match_number, [resting, incoming])))
    }

    /// Returns one side of a trade, and the symbol of its order. A new session name is not defined
    /// here: a session that never existed has not traded.
    fn trade_side(
        &self,
        name: Name,
        id: OrderId,
        text: [u8; ClientFields::TEXT_BYTES],
    ) -> (SymbolId, TradeSide) {
        let session = self.directory.numbers().session_id(name);
        let symbol = session.and_then(|session| self.directory.order_symbol(session, id));
        let session = session.unwrap_or_default();
        (symbol.unwrap_or(SymbolId::NONE), TradeSide { id, session, text })
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

fn verdict_on(symbol: SymbolId) -> Reason {
    if symbol == SymbolId::NONE { Reason::UnknownOrder } else { Reason::None }
}

const NO_TEXT: [u8; ClientFields::TEXT_BYTES] = [b' '; ClientFields::TEXT_BYTES];
const NOBODY: TradeSide = TradeSide { id: OrderId(0), session: SessionId(0), text: NO_TEXT };

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
