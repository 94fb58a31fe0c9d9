//! Risk limits of sessions on the network: requests under way count, too.

use crate::gateway::client::Client;
use crate::gateway::venue::{SECOND, Setup, USERS, Venue, cancel, enter, session};
use ringside_model::command::{
    Action, Command, DefineSession, DefineSymbol, Replace, RiskLimits, SetRisk,
};
use ringside_model::domain::{
    FirmId, Name, OrderId, OrderNumber, Price, Quantity, RiskScope, Role, SessionId, SymbolId, Tick,
};
use ringside_model::reason::Reason;
use ringside_model::report::{Accepted, Body, Executed, Subject};
use ringside_wire::Message;
use ringside_wire::ouch::inbound::{EnterOrder, ReplaceOrder};

const NONE: RiskLimits = RiskLimits {
    quantity_max: 0,
    notional_max: 0,
    open_orders_max: 0,
    stops_max: 0,
    pegs_max: 0,
    minimums_max: 0,
    slices_max: 0,
    gross_notional_max: 0,
    orders_per_second_max: 0,
    killed: false,
};

/// Returns a limit as a command.
fn set(scope: RiskScope, limits: RiskLimits) -> Command {
    let (mut of_session, mut firm, mut symbol) = (SessionId(0), FirmId(0), SymbolId::NONE);
    match scope {
        RiskScope::Session => of_session = session(0),
        RiskScope::Firm => firm = FirmId(1),
        RiskScope::Symbol => symbol = SymbolId(1),
    }
    let action = Action::from(SetRisk { scope, firm, limits });
    Command { session: of_session, symbol, verdict: Reason::None, action }
}

/// Creates a venue with these limits, whose exposure counts know its names.
fn venue(limits: &[Command]) -> Venue {
    venue_with(Setup { past: limits.to_vec(), ..Setup::default() })
}

fn venue_with(setup: Setup) -> Venue {
    let mut venue = Venue::with(setup);
    let mut define = |session, symbol, action| {
        let verdict = Reason::None;
        venue.exposure.definition(&Command { session, symbol, verdict, action });
    };
    for number in 0..USERS {
        let (name, firm, role) = (Name::new("U").unwrap(), FirmId(1), Role::OrderEntry);
        let action = Action::from(DefineSession { name, firm, role });
        define(session(number), SymbolId::NONE, action);
    }
    let definition = DefineSymbol {
        name: Name::new("AAPL").unwrap(),
        tick: Tick::parse("0.01").unwrap(),
        lot: Quantity(1),
        collar_bps: 0,
        reference: Price(0),
    };
    define(SessionId(0), SymbolId(1), Action::from(definition));
    venue
}

/// Returns the verdicts on the commands that have come, each with the id of the order.
fn verdicts(venue: &mut Venue) -> Vec<(Reason, u64, Command)> {
    venue.settle();
    let commands = venue.commands().into_iter().map(|inbound| inbound.command);
    let id = |command: &Command| match command.action {
        Action::Replace(Replace { new_id, .. }) => new_id.0,
        action => action.entered().map_or(0, |enter| enter.id.0),
    };
    commands.map(|command| (command.verdict, id(&command), command)).collect()
}

/// Sends the client's orders and returns the verdicts. The commands count as answered only when the
/// test says so.
fn ask(venue: &mut Venue, client: &mut Client, orders: &[EnterOrder]) -> Vec<(Reason, Command)> {
    orders.iter().for_each(|order| client.request(order));
    verdicts(venue).into_iter().map(|(verdict, _, command)| (verdict, command)).collect()
}

const ACCEPTED: Accepted = Accepted { stop: None };
const EXECUTED: Executed =
    Executed { trade: 1, contra: OrderNumber(1), removed: false, auction: None };

/// Adds a report of a command to the exposure counts.
fn tell(venue: &mut Venue, command: &Command, body: impl Into<Body>, open: u64) {
    let order = command.action.entered().expect("an order");
    let report = body.into().about(Subject {
        order: OrderNumber(7),
        id: order.id,
        price: order.price,
        quantity: order.quantity,
        open: Quantity(open),
        ..Subject::from(command)
    });
    venue.exposure.report(&report, command);
}

