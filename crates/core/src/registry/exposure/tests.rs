//! Counts of open orders and traded values.

use super::*;
use ringside_model::command::{DefineSymbol, Enter, ImportOrder, RunTimers, TradingDay};
use ringside_model::domain::{
    Capacity, Name, OrderNumber, PartitionId, Quantity, RiskScope, Role, Side, Tick,
};
use ringside_model::reason::Reason;
use ringside_model::report::{
    Accepted, Canceled, Executed, Held, Imported, Rejected, Replaced, Subject,
};

const SYMBOL: SymbolId = SymbolId(1);

fn command(session: u32, action: Action) -> Command {
    let (session, symbol) = (SessionId(session), SYMBOL);
    Command { session, symbol, verdict: Reason::None, action }
}

/// Returns counts for the sessions 1 and 2 of firm 1, and a symbol with a prior close.
fn exposure() -> ExposureCounter {
    let mut exposure = ExposureCounter::default();
    let (name, role) = (Name::new("N").unwrap(), Role::File);
    for session in [1, 2] {
        let firm = FirmId(1);
        exposure.definition(&command(session, Action::from(DefineSession { name, firm, role })));
    }
    let (tick, lot) = (Tick::parse("0.01").unwrap(), Quantity(1));
    let definition = DefineSymbol { name, tick, lot, collar_bps: 0, reference: Price(77) };
    exposure.definition(&command(0, Action::from(definition)));
    exposure
}

#[test]
fn prices_and_values_follow_the_reference_and_the_tick() {
    let mut exposure = exposure();
    let tell = |exposure: &mut ExposureCounter, body: Body| {
        exposure.report(&body.about(SYMBOL), &command(0, Action::from(RunTimers)));
        exposure.exposures().last_price(SYMBOL)
    };
    let quoted = report::Quoted { bid: Price(42), offer: Price(99) };
    tell(&mut exposure, quoted.into());
    let reference = |last| ReferenceSet { prior_close: Price(80), last: Price(last) }.into();
    assert_eq!(tell(&mut exposure, reference(0)), Price(80));
    assert_eq!(tell(&mut exposure, reference(83)), Price(83));
    let changed = report::SymbolChanged {
        tick_mantissa: 5,
        tick_scale: 2,
        lot: Quantity(1),
        collar_bps: 0,
        auction: Default::default(),
        extension: Default::default(),
    };
    assert_eq!(tell(&mut exposure, changed.into()), Price(17));
    assert_eq!(exposure.exposures().bid(SYMBOL), Price(8));
    let tick = exposure.ticks[SYMBOL.0 as usize].map(|(tick, _)| tick);
    assert_eq!(tick, Tick::parse("0.05"));
}

fn order(id: u64, firm: u16) -> Enter {
    Enter { firm: FirmId(firm), ..Enter::limit(OrderId(id), Side::Buy, Quantity(10), Price(100)) }
}

fn say(exposure: &mut ExposureCounter, body: impl Into<Body>, session: u32, id: u64, open: u64) {
    let report = report(body, session, id, open);
    exposure.report(&report, &command(session, Action::Enter(order(id, 1))));
}

fn report(body: impl Into<Body>, session: u32, id: u64, open: u64) -> Report {
    body.into().about(Subject {
        id: OrderId(id),
        price: Price(101),
        quantity: Quantity(10),
        open: Quantity(open),
        session: SessionId(session),
        symbol: SYMBOL,
        ..Subject::NONE
    })
}

const ACCEPTED: Accepted = Accepted { stop: None };
const CANCELED: Canceled = Canceled { displayed: None, prevented: Price(0) };

/// Returns an execution of a resting or an incoming order.
fn executed(removed: bool) -> Executed {
    Executed { trade: 1, contra: OrderNumber(0), removed, auction: None }
}

/// Returns what an import reports.
macro_rules! imported {
    ($kind:ident) => {
        $kind {
            id_there: OrderId(3),
            partition: PartitionId(2),
            attributed: false,
            capacity: Capacity::Other,
        }
    };
}

/// Returns the open orders of sessions 1 and 2, firms 1 and 2, and the symbol.
fn open(exposure: &ExposureCounter) -> [u64; 5] {
    use RiskScope::{Firm, Session, Symbol};
    [(Session, 1), (Session, 2), (Firm, 1), (Firm, 2), (Symbol, 1)]
        .map(|(scope, number)| exposure.exposures().open(scope, number))
}

#[test]
fn an_order_is_open_until_a_report_leaves_nothing_of_it() {
    let mut exposure = exposure();
    say(&mut exposure, ACCEPTED, 1, 1, 10);
    say(&mut exposure, ACCEPTED, 2, 1, 10);
    assert_eq!(open(&exposure), [1, 1, 2, 0, 2]);
    say(&mut exposure, CANCELED, 1, 1, 4);
    say(&mut exposure, executed(false), 1, 1, 3);
    say(&mut exposure, Rejected { moved: None }, 1, 1, 0);
    assert_eq!(open(&exposure), [1, 1, 2, 0, 2]);
    say(&mut exposure, executed(false), 1, 1, 0);
    assert_eq!(open(&exposure), [0, 1, 1, 0, 1]);
    say(&mut exposure, CANCELED, 2, 1, 0);
    assert_eq!(open(&exposure), [0; 5]);
}

