//! Tests that a file session reads the line of a command as the same command.

use super::super::export::cells;
use super::super::samples::{self, of_a, venue_wide};
use super::*;
use ringside_edge::gateway::file_session::{FileSession, Format, LineError};
use ringside_edge::gateway::risk::RiskDesk;
use ringside_model::command::{
    Enter, EnterStop, ImportOrder, MassCancel, PlanState, Replace, SetOrderEntry,
};
use ringside_model::domain::*;

/// Returns the line of a command, and what a file session makes of the line without its seqno, in
/// both formats.
fn read_back(command: Command) -> (String, [Result<Vec<Command>, LineError>; 2]) {
    let names = samples::directory();
    let at = Sequenced { seqno: SeqNo(9), time: Nanos(7), command };
    let fields = command_fields(&at, &names);
    let line = json_line(&fields[1..]);
    let mut columns: Vec<&'static str> = fields[1..].iter().map(|field| field.0).collect();
    columns.reverse();
    let mut record = vec![];
    cells(&mut record, &columns, |column| {
        fields.iter().find(|field| field.0 == column).map(|field| &field.1)
    });
    let csv = [columns.join(","), String::from_utf8(record).unwrap()];
    let read = |format, lines: &[String]| {
        let session = FileSession::new(names.clone(), format);
        let desk = RiskDesk::new(samples::exposures());
        let (mut session, mut commands) = (session.with_limits(desk, || ()), vec![]);
        for line in lines {
            session.line(line, &mut |command, time| {
                assert_eq!(time, Some(Nanos(7)));
                commands.push(command);
            })?;
        }
        Ok(commands)
    };
    let read = [read(Format::Json, std::slice::from_ref(&line)), read(Format::Csv, &csv)];
    (line, read)
}

#[track_caller]
fn assert_reads_as(command: Command, expected: &[Command]) {
    let (line, read) = read_back(command);
    for read in read {
        assert_eq!(read.as_deref(), Ok(expected), "{line}");
    }
}

#[test]
fn a_line_without_a_verdict_reads_back_as_its_command() {
    for command in samples::usual() {
        assert_reads_as(command, &[command]);
    }
}

#[test]
fn a_kill_switch_reads_back_with_its_mass_cancel() {
    for kill in samples::kills() {
        assert_reads_as(kill, &[kill, kill.kills().unwrap()]);
    }
}

#[test]
fn a_line_that_would_read_as_another_command_shows_the_verdict() {
    let of = |symbol, verdict, action| Command { symbol, verdict, ..of_a(action) };
    let (x, none, nowhere) = (SymbolId(1), SymbolId::NONE, Directory::NOWHERE);
    let own = Action::MassCancel(MassCancel { session: Some(SessionId(1)), ..Default::default() });
    let order = samples::limit(7);
    let enter = |id| Action::Enter(Enter { id: OrderId(id), ..order });
    let replace = |new_id, price| {
        let (id, new_id, quantity) = (OrderId(1), OrderId(new_id), Quantity(5));
        Action::Replace(Replace { id, new_id, quantity, price: Price(price) })
    };
    let cancel = Action::Cancel(ringside_model::command::Cancel { id: OrderId(1) });
    let import = |price| {
        let order = Enter { price: Price(price), ..order };
        Action::from(ImportOrder { order, id_there: OrderId(5) })
    };
    let entry = Action::SetOrderEntry(SetOrderEntry { id: OrderId(5), enabled: false });
    for command in [
        of(nowhere, Reason::UnknownSymbol, own),
        // A request over the network that the gateway does not serve.
        of(nowhere, Reason::None, own),
        of(x, Reason::OffTick, enter(7)),
        of(none, Reason::UnknownSymbol, enter(7)),
        of(x, Reason::DuplicateId, enter(1)),
        of(x, Reason::None, enter(1)),
        of(x, Reason::OffTick, replace(7, 0)),
        of(x, Reason::None, replace(1, 106)),
        of(x, Reason::None, cancel),
        of(x, Reason::InvalidPrice, import(0)),
        of(x, Reason::None, import(0)),
        of(none, Reason::NotPermitted, entry),
    ] {
        let (line, read) = read_back(command);
        let verdict = format!("\"verdict\":\"{}\"}}", command.verdict.name());
        assert!(line.ends_with(&verdict), "{line}");
        for read in read {
            assert!(read.unwrap_err().message.contains("`verdict`"), "{line}");
        }
    }
}

#[test]
fn a_line_does_not_name_what_no_gateway_of_files_sends() {
    let order = Enter { firm: FirmId(0), ..samples::limit(7) };
    let stop = EnterStop { order: samples::limit(7), stop: Price(106) };
    let market_to_limit = Enter { order_type: OrderType::MarketToLimit, ..stop.order };
    let plan = PlanState { due: Nanos(9), random_ns: 0, seed: 0, state: SymbolState::Open };
    let finer = PlanState { random_ns: 1, ..plan };
    let of_all = MassCancel::default();
    let of_own = MassCancel { session: Some(SessionId(1)), ..of_all };
    let on_x = |plan| Command { symbol: SymbolId(1), ..venue_wide(plan) };
    for (command, read) in [
        // An order for no firm, of a session that has a firm.
        (of_a(Action::Enter(order)), of_a(Action::Enter(samples::limit(7)))),
        (
            of_a(Action::EnterStop(EnterStop { order: market_to_limit, ..stop })),
            of_a(Action::EnterStop(stop)),
        ),
        (of_a(Action::MassCancel(of_all)), of_a(Action::MassCancel(of_own))),
        (on_x(finer), on_x(plan)),
        // The session of the schedule.
        (of_a(plan), on_x(plan)),
    ] {
        assert_reads_as(command, &[read]);
    }
}