/// Marks a command as answered: all of its reports have come.
fn answer(venue: &mut Venue, command: &Command) {
    let id = command.action.entered().map(|order| order.id.0 as u32);
    venue.states.answer(command.session, id);
}

fn reasons(asked: &[(Reason, Command)]) -> Vec<Reason> {
    asked.iter().map(|(reason, _)| *reason).collect()
}

#[test]
fn orders_under_way_count_as_open_until_they_are_answered() {
    for scope in RiskScope::ALL {
        let limits = RiskLimits { open_orders_max: 3, ..NONE };
        let mut venue = venue(&[set(*scope, limits)]);
        let mut client = venue.login("USER00", 1);
        let asked = ask(&mut venue, &mut client, &[1, 2, 3, 4].map(enter));
        let full = Reason::RiskOpenOrders;
        assert_eq!(reasons(&asked), [Reason::None, Reason::None, Reason::None, full], "{scope:?}");
        // The first order rests, the engine rejects the second one, and the third one trades
        // completely.
        let [first, second, third, fourth] = [0, 1, 2, 3].map(|place: usize| asked[place].1);
        tell(&mut venue, &first, ACCEPTED, 100);
        answer(&mut venue, &first);
        assert_eq!(reasons(&ask(&mut venue, &mut client, &[enter(5)])), [full]);
        answer(&mut venue, &second);
        let asked = ask(&mut venue, &mut client, &[6, 7].map(enter));
        assert_eq!(reasons(&asked), [Reason::None, full]);
        tell(&mut venue, &third, ACCEPTED, 100);
        tell(&mut venue, &third, EXECUTED, 0);
        // The third order still counts as under way, though it has ended.
        assert_eq!(reasons(&ask(&mut venue, &mut client, &[enter(8)])), [full]);
        answer(&mut venue, &third);
        let asked = ask(&mut venue, &mut client, &[9, 10].map(enter));
        assert_eq!(reasons(&asked), [Reason::None, full]);
        assert_eq!(fourth.verdict, full);
    }
}

#[test]
fn every_session_has_limits_of_its_own_from_the_start() {
    let session_limits = RiskLimits { open_orders_max: 2, ..NONE };
    let mut venue = venue_with(Setup { session_limits, ..Setup::default() });
    let mut client = venue.login("USER00", 1);
    let asked = ask(&mut venue, &mut client, &[1, 2, 3].map(enter));
    let full = Reason::RiskOpenOrders;
    assert_eq!(reasons(&asked), [Reason::None, Reason::None, full]);
    let mut other = venue.login("USER01", 1);
    assert_eq!(reasons(&ask(&mut venue, &mut other, &[enter(1)])), [Reason::None]);
}

#[test]
fn the_value_under_way_counts_as_traded_until_it_is_answered() {
    // Each order is worth 10,000.
    for scope in RiskScope::ALL {
        let limits = RiskLimits { gross_notional_max: 20_000, ..NONE };
        let mut venue = venue(&[set(*scope, limits)]);
        let mut client = venue.login("USER00", 1);
        let asked = ask(&mut venue, &mut client, &[1, 2, 3].map(enter));
        assert_eq!(reasons(&asked), [Reason::None, Reason::None, Reason::RiskGross], "{scope:?}");
        let [first, second] = [0, 1].map(|place: usize| asked[place].1);
        // The first order rests and has traded nothing; the second one trades.
        tell(&mut venue, &first, ACCEPTED, 100);
        answer(&mut venue, &first);
        tell(&mut venue, &second, ACCEPTED, 100);
        tell(&mut venue, &second, EXECUTED, 0);
        answer(&mut venue, &second);
        let asked = ask(&mut venue, &mut client, &[4, 5].map(enter));
        assert_eq!(reasons(&asked), [Reason::None, Reason::RiskGross], "{scope:?}");
    }
}

