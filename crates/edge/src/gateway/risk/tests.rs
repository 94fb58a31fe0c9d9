use super::*;
use ringside_core::registry::exposure::ExposureCounter;
use ringside_model::command::{
    Action, Cancel, DefineSymbol, Display, Enter, EnterIceberg, EnterSpecial, EnterStop,
    NamedSpecialTerms, NamedTerms, ReplaceTerms, SetQuote, SetRisk, SpecialTerms,
};
use ringside_model::domain::{Capacity, Name, OrderType, Peg, Side, Tick};
use ringside_model::report::{Accepted, Body, Canceled, Quoted, Replaced, Subject};

const SYMBOL: SymbolId = SymbolId(1);

fn command(action: Action) -> Command {
    Command { session: SessionId(1), symbol: SYMBOL, verdict: Reason::None, action }
}

fn order(quantity: u64, price: i64) -> Enter {
    let order_type = if price == 0 { OrderType::Market } else { OrderType::Limit };
    Enter {
        firm: FirmId(2),
        order_type,
        ..Enter::limit(OrderId(1), Side::Buy, Quantity(quantity), Price(price))
    }
}

/// Creates a directory with a symbol of this tick, and these limits.
fn directory(tick: &str, limits: &[(RiskScope, RiskLimits)]) -> Directory {
    let mut directory = Directory::new();
    let (name, tick) = (Name::new("X").unwrap(), Tick::parse(tick).unwrap());
    let (lot, reference) = (Quantity(1), Price(0));
    let definition = DefineSymbol { name, tick, lot, collar_bps: 0, reference };
    directory.observe(&command(Action::from(definition)));
    for &(scope, limits) in limits {
        directory.observe(&command(Action::from(SetRisk { scope, firm: FirmId(2), limits })));
    }
    directory
}

fn at(now_ns: u64) -> RequestTime {
    RequestTime { rates_ns: Some(now_ns), official: Some(Nanos(now_ns)) }
}

fn ask(desk: &mut RiskDesk, directory: &Directory, action: Action, now_ns: u64) -> Reason {
    let asked = desk.asked(&command(action), directory).expect("it asks");
    desk.verdict(&asked, directory, at(now_ns))
}

fn reasons(directory: &Directory, orders: &[(u64, i64)]) -> Vec<Reason> {
    let mut desk = RiskDesk::new(ExposureCounter::default().exposures().clone());
    let order = |&(quantity, price): &(u64, i64)| {
        ask(&mut desk, directory, Action::Enter(order(quantity, price)), 0)
    };
    orders.iter().map(order).collect()
}

#[test]
fn the_largest_order_there_can_be_breaks_a_limit_and_nothing_else() {
    let largest = RiskLimits { notional_max: u64::MAX, ..RiskLimits::default() };
    for tick in ["1000000000", "0.000000000001"] {
        let directory = directory(tick, &[(RiskScope::Firm, largest)]);
        let orders = [(u64::MAX, i64::MAX), (1, 1), (u64::MAX, 0)];
        let expected = Reason::RiskNotional;
        assert_eq!(reasons(&directory, &orders), [expected, Reason::None, Reason::None], "{tick}");
    }
    let gross = RiskLimits { gross_notional_max: u64::MAX, ..RiskLimits::default() };
    let directory = directory("1000000000", &[(RiskScope::Symbol, gross)]);
    assert_eq!(reasons(&directory, &[(u64::MAX, i64::MAX)]), [Reason::RiskGross]);
}

#[test]
fn a_limit_itself_may_be_reached() {
    let limits = RiskLimits { quantity_max: 10, notional_max: 5, ..RiskLimits::default() };
    let directory = directory("0.01", &[(RiskScope::Session, limits)]);
    let orders = [(10, 50), (11, 1), (10, 51), (5, 100), (5, 101)];
    let (fits, notional) = (Reason::None, Reason::RiskNotional);
    let expected = [fits, Reason::RiskQuantity, notional, fits, notional];
    assert_eq!(reasons(&directory, &orders), expected);
}

