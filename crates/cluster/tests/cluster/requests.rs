//! Requests of a mover against the lines with which an operator asks for the same: one command.

use ringside_cluster::partition::{DeskAnswer, DeskEvent, DeskRequest};
use ringside_core::registry::directory::Directory;
use ringside_edge::gateway::file_session::{FileSession, Format};
use ringside_model::command::{Command, MoveSymbol};
use ringside_model::domain::{MoveStep, Name, PartitionId, Quantity};
use ringside_model::reason::Reason;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn commands(directory: &Directory, line: &str) -> Vec<Command> {
    let mut commands = vec![];
    let mut session = FileSession::new(directory.clone(), Format::Json);
    session.line(line, &mut |command, _| commands.push(command)).unwrap();
    commands
}

fn directory() -> Directory {
    let mut directory = Directory::new();
    for line in [
        r#"{"op":"session","session":"S","firm":"F"}"#,
        r#"{"op":"session","session":"T"}"#,
        r#"{"op":"symbol","symbol":"A","tick":"0.05"}"#,
        r#"{"op":"import","session":"S","id_there":1,"symbol":"A","side":"buy","qty":1,"price":"1"}"#,
    ] {
        commands(&directory, line).iter().for_each(|command| directory.observe(command));
    }
    directory
}

#[test]
fn a_step_is_the_command_of_its_line() {
    let directory = directory();
    for &step in MoveStep::ALL {
        let (partition, version) = (PartitionId(3), 9);
        let (orders, quantity) = (4, Quantity(50));
        let asked = MoveSymbol { step, partition, version, orders, quantity };
        let request = DeskRequest::Step { symbol: name("A"), asked };
        let word = step.name();
        let line = format!(
            r#"{{"op":"move","symbol":"A","step":"{word}","partition":3,"version":9,"orders":4,"qty":50}}"#
        );
        assert_eq!(commands(&directory, &line), [request.command(&directory).unwrap()]);
    }
}

#[test]
fn an_import_is_the_command_of_its_line() {
    let directory = directory();
    for (session, terms, verdict) in [
        ("S", r#""side":"buy","tif":"day","qty":20,"price":"2""#, Reason::None),
        (
            "S",
            r#""side":"short_exempt","tif":"gtc","qty":7,"price":"1.50","post_only":true,"firm":"F""#,
            Reason::None,
        ),
        (
            "T",
            concat!(
                r#""side":"sell","tif":"gtc","qty":7,"price":"1.50","post_only":"slide","#,
                r#""stp":"decrement","stp_group":4,"firm":"F","capacity":"riskless","attributed":true"#
            ),
            Reason::None,
        ),
        ("T", r#""side":"buy","tif":"day","qty":20,"price":"2.01""#, Reason::OffTick),
        (
            "T",
            r#""side":"buy","tif":"day","qty":20,"price":"99999999999999999999""#,
            Reason::InvalidPrice,
        ),
    ] {
        let report = format!(
            r#"{{"report":"exported","session":"{session}","id":8,"order":5,"symbol":"A",{terms}}}"#
        );
        let answer = DeskAnswer::read(report.as_bytes()).unwrap().unwrap();
        let DeskEvent::Exported(order) = answer.event else { panic!("{answer:?}") };
        let command = DeskRequest::Import(order).command(&directory).unwrap();
        let line =
            format!(r#"{{"op":"import","session":"{session}","id_there":8,"symbol":"A",{terms}}}"#);
        assert_eq!(commands(&directory, &line), [command], "{line}");
        assert_eq!(command.verdict, verdict, "{line}");
    }
}

#[test]
fn an_import_names_what_the_venue_does_not_know() {
    for (session, firm, expected) in [
        ("U", "F", "A: U is no session of this venue"),
        ("S", "G", "A: G is no firm of this venue"),
    ] {
        let report = format!(
            r#"{{"report":"exported","session":"{session}","id":8,"symbol":"A","side":"buy","tif":"day","qty":2,"price":"2","firm":"{firm}"}}"#
        );
        let answer = DeskAnswer::read(report.as_bytes()).unwrap().unwrap();
        let DeskEvent::Exported(order) = answer.event else { panic!("{answer:?}") };
        let unknown = DeskRequest::Import(order).command(&directory()).unwrap_err();
        assert_eq!(unknown.to_string(), expected);
    }
}
