//! Server for the other nodes: for standbys while this node leads, and for messages between nodes
//! at any time.

use super::is_later;
use super::sender::{FrameSender, Gone, ReplicationTerms, Sent};
use super::wire::HelloAnswer;
use crate::membership::{Arrived, Letter};
use crossbeam_utils::Backoff;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Time within which the first bytes of a connection must come, and a letter from its first byte to
/// its end.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);
/// Limit of the connections that are open at once; each has a thread. Another connection is closed
/// at once. A node needs two from each other node.
const CONNECTIONS_MAX: usize = 64;
/// Length of the longest letter in bytes, with the end of its line.
const LETTER_BYTES_MAX: usize = 4096;

/// State of a node that decides how it serves a new connection.
pub struct Doors {
    leading: Mutex<Option<(ReplicationTerms, Arc<AtomicBool>)>>,
    /// Number of standbys that are being served.
    serving: AtomicUsize,
    connections: AtomicU64,
    letters: Mutex<mpsc::Sender<Arrived>>,
    began: Instant,
}

impl Doors {
    /// Creates the doors of a node that does not lead. Messages of other nodes are put into
    /// `letters`.
    pub fn new(letters: mpsc::Sender<Arrived>) -> Arc<Self> {
        Arc::new(Doors {
            leading: Mutex::default(),
            serving: AtomicUsize::new(0),
            connections: AtomicU64::new(0),
            letters: Mutex::new(letters),
            began: Instant::now(),
        })
    }

    /// Serves standbys from now on.
    pub fn open(&self, terms: ReplicationTerms) {
        *self.leading.lock().expect("no thread panics with it") = Some((terms, Arc::default()));
    }

    /// Serves no standbys from now on. When this function returns, nobody reads the journal any
    /// more.
    pub fn close(&self) {
        let leading = self.leading.lock().expect("no thread panics with it").take();
        if let Some((_, closed)) = leading {
            closed.store(true, Ordering::SeqCst);
        }
        while self.serving.load(Ordering::SeqCst) > 0 {
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// Counts one more standby that is served, and returns the terms; `None` if no standbys are
    /// served.
    fn enter(&self) -> Option<(ReplicationTerms, Arc<AtomicBool>)> {
        let leading = self.leading.lock().expect("no thread panics with it");
        let (terms, closed) = leading.as_ref()?;
        self.serving.fetch_add(1, Ordering::SeqCst);
        Some((terms.clone(), closed.clone()))
    }
}

/// Listens for other nodes until it is dropped.
pub struct ReplicationServer {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ReplicationServer {
    /// Starts to listen.
    pub fn listen(address: SocketAddr, doors: Arc<Doors>) -> io::Result<ReplicationServer> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = stop.clone();
        let accept = move || accept(&listener, &doors, &stopping);
        let thread = std::thread::Builder::new().name("nodes".into()).spawn(accept)?;
        Ok(ReplicationServer { address, stop, thread: Some(thread) })
    }

    /// Returns the address at which the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for ReplicationServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // The thread waits for a connection, and this one wakes it.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the thread does not panic");
        }
    }
}

fn accept(listener: &TcpListener, doors: &Arc<Doors>, stop: &Arc<AtomicBool>) {
    /// Pause after an error of the listener, such as too few descriptors.
    const PAUSE: Duration = Duration::from_millis(100);
    let (open, mut was_full) = (Arc::new(AtomicUsize::new(0)), false);
    let mut is_failing = false;
    for connection in listener.incoming() {
        if stop.load(Ordering::Acquire) {
            break;
        }
        let connection = match connection {
            Ok(connection) => {
                is_failing = false;
                connection
            }
            // A connection that was closed before it was accepted is no failure of the listener.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
            Err(error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::warn!(
                        event = "accept_failed",
                        port = "nodes",
                        "the connection of a node is not accepted, trying again: {error}"
                    );
                }
                std::thread::sleep(PAUSE);
                continue;
            }
        };
        let (doors, stop) = (doors.clone(), stop.clone());
        let is_full = open.load(Ordering::SeqCst) >= CONNECTIONS_MAX;
        if is_full && !was_full {
            tracing::warn!(
                event = "nodes_full",
                "{CONNECTIONS_MAX} nodes are connected; no more connections are taken"
            );
        }
        was_full = is_full;
        if is_full {
            continue;
        }
        let counted = Counted::new(&open);
        let serve = move || {
            receive(connection, &doors, &stop);
            drop(counted);
        };
        if let Err(error) = std::thread::Builder::new().name("node".into()).spawn(serve) {
            tracing::warn!(
                event = "accept_failed",
                port = "nodes",
                "the connection of a node is dropped, no thread can be started: {error}"
            );
        }
    }
}