#[test]
fn a_buying_peg_is_worth_its_bound_and_needs_one() {
    let none = RiskLimits::default();
    let of_order = RiskLimits { notional_max: 5, ..none };
    let of_day = RiskLimits { gross_notional_max: 5, ..none };
    let asked = |limits, side, bound| {
        let directory = directory("0.01", &[(RiskScope::Session, limits)]);
        let mut desk = RiskDesk::new(ExposureCounter::default().exposures().clone());
        let terms =
            SpecialTerms { peg: Peg::Primary, peg_limit: Price(bound), ..SpecialTerms::NONE };
        let order = Enter { side, ..order(10, 0) };
        let peg = Action::EnterSpecial(EnterSpecial { order, terms });
        ask(&mut desk, &directory, peg, 0)
    };
    assert_eq!(asked(of_order, Side::Buy, 50), Reason::None);
    assert_eq!(asked(of_order, Side::Buy, 51), Reason::RiskNotional);
    assert_eq!(asked(of_day, Side::Buy, 51), Reason::RiskGross);
    assert_eq!(asked(of_order, Side::Buy, 0), Reason::RiskNotional);
    assert_eq!(asked(of_day, Side::Buy, 0), Reason::RiskNotional);
    assert_eq!(asked(none, Side::Buy, 0), Reason::None);
    assert_eq!(asked(of_order, Side::Sell, 0), Reason::None);
}

#[test]
fn a_selling_peg_is_worth_the_bid() {
    let directory = directory(
        "0.01",
        &[(RiskScope::Session, RiskLimits { notional_max: 5, ..RiskLimits::default() })],
    );
    let mut exposure = ExposureCounter::default();
    exposure.set_price(SYMBOL, Price(1));
    let mut desk = RiskDesk::new(exposure.exposures().clone());
    let enter = |bound| {
        let peg_limit = Price(bound);
        let terms = SpecialTerms { peg: Peg::Primary, peg_limit, ..SpecialTerms::NONE };
        let order = Enter { side: Side::Sell, ..order(10, 0) };
        Action::EnterSpecial(EnterSpecial { order, terms })
    };
    let (id, new_id, quantity) = (OrderId(1), OrderId(2), Quantity(10));
    let replace = Action::Replace(Replace { id, new_id, quantity, price: Price(0) });
    let session = SessionId(1);
    let subject = Subject { session, id, open: quantity, ..Subject::from(SYMBOL) };
    let accepted = Body::Accepted(Accepted { stop: None }).about(subject);
    exposure.report(&accepted, &command(enter(0)));
    let mut asked = |action| ask(&mut desk, &directory, action, 0);
    assert_eq!(asked(enter(0)), Reason::None, "the last price stands for a bid");
    for (bid, expected) in [(50, Reason::None), (51, Reason::RiskNotional)] {
        let quote = SetQuote { bid: Price(bid), offer: Price(60) };
        let quote = command(Action::from(quote));
        let quoted = Quoted { bid: Price(bid), offer: Price(60) }.about(SYMBOL);
        exposure.report(&quoted, &quote);
        for action in [enter(0), enter(1), enter(99), replace] {
            assert_eq!(asked(action), expected, "bid {bid}, {action:?}");
        }
        let mut restored = ExposureCounter::default();
        restored.definition(&quote);
        assert_eq!(restored.exposures().bid(SYMBOL), Price(bid));
    }
}

#[test]
fn a_stop_is_worth_its_limit_or_else_its_stop_price() {
    let limits = RiskLimits { notional_max: 5, ..RiskLimits::default() };
    let directory = directory("0.01", &[(RiskScope::Symbol, limits)]);
    let mut desk = RiskDesk::new(ExposureCounter::default().exposures().clone());
    for (limit, stop, expected) in [
        (0, 50, Reason::None),
        (0, 51, Reason::RiskNotional),
        (50, 99, Reason::None),
        (51, 1, Reason::RiskNotional),
    ] {
        let stop = EnterStop { order: order(10, limit), stop: Price(stop) };
        assert_eq!(ask(&mut desk, &directory, Action::EnterStop(stop), 0), expected);
    }
}