#[test]
fn quantity_value_and_rate_are_those_of_each_order() {
    let session = RiskLimits { quantity_max: 100, ..NONE };
    let firm = RiskLimits { notional_max: 10_000, ..NONE };
    let symbol = RiskLimits { orders_per_second_max: 3, ..NONE };
    let limits = [
        set(RiskScope::Session, session),
        set(RiskScope::Firm, firm),
        set(RiskScope::Symbol, symbol),
    ];
    let mut venue = venue(&limits);
    let mut client = venue.login("USER00", 1);
    let orders = [
        enter(1),
        EnterOrder { quantity: 101.into(), ..enter(2) },
        EnterOrder { price: 1_000_100.into(), ..enter(3) },
        EnterOrder { price: 999_900.into(), ..enter(4) },
    ];
    let asked = ask(&mut venue, &mut client, &orders);
    let expected = [Reason::None, Reason::RiskQuantity, Reason::RiskNotional, Reason::None];
    assert_eq!(reasons(&asked), expected);
    let replace = |id: u32, quantity: u32| ReplaceOrder {
        message_type: ReplaceOrder::TYPE,
        orig_user_ref_num: 1.into(),
        user_ref_num: id.into(),
        quantity: quantity.into(),
        price: 1_000_000.into(),
        time_in_force: b'0',
        display: b'Y',
        inter_market_sweep_eligibility: b'N',
        cl_ord_id: [b' '; 14],
    };
    client.request(&replace(5, 101));
    client.request(&replace(6, 99));
    client.request(&enter(7));
    client.request(&cancel(1));
    let told: Vec<_> =
        verdicts(&mut venue).into_iter().map(|(reason, id, _)| (reason, id)).collect();
    let expected =
        [(Reason::RiskQuantity, 5), (Reason::None, 6), (Reason::RiskRate, 7), (Reason::TooLate, 0)];
    assert_eq!(told, expected, "a cancel is no business of limits");
    // The rate of the symbol counts orders of other sessions, too; the limit of the session's
    // quantity does not apply to them.
    let mut other = venue.login("USER01", 1);
    assert_eq!(reasons(&ask(&mut venue, &mut other, &[enter(1)])), [Reason::RiskRate]);
    venue.now_ns += SECOND;
    let large = EnterOrder { quantity: 200.into(), price: 500_000.into(), ..enter(2) };
    assert_eq!(reasons(&ask(&mut venue, &mut other, &[large])), [Reason::None]);
}

#[test]
fn a_market_order_is_worth_the_last_price_if_there_is_one() {
    let limits = RiskLimits { notional_max: 10_000, ..NONE };
    let mut venue = venue(&[set(RiskScope::Symbol, limits)]);
    let mut client = venue.login("USER00", 1);
    let market = |id| EnterOrder { price: 2_000_000_000.into(), ..enter(id) };
    let asked = ask(&mut venue, &mut client, &[market(1)]);
    assert_eq!(reasons(&asked), [Reason::None], "no price is known");
    venue.exposure.set_price(SymbolId(1), Price(10_001));
    assert_eq!(reasons(&ask(&mut venue, &mut client, &[market(2)])), [Reason::RiskNotional]);
    venue.exposure.set_price(SymbolId(1), Price(10_000));
    assert_eq!(reasons(&ask(&mut venue, &mut client, &[market(3)])), [Reason::None]);
}

#[test]
fn a_retransmission_reserves_nothing() {
    let limits = RiskLimits { open_orders_max: 2, ..NONE };
    let mut venue = venue(&[set(RiskScope::Session, limits)]);
    let mut client = venue.login("USER00", 1);
    let asked = ask(&mut venue, &mut client, &[1, 1, 1, 2, 3].map(enter));
    assert_eq!(reasons(&asked), [Reason::None, Reason::None, Reason::RiskOpenOrders]);
    let ids: Vec<OrderId> =
        asked.iter().map(|(_, command)| command.action.entered().unwrap().id).collect();
    assert_eq!(ids, [1, 2, 3].map(OrderId));
}
