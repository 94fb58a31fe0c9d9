//! Subscriber that makes the streams: encodes every command with its reports as messages for
//! sessions, drop copies, the operator and market data.
//!
//! The encoder keeps names, definitions, and the ids that the sessions have used up; all of these
//! come from the journal. So the same code runs live, in a replay, and in the snapshotter, where
//! the sink only counts.

use super::market_data::{MarketData, Out};
use super::session_messages::{Cause, Messages, time_of_day};
use super::wire_names::WireNames;
use super::{Day, Positions, SessionStates, StreamId, StreamSink, StreamsImage};
use crate::registry::directory::Directory;
use crate::registry::exposure::Exposure;
use crate::report_lines::ReportLines;
use crate::report_order::Subscriber;
use ringside_model::command::{
    self, Action, ClientFields, Command, DefineSession, Definition, OperatorCommand, Sequenced,
    SetOrderEntry,
};
use ringside_model::domain::{DayEvent, FirmId, Nanos, OrderId, Role, SeqNo, SessionId};
use ringside_model::frame::Frame;
use ringside_model::report::{Published, Report, ReportKind};

/// Encoder of all streams.
pub struct Encoder<S> {
    sink: S,
    directory: Directory,
    lines: ReportLines,
    names: WireNames,
    states: SessionStates,
    exposure: Exposure,
    sessions: Sessions,
    market: MarketData,
    messages: Messages,
    /// Buffer for a message of a drop copy, or a line for the operator.
    copy: Vec<u8>,
    cause: Option<Current>,
    /// Last command whose messages are complete.
    seqno: SeqNo,
}

impl Encoder<Positions> {
    /// Returns the state that is needed to go on behind the last command.
    pub fn image(&self) -> StreamsImage {
        StreamsImage {
            positions: self.sink.image(),
            sessions: self.states.rows(),
            day: self.sessions.day,
        }
    }
}

/// Sessions that have streams, by the messages that they get.
#[derive(Default)]
struct Sessions {
    order_entry: Vec<SessionId>,
    firm_copies: Vec<(FirmId, StreamId)>,
    venue_copies: Vec<StreamId>,
    day: Day,
}

/// Command whose reports are being encoded.
struct Current {
    at: Sequenced,
    fields: Option<ClientFields>,
    time_ns: u64,
    /// Order id that the command has used up.
    consumed: Option<u64>,
    /// True if the command ends the trading day.
    ended: bool,
}

impl<S: StreamSink> Encoder<S> {
    /// Returns an encoder that begins before the first command. `states` shows the gateway the
    /// results of the sessions' commands.
    pub fn new(sink: S, states: SessionStates) -> Self {
        Encoder {
            sink,
            directory: Directory::new(),
            lines: ReportLines::new(),
            names: WireNames::default(),
            states,
            exposure: Exposure::default(),
            sessions: Sessions::default(),
            market: MarketData::default(),
            messages: Messages::default(),
            copy: vec![],
            cause: None,
            seqno: SeqNo(0),
        }
    }

    /// Returns the sink of the messages.
    pub fn sink(&self) -> &S {
        &self.sink
    }

    /// Returns the sink of the messages.
    pub fn sink_mut(&mut self) -> &mut S {
        &mut self.sink
    }

    /// Returns the session states that the gateway reads.
    pub fn states(&self) -> &SessionStates {
        &self.states
    }

    /// Returns the open orders and traded values, as far as reports have been published.
    pub fn exposure(&self) -> &Exposure {
        &self.exposure
    }

    /// Returns the trading day.
    pub fn day(&self) -> Day {
        self.sessions.day
    }

    /// Returns the last command whose messages are complete since the encoder began or was resumed;
    /// zero for none.
    pub fn seqno(&self) -> SeqNo {
        self.seqno
    }

    /// Goes on behind a snapshot with its `definitions`, its stream state and its `exposure`. The
    /// sink must go on there, too.
    pub fn resume(&mut self, definitions: &[Command], image: &StreamsImage, exposure: &Exposure) {
        for command in definitions {
            self.learn(command);
        }
        self.exposure = exposure.clone();
        self.states.resume(&image.sessions);
        self.sessions.day = image.day;
        if image.day.ended != Nanos(0) {
            self.states.end_day();
        }
    }