#[test]
fn a_replaced_order_is_valued_by_its_new_terms() {
    let limits = RiskLimits { notional_max: 5, ..RiskLimits::default() };
    let directory = directory("0.01", &[(RiskScope::Symbol, limits)]);
    let mut counter = ExposureCounter::default();
    let tell = |counter: &mut ExposureCounter, body: Body, id: u64, action: Action| {
        let (session, id, open) = (SessionId(1), OrderId(id), Quantity(10));
        let subject = Subject { session, id, open, ..Subject::from(SYMBOL) };
        counter.report(&body.about(subject), &command(action));
    };
    let stop = EnterStop { order: order(10, 0), stop: Price(50) };
    let terms = SpecialTerms { peg: Peg::Primary, peg_limit: Price(50), ..SpecialTerms::NONE };
    let peg = EnterSpecial { order: order(10, 0), terms };
    let accepted = Body::Accepted(Accepted { stop: None });
    tell(&mut counter, accepted, 1, Action::EnterStop(stop));
    tell(&mut counter, accepted, 2, Action::EnterSpecial(peg));

    let traits_of =
        |counter: &ExposureCounter, id| counter.exposures().traits(SessionId(1), OrderId(id)).0;
    let mut desk = RiskDesk::new(counter.exposures().clone());
    let replace = |id, quantity, price| {
        let (id, new_id) = (OrderId(id), OrderId(9));
        Replace { id, new_id, quantity: Quantity(quantity), price: Price(price) }
    };
    let with = |replace, terms| Action::ReplaceTerms(ReplaceTerms { replace, terms });
    let at = |stop| NamedTerms::Stop(Price(stop));
    let bound = |bound| {
        let peg_limit = Some(Price(bound));
        NamedTerms::Special(NamedSpecialTerms { peg_limit, ..NamedSpecialTerms::default() })
    };
    let no_bound = NamedTerms::Special(NamedSpecialTerms::default());
    let (fits, breaks) = (Reason::None, Reason::RiskNotional);
    for (action, expected) in [
        (Action::Replace(replace(1, 10, 0)), fits),
        (Action::Replace(replace(1, 11, 0)), breaks),
        (with(replace(1, 10, 0), at(51)), breaks),
        (with(replace(1, 11, 0), at(45)), fits),
        (with(replace(1, 10, 50), at(51)), fits),
        (with(replace(1, 10, 51), at(45)), breaks),
        (Action::Replace(replace(2, 10, 0)), fits),
        (Action::Replace(replace(2, 11, 0)), breaks),
        (with(replace(2, 10, 0), bound(51)), breaks),
        (with(replace(2, 11, 0), bound(45)), fits),
        (with(replace(2, 1, 0), bound(0)), breaks),
        (with(replace(2, 10, 0), no_bound), fits),
    ] {
        assert_eq!(ask(&mut desk, &directory, action, 0), expected, "{action:?}");
    }

    // The new order has the new basis.
    let replaced = Body::Replaced(Replaced {
        old_id: OrderId(1),
        place: 0,
        stop: Some(Price(0)),
        attributed: false,
        capacity: Capacity::Other,
    });
    tell(&mut counter, replaced, 9, with(replace(1, 10, 0), at(45)));
    let again = |quantity| Action::Replace(replace(9, quantity, 0));
    assert_eq!([10, 11, 12].map(|q| ask(&mut desk, &directory, again(q), 0)), [fits, fits, breaks]);
    assert_eq!(traits_of(&counter, 1), Traits::default());
    let canceled = Body::Canceled(Canceled::PLAIN);
    let subject = Subject { session: SessionId(1), id: OrderId(9), ..Subject::from(SYMBOL) };
    counter.report(&canceled.about(subject), &command(again(1)));
    assert_eq!(traits_of(&counter, 9), Traits::default());
}

#[test]
fn an_order_that_one_rate_does_not_let_in_takes_nothing_from_the_others() {
    let rate =
        |orders_per_second_max| RiskLimits { orders_per_second_max, ..RiskLimits::default() };
    let limits = [(RiskScope::Session, rate(10)), (RiskScope::Symbol, rate(2))];
    let mut desk = RiskDesk::new(ExposureCounter::default().exposures().clone());
    let both = directory("0.01", &limits);
    let count = |desk: &mut RiskDesk, directory: &Directory| {
        let asks = (0..100).map(|_| ask(desk, directory, Action::Enter(order(1, 1)), 5));
        asks.filter(|reason| *reason == Reason::None).count()
    };
    assert_eq!(count(&mut desk, &both), 2);
    // The rest of the session's own rate.
    assert_eq!(count(&mut desk, &directory("0.01", &limits[..1])), 8);
}

#[test]
fn answers_are_waited_for_only_where_a_verdict_depends_on_them() {
    let none = RiskLimits::default();
    let desk = RiskDesk::new(ExposureCounter::default().exposures().clone());
    let needs = |limits: &[(RiskScope, RiskLimits)], action| {
        desk.needs_answers(&command(action), &directory("0.01", limits))
    };
    let (id, new_id, quantity) = (OrderId(1), OrderId(2), Quantity(1));
    let replace = Action::Replace(Replace { id, new_id, quantity, price: Price(1) });
    let limit = Action::Enter(order(1, 1));
    let market = Action::Enter(order(1, 0));
    let session = RiskScope::Session;
    let quantity = [(session, RiskLimits { quantity_max: 1, killed: true, ..none })];
    assert!([limit, market, replace].iter().all(|action| !needs(&quantity, *action)));
    let notional = [(session, RiskLimits { notional_max: 1, ..none })];
    assert_eq!([limit, market, replace].map(|a| needs(&notional, a)), [false, true, false]);
    let open = [(session, RiskLimits { open_orders_max: 1, ..none })];
    assert_eq!([limit, market, replace].map(|a| needs(&open, a)), [true, true, false]);
    let gross = [(session, RiskLimits { gross_notional_max: 1, ..none })];
    assert_eq!([limit, market, replace].map(|a| needs(&gross, a)), [true; 3]);
    // The firm of a replaced order is known only after its reports.
    let firm = [(RiskScope::Firm, RiskLimits { quantity_max: 1, ..none })];
    assert_eq!([limit, market, replace].map(|a| needs(&firm, a)), [false, false, true]);
    assert!(!needs(&gross, Action::Cancel(Cancel { id })));
}

