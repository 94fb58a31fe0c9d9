//! Commands and reports as one line of text each, for expectations and output.

use ringside_model::command::{Action, Cancel, Reduce, Replace, Sequenced};
use ringside_model::domain::{PostOnly, SelfTrade, SessionId, SymbolId};
use ringside_model::reason::Reason;
use ringside_model::report::{Report, ReportKind};
use std::fmt::Write;

/// Formats every field of a report that is not zero, so that equal texts mean equal reports.
/// [`Report::LAST`], session 1 and symbol 1 are left out: `kind [session/]id#number[ of symbol]
/// side quantity@price open rest …`.
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
    if (r.quantity.0, r.price.0) != (0, 0) {
        write!(text, " {}@{}", r.quantity, r.price).unwrap();
    }
    if r.open.0 != 0 {
        write!(text, " open {}", r.open).unwrap();
    }
    match (r.kind, r.other) {
        (_, 0) => {}
        (ReportKind::Executed, other) => write!(text, " with #{}", number(other)).unwrap(),
        (ReportKind::Triggered | ReportKind::Displayed | ReportKind::Repriced, other) => {
            write!(text, " was #{}", number(other)).unwrap()
        }
        (_, other) => write!(text, " other {other}").unwrap(),
    }
    if r.trade != 0 {
        write!(text, " trade {}", r.trade).unwrap();
    }
    text += &flags(r);
    if r.reason != Reason::None {
        write!(text, " {}", r.reason.name()).unwrap();
    }
    text
}

/// Formats every flag but [`Report::LAST`].
fn flags(r: &Report) -> String {
    let (hidden, flags) = (r.flags & Report::HIDDEN, r.flags & !Report::LAST & !Report::HIDDEN);
    if hidden != 0 {
        return format!(" hidden{}", self::flags(&Report { flags, ..*r }));
    }
    let on_replace = (r.capacity() as u8) << Report::CAPACITY_SHIFT | Report::ATTRIBUTED;
    match r.kind {
        _ if flags == 0 => String::new(),
        ReportKind::Accepted if flags == Report::STOP => " stop".into(),
        ReportKind::Canceled | ReportKind::Modified if flags == Report::RESERVE => {
            " reserve".into()
        }
        ReportKind::Executed if flags == Report::REMOVED => " removed".into(),
        ReportKind::Executed if flags & 0xF & !Report::REMOVED == 0 && r.auction().is_some() => {
            let younger = if flags & Report::REMOVED != 0 { " younger" } else { "" };
            format!(" {}{younger}", r.auction().map_or("", |auction| auction.name()))
        }
        ReportKind::Replaced | ReportKind::Exported | ReportKind::Held | ReportKind::Imported
            if flags & !on_replace == 0 =>
        {
            let attributed = if flags & Report::ATTRIBUTED != 0 { " attributed" } else { "" };
            format!(" {}{attributed}", r.capacity().name())
        }
        _ => format!(" bad flags {flags:#x}"),
    }
}

/// Formats the number of an order. An elected stop or a later slice of an iceberg has the seqno of
/// the command that gave it a new place, and its index among the places that the command gave.
fn number(order: u64) -> String {
    match (order >> 44, order % (1 << 44)) {
        (0, seqno) => seqno.to_string(),
        (index, seqno) => format!("{seqno}.{index}"),
    }
}

/// Formats a command with its seqno.
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
    if c.verdict != Reason::None {
        write!(text, " verdict {}", c.verdict.name()).unwrap();
    }
    text
}

fn of_symbol(symbol: SymbolId) -> String {
    if symbol == SymbolId(1) { String::new() } else { format!(" of {symbol}") }
}
