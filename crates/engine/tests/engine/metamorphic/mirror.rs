//! Mirror images: the same session with buyers and sellers exchanged and prices mirrored. Rules
//! that know a side by nature are left out: short sales, basis points, and stops of both sides at
//! once (a wave has its buys first).

use super::{ORDERS, apply, check, lines, same};
use ringside_engine::Engine;
use ringside_model::command::{
    Action, DefineSymbol, Definition, Enter, EnterStop, MassCancel, Modify, OperatorCommand,
    Replace, Sequenced, SetBands, SetQuote, SetReference, SpecialTerms,
};
use ringside_model::domain::{Price, Side};
use ringside_model::report::{
    Accepted, BandsSet, Body, Canceled, Quoted, ReferenceSet, Replaced, Report, ReportKind, Subject,
};

/// Distance of the prices from those of the stream, so that the lowest price is far.
const SHIFT: i64 = 1_000;
/// Sum of a price and its mirror image.
const AXIS: i64 = 3_000;

#[test]
fn a_session_and_its_mirror_image_are_alike() {
    check(|session| {
        let (mut engine, mut image) = (Engine::new(ORDERS), Engine::new(ORDERS));
        let mut trades = 0;
        for command in session.iter().filter_map(fair) {
            let reports = apply(&mut engine, &command);
            let of_image = apply(&mut image, &mirrored_command(&command));
            if moves_both_sides(&reports) {
                break;
            }
            trades += reports.iter().filter(|r| r.kind == ReportKind::Executed).count() as u64;
            let expected: Vec<Report> = reports.iter().map(mirrored_report).collect();
            let told: Vec<Report> = of_image.iter().map(without_side).collect();
            same(&command, &in_any_order(&expected), &in_any_order(&told))?;
        }
        Ok(trades)
    });
}

/// Returns a command of a session that has a mirror image; `None` for one without.
fn fair(command: &Sequenced) -> Option<Sequenced> {
    let mut fair = *command;
    match &mut fair.command.action {
        Action::Enter(order) => settle(order)?,
        Action::EnterIceberg(iceberg) => settle(&mut iceberg.order)?,
        Action::EnterStop(EnterStop { order, stop }) => {
            settle(order)?;
            *stop = shifted(*stop)?;
            if !order.side.is_buy() {
                return None;
            }
        }
        Action::EnterSpecial(special) => {
            settle(&mut special.order)?;
            special.terms.peg_limit = shifted(special.terms.peg_limit)?;
            special.terms.peg_offset = special.terms.peg_offset.min(3);
        }
        Action::Modify(modify) => modify.side = None,
        Action::Replace(replace) => replace.price = shifted(replace.price)?,
        Action::Definition(Definition::Symbol(DefineSymbol { collar_bps, reference, .. })) => {
            *collar_bps = 0;
            // Without any reference an auction takes the lower of two middle ticks.
            *reference = Price(reference.0.max(1));
            *reference = shifted(*reference)?;
        }
        Action::Operator(OperatorCommand::SetBands(SetBands { low, high, bps, reference })) => {
            *bps = 0;
            for price in [low, high, reference] {
                *price = shifted(*price)?;
            }
        }
        Action::Operator(OperatorCommand::SetQuote(SetQuote { bid, offer })) => {
            (*bid, *offer) = (shifted(*bid)?, shifted(*offer)?);
        }
        Action::Operator(OperatorCommand::ImportOrder(import)) => settle(&mut import.order)?,
        Action::Operator(OperatorCommand::SetReference(SetReference { prior_close, last })) => {
            (*prior_close, *last) = (shifted(*prior_close)?, shifted(*last)?);
        }
        Action::ReplaceTerms(_)
        | Action::Operator(
            OperatorCommand::SetShortSale(_)
            | OperatorCommand::ChangeSymbol(_)
            | OperatorCommand::BreakTrade(_)
            | OperatorCommand::CorrectTrade(_),
        ) => return None,
        _ => {}
    }
    Some(fair)
}

/// Leaves a new order one of two sides.
fn settle(order: &mut Enter) -> Option<()> {
    order.side = if order.side.is_buy() { Side::Buy } else { Side::Sell };
    order.price = shifted(order.price)?;
    Some(())
}

fn shifted(price: Price) -> Option<Price> {
    match price.0 {
        0 => Some(price),
        1..=SHIFT => Some(Price(price.0 + SHIFT)),
        _ => None,
    }
}

