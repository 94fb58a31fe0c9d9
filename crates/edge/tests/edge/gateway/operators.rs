//! Operators' port of the network gateway.

use crate::gateway::venue::{Setup, Venue, enter, session};
use ringside_core::streams::{SessionStates, StreamId, StreamSink};
use ringside_edge::gateway::queue::Inbound;
use ringside_model::command::{
    Action, Command, Definition, MassCancel, OperatorCommand, RunTimers, SetBands, TradingDay,
};
use ringside_model::domain::{
    DayEvent, MatchNumber, Nanos, OrderId, OrderNumber, Price, Quantity, SeqNo, SessionId, SymbolId,
};
use ringside_model::reason::Reason;
use ringside_model::report::{BandsSet, Executed, Subject};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

struct Operator {
    socket: TcpStream,
    received: Vec<u8>,
}

impl Operator {
    fn connect(venue: &mut Venue) -> Operator {
        let socket = TcpStream::connect(venue.server().addresses().admin.unwrap()).unwrap();
        socket.set_nonblocking(true).unwrap();
        venue.settle();
        Operator { socket, received: vec![] }
    }

    fn say(&mut self, venue: &mut Venue, line: &str) {
        self.socket.write_all(format!("{line}\n").as_bytes()).unwrap();
        venue.settle();
    }

    /// Returns the lines that have come, without their ends.
    fn heard(&mut self, venue: &mut Venue) -> Vec<String> {
        venue.settle();
        let mut buffer = [0; 4096];
        loop {
            match self.socket.read(&mut buffer) {
                Ok(0) => break,
                Ok(bytes) => self.received.extend_from_slice(&buffer[..bytes]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) => panic!("{e}"),
            }
        }
        let text = String::from_utf8(std::mem::take(&mut self.received)).unwrap();
        text.lines().map(str::to_string).collect()
    }
}

fn venue() -> Venue {
    Venue::with(Setup { admin: true, ..Setup::default() })
}

fn tell(venue: &mut Venue, line: &str) {
    let length = (line.len() as u16 + 1).to_be_bytes();
    let message = [&length, line.as_bytes(), b"\n"].concat();
    venue.store.append(StreamId::OPERATOR, &message);
    venue.store.publish().unwrap();
}