    fn learn(&mut self, command: &Command) {
        self.directory.observe(command);
        self.lines.definition(command);
        self.names.observe(command);
        if let Action::Definition(Definition::Session(DefineSession { firm, role, .. })) =
            command.action
        {
            let stream = StreamId(command.session.0);
            match role {
                Role::File => {}
                Role::OrderEntry => self.sessions.order_entry.push(command.session),
                Role::FirmDropCopy => self.sessions.firm_copies.push((firm, stream)),
                Role::VenueDropCopy => self.sessions.venue_copies.push(stream),
            }
        }
    }

    /// Appends the messages of a report to the stream of its session and to the drop copies.
    #[inline]
    fn tell_session(&mut self, published: &Published, current: &Current) {
        let Some(session) = self.directory.session(published.report.session) else { return };
        if session.role != Role::OrderEntry {
            return;
        }
        let Current { at, fields, time_ns, .. } = current;
        let cause = Cause {
            seqno: at.seqno,
            command: &at.command,
            fields: fields.as_ref(),
            time_ns: *time_ns,
        };
        self.messages.encode(published, &cause, &self.names);
        let (stream, firm) = (StreamId(published.report.session.0), session.firm);
        let user = user_of(session.name.as_str());
        for message in self.messages.iter() {
            self.sink.append(stream, message);
            let firm_copies = self.sessions.firm_copies.iter().filter(|(of, _)| *of == firm);
            let copies = firm_copies.map(|(_, copy)| copy).chain(&self.sessions.venue_copies);
            for &copy in copies {
                drop_copy(&user, message, &mut self.copy);
                self.sink.append(copy, &self.copy);
            }
        }
    }

    /// Appends the report line of a command to the operator's stream, unless the command is about a
    /// single order of a session.
    #[cold]
    fn tell_operator(&mut self, published: &Published, command: &Command) {
        let Report { kind, session, .. } = published.report;
        let session = self.directory.session(session);
        let has_stream = session.is_some_and(|session| session.role == Role::OrderEntry);
        // The operator gets these reports in addition to the sessions: an operator who moves a
        // symbol gets a report of each of its orders.
        let is_told = matches!(
            command.action,
            Action::Operator(OperatorCommand::MoveSymbol(_))
                | Action::Operator(OperatorCommand::ImportOrder(_))
                | Action::Operator(OperatorCommand::SetRisk(_))
                | Action::SetOrderEntry(_)
                | Action::Operator(OperatorCommand::BreakTrade(_))
                | Action::Operator(OperatorCommand::CorrectTrade(_))
        );
        if has_stream && kind != ReportKind::Defined && !is_told {
            return;
        }
        self.copy.clear();
        self.copy.extend_from_slice(&[0, 0]);
        self.lines.write(published, &mut self.copy);
        let length = (self.copy.len() - 2) as u16;
        self.copy[..2].copy_from_slice(&length.to_be_bytes());
        if length > 0 {
            self.sink.append(StreamId::OPERATOR, &self.copy);
        }
    }

    /// Appends the start or end of the trading day to all sessions and drop copies.
    #[cold]
    fn tell_day(&mut self, event: DayEvent, time: Nanos) {
        let time_ns = time_of_day(time);
        match event {
            DayEvent::Start => self.sessions.day = Day { began: time, ended: Nanos(0) },
            DayEvent::End => self.sessions.day.ended = time,
        }
        self.messages.encode_day(event, time_ns);
        for message in self.messages.iter() {
            for session in &self.sessions.order_entry {
                self.sink.append(StreamId(session.0), message);
            }
            let firm_copies = self.sessions.firm_copies.iter().map(|(_, copy)| copy);
            for &copy in firm_copies.chain(&self.sessions.venue_copies) {
                drop_copy(b"      ", message, &mut self.copy);
                self.sink.append(copy, &self.copy);
            }
        }
    }

    /// Appends the start of the day for a session that is defined in the middle of the day.
    #[cold]
    fn greet(&mut self, session: SessionId, time_ns: u64) {
        let role = self.directory.session(session).map(|session| session.role);
        let Day { began, ended } = self.sessions.day;
        if role == Some(Role::OrderEntry) && began != Nanos(0) && ended == Nanos(0) {
            self.messages.encode_day(DayEvent::Start, time_ns);
            for message in self.messages.iter() {
                self.sink.append(StreamId(session.0), message);
            }
        }
    }

