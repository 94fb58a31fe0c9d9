//! Commands as fields of a line: the form of file sessions, exports and dumps.
//!
//! The tables of the bodies give most fields. This file has the rest: fields whose form depends on
//! other fields.

use super::definitions::DefineSymbol;
use super::operator::{
    BreakTrade, ChangeSymbol, CorrectTrade, ImportOrder, PlanState, RunTimers, SetDurability,
    SetRisk, SetState, TradingDay,
};
use super::orders::{
    Display, Enter, EnterIceberg, EnterSpecial, EnterStop, MassCancel, Modify, NamedSpecialTerms,
    NamedTerms, ReplaceTerms, SpecialTerms,
};
use super::{Action, Command, Definition};
use crate::domain::{Nanos, Peg, PostOnly, Price, RiskScope, SymbolId, TimeInForce};
use crate::field::{Field, Out, Value};

impl Command {
    /// Passes the fields of the command in the order of a line, from `op` on. The verdict is none
    /// of them, except the cause of a mass cancel.
    pub fn fields(&self, sink: Out) {
        sink(Field::Op, Value::Word(self.action.op()));
        match &self.action {
            Action::Definition(definition) => definition.fields(sink),
            Action::Operator(command) => command.fields(self, sink),
            order => self.order_fields(order, sink),
        }
    }

    fn order_fields(&self, action: &Action, sink: Out) {
        sink(Field::Session, self.session.into());
        match action {
            Action::Enter(enter) => enter.fields(self.symbol, enter.said(), sink),
            Action::EnterStop(stop) => stop.fields(self.symbol, sink),
            Action::EnterIceberg(iceberg) => iceberg.fields(self.symbol, sink),
            Action::EnterSpecial(special) => special.fields(self.symbol, sink),
            Action::Reduce(reduce) => reduce.table_fields(sink),
            Action::Replace(replace) => replace.table_fields(sink),
            Action::ReplaceTerms(terms) => terms.fields(sink),
            Action::Cancel(cancel) => cancel.table_fields(sink),
            Action::Modify(modify) => modify.fields(sink),
            Action::MassCancel(filter) => {
                filter.fields(self.symbol, sink);
                if self.verdict.is_of_cancel() {
                    sink(Field::Cause, Value::Word(self.verdict.name()));
                }
            }
            Action::SetOrderEntry(set) => set.table_fields(sink),
            Action::AccountQuery(query) => query.table_fields(sink),
            Action::Definition(_) | Action::Operator(_) => {}
        }
    }
}

impl RunTimers {
    pub(crate) fn fields(&self, command: &Command, sink: Out) {
        sink(Field::Symbol, command.symbol.into());
    }
}

impl TradingDay {
    /// Passes nothing: the event is the `op` of the line.
    pub(crate) fn fields(&self, _command: &Command, _line: Out) {}
}

impl SetDurability {
    pub(crate) fn fields(&self, _command: &Command, sink: Out) {
        self.table_fields(sink);
    }
}

impl Definition {
    fn fields(&self, sink: Out) {
        match self {
            Definition::Symbol(symbol) => symbol.fields(sink),
            Definition::Session(session) => session.table_fields(sink),
            Definition::Firm(firm) => firm.table_fields(sink),
        }
    }
}

impl DefineSymbol {
    fn fields(&self, sink: Out) {
        self.table_fields(sink);
        if self.reference.0 != 0 {
            sink(Field::Reference, self.tick.decimal(self.reference).into());
        }
    }
}

/// Fields of an order's line that its form changes.
struct Said {
    /// Order type, if the form has a type of its own.
    type_name: Option<&'static str>,
    /// Price of the line; `None` for a line without a price.
    price: Option<Price>,
    /// True if the order expires at a time that it names.
    is_timed: bool,
}

impl Enter {
    /// Returns the fields of an order without another form.
    fn said(&self) -> Said {
        Said { type_name: None, price: given(self.price), is_timed: false }
    }

    fn fields(&self, symbol: SymbolId, said: Said, sink: Out) {
        sink(Field::Id, self.id.into());
        self.terms(symbol, said, sink);
    }