fn mirrored_command(command: &Sequenced) -> Sequenced {
    let mut image = *command;
    match &mut image.command.action {
        Action::Enter(order) => turn(order),
        Action::EnterIceberg(iceberg) => turn(&mut iceberg.order),
        Action::EnterStop(EnterStop { order, stop }) => {
            turn(order);
            *stop = mirrored(*stop);
        }
        Action::EnterSpecial(special) => {
            turn(&mut special.order);
            let SpecialTerms { peg_limit, .. } = &mut special.terms;
            *peg_limit = mirrored(*peg_limit);
        }
        Action::Modify(Modify { .. }) => {}
        Action::Replace(Replace { price, .. }) => *price = mirrored(*price),
        Action::MassCancel(MassCancel { buy, .. }) => *buy = buy.map(|buy| !buy),
        Action::Definition(Definition::Symbol(symbol)) => {
            symbol.reference = mirrored(symbol.reference)
        }
        Action::Operator(OperatorCommand::SetBands(SetBands { low, high, reference, .. })) => {
            (*low, *high) = (mirrored(*high), mirrored(*low));
            *reference = mirrored(*reference);
        }
        Action::Operator(OperatorCommand::SetQuote(SetQuote { bid, offer })) => {
            (*bid, *offer) = (mirrored(*offer), mirrored(*bid));
        }
        Action::Operator(OperatorCommand::SetReference(SetReference { prior_close, last })) => {
            (*prior_close, *last) = (mirrored(*prior_close), mirrored(*last));
        }
        Action::Operator(OperatorCommand::ImportOrder(import)) => turn(&mut import.order),
        _ => {}
    }
    image
}

fn turn(order: &mut Enter) {
    order.side = other(order.side);
    order.price = mirrored(order.price);
}

fn other(side: Side) -> Side {
    if side.is_buy() { Side::Sell } else { Side::Buy }
}

fn mirrored(price: Price) -> Price {
    if price.0 == 0 { price } else { Price(AXIS - price.0) }
}

fn mirrored_report(r: &Report) -> Report {
    let subject = without_side(r).subject();
    let has_side = match r.kind {
        ReportKind::LimitState => true,
        ReportKind::Indicative => r.open.0 > 0,
        ReportKind::Rejected => false,
        _ => r.order.0 > 0,
    };
    let side = if has_side { other(subject.side) } else { subject.side };
    let body = match r.body() {
        Body::Accepted(Accepted { stop }) => Body::from(Accepted { stop: stop.map(mirrored) }),
        Body::Canceled(canceled) => {
            Body::from(Canceled { prevented: mirrored(canceled.prevented), ..canceled })
        }
        Body::BandsSet(BandsSet { low, high, reference }) => {
            let (low, high) = (mirrored(high), mirrored(low));
            Body::from(BandsSet { low, high, reference: mirrored(reference) })
        }
        Body::Quoted(Quoted { bid, offer }) => {
            Body::from(Quoted { bid: mirrored(offer), offer: mirrored(bid) })
        }
        Body::ReferenceSet(ReferenceSet { prior_close, last }) => {
            let (prior_close, last) = (mirrored(prior_close), mirrored(last));
            Body::from(ReferenceSet { prior_close, last })
        }
        Body::Replaced(replaced) => {
            Body::from(Replaced { stop: replaced.stop.map(mirrored), ..replaced })
        }
        body => body,
    };
    body.about(Subject { side, price: mirrored(subject.price), ..subject })
}

/// Returns true if bands have moved orders of both sides, the bids first: from then on the orders
/// of the image have other ages.
fn moves_both_sides(reports: &[Report]) -> bool {
    let is_moved = |r: &&Report| matches!(r.kind, ReportKind::Repriced | ReportKind::Canceled);
    let moved = || reports.iter().filter(is_moved);
    reports.iter().any(|r| r.kind == ReportKind::BandsSet)
        && moved().any(|r| r.side.is_buy())
        && moved().any(|r| !r.side.is_buy())
}

/// Returns the lines of reports. The bids of a symbol end, leave and arrive before its offers, so
/// neighbouring reports of such a kind are sorted.
fn in_any_order(reports: &[Report]) -> Vec<String> {
    let is_run = |one: &Report, next: &Report| {
        let kinds = [ReportKind::Canceled, ReportKind::Exported, ReportKind::Imported];
        kinds.contains(&one.kind) && (one.kind, one.symbol) == (next.kind, next.symbol)
    };
    let runs = reports.chunk_by(is_run).map(lines);
    runs.flat_map(|mut run| {
        run.sort();
        run
    })
    .collect()
}

/// Returns a reject without its side, and any other report as it is.
fn without_side(r: &Report) -> Report {
    let is_reject = r.kind == ReportKind::Rejected;
    let side = if is_reject { Side::Buy } else { r.side };
    r.body().about(Subject { side, ..r.subject() })
}
