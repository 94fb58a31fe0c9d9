//! A symbol alone, under other names: the flow of the other symbols, the numbers of the commands
//! and the names of sessions, firms, groups and orders change no outcome of a symbol.

use super::{ORDERS, apply, check_profiles, lines, renumbered, same};
use ringside_engine::Engine;
use ringside_model::command::{
    Action, Cancel, Command, Enter, MassCancel, Modify, OperatorCommand, Reduce, Replace,
    ReplaceTerms, Sequenced, is_venue_wide,
};
use ringside_model::domain::{FirmId, OrderId, OrderNumber, SeqNo, SessionId, SymbolId};
use ringside_model::report::{
    Body, Exported, ExportedTerms, Replaced, Report, ReportKind, Subject,
};
use ringside_testing::oracle::commands::{EVENTS, MIXED, Profile, TINY};
use std::collections::{BTreeMap, BTreeSet, HashMap};

#[test]
fn a_symbol_alone_and_under_other_names_has_the_same_outcome() {
    let profiles = [EVENTS, MIXED, TINY].map(|p| Profile { ids_cross_symbols: false, ..p });
    check_profiles(&profiles, |session| {
        let mut whole = Engine::new(ORDERS);
        let session = with_own_symbols(session);
        let session: Vec<Sequenced> = session.into_iter().filter(has_outcome).collect();
        let told: Vec<Vec<Report>> = session.iter().map(|c| apply(&mut whole, c)).collect();
        let symbols: BTreeSet<SymbolId> = session.iter().map(|c| c.command.symbol).collect();
        let known = symbols.into_iter().filter(|&symbol| symbol != SymbolId::NONE);
        known.map(|symbol| compare(&session, &told, symbol)).sum()
    });
}

/// Leaves out requests that name an order of another symbol, which no gateway passes on.
fn with_own_symbols(session: &[Sequenced]) -> Vec<Sequenced> {
    let mut symbols = HashMap::new();
    let mut is_own = |command: &&Sequenced| {
        let Command { session, symbol, action, .. } = command.command;
        let named = match action {
            Action::Cancel(Cancel { id })
            | Action::Reduce(Reduce { id, .. })
            | Action::Modify(Modify { id, .. })
            | Action::Replace(Replace { id, .. })
            | Action::ReplaceTerms(ReplaceTerms { replace: Replace { id, .. }, .. }) => {
                symbols.get(&(session, id)).copied()
            }
            _ => None,
        };
        let is_own = named.is_none_or(|of_order| of_order == symbol);
        if let Some(id) = action.new_id().filter(|_| is_own) {
            symbols.insert((session, id), symbol);
        }
        is_own
    };
    session.iter().filter(|command| is_own(command)).copied().collect()
}

/// Returns false for a command whose reports are about no book.
fn has_outcome(command: &Sequenced) -> bool {
    use OperatorCommand::{BreakTrade, CorrectTrade, SetRisk};
    let Action::Operator(operator) = command.command.action else { return true };
    !matches!(operator, BreakTrade(_) | CorrectTrade(_) | SetRisk(_))
}

/// Compares the reports about a symbol. Returns their number.
fn compare(session: &[Sequenced], told: &[Vec<Report>], symbol: SymbolId) -> Result<u64, String> {
    let mut alone = Engine::new(ORDERS);
    let mut numbers = BTreeMap::new();
    let mut count = 0;
    let is_seen = |(c, _): &(&Sequenced, _)| {
        c.command.symbol == symbol || is_venue_wide(c.command.action.kind(), c.command.symbol)
    };
    for (seqno, (command, told)) in (1..).zip(session.iter().zip(told).filter(is_seen)) {
        numbers.insert(command.seqno, SeqNo(seqno));
        let of_symbol = |reports: &[Report]| -> Vec<Report> {
            let is_it = |r: &&Report| r.symbol == symbol && r.kind != ReportKind::TradingDay;
            reports.iter().filter(is_it).copied().collect()
        };
        let reports = apply(&mut alone, &Sequenced { seqno: SeqNo(seqno), ..renamed(command) });
        let number = |order: OrderNumber| match numbers.get(&order.seqno()) {
            Some(&seqno) => OrderNumber::within(seqno, order.index()),
            None => order,
        };
        let expected: Vec<Report> =
            of_symbol(told).iter().map(|r| renamed_report(r, number)).collect();
        count += expected.len() as u64;
        same(command, &lines(&expected), &lines(&of_symbol(&reports)))?;
    }
    Ok(count)
}

fn renamed(command: &Sequenced) -> Sequenced {
    let mut renamed = *command;
    let command = &mut renamed.command;
    command.session = session(command.session);
    match &mut command.action {
        Action::Enter(order) => rename(order),
        Action::EnterStop(stop) => rename(&mut stop.order),
        Action::EnterIceberg(iceberg) => rename(&mut iceberg.order),
        Action::EnterSpecial(special) => rename(&mut special.order),
        Action::Operator(OperatorCommand::ImportOrder(import)) => rename(&mut import.order),
        Action::Cancel(Cancel { id: name })
        | Action::Reduce(Reduce { id: name, .. })
        | Action::Modify(Modify { id: name, .. }) => *name = id(*name),
        Action::Replace(Replace { id: old, new_id, .. }) => {
            (*old, *new_id) = (id(*old), id(*new_id));
        }
        Action::ReplaceTerms(ReplaceTerms { replace, .. }) => {
            (replace.id, replace.new_id) = (id(replace.id), id(replace.new_id));
        }
        Action::MassCancel(MassCancel {
            id: name, session: of, firm: by, group: among, ..
        }) => {
            *name = id(*name);
            (*of, *by, *among) = (of.map(session), by.map(firm), among.map(group));
        }
        _ => {}
    }
    renamed
}

fn rename(order: &mut Enter) {
    (order.id, order.firm, order.group) = (id(order.id), firm(order.firm), group(order.group));
}

fn renamed_report(r: &Report, number: impl Fn(OrderNumber) -> OrderNumber) -> Report {
    let subject = r.subject();
    let subject = Subject { session: session(subject.session), id: id(subject.id), ..subject };
    let renamed = renumbered(r, subject, number);
    match renamed.body() {
        Body::Replaced(replaced) => {
            Replaced { old_id: id(replaced.old_id), ..replaced }.about(renamed.subject())
        }
        Body::Exported(exported) => {
            let (firm, group) = (firm(exported.terms.firm), group(exported.terms.group));
            let terms = ExportedTerms { firm, group, ..exported.terms };
            Exported { terms, ..exported }.about(renamed.subject())
        }
        _ => renamed,
    }
}

// Products with an odd number are one to one, and zero stays zero.

fn id(OrderId(id): OrderId) -> OrderId {
    OrderId(id.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

fn session(SessionId(session): SessionId) -> SessionId {
    SessionId(session.wrapping_mul(0x9E37_79B1))
}

fn firm(FirmId(firm): FirmId) -> FirmId {
    FirmId(firm.wrapping_mul(40_503))
}

fn group(group: u16) -> u16 {
    group.wrapping_mul(40_503)
}
