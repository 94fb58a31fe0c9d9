//! Commands of the journal as lines of a file session.

use ringside_core::registry::directory::Directory;
use ringside_model::command::{
    Action, BreakTrade, Command, Display, Enter, MassCancel, MoveSymbol, RichTerms, Sequenced,
    SetRisk,
};
use ringside_model::domain::{
    AtBand, AtShortTest, Capacity, FirmId, MoveStep, Name, OrderId, Peg, PostOnly, Price,
    RiskScope, Role, SelfTrade, SessionId, SymbolId,
};
use ringside_model::reason::Reason;
use serde_json::Value;

/// All fields that a command may have, in the order of printing.
pub(super) const COMMAND_COLUMNS: &[&str] = &[
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
    "capacity",
    "attributed",
    "firm",
    "role",
    "of_session",
    "of_firm",
    "cause",
    "enabled",
    "next_id",
    "match",
    "resting_session",
    "resting_id",
    "resting_text",
    "incoming_session",
    "incoming_id",
    "incoming_text",
    "tick",
    "lot",
    "collar_bps",
    "reference",
    "mode",
    "stop_price",
    "display_qty",
    "refresh",
    "seed",
    "state",
    "step",
    "partition",
    "version",
    "orders",
    "id_there",
    "peg",
    "peg_offset",
    "hidden",
    "min_qty",
    "expire_ts",
    "at_band",
    "at_short_test",
    "at",
    "random_ms",
    "low",
    "high",
    "band_bps",
    "bid",
    "offer",
    "restricted",
    "automatic",
    "qty_max",
    "notional_max",
    "open_orders_max",
    "gross_notional_max",
    "orders_per_second_max",
    "killed",
    "verdict",
];

/// A name from [`COMMAND_COLUMNS`] and its value.
pub(crate) type Field = (&'static str, Value);

/// Returns the fields of a command as in a line of a file session, after its seqno and official
/// time. Names that `names` does not know and prices of unknown symbols are left out: the journal
/// holds no text for them.
///
/// The last field is `verdict` if the gateway's verdict does not follow from the rest of the line:
/// the gateway found something that the line does not show, or did not find what the gateway of a
/// file session would find, as far as `names` knows the ids and the venue's rules. Reduce, modify
/// and cancel are the exception: a command with a symbol gets `too_late` if its order is not live,
/// a command without a symbol names an unknown order. The cause of a mass cancel is a field of its
/// line.
pub(crate) fn command_fields(at: &Sequenced, names: &Directory) -> Vec<Field> {
    let command = &at.command;
    let symbol = command.symbol;
    let mut line = Line { names, fields: Vec::with_capacity(16) };
    line.number("seq", at.seqno.0);
    line.number("ts", at.time.0);
    let mut usual = command.verdict == Reason::None;
    match command.action {
        Action::Enter(enter) => {
            line.enter(command.session, symbol, &enter, enter.order_type.name());
            usual &= names.refuses(command.session, enter.id).is_none();
        }
        Action::EnterStop(stop) => {
            line.enter(command.session, symbol, &stop.order, stop.type_name());
            let price = line.decimal(symbol, stop.stop).unwrap_or_else(|| "0".into());
            line.text("stop_price", price);
            usual &= names.refuses(command.session, stop.order.id).is_none();
        }
        Action::EnterIceberg(iceberg) => {
            line.enter(command.session, symbol, &iceberg.order, iceberg.order.order_type.name());
            let Display { next, least, most, seed } = iceberg.display;
            line.number("display_qty", next);
            if (least, most) != (next, next) {
                line.text("refresh", format!("{least}-{most}"));
            }
            line.number("seed", seed);
            usual &= names.refuses(command.session, iceberg.order.id).is_none();
        }
        Action::EnterRich(rich) => {
            let is_peg = rich.terms.peg != Peg::None;
            let type_name = if is_peg { "peg" } else { rich.order.order_type.name() };
            line.enter(command.session, symbol, &rich.order, type_name);
            line.rich_terms(symbol, &rich.terms);
            usual &= names.refuses(command.session, rich.order.id).is_none();
        }
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
            usual &= names.refuses(command.session, new_id).is_none();
            line.number("new_id", new_id.0);
            line.number("qty", quantity.0);
            // A replace without a price would be no valid line of a file session.
            let price = line.decimal(symbol, price).unwrap_or_else(|| "0".into());
            line.text("price", price);
        }
        Action::MassCancel(filter) => {
            line.mass_cancel(command.session, symbol, &filter);
            if command.verdict.is_of_cancel() {
                line.text("cause", command.verdict.name());
                usual = true;
            }
        }
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
        Action::Modify { id, side, quantity } => {
            line.change("modify", command.session, id);
            side.iter().for_each(|side| line.text("side", side.name()));
            quantity.iter().for_each(|quantity| line.number("qty", quantity.0));
            usual = is_usual(command.verdict, symbol);
        }
        Action::SetOrderEntry { id, enabled } => {
            line.request("order_entry", command.session, id);
            line.truth("enabled", enabled);
        }
        Action::AccountQuery { next } => {
            line.request("account_query", command.session, OrderId(0));
            line.number("next_id", next.0);
        }
        Action::TradingDay(event) => line.text("op", event.name()),
        Action::SetState(state) => {
            line.about("state", symbol);
            line.text("state", state.name());
        }
        Action::PlanState(plan) => {
            line.about("plan", symbol);
            if plan.due.0 != 0 {
                line.text("state", plan.state.name());
                line.number("at", plan.due.0);
                line.number("random_ms", plan.random_ns / 1_000_000);
                line.number("seed", plan.seed);
            }
        }
        Action::Tick => line.about("tick", symbol),
        Action::SetBands(bands) => {
            line.about("bands", symbol);
            line.price("low", symbol, bands.low);
            line.price("high", symbol, bands.high);
            line.price("reference", symbol, bands.reference);
            line.number("band_bps", bands.bps.into());
        }
        Action::SetQuote { bid, offer } => {
            line.about("quote", symbol);
            for (key, price) in [("bid", bid), ("offer", offer)] {
                let price = line.decimal(symbol, price).unwrap_or_else(|| "0".into());
                line.text(key, price);
            }
        }
        Action::SetShortSale { restricted, automatic } => {
            line.about("short_sale", symbol);
            line.truth("restricted", restricted);
            line.truth("automatic", automatic);
        }
        Action::SetRisk(risk) => line.risk(command, &risk),
        Action::BreakTrade(trade) => line.trade("break_trade", &trade),
        Action::CorrectTrade(correction) => {
            line.trade("correct_trade", &correction.trade);
            let price = line.decimal(symbol, correction.price).unwrap_or_else(|| "0".into());
            line.text("price", price);
            line.number("qty", correction.quantity.0);
        }
        Action::DefineSession { name, firm, role } => {
            line.text("op", "session");
            line.text("session", name.as_str());
            line.firm("firm", firm);
            if role != Role::File {
                line.text("role", role.name());
            }
        }
        Action::DefineFirm { name, .. } => {
            line.text("op", "firm");
            line.text("firm", name.as_str());
        }
        Action::SetDurability(mode) => {
            line.text("op", "durability");
            line.text("mode", mode.name());
        }
        Action::MoveSymbol(asked) => line.move_symbol(symbol, &asked),
        Action::ImportOrder(import) => {
            line.change("import", command.session, import.order.id);
            line.number("id_there", import.id_there.0);
            line.terms(symbol, &import.order, import.order.order_type.name());
        }
    }
    if !usual {
        line.text("verdict", command.verdict.name());
    }
    line.fields
}