#[test]
fn an_order_of_another_firm_than_its_session_counts_there() {
    let mut exposure = exposure();
    let accepted = report(ACCEPTED, 1, 1, 10);
    exposure.report(&accepted, &command(1, Action::Enter(order(1, 2))));
    assert_eq!(open(&exposure), [1, 0, 0, 1, 1]);
    let replaced = Replaced {
        old_id: OrderId(1),
        place: 0,
        stop: None,
        attributed: false,
        capacity: Capacity::Other,
    };
    let replaced = report(replaced, 1, 5, 10);
    exposure.report(&replaced, &command(1, Action::from(RunTimers)));
    let exposures = exposure.exposures();
    assert_eq!(exposures.firm_of(SessionId(1), OrderId(1)), None);
    assert_eq!(exposures.firm_of(SessionId(1), OrderId(5)), Some(FirmId(2)));
    say(&mut exposure, executed(false), 1, 5, 0);
    assert_eq!(open(&exposure), [0; 5]);
    let exposures = exposure.exposures();
    assert_eq!(
        exposures.traded(RiskScope::Firm, 2),
        Notional::whole(10).plus(Notional(10u128.pow(11)))
    );
    assert_eq!(exposures.traded(RiskScope::Firm, 1), Notional::default());
    assert_eq!(exposures.firm_of(SessionId(1), OrderId(5)), None);
}

#[test]
fn an_order_that_comes_with_its_symbol_is_open_when_all_have_come() {
    let mut exposure = exposure();
    let import = ImportOrder { order: order(1, 2), id_there: OrderId(3) };
    let held = report(imported!(Held), 1, 1, 10);
    exposure.report(&held, &command(1, Action::from(import)));
    assert_eq!(open(&exposure), [0; 5]);
    say(&mut exposure, imported!(Imported), 1, 1, 10);
    assert_eq!(open(&exposure), [1, 0, 0, 1, 1]);
}

#[test]
fn what_was_traded_goes_on_from_its_rows_until_a_day_begins() {
    let mut one = exposure();
    assert_eq!(one.exposures().last_price(SYMBOL), Price(77), "the prior close");
    say(&mut one, ACCEPTED, 1, 1, 10);
    say(&mut one, executed(false), 1, 1, 5);
    let removed = report(executed(true), 2, 2, 5);
    one.report(&removed, &command(2, Action::Enter(order(2, 1))));
    let ten = Notional::whole(1010).0 / 100;
    let traded = |e: &ExposureCounter, scope, number| e.exposures().traded(scope, number).0;
    assert_eq!(traded(&one, RiskScope::Session, 1), ten);
    assert_eq!(traded(&one, RiskScope::Firm, 1), 2 * ten, "both sides are the firm's");
    assert_eq!(traded(&one, RiskScope::Symbol, 1), ten, "it is one trade");
    assert_eq!(one.exposures().last_price(SYMBOL), Price(101));

    let mut other = exposure();
    let rows = one.traded_rows();
    assert_eq!(other.set_traded(&rows), Some(()));
    assert_eq!(other.traded_rows(), rows);
    let mut wrong = rows.clone();
    wrong.swap(0, 1);
    assert_eq!(other.set_traded(&wrong), None);
    let nothing = TradedRow { scope: 1, number: 9, low: 0, high: 0 };
    assert_eq!(other.set_traded(&[nothing]), None);
    for (scope, number) in [(4, 1), (1, 9), (2, 0), (2, 70_000), (3, 2), (3, u32::MAX)] {
        assert_eq!(other.set_traded(&[TradedRow { scope, number, low: 1, high: 0 }]), None);
    }

    let begins = report::TradingDay { event: DayEvent::Start, count: 0 }.about(Subject::NONE);
    other.report(&begins, &command(0, Action::from(TradingDay { event: DayEvent::Start })));
    assert_eq!(other.traded_rows(), []);
}

#[test]
fn a_reader_never_finds_less_than_was_traded() {
    let exposure = exposure();
    let counts = exposure.exposures.shared.sessions.make(1);
    let reader = exposure.exposures().clone();
    let step = Notional(u128::from(u64::MAX) / 3);
    let steps = 200_000;
    std::thread::scope(|scope| {
        scope.spawn(|| (0..steps).for_each(|_| counts.trade(step)));
        let mut before = Notional::default();
        while before.0 < step.0 * steps {
            let high_low = reader.traded(RiskScope::Session, 1);
            // A reader can find a surplus of at most one unit of the high half, because that
            // half is written first.
            assert!(high_low.0 + (1 << 64) >= before.0, "{high_low:?} {before:?}");
            before = before.max(Notional(high_low.0.saturating_sub(1 << 64)));
            if high_low.0 == step.0 * steps {
                break;
            }
        }
    });
    assert_eq!(reader.traded(RiskScope::Session, 1).0, step.0 * steps);
}
