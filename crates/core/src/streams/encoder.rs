//! Makes the streams: encodes every command with its reports as messages for sessions, drop copies,
//! the operator and market data.
//!
//! The encoder keeps names and the trading day, which come from the journal. So the same code runs
//! live, in a replay, and in the snapshotter, where the sink only counts.

use super::market_data::{MarketData, Out};
use super::session_messages::{Cause, Messages};
use super::wire_names::WireNames;
use super::{Day, StreamId, StreamSink};
use crate::json_reports::JsonReports;
use crate::registry::names::Names;
use ringside_model::command::{Action, Command, DefineSession, Definition, OperatorCommand};
use ringside_model::domain::{DayEvent, FirmId, Nanos, Role, SeqNo, SessionId};
use ringside_model::report::{Body, Published, Report, ReportKind};

/// Encoder of all streams.
pub struct Encoder<S> {
    sink: S,
    lines: JsonReports,
    names: WireNames,
    sessions: Sessions,
    market: MarketData,
    messages: Messages,
    /// Buffer for a message of a drop copy, or a line for the operator.
    copy: Vec<u8>,
    /// True if the present command ends the trading day.
    ends_day: bool,
    /// Last command whose messages are complete.
    seqno: SeqNo,
}

/// Sessions that have streams, by the messages that they get.
#[derive(Default)]
struct Sessions {
    /// Wire form of each session with streams of its own, by its number.
    senders: Vec<Option<Sender>>,
    order_entry: Vec<SessionId>,
    firm_copies: Vec<(FirmId, StreamId)>,
    venue_copies: Vec<StreamId>,
    day: Day,
}

/// Session that enters orders, as its messages name it.
#[derive(Clone, Copy)]
struct Sender {
    firm: FirmId,
    user: [u8; 6],
}