#[test]
fn what_an_operator_defines_is_known_at_once() {
    let mut venue = venue();
    let mut operator = Operator::connect(&mut venue);
    operator.say(&mut venue, r#"{"op":"symbol","symbol":"MSFT","tick":"0.01"}"#);
    let mut client = venue.login("USER00", 1);
    let order = ringside_wire::ouch::inbound::EnterOrder { symbol: *b"MSFT    ", ..enter(1) };
    client.request(&order);
    venue.settle();
    let commands: Vec<_> = venue.commands().iter().map(|inbound| inbound.command).collect();
    assert!(matches!(commands[0].action, Action::Definition(Definition::Symbol(_))));
    assert_eq!((commands[1].symbol, commands[1].verdict), (SymbolId(2), Reason::None));
    assert_eq!(commands.len(), 2);
    assert_eq!(operator.heard(&mut venue), [""; 0]);
}

#[test]
fn orders_are_not_an_operators_business() {
    let mut venue = venue();
    let mut operator = Operator::connect(&mut venue);
    let before = venue.server().directory().clone();
    for line in [
        r#"{"op":"enter","session":"USER00","id":1,"symbol":"AAPL","side":"buy","qty":1,"price":"1"}"#,
        r#"{"op":"\u0065nter","session":"NEW","id":1,"symbol":"AAPL","side":"buy","qty":1,"price":"1"}"#,
        r#"{"op":"replace","session":"USER00","id":1,"new_id":2,"qty":1,"price":"1"}"#,
        r#"{"op":"reduce","session":"USER00","id":1,"qty":1}"#,
        r#"{"op":"modify","session":"USER00","id":1,"qty":1}"#,
        r#"{"op":"cancel","session":"USER00","id":1}"#,
        r#"{"op":"account_query","session":"USER00","next_id":5}"#,
    ] {
        operator.say(&mut venue, line);
        let heard = operator.heard(&mut venue);
        assert!(heard[0].contains("for the session itself"), "{heard:?}");
        assert_eq!(heard.len(), 1);
    }
    for line in [
        r#"{"op":"mass_cancel","session":"USER00","id":5}"#,
        r#"{"op":"order_entry","session":"USER00","id":4294967301,"enabled":false}"#,
    ] {
        operator.say(&mut venue, line);
        assert!(operator.heard(&mut venue)[0].contains("leave `id` out"), "{line}");
    }
    // Not even after a byte order mark, which only the reader of the lines would skip.
    operator.say(&mut venue, "\u{feff}{\"op\":\"cancel\",\"session\":\"USER00\",\"id\":1}");
    assert!(operator.heard(&mut venue)[0].contains("error"));
    assert!(venue.commands().is_empty());
    assert_eq!(*venue.server().directory(), before);
}

#[test]
fn malformed_lines_are_answered_with_a_column() {
    let mut venue = venue();
    let mut operator = Operator::connect(&mut venue);
    operator.say(&mut venue, "# a comment\n\n\r");
    assert_eq!(operator.heard(&mut venue), [""; 0]);
    operator.say(&mut venue, r#"{"op":"symbol","symbol":"MSFT","tick":1}"#);
    operator.say(&mut venue, r#"{"op":"#);
    operator.say(&mut venue, r#"{"op":"fly"}"#);
    operator.say(&mut venue, r#"{"op":"cancel","op":"symbol"}"#);
    operator.say(&mut venue, r#"["cancel"]"#);
    operator.say(&mut venue, r#"{"op":"tick","symbol":"AAPL"} {"op":"cancel"}"#);
    let heard = operator.heard(&mut venue);
    assert_eq!(heard.len(), 6);
    assert!(heard[4].contains("no JSON object"), "{}", heard[4]);
    assert!(heard[0].contains(r#""column":39"#) && heard[0].contains("tick"), "{}", heard[0]);
    assert!(heard.iter().all(|line| line.starts_with(r#"{"error":"#)), "{heard:?}");
    operator.say(&mut venue, &"x".repeat(70_000));
    assert!(operator.heard(&mut venue)[0].contains("error"));
    assert!(venue.commands().is_empty());
}

#[test]
fn operators_hear_what_is_said_from_their_connection_on() {
    let mut venue = venue();
    tell(&mut venue, "old");
    let mut one = Operator::connect(&mut venue);
    tell(&mut venue, "first");
    assert_eq!(one.heard(&mut venue), ["first"]);
    let mut two = Operator::connect(&mut venue);
    let many: Vec<String> = (0..2_000).map(|number| format!("line {number}")).collect();
    many.iter().for_each(|line| tell(&mut venue, line));
    assert_eq!(one.heard(&mut venue), many);
    assert_eq!(two.heard(&mut venue), many);
    drop(one);
    tell(&mut venue, "last");
    assert_eq!(two.heard(&mut venue), ["last"]);
}

#[test]
fn an_operator_who_has_said_everything_still_hears_the_answer() {
    let mut venue = venue();
    let mut operator = Operator::connect(&mut venue);
    operator.socket.write_all(b"{\"op\":\"firm\",\"firm\":\"NEW\"}").unwrap();
    operator.socket.shutdown(std::net::Shutdown::Write).unwrap();
    venue.settle();
    assert_eq!(venue.commands().len(), 1);
    tell(&mut venue, "defined");
    assert_eq!(operator.heard(&mut venue), ["defined"]);
    venue.pass(1_100);
    tell(&mut venue, "nobody hears it");
    assert_eq!(operator.heard(&mut venue), [""; 0]);
}

#[test]
fn lines_wait_for_room_in_the_queue() {
    let mut venue = Venue::with(Setup { admin: true, queue: 8, ..Setup::default() });
    let mut operator = Operator::connect(&mut venue);
    for number in 0..30 {
        let line = format!(r#"{{"op":"firm","firm":"F{number}"}}"#);
        operator.say(&mut venue, &line);
    }
    let mut count = 0;
    while count < 30 {
        let commands = venue.commands();
        assert_eq!(commands.len(), 1);
        count += commands.len();
        venue.settle();
    }
}

#[test]
fn a_mass_cancel_of_an_operator_counts_as_the_sessions() {
    let mut venue = venue();
    let mut operator = Operator::connect(&mut venue);
    let mut client = venue.login("USER00", 1);
    operator.say(&mut venue, r#"{"op":"mass_cancel","session":"USER00"}"#);
    client.request(&enter(1));
    venue.settle();
    let sessions: Vec<SessionId> =
        venue.commands().iter().map(|inbound| inbound.command.session).collect();
    assert_eq!(sessions, [session(0); 2]);
    // Only the mass cancel is answered: the order is still under way.
    venue.states.answer(session(0), None);
    client.request(&enter(1));
    venue.settle();
    assert!(venue.commands().is_empty());
}

#[test]
fn a_session_without_a_place_is_not_defined() {
    let states = SessionStates::new(6);
    let mut venue = Venue::with(Setup { admin: true, states, ..Setup::default() });
    let mut operator = Operator::connect(&mut venue);
    operator.say(&mut venue, r#"{"op":"session","session":"NEW"}"#);
    assert!(operator.heard(&mut venue)[0].contains("no place for another session"));
    assert!(venue.commands().is_empty());
    let states = SessionStates::new(7);
    let mut venue = Venue::with(Setup { admin: true, states, ..Setup::default() });
    let mut operator = Operator::connect(&mut venue);
    operator.say(&mut venue, r#"{"op":"session","session":"NEW"}"#);
    let [Inbound { command, .. }] = venue.commands()[..] else { panic!() };
    assert_eq!(command.session, SessionId(6));
}

#[test]
fn a_kill_switch_is_two_commands_and_lets_nothing_in_from_then_on() {
    let mut venue = venue();
    let mut operator = Operator::connect(&mut venue);
    let mut client = venue.login("USER00", 1);
    operator.say(&mut venue, r#"{"op":"risk","session":"USER00","killed":true}"#);
    assert_eq!(operator.heard(&mut venue), [""; 0]);
    client.request(&enter(1));
    venue.settle();
    let commands: Vec<Command> = venue.commands().iter().map(|inbound| inbound.command).collect();
    let [set, cancel, order] = commands[..] else { panic!("{commands:?}") };
    assert!(
        matches!(set.action, Action::Operator(OperatorCommand::SetRisk(_)))
            && set.session == session(0)
    );
    let all_of_it = MassCancel { session: Some(session(0)), ..MassCancel::default() };
    assert_eq!((cancel.verdict, cancel.action), (Reason::Risk, Action::MassCancel(all_of_it)));
    assert_eq!(order.verdict, Reason::Killed);
    // Other sessions go on, and so does this session when the switch is off.
    venue.login("USER01", 1).request(&enter(1));
    operator.say(&mut venue, r#"{"op":"risk","session":"USER00"}"#);
    client.request(&enter(2));
    venue.settle();
    let verdicts: Vec<Reason> =
        venue.commands().iter().map(|inbound| inbound.command.verdict).collect();
    assert_eq!(verdicts, [Reason::None; 3]);
}

#[test]
fn the_price_of_a_correction_is_within_the_static_bands_of_its_symbol() {
    let mut venue = venue();
    let mut operator = Operator::connect(&mut venue);
    let tick = Command {
        session: SessionId(0),
        symbol: SymbolId(1),
        verdict: Reason::None,
        action: Action::from(RunTimers),
    };
    for (number, removed) in [(0, false), (1, true)] {
        let executed = Executed { trade: 1, contra: OrderNumber(1), removed, auction: None };
        let (id, session, quantity) = (OrderId(1), session(number), Quantity(100));
        let subject = Subject { id, session, quantity, ..Subject::from(&tick) };
        venue.exposure.report(&executed.about(subject), &tick);
    }
    let number = MatchNumber::of(SeqNo(7), 1).0;
    let line = |price: &str| {
        format!(
            r#"{{"op":"correct_trade","match":{number},"resting_session":"USER00","resting_id":1,"incoming_session":"USER01","incoming_id":1,"qty":90,"price":"{price}"}}"#
        )
    };
    venue.exposure.end_command(7, Nanos(0));
    operator.say(&mut venue, r#"{"op":"bands","symbol":"AAPL","low":"1.00","high":"2.00"}"#);
    operator.say(&mut venue, &line("0.99"));
    let verdicts =
        venue.commands().iter().map(|inbound| inbound.command.verdict).collect::<Vec<_>>();
    assert_eq!(verdicts, [Reason::None, Reason::Busy], "the bands are under way");
    let [low, high, reference] = [100, 200, 0].map(Price);
    let set = Action::from(SetBands { low, high, bps: 0, reference });
    let told = BandsSet { low, high, reference }.about(SymbolId(1));
    venue.exposure.report(&told, &Command { action: set, ..tick });
    venue.exposure.end_command(8, Nanos(0));
    for (price, verdict) in [
        ("0.99", Reason::InvalidPrice),
        ("1.00", Reason::None),
        ("2.00", Reason::None),
        ("2.01", Reason::InvalidPrice),
    ] {
        operator.say(&mut venue, &line(price));
        let [Inbound { command, .. }] = venue.commands()[..] else { panic!("{price}") };
        assert_eq!(command.verdict, verdict, "{price}");
    }
    assert_eq!(operator.heard(&mut venue), [""; 0]);
}

#[test]
fn the_end_of_the_day_closes_order_entry() {
    let mut venue = venue();
    let mut operator = Operator::connect(&mut venue);
    operator.say(&mut venue, r#"{"op":"end_of_day"}"#);
    assert_eq!(operator.heard(&mut venue), [""; 0]);
    let [Inbound { command, .. }] = venue.commands()[..] else { panic!() };
    assert_eq!(command.action, Action::from(TradingDay { event: DayEvent::End }));
    venue.login("USER00", 1).request(&enter(1));
    venue.settle();
    assert_eq!(venue.commands()[0].command.verdict, Reason::Closed);
}
