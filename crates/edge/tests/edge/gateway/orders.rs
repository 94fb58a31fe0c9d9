//! Requests of sessions: those that become commands, and their verdicts.

use crate::gateway::client::Client;
use crate::gateway::venue::{SECOND, Setup, Venue, cancel, enter, query, session};
use ringside_core::streams::SessionStates;
use ringside_edge::gateway::accounts::UserRules;
use ringside_edge::gateway::queue::Inbound;
use ringside_model::command::{
    AccountQuery, Action, Cancel, Command, Replace, SetOrderEntry, TradingDay,
};
use ringside_model::domain::{DayEvent, Name, OrderId, SessionId, SymbolId};
use ringside_model::reason::Reason;
use ringside_wire::Message;
use ringside_wire::ouch::inbound::{DisableOrderEntry, EnableOrderEntry, ReplaceOrder};
use std::collections::HashSet;

/// Returns the verdicts and ids of the new orders that the requests became.
fn verdicts(venue: &mut Venue) -> Vec<(Reason, u64)> {
    venue.settle();
    let commands = venue.commands();
    let of = |Inbound { command, .. }: &Inbound| match command.action {
        Action::Enter(enter) => Some((command.verdict, enter.id.0)),
        Action::Replace(Replace { new_id, .. }) => Some((command.verdict, new_id.0)),
        _ => None,
    };
    commands.iter().filter_map(of).collect()
}

fn next_id(venue: &mut Venue, client: &mut Client) -> u64 {
    client.request(&query());
    venue.settle();
    let commands = venue.commands();
    let Action::AccountQuery(AccountQuery { next }) = commands.last().unwrap().command.action
    else {
        panic!("{commands:?}")
    };
    commands.iter().for_each(|inbound| venue.states.answer(inbound.command.session, None));
    next.0
}

fn replace(orig: u32, id: u32) -> ReplaceOrder {
    ReplaceOrder {
        message_type: ReplaceOrder::TYPE,
        orig_user_ref_num: orig.into(),
        user_ref_num: id.into(),
        quantity: 100.into(),
        price: 1_000_000.into(),
        time_in_force: b'0',
        display: b'Y',
        inter_market_sweep_eligibility: b'N',
        cl_ord_id: [b' '; 14],
    }
}

#[test]
fn an_order_goes_in_and_its_answer_comes_out() {
    let mut venue = Venue::new();
    let mut client = venue.login("USER02", 1);
    client.request(&enter(1));
    venue.settle();
    let [Inbound { command, fields }] = venue.commands()[..] else { panic!() };
    assert_eq!((command.session, command.symbol), (session(2), SymbolId(1)));
    assert!(fields.is_some());
    venue.publish(session(2), b"accepted");
    client.expect_message(&mut venue, "accepted");
    assert_eq!(venue.counters().requests, 1);
}

#[test]
fn an_id_is_used_once_whether_its_command_is_answered_or_not() {
    let mut venue = Venue::new();
    let mut client = venue.login("USER00", 1);
    for id in [1, 1, 3, 2, 3, 4] {
        client.request(&enter(id));
    }
    let expected = [1, 3, 4].map(|id| (Reason::None, id));
    assert_eq!(verdicts(&mut venue), expected);
    expected.iter().for_each(|&(_, id)| venue.states.answer(session(0), Some(id as u32)));
    client.request(&enter(4));
    client.request(&enter(5));
    assert_eq!(verdicts(&mut venue), [(Reason::None, 5)]);
    assert_eq!(venue.counters().stale_ids, 4);

    drop(client);
    let mut client = venue.login("USER00", 1);
    client.request(&enter(5));
    assert_eq!(verdicts(&mut venue), []);
    assert_eq!(next_id(&mut venue, &mut client), 6);
}

#[test]
fn the_id_of_a_replace_that_came_to_nothing_is_free_again() {
    let mut venue = Venue::new();
    let mut client = venue.login("USER00", 1);
    client.request(&enter(1));
    client.request(&replace(1, 2));
    assert_eq!(verdicts(&mut venue), [(Reason::None, 1), (Reason::None, 2)]);
    venue.states.answer(session(0), Some(1));
    assert_eq!(next_id(&mut venue, &mut client), 3, "the replace is under way");
    venue.states.answer(session(0), None);
    assert_eq!(next_id(&mut venue, &mut client), 2);
    // A command without an id, while under way, does not take the id back.
    client.request(&cancel(1));
    client.request(&enter(2));
    assert_eq!(verdicts(&mut venue), [(Reason::None, 2)]);
}

#[test]
fn what_a_process_before_has_used_up_stays_used_up() {
    let states = SessionStates::new(16);
    states.answer(session(0), Some(41));
    states.begin();
    let disable = Action::SetOrderEntry(SetOrderEntry { id: OrderId(3), enabled: false });
    let (symbol, verdict) = (SymbolId::NONE, Reason::None);
    let past = vec![Command { session: session(1), symbol, verdict, action: disable }];
    let mut venue = Venue::with(Setup { states, past, ..Setup::default() });
    let mut client = venue.login("USER00", 1);
    assert_eq!(next_id(&mut venue, &mut client), 42);
    client.request(&enter(41));
    client.request(&enter(42));
    assert_eq!(verdicts(&mut venue), [(Reason::None, 42)]);
    let mut other = venue.login("USER01", 1);
    other.request(&enter(1));
    assert_eq!(verdicts(&mut venue), [(Reason::OrderEntryDisabled, 1)]);
}

