//! Commands as fields of a line: the form of file sessions, exports and dumps.
//!
//! The tables of the bodies give most fields. This file has the rest: fields whose form depends on
//! other fields.

use super::definitions::DefineSymbol;
use super::operator::{
    BreakTrade, CorrectTrade, ImportOrder, PlanState, RunTimers, SetDurability, SetRisk, TradingDay,
};
use super::orders::{Enter, EnterIceberg, EnterRich, EnterStop, MassCancel, Modify, RichTerms};
use super::{Action, Command, Definition};
use crate::domain::{Peg, PostOnly, Price, RiskScope, SymbolId, TimeInForce};
use crate::field::{Field, Out, Value};

impl Command {
    /// Passes the fields of the command in the order of a line, from `op` on. The verdict is none
    /// of them, except the cause of a mass cancel.
    pub fn fields(&self, line: Out) {
        line(Field::Op, Value::Word(self.action.op()));
        match &self.action {
            Action::Definition(definition) => definition.fields(line),
            Action::Operator(command) => command.fields(self, line),
            order => self.order_fields(order, line),
        }
    }

    fn order_fields(&self, action: &Action, line: Out) {
        line(Field::Session, self.session.into());
        match action {
            Action::Enter(enter) => enter.fields(self.symbol, Said::default(), line),
            Action::EnterStop(stop) => stop.fields(self.symbol, line),
            Action::EnterIceberg(iceberg) => iceberg.fields(self.symbol, line),
            Action::EnterRich(rich) => rich.fields(self.symbol, line),
            Action::Reduce(reduce) => reduce.table_fields(line),
            Action::Replace(replace) => replace.table_fields(line),
            Action::Cancel(cancel) => cancel.table_fields(line),
            Action::Modify(modify) => modify.fields(line),
            Action::MassCancel(filter) => {
                filter.fields(self.symbol, line);
                if self.verdict.is_of_cancel() {
                    line(Field::Cause, Value::Word(self.verdict.name()));
                }
            }
            Action::SetOrderEntry(set) => set.table_fields(line),
            Action::AccountQuery(query) => query.table_fields(line),
            Action::Definition(_) | Action::Operator(_) => {}
        }
    }
}

impl RunTimers {
    pub(crate) fn fields(&self, command: &Command, line: Out) {
        line(Field::Symbol, command.symbol.into());
    }
}

impl TradingDay {
    /// Passes nothing: the event is the `op` of the line.
    pub(crate) fn fields(&self, _command: &Command, _line: Out) {}
}

impl SetDurability {
    pub(crate) fn fields(&self, _command: &Command, line: Out) {
        self.table_fields(line);
    }
}

impl Definition {
    fn fields(&self, line: Out) {
        match self {
            Definition::Symbol(symbol) => symbol.fields(line),
            Definition::Session(session) => session.table_fields(line),
            Definition::Firm(firm) => firm.table_fields(line),
        }
    }
}

impl DefineSymbol {
    fn fields(&self, line: Out) {
        self.table_fields(line);
        if self.reference.0 != 0 {
            line(Field::Reference, self.tick.decimal(self.reference).into());
        }
    }
}

/// Words of an order's line that its form changes.
#[derive(Default)]
struct Said {
    /// Order type, if the form has a type of its own.
    type_name: Option<&'static str>,
    /// Limit of a peg.
    price: Option<Price>,
    /// True if the order expires at a time that it names.
    is_timed: bool,
}

impl Enter {
    fn fields(&self, symbol: SymbolId, said: Said, line: Out) {
        line(Field::Id, self.id.into());
        self.terms(symbol, said, line);
    }

    /// Passes the terms without the id.
    fn terms(&self, symbol: SymbolId, said: Said, line: Out) {
        line(Field::Symbol, symbol.into());
        line(Field::Side, self.side.into());
        line(Field::Type, Value::Word(said.type_name.unwrap_or(self.order_type.name())));
        match said.is_timed && self.tif == TimeInForce::Gtc {
            true => line(Field::Tif, Value::Word("gtt")),
            false => line(Field::Tif, self.tif.into()),
        }
        line(Field::Qty, self.quantity.into());
        let price = said.price.unwrap_or(self.price);
        if price.0 != 0 {
            line(Field::Price, price.into());
        }
        match self.post_only {
            PostOnly::Off => {}
            PostOnly::Reject => line(Field::PostOnly, true.into()),
            PostOnly::Slide => line(Field::PostOnly, self.post_only.into()),
        }
        if self.group != 0 {
            line(Field::StpGroup, self.group.into());
        }
        self.table_fields(line);
        if self.firm.0 != 0 {
            line(Field::Firm, self.firm.into());
        }
    }
}

