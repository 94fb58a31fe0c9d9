//! Operations: turn the fields of a line into commands.
//!
//! A line is read and checked as a whole before its first command goes out. `orders.rs` has the
//! lines about orders, `definitions.rs` those that define names, `moves.rs` those that move symbols
//! between partitions, `market.rs` those that protect the market of a symbol, `reference.rs` those
//! about its reference data, `operator_lines.rs` the rest.

use super::fields::{Decimal, Fault, Field, Fields};
use crate::gateway::admission::Admission;
use crate::gateway::risk::RequestTime;
use ringside_core::registry::definitions::NoNumberLeft;
use ringside_core::registry::directory::Directory;
use ringside_model::command::{Action, Command};
use ringside_model::domain::{FirmId, Name, Nanos, OrderId, Price, SessionId, SymbolId};
use ringside_model::reason::Reason;

/// Runs the operation of a line.
pub(super) fn run(
    fields: &Fields,
    mut venue: Interpreter<'_, impl FnMut(Command, Option<Nanos>)>,
) -> Result<(), Fault> {
    let operation = fields.required(Field::Op, fields.text(Field::Op)?)?;
    venue.time = fields.integer_to(Field::Ts, u64::MAX)?.map(Nanos);
    match operation {
        "enter" => venue.enter(fields),
        "cancel" => venue.cancel(fields),
        "replace" => venue.replace(fields),
        "reduce" => venue.reduce(fields),
        "modify" => venue.modify(fields),
        "mass_cancel" => venue.mass_cancel(fields),
        "symbol" => venue.define_symbol(fields),
        "session" => venue.define_session(fields),
        "firm" => venue.define_firm(fields),
        "order_entry" => venue.set_order_entry(fields),
        "account_query" => venue.query_account(fields),
        "start_of_day" | "end_of_day" => venue.trading_day(fields, operation),
        "state" => venue.set_state(fields),
        "plan" => venue.plan_state(fields),
        "tick" => venue.tick(fields),
        "bands" => venue.set_bands(fields),
        "quote" => venue.set_quote(fields),
        "short_sale" => venue.set_short_sale(fields),
        "risk" => venue.set_risk(fields),
        "reference" => venue.set_reference(fields),
        "change_symbol" => venue.change_symbol(fields),
        "stop_waves" => venue.set_stop_waves(fields),
        "break_trade" => venue.break_trade(fields),
        "correct_trade" => venue.correct_trade(fields),
        "durability" => venue.set_durability(fields),
        "move" => venue.move_symbol(fields),
        "import" => venue.import_order(fields),
        _ => Err(fields.unknown_word(Field::Op, Action::ops().into_iter())),
    }
}

/// Interpreter of one line: makes its commands from the names in the directory.
pub(super) struct Interpreter<'a, F> {
    pub directory: &'a mut Directory,
    pub admission: &'a mut Admission,
    /// Waits until all commands that were given out have been answered.
    pub wait: &'a mut dyn FnMut(),
    /// Official time of the line, if it gives one.
    pub time: Option<Nanos>,
    pub out: &'a mut F,
}

impl<F: FnMut(Command, Option<Nanos>)> Interpreter<'_, F> {
    /// Returns the session of this name; a new name is defined first.
    pub(super) fn session(
        &mut self,
        fields: &Fields,
        field: Field,
        name: Name,
    ) -> Result<SessionId, Fault> {
        self.define(fields, field, |directory, out| directory.session_or_new(name, out))
    }

    /// Returns the firm of this name; a new name is defined first. A line asks for its firm before
    /// anything else, see [`Directory::firm_or_new`].
    pub(super) fn firm(
        &mut self,
        fields: &Fields,
        field: Field,
        name: Name,
    ) -> Result<FirmId, Fault> {
        self.define(fields, field, |directory, out| directory.firm_or_new(name, out))
    }

    /// Sends the commands of a definition. The fault is in the field that gives the name.
    pub(super) fn define<T>(
        &mut self,
        fields: &Fields,
        field: Field,
        definition: impl FnOnce(&mut Directory, &mut dyn FnMut(Command)) -> Result<T, NoNumberLeft>,
    ) -> Result<T, Fault> {
        let mut out = |command| (self.out)(command, self.time);
        let defined = definition(self.directory, &mut out);
        defined.map_err(|error| fields.fault(field, &error.to_string()))
    }

    /// Returns the price in ticks of the symbol; 0 if there is no such symbol. While the symbol
    /// changes, its tick is not known.
    pub(super) fn ticks(&self, symbol: SymbolId, price: Decimal) -> Result<Price, Reason> {
        if self.directory.names().is_changing(symbol) {
            return Err(Reason::Busy);
        }
        let symbol = self.directory.names().symbol(symbol);
        symbol.map_or(Ok(Price(0)), |symbol| price.ticks(symbol.tick))
    }

    /// Sends a command. `fault` is the fault of its line; an order also gets its verdict here.
    pub(super) fn send(
        &mut self,
        session: SessionId,
        symbol: SymbolId,
        fault: Reason,
        action: Action,
    ) {
        let mut command = Command { session, symbol, verdict: fault, action };
        if let Some(id) = action.new_id() {
            let refusal = self.directory.refuses(session, id);
            if self.admission.needs_answers(&command, self.directory) {
                (self.wait)();
            }
            let rates_ns = self.time.map(|Nanos(time)| time);
            let time = RequestTime { rates_ns, official: self.time };
            let admitted = self.admission.admit(&command, refusal, self.directory, time);
            command.verdict = admitted.err().unwrap_or(Reason::None);
        }
        self.directory.observe(&command);
        (self.out)(command, self.time);
    }
}

pub(super) fn required_name(fields: &Fields, field: Field) -> Result<Name, Fault> {
    fields.required(field, fields.name(field)?)
}

pub(super) fn required_id(fields: &Fields, field: Field) -> Result<OrderId, Fault> {
    fields.required(field, fields.integer_to(field, u64::MAX)?).map(OrderId)
}
