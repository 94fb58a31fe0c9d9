//! Commands and reports as one line of text each, for expectations and output.

use ringside_model::command::{Action, Cancel, Reduce, Replace, Sequenced};
use ringside_model::domain::{
    Capacity, OrderId, OrderNumber, PartitionId, PostOnly, Quantity, SelfTrade, SessionId, SymbolId,
};
use ringside_model::reason::Reason;
use ringside_model::report::{
    Accepted, Body, Canceled, Executed, Exported, Held, Imported, Moved, Replaced, Report,
};
use std::fmt::Write;

/// Formats every field of a report that is not zero, so that equal texts mean equal reports. The
/// mark of the last report, session 1 and symbol 1 are left out: `kind [session/]id#number[ of
/// symbol] side quantity@price open rest …`.
pub fn report(r: &Report) -> String {
    let mut text = r.kind.name().to_string();
    match (r.session.0, r.id.0) {
        (1, 0) => {}
        (1, id) => write!(text, " {id}").unwrap(),
        (session, id) => write!(text, " {session}/{id}").unwrap(),
    }
    if r.order.0 != 0 {
        write!(text, "#{}", number(r.order.0)).unwrap();
    }
    text += &of_symbol(r.symbol);
    write!(text, " {}", r.side.name()).unwrap();
    let quantity = match r.body() {
        Body::Replaced(Replaced { stop: Some(_), .. }) => r.open,
        _ => r.quantity,
    };
    if (quantity.0, r.price.0) != (0, 0) {
        write!(text, " {quantity}@{}", r.price).unwrap();
    }
    if r.open.0 != 0 {
        write!(text, " open {}", r.open).unwrap();
    }
    let (fields, marks) = body(r.body());
    text += &fields;
    if r.is_hidden() {
        text += " hidden";
    }
    text += &marks;
    if r.reason != Reason::None {
        write!(text, " {}", r.reason.name()).unwrap();
    }
    text
}

/// Formats the fields of a body that are not zero, and its marks. Codes stand for words.
fn body(body: Body) -> (String, String) {
    let other = |word: u64| if word == 0 { String::new() } else { format!(" other {word}") };
    let was = |order: OrderNumber| format!(" was #{}", number(order.0));
    let displayed = |quantity: Option<Quantity>| match quantity {
        Some(Quantity(quantity)) => (other(quantity), " reserve".to_string()),
        None => (String::new(), String::new()),
    };
    let terms = |capacity: Capacity, attributed: bool| match (capacity, attributed) {
        (Capacity::Other, false) => String::new(),
        (capacity, false) => format!(" {}", capacity.name()),
        (capacity, true) => format!(" {} attributed", capacity.name()),
    };
    let there = |id: OrderId, partition: PartitionId| match partition {
        PartitionId(0) => other(id.0),
        partition => format!("{} trade {partition}", other(id.0)),
    };
    let word = match body {
        Body::Accepted(Accepted { stop: Some(limit) }) => {
            return (other(limit.0 as u64), " stop".into());
        }
        Body::Executed(Executed { trade, contra, removed, auction }) => {
            let marks = match (auction, removed) {
                (Some(auction), true) => format!(" {} younger", auction.name()),
                (Some(auction), false) => format!(" {}", auction.name()),
                (None, true) => " removed".into(),
                (None, false) => String::new(),
            };
            return (format!(" with #{} trade {trade}", number(contra.0)), marks);
        }
        Body::Canceled(Canceled { displayed: None, prevented }) => prevented.0 as u64,
        Body::Canceled(Canceled { displayed: some, .. }) => return displayed(some),
        Body::Modified(modified) => return displayed(modified.displayed),
        Body::Replaced(Replaced { old_id, place, stop, attributed, capacity }) => {
            let place = if place == 0 { String::new() } else { format!(" place {place}") };
            let stop = stop.map_or(String::new(), |limit| format!(" stop {limit}"));
            return (other(old_id.0) + &place, stop + &terms(capacity, attributed));
        }
        Body::Exported(Exported { terms: exported, attributed, capacity }) => {
            return (format!(" {exported:?}"), terms(capacity, attributed));
        }
        Body::Held(Held { id_there, partition, attributed, capacity })
        | Body::Imported(Imported { id_there, partition, attributed, capacity }) => {
            return (there(id_there, partition), terms(capacity, attributed));
        }
        Body::Triggered(triggered) => return (was(triggered.old_order), String::new()),
        Body::Displayed(displayed) => return (was(displayed.old_order), String::new()),
        Body::Repriced(repriced) => {
            let parked = if repriced.parked { " parked" } else { "" };
            return (was(repriced.old_order), parked.into());
        }
        Body::Entered(entered) => return (was(entered.old_order), String::new()),
        Body::Rejected(rejected) => rejected.moved.map_or(0, Moved::word),
        Body::SymbolMoved(moved) => moved.moved.word(),
        Body::Defined(defined) => defined.firm.0.into(),
        Body::RiskSet(risk) => risk.firm.0.into(),
        Body::DurabilitySet(set) => set.durability as u64,
        Body::OrderEntrySet(set) => set.enabled.into(),
        Body::AccountQueried(queried) => queried.next_id.0,
        Body::TradingDay(day) => day.event as u64,
        Body::Broken(broken) => broken.match_number.0,
        Body::Corrected(corrected) => corrected.match_number.0,
        Body::StateChanged(changed) => changed.state as u64,
        Body::StatePlanned(planned) => planned.state.map_or(0, |state| state as u64),
        Body::Crossed(crossed) => crossed.auction as u64,
        Body::Indicative(indicative) => indicative.auction.map_or(0, |auction| auction as u64),
        Body::BandsSet(bands) => bands.high.0 as u64,
        Body::LimitState(state) => state.stands.into(),
        Body::Quoted(quoted) => quoted.offer.0 as u64,
        Body::ShortSaleSet(set) => u64::from(set.restricted) + 2 * u64::from(set.automatic),
        Body::ReferenceSet(set) => set.last.0 as u64,
        Body::CallExtended(extended) => extended.until.0,
        Body::SymbolChanged(changed) => return (format!(" {changed:?}"), String::new()),
        Body::StopWavesSet(set) => set.waves_max.into(),
        Body::Accepted(Accepted { stop: None })
        | Body::Restated(_)
        | Body::MassCanceled(_)
        | Body::Parked(_)
        | Body::Unfinished(_)
        | Body::Ticked(_)
        | Body::StateHash(_) => 0,
    };
    (other(word), String::new())
}

