//! Heartbeats, silence, and the orders of a session without a connection.

use crate::gateway::client::Client;
use crate::gateway::venue::{MS, Setup, Venue, login, packet_of, session, user};
use ringside_edge::gateway::accounts::UserRules;
use ringside_edge::gateway::queue::Inbound;
use ringside_model::command::{Action, MassCancel};
use ringside_model::domain::{OrderId, SymbolId};
use ringside_model::reason::Reason;
use ringside_wire::soupbintcp::{Login, packet};

/// Returns the number of heartbeats that have come; no other packet may have come.
fn heartbeats(venue: &mut Venue, client: &mut Client) -> usize {
    venue.settle();
    let mut count = 0;
    while let Some(packet_type) = client.next_now() {
        assert_eq!(packet_type, packet::SERVER_HEARTBEAT);
        count += 1;
    }
    count
}

#[test]
fn a_client_that_is_sent_nothing_is_sent_heartbeats() {
    let mut venue = Venue::new();
    let mut client = venue.login("USER00", 1);
    venue.pass(999);
    assert_eq!(heartbeats(&mut venue, &mut client), 0);
    venue.pass(20);
    assert_eq!(heartbeats(&mut venue, &mut client), 1);
    venue.pass(3_100);
    assert_eq!(heartbeats(&mut venue, &mut client), 2 + 1);
    venue.publish(session(0), b"message");
    client.expect_message(&mut venue, "message");
    venue.pass(900);
    assert_eq!(heartbeats(&mut venue, &mut client), 0);
}

#[test]
fn a_client_that_waits_for_less_long_is_sent_more_heartbeats() {
    let mut venue = Venue::new();
    let mut client = venue.connect();
    let hasty = Login { heartbeat_timeout_ms: Some(200), ..login("USER00", 1) };
    client.send(&packet_of(packet::LOGIN_REQUEST, &hasty.payload().unwrap()));
    client.expect(&mut venue, packet::LOGIN_ACCEPTED);
    for _ in 0..10 {
        venue.pass(110);
        assert_eq!(heartbeats(&mut venue, &mut client), 1);
    }
}

#[test]
fn a_silent_client_is_gone_and_one_with_heartbeats_stays() {
    let mut venue = Venue::new();
    let (mut silent, mut alive) = (venue.login("USER00", 1), venue.login("USER01", 1));
    let mut stranger = venue.connect();
    venue.settle();
    for _ in 0..29 {
        venue.pass(500);
        alive.send(&packet_of(packet::CLIENT_HEARTBEAT, &[]));
    }
    assert!(!silent.has_ended());
    venue.pass(520);
    assert!(silent.has_ended() && !alive.has_ended() && !stranger.has_ended());
    for _ in 0..30 {
        venue.pass(500);
        alive.send(&packet_of(packet::CLIENT_HEARTBEAT, &[]));
    }
    assert!(stranger.has_ended() && !alive.has_ended());
    assert_eq!((venue.counters().timeouts, venue.server().connections()), (2, 1));
}

#[test]
fn clients_are_not_blamed_when_the_venue_stood_still() {
    let mut venue = Venue::new();
    let mut client = venue.login("USER00", 1);
    venue.now_ns += 60_000 * MS;
    venue.settle();
    assert!(!client.has_ended());
    venue.pass(14_900);
    assert!(!client.has_ended());
    venue.pass(200);
    assert!(client.has_ended());
}

fn cancels_on_disconnect(venue: &mut Venue) -> Vec<u32> {
    venue.settle();
    let mut sessions = vec![];
    for Inbound { command, fields } in venue.commands() {
        assert_eq!((command.symbol, command.verdict), (SymbolId::NONE, Reason::Disconnect));
        let filter =
            MassCancel { id: OrderId(0), session: Some(command.session), ..MassCancel::default() };
        assert_eq!((command.action, fields), (Action::MassCancel(filter), None));
        sessions.push(command.session.0);
    }
    sessions.sort_unstable();
    sessions
}

fn with_grace(grace_ms: u64) -> Venue {
    let rules = UserRules { cancel_on_disconnect_ms: Some(grace_ms), ..UserRules::default() };
    let mut venue = Venue::with(Setup { rules, ..Setup::default() });
    venue.settle();
    venue
}

#[test]
fn orders_are_cancelled_when_nobody_comes_back_in_time() {
    let mut venue = with_grace(300);
    let clients: Vec<Client> = (0..4).map(|number| venue.login(&user(number), 1)).collect();
    let copy = venue.login("DROP00", 1);
    venue.pass(400);
    assert_eq!(cancels_on_disconnect(&mut venue), [0; 0]);
    let mut clients = clients.into_iter();
    // One client leaves, one logs out, one breaks the protocol, one stays.
    drop(clients.next());
    clients.next().unwrap().send(&packet_of(packet::LOGOUT, &[]));
    let mut broken = clients.next().unwrap();
    broken.send(&[0, 0]);
    drop(copy);
    venue.settle();
    venue.pass(250);
    assert_eq!(cancels_on_disconnect(&mut venue), [0; 0]);
    let back = venue.login(&user(0), 1);
    venue.pass(80);
    assert_eq!(cancels_on_disconnect(&mut venue), [session(1).0, session(2).0]);
    venue.pass(1_000);
    assert_eq!(cancels_on_disconnect(&mut venue), [0; 0]);
    assert_eq!(venue.counters().disconnect_cancels, 2);
    drop((back, clients));
    venue.settle();
    venue.pass(400);
    assert_eq!(cancels_on_disconnect(&mut venue), [session(0).0, session(3).0]);
}

#[test]
fn a_restart_gives_the_same_time_to_come_back() {
    let mut venue = with_grace(300);
    venue.pass(200);
    let client = venue.login(&user(2), 1);
    venue.pass(200);
    assert_eq!(cancels_on_disconnect(&mut venue), [0, 1, 3].map(|user| session(user).0));
    drop(client);
}

#[test]
fn without_the_rule_orders_stay() {
    let mut venue = Venue::new();
    drop(venue.login("USER00", 1));
    venue.settle();
    venue.pass(60_000);
    assert!(venue.commands().is_empty());
}