    /// Passes the terms without the id.
    fn terms(&self, symbol: SymbolId, said: Said, sink: Out) {
        sink(Field::Symbol, symbol.into());
        sink(Field::Side, self.side.into());
        sink(Field::Type, Value::Word(said.type_name.unwrap_or(self.order_type.name())));
        match said.is_timed && self.tif == TimeInForce::Gtc {
            true => sink(Field::Tif, Value::Word("gtt")),
            false => sink(Field::Tif, self.tif.into()),
        }
        sink(Field::Qty, self.quantity.into());
        if let Some(price) = said.price {
            sink(Field::Price, price.into());
        }
        match self.post_only {
            PostOnly::Off => {}
            PostOnly::Reject => sink(Field::PostOnly, true.into()),
            PostOnly::Slide => sink(Field::PostOnly, self.post_only.into()),
        }
        if self.group != 0 {
            sink(Field::StpGroup, self.group.into());
        }
        self.table_fields(sink);
        if self.firm.0 != 0 {
            sink(Field::Firm, self.firm.into());
        }
    }
}

/// Returns the price unless it is 0, which stands for no price.
fn given(price: Price) -> Option<Price> {
    (price.0 != 0).then_some(price)
}

impl EnterStop {
    fn fields(&self, symbol: SymbolId, sink: Out) {
        let said = Said { type_name: Some(self.type_name()), ..self.order.said() };
        self.order.fields(symbol, said, sink);
        if let Some(stop) = given(self.stop) {
            sink(Field::StopPrice, stop.into());
        }
    }
}

impl EnterIceberg {
    fn fields(&self, symbol: SymbolId, sink: Out) {
        self.order.fields(symbol, self.order.said(), sink);
        self.display.fields(sink);
    }
}

impl Display {
    fn fields(&self, sink: Out) {
        let Display { next, least, most, seed } = *self;
        sink(Field::DisplayQty, next.into());
        if (least, most) != (next, next) {
            sink(Field::Refresh, format!("{least}-{most}").into());
        }
        sink(Field::Seed, seed.into());
    }
}

impl EnterSpecial {
    /// Passes the fields; an expiry time changes `gtc` into `gtt`, and the bound of a peg is its
    /// price.
    fn fields(&self, symbol: SymbolId, sink: Out) {
        let SpecialTerms { peg, peg_limit, peg_offset, expire, .. } = self.terms;
        let is_peg = peg != Peg::None;
        let said = Said {
            type_name: is_peg.then_some("peg"),
            price: given(if is_peg { peg_limit } else { self.order.price }),
            is_timed: expire.0 != 0,
        };
        self.order.fields(symbol, said, sink);
        self.terms.table_fields(sink);
        if peg_offset != 0 {
            sink(Field::PegOffset, Price(peg_offset.into()).into());
        }
    }
}

impl ReplaceTerms {
    fn fields(&self, sink: Out) {
        self.replace.table_fields(sink);
        match &self.terms {
            NamedTerms::Stop(stop) => sink(Field::StopPrice, (*stop).into()),
            NamedTerms::Display(display) => display.fields(sink),
            NamedTerms::Special(special) => special.fields(sink),
        }
    }
}

impl NamedSpecialTerms {
    fn fields(&self, sink: Out) {
        let NamedSpecialTerms { min_quantity, peg_offset, peg_limit, expire } = *self;
        if let Some(quantity) = min_quantity {
            sink(Field::MinQty, quantity.into());
        }
        if let Some(offset) = peg_offset {
            sink(Field::PegOffset, Price(offset.into()).into());
        }
        if let Some(limit) = peg_limit {
            sink(Field::PegLimit, limit.into());
        }
        if expire.0 != 0 {
            sink(Field::ExpireTs, expire.into());
        }
    }
}

impl Modify {
    fn fields(&self, sink: Out) {
        sink(Field::Id, self.id.into());
        if let Some(side) = self.side {
            sink(Field::Side, side.into());
        }
        if let Some(quantity) = self.quantity {
            sink(Field::Qty, quantity.into());
        }
    }
}

