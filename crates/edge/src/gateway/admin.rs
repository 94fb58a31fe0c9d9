//! Operators' port: lines of JSON as in a file session, on this machine only.
//!
//! The port rejects operations on own orders, because an operator has no session. A malformed line
//! is answered with `{"error":"…","column":…}`. The results of all other lines are in the
//! operators' stream, which every connection receives from the time of its start on. The `ts` of a
//! line is ignored: the venue has a clock.

use crate::gateway::epoll::{Epoll, Token};
use crate::gateway::intake::Intake;
use crate::gateway::listener::{bind, prepare};
use ringside_core::streams::{Cursor, StreamId, StreamReader};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// Largest number of operators at the same time.
const OPERATORS_MAX: usize = 8;
/// Longest line with its end, in bytes.
const LINE_BYTES_MAX: usize = 64 << 10;
/// Bytes of the stream that are prepared for an operator at a time.
const SEND_BYTES_MAX: usize = 64 << 10;
/// Time in which an operator that has ended its input is still sent answers.
const LINGER_NS: u64 = 1_000_000_000;
/// Lines of an operator that are handled in one step, at most.
const LINES_PER_STEP: usize = 16;

/// Operators' port with its connections.
pub(crate) struct AdminPort {
    listener: TcpListener,
    operators: [Option<Operator>; OPERATORS_MAX],
}

struct Operator {
    socket: TcpStream,
    /// Bytes that are received and not handled yet.
    received: Vec<u8>,
    /// Bytes that are not sent yet.
    out: Vec<u8>,
    cursor: Cursor,
    looks_for_writable: bool,
    /// True if the operator has ended its input.
    ended: bool,
    /// Time at which the end was noticed.
    ended_ns: Option<u64>,
}

impl AdminPort {
    /// Opens the listening socket, and adds it to the epoll set.
    pub(super) fn open(address: SocketAddr, poll: &Epoll) -> io::Result<AdminPort> {
        let listener = bind(address)?;
        poll.add(&listener, Token::AdminListener)?;
        Ok(AdminPort { listener, operators: Default::default() })
    }

    /// Returns the address on which the port listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("a listening socket has an address")
    }

    /// Returns true if an operator has not taken all of its output.
    pub(crate) fn has_to_send(&self) -> bool {
        self.operators.iter().flatten().any(|operator| !operator.out.is_empty())
    }

    /// Accepts an operator or reads from one; returns the amount of work.
    pub(super) fn ready(&mut self, token: Token, poll: &Epoll, reader: &mut StreamReader) -> usize {
        match token {
            Token::AdminListener => self.accept(poll, reader),
            Token::Operator(slot) => match &mut self.operators[slot] {
                Some(operator) => match operator.receive() {
                    Ok(bytes) => bytes,
                    Err(_) => {
                        self.operators[slot] = None;
                        1
                    }
                },
                None => 0,
            },
            Token::Listener | Token::Client(_) => 0,
        }
    }

    /// Handles lines as far as the queue has room for their commands.
    pub(crate) fn handle_lines(&mut self, intake: &mut Intake) -> usize {
        self.operators.iter_mut().flatten().map(|operator| operator.handle_lines(intake)).sum()
    }

    /// Sends pending output. An operator that has ended its input stays connected for a while,
    /// because its answers come later.
    pub(super) fn send(&mut self, poll: &Epoll, reader: &mut StreamReader, now_ns: u64) -> usize {
        let mut work = 0;
        for (slot, place) in self.operators.iter_mut().enumerate() {
            let Some(operator) = place else { continue };
            let sent = operator.send(reader);
            work += *sent.as_ref().unwrap_or(&1);
            let watched = sent.and_then(|_| operator.watch(poll, Token::Operator(slot)));
            if watched.is_err() || operator.is_over(now_ns) {
                *place = None;
            }
        }
        work
    }

    fn accept(&mut self, poll: &Epoll, reader: &mut StreamReader) -> usize {
        let Ok((socket, address)) = self.listener.accept() else { return 0 };
        let free = self.operators.iter().position(Option::is_none);
        let next = reader.next_number(StreamId::OPERATOR);
        if let Some(slot) = free
            && prepare(&socket).is_ok()
            && poll.add(&socket, Token::Operator(slot)).is_ok()
            && let Some(cursor) = reader.cursor(StreamId::OPERATOR, next)
        {
            self.operators[slot] = Some(Operator {
                socket,
                received: vec![],
                out: vec![],
                cursor,
                looks_for_writable: false,
                ended: false,
                ended_ns: None,
            });
            tracing::info!(
                event = "operator_connected",
                address = %address,
                "an operator connects from {address}"
            );
        } else {
            tracing::warn!(
                event = "operator_refused",
                address = %address,
                "the connection of an operator at {address} is refused: there is no place for it"
            );
        }
        1
    }
}