fn limited(of_session: RiskLimits) -> RiskDesk {
    let exposures = ExposureCounter::default().exposures().clone();
    RiskDesk::new(exposures).with_session_limits(of_session)
}

#[test]
fn a_limit_of_every_session_can_only_be_lowered() {
    let limits = |open_orders_max| RiskLimits { open_orders_max, ..RiskLimits::default() };
    for (own, most) in [(None, 2), (Some(5), 2), (Some(1), 1)] {
        let own = own.map(|own| (RiskScope::Session, limits(own)));
        let directory = directory("1", own.as_slice());
        let mut desk = limited(limits(2));
        let accepted = (1..=4).take_while(|&ordinal| {
            let asked = desk.asked(&command(Action::Enter(order(1, 1))), &directory).unwrap();
            let reason = desk.verdict(&asked, &directory, at(0));
            desk.reserve(asked, ordinal);
            reason == Reason::None
        });
        assert_eq!(accepted.count(), most, "{own:?}");
    }
}

#[test]
fn a_replace_under_way_counts_what_it_adds() {
    let directory = directory("1", &[]);
    let most = RiskLimits { slices_max: 10, minimums_max: 2, ..RiskLimits::default() };
    let mut desk = limited(most);
    let display = |least| Display { next: least, least, most: least, seed: 0 };
    let iceberg = EnterIceberg { order: order(100, 1), display: display(50) };
    let of_minimum = |id, min_quantity| {
        let min_quantity = Quantity(min_quantity);
        let terms = SpecialTerms { hidden: true, min_quantity, ..SpecialTerms::NONE };
        let order = Enter { id: OrderId(id), ..order(10, 1) };
        Action::EnterSpecial(EnterSpecial { order, terms })
    };
    let plain = |id, new_id, quantity| {
        let (id, new_id, quantity) = (OrderId(id), OrderId(new_id), Quantity(quantity));
        Replace { id, new_id, quantity, price: Price(1) }
    };
    let replace = |id, new_id, quantity| Action::Replace(plain(id, new_id, quantity));
    let slices = |(id, new_id, quantity), least| {
        let (replace, terms) = (plain(id, new_id, quantity), NamedTerms::Display(display(least)));
        Action::ReplaceTerms(ReplaceTerms { replace, terms })
    };
    let minimum = |id, new_id, minimum| {
        let min_quantity = Some(Quantity(minimum));
        let named = NamedSpecialTerms { min_quantity, ..NamedSpecialTerms::default() };
        let (replace, terms) = (plain(id, new_id, 10), NamedTerms::Special(named));
        Action::ReplaceTerms(ReplaceTerms { replace, terms })
    };
    let (fits, full) = (Reason::None, Reason::RiskSlices);
    let mut ordinal = 0;
    for (action, expected) in [
        (Action::EnterIceberg(iceberg), fits),
        (replace(1, 2, 550), full),
        (replace(1, 2, 400), fits),
        (slices((2, 3, 400), 39), full),
        (slices((2, 3, 400), 40), fits),
        (replace(3, 4, 401), full),
        (slices((3, 4, 500), 50), fits),
        (slices((4, 5, 501), 50), full),
        (slices((4, 5, 1_000), 100), fits),
        (replace(5, 6, 100), fits),
        (of_minimum(11, 1), fits),
        (of_minimum(12, 0), fits),
        (minimum(11, 13, 5), fits),
        (minimum(12, 14, 0), fits),
        (minimum(14, 15, 5), fits),
        (of_minimum(16, 0), fits),
        (minimum(16, 17, 5), Reason::RiskMinimums),
        (minimum(16, 17, 0), fits),
        (of_minimum(18, 1), Reason::RiskMinimums),
        (Action::Enter(order(1_000, 1)), fits),
    ] {
        let asked = desk.asked(&command(action), &directory).unwrap();
        assert_eq!(desk.verdict(&asked, &directory, at(0)), expected, "{action:?}");
        if expected == fits {
            ordinal += 1;
            desk.reserve(asked, ordinal);
        }
    }
    desk.settle(|_, _| true);
    assert_eq!(desk.may_be_live(RiskScope::Session, 1), Tally::default());
    assert!(desk.special.is_empty());
}