impl<S: StreamSink> Encoder<S> {
    /// Returns an encoder that begins before the first command.
    pub(super) fn new(sink: S, names: Names) -> Self {
        Encoder {
            sink,
            lines: JsonReports::with_names(names),
            names: WireNames::default(),
            sessions: Sessions::default(),
            market: MarketData::default(),
            messages: Messages::default(),
            copy: vec![],
            ends_day: false,
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

    /// Returns the trading day.
    pub fn day(&self) -> Day {
        self.sessions.day
    }

    /// Returns the last command whose messages are complete since the encoder began or was resumed;
    /// zero for none.
    pub(super) fn seqno(&self) -> SeqNo {
        self.seqno
    }

    /// Goes on behind a snapshot with its `definitions` and its trading day. The sink must go on
    /// there, too.
    pub(super) fn resume(&mut self, definitions: &[Command], day: Day) {
        definitions.iter().for_each(|command| self.learn(command));
        self.sessions.day = day;
    }

    /// Begins a command.
    #[inline]
    pub(super) fn begin(&mut self, cause: &Cause) {
        self.market.begin(cause.time_ns);
    }

    /// Encodes the next report of the command.
    #[inline]
    pub(super) fn report(&mut self, published: &Published, cause: &Cause) {
        let report = &published.report;
        let command = &cause.at.command;
        match report.body() {
            Body::Defined(_) => self.learn(command),
            Body::SymbolChanged(_) => {
                self.lines.names().learn(report);
                let symbol = self.lines.names().symbol(report.symbol);
                symbol.into_iter().for_each(|symbol| self.names.change(report.symbol, &symbol));
            }
            Body::Rejected(_) => self.lines.names().reject(command),
            Body::TradingDay(day) => match day.event {
                DayEvent::Start => self.tell_day(DayEvent::Start, cause),
                // The end of the day comes after the reports of the orders that expire.
                DayEvent::End => self.ends_day = true,
            },
            _ => {}
        }
        self.tell_session(published, cause);
        let attribution = self.attribution(report, command);
        let mut out = Out { sink: &mut self.sink, names: &self.names };
        self.market.report(published, attribution, &mut out);
        let told = told_to_operator(&command.action);
        if told != Told::Nothing {
            self.tell_operator(published, told);
        }
        if report.kind == ReportKind::Defined {
            self.greet(report.session, cause.time_ns);
        }
    }

    /// Encodes everything that comes after the last report of the command.
    #[inline]
    pub(super) fn end_command(&mut self, cause: &Cause) {
        self.market.end(&mut Out { sink: &mut self.sink, names: &self.names });
        if std::mem::take(&mut self.ends_day) {
            self.tell_day(DayEvent::End, cause);
        }
        self.seqno = cause.at.seqno;
    }

    /// Marks the end of a batch: the sink can publish the messages so far.
    #[inline]
    pub(super) fn end_batch(&mut self) {
        self.sink.end_batch(self.seqno);
    }

    fn learn(&mut self, command: &Command) {
        self.lines.definition(command);
        self.names.observe(command);
        if let Action::Definition(Definition::Session(DefineSession { firm, role, name })) =
            command.action
        {
            let stream = StreamId(command.session.0);
            match role {
                Role::File => {}
                Role::OrderEntry => {
                    let (place, senders) = (stream.0 as usize, &mut self.sessions.senders);
                    senders.resize(senders.len().max(place + 1), None);
                    senders[place] = Some(Sender { firm, user: user_of(name.as_str()) });
                    self.sessions.order_entry.push(command.session);
                }
                Role::FirmDropCopy => self.sessions.firm_copies.push((firm, stream)),
                Role::VenueDropCopy => self.sessions.venue_copies.push(stream),
            }
        }
    }

    /// Appends the messages of a report to the stream of its session and to the drop copies.
    #[inline]
    fn tell_session(&mut self, published: &Published, cause: &Cause) {
        let stream = StreamId(published.report.session.0);
        let sender = self.sessions.senders.get(stream.0 as usize);
        let Some(&Some(Sender { firm, user })) = sender else { return };
        self.messages.encode(published, cause, &self.names);
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

    /// Appends the line of a report to the operator's stream.
    #[cold]
    fn tell_operator(&mut self, published: &Published, told: Told) {
        let Report { kind, session, .. } = published.report;
        let session = self.lines.names().session(session);
        let has_stream = session.is_some_and(|session| session.role == Role::OrderEntry);
        if has_stream && kind != ReportKind::Defined && told != Told::Everything {
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
    fn tell_day(&mut self, event: DayEvent, cause: &Cause) {
        let time = cause.at.time;
        match event {
            DayEvent::Start => self.sessions.day = Day { began: time, ended: Nanos(0) },
            DayEvent::End => self.sessions.day.ended = time,
        }
        self.messages.encode_day(event, cause.time_ns);
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
        let role = self.lines.names().session(session).map(|session| session.role);
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
            None if report.is_attributed() => {
                self.lines.names().session(report.session).map(|session| session.firm)
            }
            None => None,
        }
    }
}

/// Reports of a command that the operator's stream has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// No report: the command is about a single order of a session.
    Nothing,
    /// Reports that no network session gets.
    Rest,
    /// All reports: an operator who moves a symbol gets a report of each of its orders.
    Everything,
}

fn told_to_operator(action: &Action) -> Told {
    match action {
        Action::Enter(_)
        | Action::EnterStop(_)
        | Action::EnterIceberg(_)
        | Action::EnterSpecial(_)
        | Action::Reduce(_)
        | Action::Replace(_)
        | Action::ReplaceTerms(_)
        | Action::Cancel(_)
        | Action::Modify(_) => Told::Nothing,
        Action::MassCancel(_) | Action::AccountQuery(_) | Action::Definition(_) => Told::Rest,
        Action::SetOrderEntry(_) => Told::Everything,
        Action::Operator(command) => match command {
            OperatorCommand::MoveSymbol(_)
            | OperatorCommand::ImportOrder(_)
            | OperatorCommand::SetRisk(_)
            | OperatorCommand::BreakTrade(_)
            | OperatorCommand::CorrectTrade(_) => Told::Everything,
            OperatorCommand::SetDurability(_)
            | OperatorCommand::TradingDay(_)
            | OperatorCommand::SetState(_)
            | OperatorCommand::PlanState(_)
            | OperatorCommand::RunTimers(_)
            | OperatorCommand::SetBands(_)
            | OperatorCommand::SetQuote(_)
            | OperatorCommand::SetShortSale(_)
            | OperatorCommand::SetReference(_)
            | OperatorCommand::ChangeSymbol(_)
            | OperatorCommand::SetStopWaves(_) => Told::Rest,
        },
    }
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