impl Operator {
    fn receive(&mut self) -> io::Result<usize> {
        // A line that is too long is answered before more bytes are read.
        if self.ended || self.received.len() > LINE_BYTES_MAX {
            return Ok(0);
        }
        let mut buffer = [0; 4096];
        match self.socket.read(&mut buffer) {
            Ok(0) => {
                self.ended = true;
                Ok(1)
            }
            Ok(bytes) => {
                self.received.extend_from_slice(&buffer[..bytes]);
                Ok(bytes)
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(e) => Err(e),
        }
    }

    fn handle_lines(&mut self, intake: &mut Intake) -> usize {
        for lines in 0..LINES_PER_STEP {
            let takes_answers = self.out.len() < SEND_BYTES_MAX;
            let Some(end) = self.line_end().filter(|_| takes_answers) else { return lines };
            if intake.room() < Intake::LINE_COMMANDS_MAX {
                return lines;
            }
            let answer = match run(&self.received[..end], intake) {
                Ok(None) => String::new(),
                Ok(Some(answer)) => format!("{answer}\n"),
                Err((message, column)) => {
                    format!("{{\"error\":{},\"column\":{column}}}\n", json!(message))
                }
            };
            self.out.extend_from_slice(answer.as_bytes());
            self.received.drain(..(end + 1).min(self.received.len()));
        }
        LINES_PER_STEP
    }

    /// Returns the end of the next line. A line that is too long, and the last line, need no end of
    /// line.
    fn line_end(&self) -> Option<usize> {
        let end = self.received.iter().position(|&byte| byte == b'\n');
        let cut = self.received.len() > LINE_BYTES_MAX || (self.ended && !self.received.is_empty());
        end.or(cut.then_some(self.received.len()))
    }

    fn send(&mut self, reader: &mut StreamReader) -> io::Result<usize> {
        while self.out.len() < SEND_BYTES_MAX {
            let bytes = reader.bytes(&mut self.cursor);
            let Some((length, rest)) = bytes.split_first_chunk::<2>() else { break };
            let line = &rest[..usize::from(u16::from_be_bytes(*length))];
            self.out.extend_from_slice(line);
            self.cursor.advance(2 + line.len());
        }
        if self.out.is_empty() {
            return Ok(0);
        }
        match self.socket.write(&self.out) {
            Ok(bytes) => {
                self.out.drain(..bytes);
                Ok(bytes)
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(e) => Err(e),
        }
    }

    /// Polls the socket for room for output, if any output is left.
    fn watch(&mut self, poll: &Epoll, token: Token) -> io::Result<()> {
        let blocked = !self.out.is_empty();
        if blocked == self.looks_for_writable {
            return Ok(());
        }
        self.looks_for_writable = blocked;
        poll.look_for_writable(&self.socket, token, blocked)
    }

    fn is_over(&mut self, now_ns: u64) -> bool {
        if !self.ended || !self.out.is_empty() || self.line_end().is_some() {
            return false;
        }
        now_ns.saturating_sub(*self.ended_ns.get_or_insert(now_ns)) >= LINGER_NS
    }
}

/// Operations that a session must request itself: it counts its own ids, and gets the answer.
const OF_SESSIONS: [&str; 6] = ["enter", "reduce", "replace", "modify", "cancel", "account_query"];

/// Request that is no command: the clock of the venue takes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TakeClockStep {
    #[serde(rename = "op")]
    _op: IgnoredAny,
}

/// Runs a line; returns the answer to a request that is no command. An error is the description of
/// the fault, and its column.
fn run(line: &[u8], intake: &mut Intake) -> Result<Option<Value>, (String, usize)> {
    #[derive(Deserialize)]
    struct Operation<'a> {
        #[serde(borrow)]
        op: Cow<'a, str>,
        id: Option<IgnoredAny>,
    }
    let content = line.trim_ascii();
    match content.first() {
        None | Some(b'#') => return Ok(None),
        Some(b'{') => {}
        Some(_) => return Err(("the line is no JSON object".into(), 1)),
    }
    // A line that cannot be parsed here must not run: it might hold one of those operations. The
    // reader of the line looks at what follows the object.
    let mut parser = serde_json::Deserializer::from_slice(line);
    let Operation { op, id } = Operation::deserialize(&mut parser).map_err(|e| {
        let text = e.to_string();
        let what = text.split(" at line ").next().unwrap_or_default();
        (what.to_string(), e.column().max(1))
    })?;
    if op == "take_clock_step" {
        serde_json::from_slice::<TakeClockStep>(line)
            .map_err(|e| (format!("`{op}` is a line of its own"), e.column().max(1)))?;
        return match intake.take_clock_step() {
            0 => Err(("the clock of the machine makes no step that could be taken".into(), 1)),
            ns => Ok(Some(json!({"clock_step_ms": ns / 1_000_000}))),
        };
    }
    if OF_SESSIONS.contains(&&*op) {
        return Err((format!("`{op}` is for the session itself"), 1));
    }
    if id.is_some() && matches!(&*op, "mass_cancel" | "order_entry") {
        return Err(("the session counts its own ids: leave `id` out".into(), 1));
    }
    if op == "session" && !intake.has_room_for_session() {
        return Err(("the venue has no place for another session".into(), 1));
    }
    intake.line(line).map_err(|e| (e.message, e.column))?;
    Ok(None)
}