#[test]
fn order_entry_that_is_disabled_refuses_orders_from_the_next_one_on() {
    let mut venue = Venue::new();
    let mut client = venue.login("USER00", 1);
    let (message_type, firm) = (DisableOrderEntry::TYPE, *b"    ");
    client.request(&enter(1));
    client.request(&DisableOrderEntry { message_type, user_ref_num: 2.into(), firm });
    client.request(&enter(3));
    client.request(&replace(1, 4));
    client.request(&cancel(1));
    client.request(&DisableOrderEntry { message_type, user_ref_num: 5.into(), firm: *b"OTHR" });
    let message_type = EnableOrderEntry::TYPE;
    client.request(&EnableOrderEntry { message_type, user_ref_num: 6.into(), firm: *b"OTHR" });
    client.request(&enter(7));
    client.request(&EnableOrderEntry { message_type, user_ref_num: 8.into(), firm });
    client.request(&enter(9));
    let disabled = |id| (Reason::OrderEntryDisabled, id);
    let expected = [(Reason::None, 1), disabled(3), disabled(4), disabled(7), (Reason::None, 9)];
    assert_eq!(verdicts(&mut venue), expected);
    assert_eq!(venue.counters().requests, 10);
}

#[test]
fn a_session_sends_so_many_orders_a_second_and_any_number_of_cancels() {
    let rules = UserRules { orders_per_second: Some(10), ..UserRules::default() };
    let mut venue = Venue::with(Setup { rules, ..Setup::default() });
    let (mut client, mut other) = (venue.login("USER00", 1), venue.login("USER01", 1));
    for id in 1..=20 {
        client.request(&enter(id));
        client.request(&cancel(id));
        // A retransmission does not count for the rate.
        client.request(&enter(id));
    }
    venue.settle();
    let commands = venue.commands();
    assert_eq!(commands.len(), 40);
    let refused = |inbound: &&Inbound| inbound.command.verdict == Reason::RateLimit;
    assert_eq!(commands.iter().filter(refused).count(), 10);
    assert!(!refused(&&commands[18]) && refused(&&commands[20]));

    other.request(&enter(1));
    assert_eq!(verdicts(&mut venue), [(Reason::None, 1)]);
    venue.now_ns += SECOND / 10;
    client.request(&enter(21));
    client.request(&replace(1, 22));
    assert_eq!(verdicts(&mut venue), [(Reason::None, 21), (Reason::RateLimit, 22)]);
    // A new connection does not begin a new second.
    drop(client);
    let mut client = venue.login("USER00", 1);
    client.request(&enter(23));
    assert_eq!(verdicts(&mut venue), [(Reason::RateLimit, 23)]);
}

#[test]
fn permissions_are_those_of_the_account() {
    let symbols = Some(HashSet::from([Name::new("MSFT").unwrap()]));
    let rules = UserRules { symbols, ..UserRules::default() };
    let mut venue = Venue::with(Setup { rules, ..Setup::default() });
    venue.login("USER00", 1).request(&enter(1));
    assert_eq!(verdicts(&mut venue), [(Reason::NotPermitted, 1)]);
}

#[test]
fn nothing_can_be_entered_when_the_day_is_over() {
    let mut venue = Venue::new();
    let mut client = venue.login("USER00", 1);
    client.request(&enter(1));
    venue.settle();
    let end = Command {
        session: SessionId(0),
        symbol: SymbolId::NONE,
        verdict: Reason::None,
        action: Action::from(TradingDay { event: DayEvent::End }),
    };
    assert!(venue.server().hand_over(end));
    client.request(&enter(2));
    client.request(&replace(1, 3));
    client.request(&cancel(1));
    let closed = |id| (Reason::Closed, id);
    assert_eq!(verdicts(&mut venue), [(Reason::None, 1), closed(2), closed(3)]);

    let mut venue = Venue::with(Setup { past: vec![end], ..Setup::default() });
    venue.login("USER00", 1).request(&enter(1));
    assert_eq!(verdicts(&mut venue), [closed(1)]);
}

#[test]
fn a_cancel_finds_the_last_order_of_its_id() {
    let mut venue = Venue::new();
    let mut client = venue.login("USER00", 1);
    let wrong = ringside_wire::ouch::inbound::EnterOrder { symbol: *b"NONE    ", ..enter(1) };
    client.request(&wrong);
    client.request(&cancel(1));
    client.request(&cancel(2));
    client.request(&enter(2));
    client.request(&cancel(2));
    venue.settle();
    let commands = venue.commands();
    assert_eq!(venue.counters().unknown_orders, 2);
    let last = commands.last().unwrap().command;
    assert_eq!(
        (last.symbol, last.action),
        (SymbolId(1), Action::Cancel(Cancel { id: OrderId(2) }))
    );
    assert_eq!(commands.len(), 3);
}
