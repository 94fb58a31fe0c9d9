//! A command of the journal in the words of a file session.

use crate::command::{Action, Enter, MassCancel, Sequenced};
use crate::domain::{FirmId, Name, OrderId, PostOnly, Price, SelfTrade, SessionId, SymbolId};
use crate::gateway::directory::Directory;
use crate::reason::Reason;
use serde_json::Value;

/// The fields that a command may have, in the order in which they are printed.
pub const COMMAND_COLUMNS: &[&str] = &[
    "seq",
    "ts",
    "op",
    "session",
    "id",
    "new_id",
    "symbol",
    "side",
    "type",
    "tif",
    "qty",
    "price",
    "post_only",
    "stp",
    "stp_group",
    "firm",
    "of_session",
    "of_firm",
    "tick",
    "lot",
    "collar_bps",
    "reference",
    "mode",
    "verdict",
];

/// A name from [`COMMAND_COLUMNS`] and its value.
pub type Field = (&'static str, Value);

/// The fields of a command as a line of a file session has them, after its place and official time. A
/// name that `names` does not know, and a price of an unknown instrument, is left out: the journal has
/// no word for it.
///
/// The last field is `verdict` if the gateway found something that the rest of the line does not tell.
/// Of a reduce and a cancel that is the exception: an order with a symbol is `too_late` when it is not
/// live, one without is unknown.
pub fn command_fields(at: &Sequenced, names: &Directory) -> Vec<Field> {
    let command = &at.command;
    let symbol = command.symbol;
    let mut line = Line { names, fields: Vec::with_capacity(16) };
    line.number("seq", at.seqno.0);
    line.number("ts", at.time.0);
    let mut usual = command.verdict == Reason::None;
    match command.action {
        Action::Enter(enter) => line.enter(command.session, symbol, &enter),
        Action::Reduce { id, quantity } => {
            line.change("reduce", command.session, id);
            line.number("qty", quantity.0);
            usual = is_usual(command.verdict, symbol);
        }
        Action::Cancel { id } => {
            line.change("cancel", command.session, id);
            usual = is_usual(command.verdict, symbol);
        }
        Action::Replace { id, new_id, quantity, price } => {
            line.change("replace", command.session, id);
            line.number("new_id", new_id.0);
            line.number("qty", quantity.0);
            // A replace without a price would be no line of a file session.
            let price = line.decimal(symbol, price).unwrap_or_else(|| "0".into());
            line.text("price", price);
        }
        Action::MassCancel(filter) => line.mass_cancel(command.session, symbol, &filter),
        Action::DefineSymbol(d) => {
            line.text("op", "symbol");
            line.text("symbol", d.name.as_str());
            line.text("tick", d.tick.decimal(Price(1)));
            line.number("lot", d.lot.0);
            line.number("collar_bps", d.collar_bps.into());
            if d.reference.0 != 0 {
                line.text("reference", d.tick.decimal(d.reference));
            }
        }
        Action::DefineSession { name, firm } => {
            line.text("op", "session");
            line.text("session", name.as_str());
            line.firm("firm", firm);
        }
        Action::DefineFirm { name, .. } => {
            line.text("op", "firm");
            line.text("firm", name.as_str());
        }
        Action::SetDurability(mode) => {
            line.text("op", "durability");
            line.text("mode", mode.name());
        }
    }
    if !usual {
        line.text("verdict", command.verdict.name());
    }
    line.fields
}

/// The fields as one JSON object, in their order, without the end of the line.
pub fn json_line(fields: &[Field]) -> String {
    let members: Vec<String> =
        fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// Whether a gateway says this of every reduce and cancel with such a symbol.
fn is_usual(verdict: Reason, symbol: SymbolId) -> bool {
    verdict == Reason::TooLate || (verdict == Reason::None && symbol == SymbolId::NONE)
}

struct Line<'a> {
    names: &'a Directory,
    fields: Vec<Field>,
}

impl Line<'_> {
    fn enter(&mut self, session: SessionId, symbol: SymbolId, enter: &Enter) {
        self.change("enter", session, enter.id);
        self.name("symbol", self.names.symbol(symbol).map(|symbol| symbol.name));
        self.text("side", enter.side.name());
        self.text("type", enter.order_type.name());
        self.text("tif", enter.tif.name());
        self.number("qty", enter.quantity.0);
        if let Some(price) = self.decimal(symbol, enter.price) {
            self.text("price", price);
        }
        match enter.post_only {
            PostOnly::Off => {}
            PostOnly::Reject => self.fields.push(("post_only", true.into())),
            PostOnly::Slide => self.text("post_only", enter.post_only.name()),
        }
        if enter.self_trade != SelfTrade::None {
            self.text("stp", enter.self_trade.name());
        }
        if enter.group != 0 {
            self.number("stp_group", enter.group.into());
        }
        self.firm("firm", enter.firm);
    }

    fn mass_cancel(&mut self, session: SessionId, symbol: SymbolId, filter: &MassCancel) {
        self.text("op", "mass_cancel");
        self.session("session", session);
        self.name("symbol", self.names.symbol(symbol).map(|symbol| symbol.name));
        if let Some(buy) = filter.buy {
            self.text("side", if buy { "buy" } else { "sell" });
        }
        if let Some(group) = filter.group {
            self.number("stp_group", group.into());
        }
        if let Some(session) = filter.session {
            self.session("of_session", session);
        }
        if let Some(firm) = filter.firm {
            self.firm("of_firm", firm);
        }
    }

    /// What a line about one order begins with.
    fn change(&mut self, op: &str, session: SessionId, id: OrderId) {
        self.text("op", op);
        self.session("session", session);
        self.number("id", id.0);
    }

    /// The price with all digits of the tick, if there is a price and an instrument.
    fn decimal(&self, symbol: SymbolId, price: Price) -> Option<String> {
        let symbol = self.names.symbol(symbol).filter(|_| price.0 != 0)?;
        Some(symbol.tick.decimal(price))
    }

    fn session(&mut self, key: &'static str, session: SessionId) {
        self.name(key, self.names.session(session).map(|session| session.name));
    }

    fn firm(&mut self, key: &'static str, firm: FirmId) {
        self.name(key, self.names.firm(firm));
    }

    fn name(&mut self, key: &'static str, name: Option<Name>) {
        if let Some(name) = name {
            self.text(key, name.as_str());
        }
    }

    fn text(&mut self, key: &'static str, text: impl Into<String>) {
        self.fields.push((key, Value::String(text.into())));
    }

    fn number(&mut self, key: &'static str, number: u64) {
        self.fields.push((key, number.into()));
    }
}