/// Serves a connection by its first byte: a letter begins with a brace, and a hello does not.
fn receive(connection: TcpStream, doors: &Doors, stop: &AtomicBool) {
    let mut first = [0];
    let begins = connection
        .set_nodelay(true)
        .and_then(|()| connection.set_read_timeout(Some(HANDSHAKE_MAX)))
        .and_then(|()| connection.peek(&mut first));
    match begins {
        Ok(1) if first == *b"{" => take_letters(connection, doors, stop),
        Ok(1) => {
            let from = connection.peer_addr().map_or("?".into(), |address| address.to_string());
            if let Err(why) = serve(connection, doors) {
                tracing::warn!(
                    event = "standby_gone",
                    address = %from,
                    "the standby at {from} is gone: {}",
                    printable(&why.to_string())
                );
            }
        }
        _ => {}
    }
}

/// Passes on the letters of a connection until it ends. Letters may be far apart; a letter that was
/// begun, and the first one, must be there in time.
fn take_letters(connection: TcpStream, doors: &Doors, stop: &AtomicBool) {
    const LOOK: Duration = Duration::from_millis(250);
    if connection.set_read_timeout(Some(LOOK)).is_err() {
        return;
    }
    let (mut reader, mut line) = (BufReader::new(connection), vec![]);
    let mut since = Some(Instant::now());
    while !stop.load(Ordering::Acquire) {
        match reader.fill_buf() {
            Ok([]) => return,
            Ok(bytes) => {
                let bytes = &bytes[..bytes.len().min(LETTER_BYTES_MAX - line.len())];
                let end = bytes.iter().position(|&byte| byte == b'\n').map(|at| at + 1);
                let count = end.unwrap_or(bytes.len());
                line.extend_from_slice(&bytes[..count]);
                reader.consume(count);
                if end.is_some() {
                    let Ok(Letter { from, message }) = serde_json::from_slice(&line) else {
                        return;
                    };
                    line.clear();
                    since = None;
                    let letters = doors.letters.lock().expect("no thread panics with it");
                    if letters.send(Arrived::Message(from, message)).is_err() {
                        return;
                    }
                } else if line.len() == LETTER_BYTES_MAX {
                    return;
                } else {
                    since.get_or_insert_with(Instant::now);
                }
            }
            Err(error) if is_later(&error) => {}
            Err(_) => return,
        }
        if since.is_some_and(|since| since.elapsed() > HANDSHAKE_MAX) {
            return;
        }
    }
}

fn serve(mut connection: TcpStream, doors: &Doors) -> Result<(), Gone> {
    let Some((terms, closed)) = doors.enter() else {
        return Ok(connection.write_all(&HelloAnswer::NotLeading.encode())?);
    };
    let leaves = Leaves(doors);
    connection.set_nonblocking(true)?;
    let number = doors.connections.fetch_add(1, Ordering::Relaxed);
    let mut sender = FrameSender::new(connection, terms, number, doors.began.elapsed());
    let served = send(&mut sender, doors, &closed);
    drop(sender);
    drop(leaves);
    served
}

fn send(
    sender: &mut FrameSender<TcpStream>,
    doors: &Doors,
    closed: &AtomicBool,
) -> Result<(), Gone> {
    const REST: Duration = Duration::from_micros(50);
    let backoff = Backoff::new();
    while !closed.load(Ordering::SeqCst) {
        match sender.step(doors.began.elapsed())? {
            Sent::Welcomed(who) => {
                let node = who.node;
                tracing::info!(event = "standby_follows", node = %node, "{node} follows");
            }
            Sent::Some => backoff.reset(),
            Sent::Nothing | Sent::Later if backoff.is_completed() => std::thread::sleep(REST),
            Sent::Nothing | Sent::Later => backoff.snooze(),
        }
    }
    Ok(())
}

