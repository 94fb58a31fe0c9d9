//! Forged reports: for each law a short session whose last reports break the law. A law that holds
//! for any reports fails here.

use ringside_model::command::{
    Action, Cancel, Command, DefineSymbol, Enter, EnterSpecial, EnterStop, Sequenced, SetBands,
    SetState, SpecialTerms,
};
use ringside_model::domain::{
    Name, Nanos, OrderId, Price, Quantity, SelfTrade, SeqNo, SessionId, Side, SymbolId,
    SymbolState, Tick, TimeInForce,
};
use ringside_model::reason::Reason;
use ringside_model::report::{Report, ReportKind};
use ringside_testing::oracle::audit::Audit;
use ringside_testing::oracle::audit::laws::Law;
use ringside_testing::oracle::text;
use ringside_testing::oracle::venue::{TestedVenue, whole_engine};

/// Step of a session with a forgery.
enum Step {
    /// Command with its own reports.
    True(Action),
    /// Command that the laws do not see.
    Unseen(Action),
    /// Reports of the first command as those of the second one.
    Instead(Action, Action),
    /// Command with altered reports.
    Altered(Action, fn(&mut Vec<Report>)),
    /// Command at this time that the laws see at a later one.
    Late(Action, u64),
    /// Reports of the step before, again.
    Again,
}

use Step::{Again, Altered, Instead, Late, True, Unseen};

#[test]
fn every_law_finds_a_forged_report() {
    for &law in Law::ALL {
        assert_eq!(found(session_against(law)), Some(law), "{}", law.text());
    }
}

/// Returns a session whose last step breaks a law.
fn session_against(law: Law) -> Vec<Step> {
    let first = True(sell(1, 5, 10));
    let second = True(sell(2, 5, 10));
    let takes = |change: fn(&mut Enter)| order(limit(3, Side::Buy, 20, 10), change);
    let ioc = takes(|o| o.tif = TimeInForce::Ioc);
    match law {
        Law::FokWhole => vec![first, second, Instead(ioc, takes(|o| o.tif = TimeInForce::Fok))],
        Law::MinimumMet => vec![first, Instead(ioc_of_at_least(5), ioc_of_at_least(6))],
        Law::FirstTradesFirst => vec![first, second, Unseen(cancel(1)), True(buy(3, 5, 10))],
        Law::MinimumHasItsTurn => {
            vec![True(sell_of_at_least(3)), second, Unseen(cancel(1)), True(ioc)]
        }
        Law::WithinLimit => vec![first, Altered(buy(3, 5, 10), |r| r[0].price = Price(9))],
        Law::WithinBands => {
            vec![first, True(highest(9)), Unseen(highest(12)), True(buy(3, 5, 10))]
        }
        Law::BeforeEnd => vec![True(sell_until(1_000)), Late(buy(3, 5, 10), 2_000)],
        Law::OwnersApart => {
            vec![first, Instead(ioc, takes(|o| o.self_trade = SelfTrade::CancelNewest))]
        }
        Law::PreventedForCause => {
            let own = takes(|o| o.self_trade = SelfTrade::CancelNewest);
            let of_other = takes(|o| (o.self_trade, o.group) = (SelfTrade::CancelNewest, 2));
            vec![True(order(limit(1, Side::Sell, 5, 10), |o| o.group = 1)), Instead(own, of_other)]
        }
        Law::QuantityKept => vec![first, Altered(buy(3, 3, 10), |r| r[1].open.0 += 1)],
        Law::EndsOnce => vec![first, True(cancel(1)), Again],
        Law::NotCrossed => vec![first, Unseen(cancel(1)), True(buy(3, 5, 10))],
        Law::TooSmallForMinimum => {
            vec![True(sell_of_at_least(3)), Unseen(cancel(1)), True(buy(3, 5, 10))]
        }
        Law::MinimumsComeIn => {
            let [call, open] = [SymbolState::PreOpen, SymbolState::Open].map(state);
            let untold = |r: &mut Vec<Report>| r.retain(|r| r.kind != ReportKind::Executed);
            vec![True(call), True(sell_of_at_least(3)), True(buy(3, 5, 10)), Altered(open, untold)]
        }
        Law::StopsEnter => {
            let stop = EnterStop { order: limit(3, Side::Buy, 5, 10), stop: Price(10) };
            vec![first, True(Action::EnterStop(stop)), Unseen(cancel(3)), True(buy(4, 5, 10))]
        }
        Law::TradesWhereOpen => {
            let [call, open] = [SymbolState::PreOpen, SymbolState::Open].map(state);
            vec![first, True(call), Unseen(open), True(buy(3, 5, 10))]
        }
        Law::NumbersNew => vec![first, Altered(buy(3, 2, 10), |r| r.extend_from_within(1..))],
        Law::WorkBounded => vec![Altered(state(SymbolState::Halted), |r| *r = vec![r[0]; 30])],
    }
}