impl EnterStop {
    fn fields(&self, symbol: SymbolId, line: Out) {
        let said = Said { type_name: Some(self.type_name()), ..Said::default() };
        self.order.fields(symbol, said, line);
        line(Field::StopPrice, self.stop.into());
    }
}

impl EnterIceberg {
    fn fields(&self, symbol: SymbolId, line: Out) {
        self.order.fields(symbol, Said::default(), line);
        let super::Display { next, least, most, seed } = self.display;
        line(Field::DisplayQty, next.into());
        if (least, most) != (next, next) {
            line(Field::Refresh, format!("{least}-{most}").into());
        }
        line(Field::Seed, seed.into());
    }
}

impl EnterRich {
    /// Passes the fields; an expiry time changes `gtc` into `gtt`, and the bound of a peg is its
    /// price.
    fn fields(&self, symbol: SymbolId, line: Out) {
        let RichTerms { peg, peg_limit, peg_offset, expire, .. } = self.terms;
        let is_peg = peg != Peg::None;
        let said = Said {
            type_name: is_peg.then_some("peg"),
            price: is_peg.then_some(peg_limit),
            is_timed: expire.0 != 0,
        };
        self.order.fields(symbol, said, line);
        self.terms.table_fields(line);
        if peg_offset != 0 {
            line(Field::PegOffset, Price(peg_offset.into()).into());
        }
    }
}

impl Modify {
    fn fields(&self, line: Out) {
        line(Field::Id, self.id.into());
        if let Some(side) = self.side {
            line(Field::Side, side.into());
        }
        if let Some(quantity) = self.quantity {
            line(Field::Qty, quantity.into());
        }
    }
}

impl MassCancel {
    fn fields(&self, symbol: SymbolId, line: Out) {
        if self.id.0 != 0 {
            line(Field::Id, self.id.into());
        }
        if symbol != SymbolId::NONE {
            line(Field::Symbol, symbol.into());
        }
        if let Some(buy) = self.buy {
            line(Field::Side, Value::Word(if buy { "buy" } else { "sell" }));
        }
        if let Some(group) = self.group {
            line(Field::StpGroup, group.into());
        }
        if let Some(session) = self.session {
            line(Field::OfSession, session.into());
        }
        if let Some(firm) = self.firm {
            line(Field::OfFirm, firm.into());
        }
    }
}

impl PlanState {
    pub(crate) fn fields(&self, command: &Command, line: Out) {
        line(Field::Symbol, command.symbol.into());
        if self.is_one() {
            line(Field::State, self.state.into());
            line(Field::At, self.due.into());
            line(Field::RandomMs, (self.random_ns / 1_000_000).into());
            line(Field::Seed, self.seed.into());
        }
    }
}

impl SetRisk {
    pub(crate) fn fields(&self, command: &Command, line: Out) {
        match self.scope {
            RiskScope::Session => line(Field::Session, command.session.into()),
            RiskScope::Firm => line(Field::Firm, self.firm.into()),
            RiskScope::Symbol => line(Field::Symbol, command.symbol.into()),
        }
        self.limits.table_fields(line);
    }
}

impl BreakTrade {
    pub(crate) fn fields(&self, _command: &Command, line: Out) {
        self.table_fields(line);
        let fields = [
            [Field::RestingSession, Field::RestingId, Field::RestingText],
            [Field::IncomingSession, Field::IncomingId, Field::IncomingText],
        ];
        for (side, [session, id, text]) in self.sides().iter().zip(fields) {
            line(session, side.session.into());
            line(id, side.id.into());
            let padded = String::from_utf8_lossy(&side.text);
            if !padded.trim_end().is_empty() {
                line(text, padded.trim_end().to_string().into());
            }
        }
    }
}

impl CorrectTrade {
    pub(crate) fn fields(&self, command: &Command, line: Out) {
        self.trade.fields(command, line);
        self.table_fields(line);
    }
}

impl ImportOrder {
    pub(crate) fn fields(&self, command: &Command, line: Out) {
        line(Field::Session, command.session.into());
        line(Field::Id, self.order.id.into());
        self.table_fields(line);
        self.order.terms(command.symbol, Said::default(), line);
    }
}