/// Counts one standby less when it is dropped, however the service ends.
struct Leaves<'a>(&'a Doors);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.0.serving.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Returns a text without control characters: it may hold bytes that a stranger sent.
fn printable(text: &str) -> String {
    let escaped = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// Counts one connection as open until it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::SeqCst);
        Counted(open.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::{NodeName, PeerMessage};
    use std::io::{ErrorKind, Read};
    use std::sync::mpsc::Receiver;

    /// Returns a server that does not lead, and the letters that it receives.
    fn server() -> (ReplicationServer, Receiver<Arrived>) {
        let (letters, arrived) = mpsc::channel();
        let address = "127.0.0.1:0".parse().unwrap();
        let server = ReplicationServer::listen(address, Doors::new(letters)).unwrap();
        (server, arrived)
    }

    fn connect(server: &ReplicationServer) -> TcpStream {
        let connection = TcpStream::connect(server.address()).unwrap();
        connection.set_read_timeout(Some(3 * HANDSHAKE_MAX)).unwrap();
        connection.set_write_timeout(Some(HANDSHAKE_MAX)).unwrap();
        connection
    }

    fn letter(epoch: u64) -> Vec<u8> {
        let letter = Letter { from: NodeName::from("b"), message: PeerMessage::Look { epoch } };
        let mut line = serde_json::to_vec(&letter).unwrap();
        line.push(b'\n');
        line
    }

    fn epoch_in(arrived: &Receiver<Arrived>) -> Option<u64> {
        match arrived.recv_timeout(HANDSHAKE_MAX) {
            Ok(Arrived::Message(_, PeerMessage::Look { epoch })) => Some(epoch),
            _ => None,
        }
    }

    /// Waits until the server has closed the connection.
    fn is_closed(connection: &mut TcpStream) -> bool {
        match connection.read(&mut [0]) {
            Ok(count) => count == 0,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }

    #[test]
    fn bytes_of_a_stranger_do_not_reach_the_terminal_as_they_are() {
        assert_eq!(
            printable("it's \u{1b}[2J\nringside: \u{9b}é"),
            "it's \\u{1b}[2J\\nringside: \\u{9b}é"
        );
    }

    #[test]
    fn a_letter_has_a_longest_length() {
        let (server, arrived) = server();
        let mut longest = letter(1);
        longest.pop();
        longest.resize(LETTER_BYTES_MAX - 1, b' ');
        longest.push(b'\n');
        let mut connection = connect(&server);
        connection.write_all(&[longest.clone(), letter(2)].concat()).unwrap();
        assert_eq!([epoch_in(&arrived), epoch_in(&arrived)], [Some(1), Some(2)]);
        longest.insert(LETTER_BYTES_MAX - 1, b' ');
        connection.write_all(&longest).unwrap();
        assert!(is_closed(&mut connection));
        assert!(arrived.try_recv().is_err());
    }

    #[test]
    fn a_stream_without_the_end_of_a_letter_is_cut_off() {
        // More than the kernel keeps of a connection.
        const BYTES: usize = 256 << 20;
        let (server, _arrived) = server();
        let mut connection = connect(&server);
        let piece = vec![b'{'; 1 << 20];
        let taken = (0..BYTES / piece.len()).take_while(|_| connection.write_all(&piece).is_ok());
        assert!(taken.count() < BYTES / piece.len() / 4);
    }

    #[test]
    fn a_connection_without_a_letter_is_closed_after_a_time() {
        let (server, arrived) = server();
        let begins: [&[u8]; 2] = [b"", b"{"];
        let mut idle = begins.map(|bytes| {
            let mut connection = connect(&server);
            connection.write_all(bytes).unwrap();
            connection
        });
        let mut polite = connect(&server);
        polite.write_all(&letter(1)).unwrap();
        let mut slow = connect(&server);
        let began = Instant::now();
        while slow.write_all(b"{").is_ok() {
            assert!(began.elapsed() < 2 * HANDSHAKE_MAX, "a byte now and then is not enough");
            std::thread::sleep(Duration::from_millis(100));
        }
        for connection in &mut idle {
            assert!(is_closed(connection));
        }
        std::thread::sleep(Duration::from_millis(500));
        polite.write_all(&letter(2)).unwrap();
        assert_eq!([epoch_in(&arrived), epoch_in(&arrived)], [Some(1), Some(2)]);
        // The rest of a letter does not come.
        polite.write_all(b"{").unwrap();
        assert!(is_closed(&mut polite));
    }

    #[test]
    fn connections_have_a_largest_number() {
        let (server, arrived) = server();
        let mut kept: Vec<_> = (0..CONNECTIONS_MAX)
            .map(|epoch| {
                let mut connection = connect(&server);
                connection.write_all(&letter(epoch as u64)).unwrap();
                assert!(epoch_in(&arrived).is_some());
                connection
            })
            .collect();
        let mut refused = connect(&server);
        refused.set_read_timeout(Some(HANDSHAKE_MAX / 2)).unwrap();
        assert!(is_closed(&mut refused), "at once, and not as an idle connection");
        // There is room again for the connection of a node that comes back.
        kept.pop();
        let came = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            let mut connection = connect(&server);
            connection.write_all(&letter(99)).is_ok()
                && matches!(
                    arrived.recv_timeout(Duration::from_millis(100)),
                    Ok(Arrived::Message(..))
                )
        });
        assert!(came);
    }
}
