//! Fill-or-kill orders beside the same orders as immediate-or-cancel orders, both run on the same
//! book: the one trades, with the same reports, exactly where the other would be filled whole.

use super::{ORDERS, apply, check, lines, same};
use ringside_engine::Engine;
use ringside_model::command::{Action, Command, Enter, Sequenced};
use ringside_model::domain::{OrderType, TimeInForce};
use ringside_model::reason::Reason;
use ringside_model::report::{Body, Report, ReportKind};

#[test]
fn a_fill_or_kill_order_trades_where_an_immediate_or_cancel_order_is_filled() {
    check(|session| {
        let mut engine = Engine::new(ORDERS);
        let mut pairs = 0;
        for command in session {
            // A market-to-limit order cannot be fill-or-kill.
            if let Action::Enter(order) = command.command.action
                && command.command.verdict == Reason::None
                && order.order_type != OrderType::MarketToLimit
            {
                pairs += u64::from(compare(&engine, command, order)?);
            }
            apply(&mut engine, command);
        }
        Ok(pairs)
    });
}

/// Compares the two orders on copies of an engine. Returns true if they are accepted.
fn compare(engine: &Engine, at: &Sequenced, order: Enter) -> Result<bool, String> {
    let image = engine.image();
    let run = |action, verdict| {
        let mut engine = Engine::restore(ORDERS, &image).expect("an image of an engine");
        let command = Command { action, verdict, ..at.command };
        let reports = apply(&mut engine, &Sequenced { command, ..*at });
        (reports, engine.state_hash())
    };
    let [fok, ioc] = [TimeInForce::Fok, TimeInForce::Ioc].map(|tif| Enter { tif, ..order });
    let (killed, state) = run(Action::Enter(fok), Reason::None);
    let (filled, _) = run(Action::Enter(ioc), Reason::None);
    let Some(accepted) = filled.iter().find(|r| r.kind == ReportKind::Accepted) else {
        return same(at, &lines(&filled), &lines(&killed)).map(|()| false);
    };
    if taken_by(accepted, &filled) == order.quantity.0 {
        return same(at, &lines(&filled), &lines(&killed)).map(|()| true);
    }
    // An order that is killed has the effect of one that was refused before.
    let (_, without) = run(at.command.action, Reason::NotPermitted);
    let is_killed = killed.iter().any(|r| r.reason == Reason::FokNotFillable);
    if state == without && is_killed && taken_by(accepted, &killed) == 0 {
        return Ok(true);
    }
    same(at, &["a kill without any effect".into()], &lines(&killed)).map(|()| true)
}

/// Returns the quantity that an order takes from others.
fn taken_by(order: &Report, reports: &[Report]) -> u64 {
    let takes = |r: &&Report| matches!(r.body(), Body::Executed(e) if e.removed);
    reports.iter().filter(takes).filter(|r| r.order == order.order).map(|r| r.quantity.0).sum()
}