/// Returns the law that a session breaks with its last step.
fn found(session: Vec<Step>) -> Option<Law> {
    let (mut engine, mut audit, mut reports) = (whole_engine(), Audit::default(), vec![]);
    let steps = session.len();
    for (number, step) in (1..).zip(std::iter::once(True(definition())).chain(session)) {
        let at = |time, action| {
            let (session, symbol) = (SessionId(1), SymbolId(1));
            let command = Command { session, symbol, verdict: Reason::None, action };
            Sequenced { seqno: SeqNo(number), time: Nanos(time), command }
        };
        let (given, seen) = match step {
            True(action) | Altered(action, _) => (action, Some(at(number, action))),
            Unseen(action) => (action, None),
            Instead(given, told) => (given, Some(at(number, told))),
            Late(action, time) => (action, Some(at(time, action))),
            Again => (cancel(0), Some(at(number, cancel(0)))),
        };
        let told = engine.apply(&[at(number, given)]);
        if !matches!(step, Again) {
            reports = told;
        }
        if let Altered(_, alter) = step {
            reports.iter_mut().for_each(|r| *r = r.without_last());
            alter(&mut reports);
            reports.last_mut().expect("a report").set_last();
        }
        let broken = seen.and_then(|command| audit.command(&command, &reports).err());
        if let Some(text) = broken {
            let lines: Vec<String> = reports.iter().map(text::report).collect();
            assert_eq!(number, steps as u64 + 1, "{text}\n{}", lines.join("\n"));
            return Law::ALL.iter().copied().find(|law| text.starts_with(law.text()));
        }
    }
    None
}

fn definition() -> Action {
    Action::from(DefineSymbol {
        name: Name::new("N").unwrap(),
        tick: Tick { mantissa: 1, scale: 2 },
        lot: Quantity(1),
        collar_bps: 0,
        reference: Price(0),
    })
}

fn limit(id: u64, side: Side, quantity: u64, price: i64) -> Enter {
    Enter::limit(OrderId(id), side, Quantity(quantity), Price(price))
}

fn order(mut order: Enter, change: fn(&mut Enter)) -> Action {
    change(&mut order);
    Action::Enter(order)
}

fn buy(id: u64, quantity: u64, price: i64) -> Action {
    Action::Enter(limit(id, Side::Buy, quantity, price))
}

fn sell(id: u64, quantity: u64, price: i64) -> Action {
    Action::Enter(limit(id, Side::Sell, quantity, price))
}

fn ioc_of_at_least(least: u64) -> Action {
    let order = Enter { tif: TimeInForce::Ioc, ..limit(3, Side::Buy, 20, 10) };
    special(order, SpecialTerms { min_quantity: Quantity(least), ..SpecialTerms::NONE })
}

/// Hidden order 1 with a minimum.
fn sell_of_at_least(least: u64) -> Action {
    let min_quantity = Quantity(least);
    let terms = SpecialTerms { hidden: true, min_quantity, ..SpecialTerms::NONE };
    special(limit(1, Side::Sell, 5, 9), terms)
}

fn sell_until(time: u64) -> Action {
    let order = Enter { tif: TimeInForce::Gtc, ..limit(1, Side::Sell, 5, 10) };
    special(order, SpecialTerms { expire: Nanos(time), ..SpecialTerms::NONE })
}

fn special(order: Enter, terms: SpecialTerms) -> Action {
    Action::EnterSpecial(EnterSpecial { order, terms })
}

fn cancel(id: u64) -> Action {
    Action::Cancel(Cancel { id: OrderId(id) })
}

fn state(state: SymbolState) -> Action {
    Action::from(SetState::to(state))
}

/// Sets the highest price of a trade.
fn highest(price: i64) -> Action {
    Action::from(SetBands { high: Price(price), ..SetBands::default() })
}