impl MassCancel {
    fn fields(&self, symbol: SymbolId, sink: Out) {
        if self.id.0 != 0 {
            sink(Field::Id, self.id.into());
        }
        if symbol != SymbolId::NONE {
            sink(Field::Symbol, symbol.into());
        }
        if let Some(buy) = self.buy {
            sink(Field::Side, Value::Word(if buy { "buy" } else { "sell" }));
        }
        if let Some(group) = self.group {
            sink(Field::StpGroup, group.into());
        }
        if let Some(session) = self.session {
            sink(Field::OfSession, session.into());
        }
        if let Some(firm) = self.firm {
            sink(Field::OfFirm, firm.into());
        }
    }
}

impl SetState {
    pub(crate) fn fields(&self, command: &Command, sink: Out) {
        sink(Field::Symbol, command.symbol.into());
        sink(Field::State, self.state.into());
        if self.collar_off {
            sink(Field::Collar, Value::Word("off"));
        }
    }
}

impl ChangeSymbol {
    pub(crate) fn fields(&self, command: &Command, sink: Out) {
        sink(Field::Symbol, command.symbol.into());
        if let Some(tick) = self.tick {
            sink(Field::Tick, tick.into());
        }
        if let Some(lot) = self.lot {
            sink(Field::Lot, lot.into());
        }
        let extension_ms = self.extension.map(|Nanos(extension)| extension / 1_000_000);
        let numbers = [
            (Field::CollarBps, self.collar_bps.map(u64::from)),
            (Field::AuctionCollarBps, self.auction_collar_bps.map(u64::from)),
            (Field::ExtensionMs, extension_ms),
            (Field::Extensions, self.extensions.map(u64::from)),
        ];
        for (field, number) in numbers {
            if let Some(number) = number {
                sink(field, number.into());
            }
        }
    }
}

impl PlanState {
    pub(crate) fn fields(&self, command: &Command, sink: Out) {
        sink(Field::Symbol, command.symbol.into());
        if self.is_one() {
            sink(Field::State, self.state.into());
            sink(Field::At, self.due.into());
        }
        let random_ms = self.random_ns / 1_000_000;
        if self.is_one() || random_ms != 0 {
            sink(Field::RandomMs, random_ms.into());
        }
        if self.is_one() || self.seed != 0 {
            sink(Field::Seed, self.seed.into());
        }
    }
}

impl SetRisk {
    pub(crate) fn fields(&self, command: &Command, sink: Out) {
        match self.scope {
            RiskScope::Session => sink(Field::Session, command.session.into()),
            RiskScope::Firm => sink(Field::Firm, self.firm.into()),
            RiskScope::Symbol => sink(Field::Symbol, command.symbol.into()),
        }
        self.limits.table_fields(sink);
    }
}

impl BreakTrade {
    pub(crate) fn fields(&self, _command: &Command, sink: Out) {
        self.table_fields(sink);
        let fields = [
            [Field::RestingSession, Field::RestingId, Field::RestingText],
            [Field::IncomingSession, Field::IncomingId, Field::IncomingText],
        ];
        for (side, [session, id, text]) in self.sides().iter().zip(fields) {
            sink(session, side.session.into());
            sink(id, side.id.into());
            let padded = String::from_utf8_lossy(&side.text);
            if !padded.trim_end().is_empty() {
                sink(text, padded.trim_end().to_string().into());
            }
        }
    }
}

impl CorrectTrade {
    pub(crate) fn fields(&self, command: &Command, sink: Out) {
        self.trade.fields(command, sink);
        self.table_fields(sink);
    }
}

impl ImportOrder {
    /// Passes the fields; the price of an import is not optional.
    pub(crate) fn fields(&self, command: &Command, sink: Out) {
        sink(Field::Session, command.session.into());
        sink(Field::Id, self.order.id.into());
        self.table_fields(sink);
        let said = Said { price: Some(self.order.price), ..self.order.said() };
        self.order.terms(command.symbol, said, sink);
    }
}