    /// Returns the firm that market data shows with a new order.
    #[inline]
    fn attribution(&self, report: &Report, command: &Command) -> Option<FirmId> {
        match command.action.entered() {
            Some(enter) => enter.attributed.then_some(enter.firm),
            None if report.flags & Report::ATTRIBUTED == 0 => None,
            None => self.directory.session(report.session).map(|session| session.firm),
        }
    }
}

impl<S: StreamSink> Subscriber for Encoder<S> {
    const COMMANDS: bool = true;

    fn command(&mut self, frame: &Frame) {
        let Some(at) = Sequenced::decode(frame) else { return };
        let time_ns = time_of_day(at.time);
        let consumed = match at.command.action {
            Action::MassCancel(filter) => Some(filter.id.0),
            Action::SetOrderEntry(SetOrderEntry { id, .. }) => Some(id.0),
            action => action.entered().map(|enter| enter.id.0),
        };
        let fields = ClientFields::of(frame);
        self.cause = Some(Current { at, fields, time_ns, consumed, ended: false });
        self.market.begin(time_ns);
    }

    fn report(&mut self, published: &Published) {
        let Some(mut current) = self.cause.take() else { return };
        let report = &published.report;
        let command = &current.at.command;
        match report.kind {
            ReportKind::Defined => self.learn(command),
            ReportKind::TradingDay => match DayEvent::from_code(report.other as u8) {
                Some(DayEvent::Start) => self.tell_day(DayEvent::Start, current.at.time),
                // The end of the day comes after the reports of the orders that expire.
                Some(DayEvent::End) => current.ended = true,
                None => {}
            },
            ReportKind::Replaced => current.consumed = Some(report.id.0),
            ReportKind::Rejected if report.reason.refuses_service() => {
                current.consumed = Some(report.id.0);
            }
            _ => {}
        }
        self.exposure.report(report, &current.at.command);
        self.tell_session(published, &current);
        let attribution = self.attribution(report, &current.at.command);
        let mut out = Out { sink: &mut self.sink, names: &self.names };
        self.market.report(published, attribution, &mut out);
        if !is_about_orders(&current.at.command.action) {
            self.tell_operator(published, &current.at.command);
        }
        if report.kind == ReportKind::Defined {
            self.greet(report.session, current.time_ns);
        }
        self.cause = Some(current);
    }

    fn end_command(&mut self) {
        self.market.end(&mut Out { sink: &mut self.sink, names: &self.names });
        let Some(Current { at, consumed, ended, .. }) = self.cause.take() else { return };
        if ended {
            self.tell_day(DayEvent::End, at.time);
        }
        let sent_by_session = !command::is_definition(at.command.action.kind());
        if sent_by_session && at.command.session != SessionId(0) {
            // The venue gives imported orders their ids: the session has not used such an id.
            let consumed = consumed.filter(|&id| !OrderId(id).is_imported());
            let consumed = consumed.and_then(|id| u32::try_from(id).ok());
            self.states.answer(at.command.session, consumed);
        }
        self.exposure.end_command(at.seqno.0);
        self.seqno = at.seqno;
    }

    fn end_batch(&mut self) {
        self.sink.end_batch(self.seqno);
        if self.sessions.day.ended != Nanos(0) {
            self.states.end_day();
        }
    }
}

fn is_about_orders(action: &Action) -> bool {
    matches!(
        action,
        Action::Enter(_)
            | Action::EnterStop(_)
            | Action::EnterIceberg(_)
            | Action::EnterRich(_)
            | Action::Reduce(_)
            | Action::Replace(_)
            | Action::Cancel(_)
            | Action::Modify(_)
    )
}

/// Encodes a drop copy: inserts the session's user name between the packet type and the message.
fn drop_copy(user: &[u8; 6], message: &[u8], copy: &mut Vec<u8>) {
    let length = (message.len() - 2 + user.len()) as u16;
    copy.clear();
    copy.extend_from_slice(&length.to_be_bytes());
    copy.push(message[2]);
    copy.extend_from_slice(user);
    copy.extend_from_slice(&message[3..]);
}

/// Returns the first six bytes of a session's name, padded with spaces.
fn user_of(name: &str) -> [u8; 6] {
    let mut user = [b' '; 6];
    name.bytes().zip(&mut user).for_each(|(from, to)| *to = from);
    user
}
