//! Threads that do the slow work of a member: calls to the coordinator, and messages to other
//! nodes.

use super::coordinator::{Coordinator, Revision, Swapped, Unavailable, Versioned};
use super::message::PeerMessage;
use super::record::{NodeName, Record};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

/// Event for a member, from another node or from the coordinator.
#[derive(Debug)]
pub enum Arrived {
    /// Message of another node.
    Message(NodeName, PeerMessage),
    /// Node that does not take messages.
    Unreachable(NodeName),
    /// Answer to a read of the record.
    Read(Result<Option<Versioned>, Unavailable>),
    /// Outcome of a swap to this record.
    Swapped(Record, Result<Swapped, Unavailable>),
}

/// Message with its sender, sent as one line of JSON.
#[derive(Serialize, Deserialize)]
pub struct Letter {
    /// Node that sends the message.
    pub from: NodeName,
    /// Content of the letter.
    pub message: PeerMessage,
}

enum Question {
    Read,
    Swap(Option<Revision>, Record),
}

/// Handle of the threads, with the channel of their answers.
pub struct Errands {
    me: NodeName,
    arrived: Receiver<Arrived>,
    arrivals: Sender<Arrived>,
    questions: Sender<Question>,
    posts: HashMap<NodeName, (String, SyncSender<PeerMessage>)>,
}

impl Errands {
    /// Starts the thread that asks the coordinator.
    pub fn new(me: NodeName, mut coordinator: Box<dyn Coordinator>) -> io::Result<Self> {
        let (arrivals, arrived) = channel();
        let (questions, asked) = channel();
        let answers = arrivals.clone();
        let ask = move || {
            for question in asked {
                let answer = match question {
                    Question::Read => Arrived::Read(coordinator.read()),
                    Question::Swap(expected, record) => {
                        let ended = coordinator.swap(expected, &record);
                        Arrived::Swapped(record, ended)
                    }
                };
                if answers.send(answer).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("coordinator".into()).spawn(ask)?;
        Ok(Errands { me, arrived, arrivals, questions, posts: HashMap::new() })
    }

    /// Returns a sender into the channel of arrivals, for events from other sources.
    pub fn arrivals(&self) -> Sender<Arrived> {
        self.arrivals.clone()
    }

    /// Waits at most `patience` for the next arrival, and returns it.
    pub fn next(&self, patience: Duration) -> Option<Arrived> {
        match self.arrived.recv_timeout(patience) {
            Ok(arrived) => Some(arrived),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => unreachable!("this has a sender itself"),
        }
    }

    /// Asks for the record; the answer arrives as [`Arrived::Read`].
    pub fn read(&self) {
        self.question(Question::Read);
    }

    /// Asks to swap the record; the outcome arrives as [`Arrived::Swapped`].
    pub fn swap(&self, expected: Option<Revision>, record: Record) {
        self.question(Question::Swap(expected, record));
    }

    fn question(&self, question: Question) {
        self.questions.send(question).expect("the thread lives as long as this");
    }

    /// Sends a message to a node, without waiting. Nothing confirms its arrival;
    /// [`Arrived::Unreachable`] arrives if the node could not be reached.
    pub fn send(&mut self, to: &NodeName, address: &str, message: PeerMessage) {
        const WAITING_MAX: usize = 64;
        if self.posts.get(to).is_none_or(|(known, _)| known != address) {
            let (letters, post) = sync_channel(WAITING_MAX);
            let (me, node, at) = (self.me.clone(), to.clone(), address.to_string());
            let arrivals = self.arrivals.clone();
            let deliver = move || deliver(&me, &node, &at, &post, &arrivals);
            if std::thread::Builder::new().name("post".into()).spawn(deliver).is_err() {
                return;
            }
            self.posts.insert(to.clone(), (address.into(), letters));
        }
        // A node that takes nothing must not grow its queue: a message beyond the limit is dropped.
        let _ = self.posts[to].1.try_send(message);
    }
}

/// Writes messages to one node, over a connection that stays open.
fn deliver(
    me: &NodeName,
    to: &NodeName,
    address: &str,
    post: &Receiver<PeerMessage>,
    arrivals: &Sender<Arrived>,
) {
    let mut connection = None;
    for message in post {
        let letter = Letter { from: me.clone(), message };
        let mut line = serde_json::to_vec(&letter).expect("a message can be written");
        line.push(b'\n');
        // The other side may have closed the kept connection without notice; the second try opens a
        // new one.
        let written = write(&mut connection, address, &line);
        let written = written.or_else(|_| write(&mut connection, address, &line));
        if written.is_err() && arrivals.send(Arrived::Unreachable(to.clone())).is_err() {
            return;
        }
    }
}

fn write(connection: &mut Option<TcpStream>, address: &str, line: &[u8]) -> io::Result<()> {
    const PATIENCE: Duration = Duration::from_millis(200);
    let mut to = match connection.take() {
        Some(open) => open,
        None => {
            let place = address.to_socket_addrs()?.next();
            let place = place.ok_or(io::ErrorKind::NotFound)?;
            let open = TcpStream::connect_timeout(&place, PATIENCE)?;
            open.set_nodelay(true)?;
            open.set_write_timeout(Some(PATIENCE))?;
            open
        }
    };
    to.write_all(line)?;
    *connection = Some(to);
    Ok(())
}