/// Formats the fields as one JSON object, in their order, without a newline.
pub(crate) fn json_line(fields: &[Field]) -> String {
    let members: Vec<String> =
        fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// Returns true if a gateway gives this verdict to every reduce and cancel with such a symbol.
fn is_usual(verdict: Reason, symbol: SymbolId) -> bool {
    verdict == Reason::TooLate || (verdict == Reason::None && symbol == SymbolId::NONE)
}

struct Line<'a> {
    names: &'a Directory,
    fields: Vec<Field>,
}

impl Line<'_> {
    fn enter(&mut self, session: SessionId, symbol: SymbolId, enter: &Enter, type_name: &str) {
        self.change("enter", session, enter.id);
        self.terms(symbol, enter, type_name);
    }

    fn move_symbol(&mut self, symbol: SymbolId, asked: &MoveSymbol) {
        self.text("op", "move");
        self.name("symbol", self.names.symbol(symbol).map(|symbol| symbol.name));
        self.text("step", asked.step.name());
        self.number("partition", asked.partition.0.into());
        self.number("version", asked.version.into());
        if asked.step == MoveStep::Resume {
            self.number("orders", asked.orders);
            self.number("qty", asked.quantity.0);
        }
    }

    /// Adds the terms of a new order.
    fn terms(&mut self, symbol: SymbolId, enter: &Enter, type_name: &str) {
        self.name("symbol", self.names.symbol(symbol).map(|symbol| symbol.name));
        self.text("side", enter.side.name());
        self.text("type", type_name);
        self.text("tif", enter.tif.name());
        self.number("qty", enter.quantity.0);
        if let Some(price) = self.decimal(symbol, enter.price) {
            self.text("price", price);
        }
        match enter.post_only {
            PostOnly::Off => {}
            PostOnly::Reject => self.truth("post_only", true),
            PostOnly::Slide => self.text("post_only", enter.post_only.name()),
        }
        if enter.self_trade != SelfTrade::None {
            self.text("stp", enter.self_trade.name());
        }
        if enter.group != 0 {
            self.number("stp_group", enter.group.into());
        }
        if enter.capacity != Capacity::Other {
            self.text("capacity", enter.capacity.name());
        }
        if enter.attributed {
            self.truth("attributed", true);
        }
        self.firm("firm", enter.firm);
    }

    fn mass_cancel(&mut self, session: SessionId, symbol: SymbolId, filter: &MassCancel) {
        self.request("mass_cancel", session, filter.id);
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

    /// Adds the rarely used terms of an order. An expiry time changes `gtc` into `gtt`.
    fn rich_terms(&mut self, symbol: SymbolId, terms: &RichTerms) {
        let RichTerms { expire, min_quantity, peg_limit, peg_offset, peg, .. } = *terms;
        let RichTerms { hidden, at_band, at_short_test, .. } = *terms;
        if expire.0 != 0 {
            self.number("expire_ts", expire.0);
            let tif = self.fields.iter_mut().find(|(name, _)| *name == "tif");
            if let Some((_, tif)) = tif {
                *tif = "gtt".into();
            }
        }
        if min_quantity.0 != 0 {
            self.number("min_qty", min_quantity.0);
        }
        if peg != Peg::None {
            self.text("peg", peg.name());
            self.price("price", symbol, peg_limit);
            self.price("peg_offset", symbol, Price(peg_offset.into()));
        }
        if hidden {
            self.truth("hidden", true);
        }
        if at_band != AtBand::Reprice {
            self.text("at_band", at_band.name());
        }
        if at_short_test != AtShortTest::Reject {
            self.text("at_short_test", at_short_test.name());
        }
    }

    fn risk(&mut self, command: &Command, risk: &SetRisk) {
        self.text("op", "risk");
        match risk.scope {
            RiskScope::Session => self.session("session", command.session),
            RiskScope::Firm => self.firm("firm", risk.firm),
            RiskScope::Symbol => {
                let symbol = self.names.symbol(command.symbol);
                self.name("symbol", symbol.map(|symbol| symbol.name));
            }
        }
        let limits = &risk.limits;
        let numbers = [
            ("qty_max", limits.quantity_max),
            ("notional_max", limits.notional_max),
            ("open_orders_max", limits.open_orders_max),
            ("gross_notional_max", limits.gross_notional_max),
            ("orders_per_second_max", limits.orders_per_second_max.into()),
        ];
        for (key, limit) in numbers.into_iter().filter(|(_, limit)| *limit != 0) {
            self.number(key, limit);
        }
        if limits.killed {
            self.truth("killed", true);
        }
    }

    /// Begins a line about a symbol.
    fn about(&mut self, op: &str, symbol: SymbolId) {
        self.text("op", op);
        self.name("symbol", self.names.symbol(symbol).map(|symbol| symbol.name));
    }

    /// Adds a price, if there is one.
    fn price(&mut self, key: &'static str, symbol: SymbolId, price: Price) {
        if let Some(price) = self.decimal(symbol, price) {
            self.text(key, price);
        }
    }

    fn trade(&mut self, op: &str, trade: &BreakTrade) {
        self.text("op", op);
        self.number("match", trade.match_number.0);
        let keys = [
            ["resting_session", "resting_id", "resting_text"],
            ["incoming_session", "incoming_id", "incoming_text"],
        ];
        for (side, [session, id, text]) in trade.sides.iter().zip(keys) {
            self.session(session, side.session);
            self.number(id, side.id.0);
            let padded = String::from_utf8_lossy(&side.text);
            if !padded.trim_end().is_empty() {
                self.text(text, padded.trim_end());
            }
        }
    }

    /// Begins a line about a session. Most requests use up no id.
    fn request(&mut self, op: &str, session: SessionId, id: OrderId) {
        self.text("op", op);
        self.session("session", session);
        if id.0 != 0 {
            self.number("id", id.0);
        }
    }

    /// Begins a line about one order.
    fn change(&mut self, op: &str, session: SessionId, id: OrderId) {
        self.text("op", op);
        self.session("session", session);
        self.number("id", id.0);
    }

    /// Formats a price with all digits of the tick; `None` without a price or a known symbol.
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

    fn truth(&mut self, key: &'static str, truth: bool) {
        self.fields.push((key, truth.into()));
    }

    fn number(&mut self, key: &'static str, number: u64) {
        self.fields.push((key, number.into()));
    }
}