/// Formats the number of an order. An elected stop or a later slice of an iceberg has the seqno of
/// the command that gave it a new place, and its index among the places that the command gave.
fn number(order: u64) -> String {
    match (order >> 44, order % (1 << 44)) {
        (0, seqno) => seqno.to_string(),
        (index, seqno) => format!("{seqno}.{index}"),
    }
}

/// Formats a command with its seqno and its time.
pub fn command(sequenced: &Sequenced) -> String {
    let c = &sequenced.command;
    let session = if c.session == SessionId(1) { String::new() } else { format!("{}/", c.session) };
    let mut text = format!("#{} ", sequenced.seqno);
    match c.action {
        Action::Enter(e) => {
            write!(text, "enter {session}{} {} {}", e.id, e.side.name(), e.quantity).unwrap();
            write!(text, "@{} {} {}", e.price, e.order_type.name(), e.tif.name()).unwrap();
            if e.post_only != PostOnly::Off {
                write!(text, " post_only {}", e.post_only.name()).unwrap();
            }
            if e.self_trade != SelfTrade::None {
                write!(text, " {}", e.self_trade.name()).unwrap();
            }
            write!(text, " firm {} group {}", e.firm, e.group).unwrap();
            let attributed = if e.attributed { " attributed" } else { "" };
            write!(text, " {}{attributed}", e.capacity.name()).unwrap();
        }
        Action::Reduce(Reduce { id, quantity }) => {
            write!(text, "reduce {session}{id} to {quantity}").unwrap();
        }
        Action::Replace(Replace { id, new_id, quantity, price }) => {
            write!(text, "replace {session}{id} by {new_id} {quantity}@{price}").unwrap();
        }
        Action::Cancel(Cancel { id }) => write!(text, "cancel {session}{id}").unwrap(),
        other => write!(text, "{session}{other:?}").unwrap(),
    }
    text += &of_symbol(c.symbol);
    write!(text, " time {}", sequenced.time).unwrap();
    if c.verdict != Reason::None {
        write!(text, " verdict {}", c.verdict.name()).unwrap();
    }
    text
}

fn of_symbol(symbol: SymbolId) -> String {
    if symbol == SymbolId(1) { String::new() } else { format!(" of {symbol}") }
}
