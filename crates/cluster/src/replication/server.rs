//! Server for the other nodes: for standbys while this node leads, and for messages between nodes
//! at any time.

use super::sender::{FrameSender, Gone, ReplicationTerms, Sent};
use super::wire::HelloAnswer;
use crate::membership::{Arrived, Letter};
use crossbeam_utils::Backoff;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Time within which the first bytes of a connection must come.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);

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
    /// Starts to listen. `say` receives the messages about standbys that come and go.
    pub fn listen(
        address: SocketAddr,
        doors: Arc<Doors>,
        say: impl FnMut(String) + Clone + Send + 'static,
    ) -> io::Result<ReplicationServer> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = stop.clone();
        let accept = move || accept(&listener, &doors, &stopping, &say);
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

fn accept(
    listener: &TcpListener,
    doors: &Arc<Doors>,
    stop: &Arc<AtomicBool>,
    say: &(impl FnMut(String) + Clone + Send + 'static),
) {
    for connection in listener.incoming() {
        if stop.load(Ordering::Acquire) {
            break;
        }
        // A connection that was closed before it was accepted is no failure of the listener.
        let Ok(connection) = connection else { continue };
        let (doors, stop, say) = (doors.clone(), stop.clone(), say.clone());
        let serve = move || receive(connection, &doors, &stop, say);
        // If no thread can be started, the connection is dropped.
        let _ = std::thread::Builder::new().name("node".into()).spawn(serve);
    }
}

/// Serves a connection by its first byte: a letter begins with a brace, and a hello does not.
fn receive(connection: TcpStream, doors: &Doors, stop: &AtomicBool, mut say: impl FnMut(String)) {
    let mut first = [0];
    let begins = connection
        .set_nodelay(true)
        .and_then(|()| connection.set_read_timeout(Some(HANDSHAKE_MAX)))
        .and_then(|()| connection.peek(&mut first));
    match begins {
        Ok(1) if first == *b"{" => take_letters(connection, doors, stop),
        Ok(1) => {
            let from = connection.peer_addr().map_or("?".into(), |address| address.to_string());
            if let Err(why) = serve(connection, doors, &mut say) {
                say(format!("the standby at {from} is gone: {why}"));
            }
        }
        _ => {}
    }
}

fn take_letters(connection: TcpStream, doors: &Doors, stop: &AtomicBool) {
    const LINE_BYTES_MAX: usize = 4096;
    const LOOK: Duration = Duration::from_millis(250);
    if connection.set_read_timeout(Some(LOOK)).is_err() {
        return;
    }
    let (mut reader, mut line) = (BufReader::new(connection), vec![]);
    while !stop.load(Ordering::Acquire) && line.len() < LINE_BYTES_MAX {
        match reader.read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => {
                let Ok(Letter { from, message }) = serde_json::from_slice(&line) else { return };
                line.clear();
                let letters = doors.letters.lock().expect("no thread panics with it");
                if letters.send(Arrived::Message(from, message)).is_err() {
                    return;
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return,
        }
    }
}

fn serve(
    mut connection: TcpStream,
    doors: &Doors,
    say: &mut impl FnMut(String),
) -> Result<(), Gone> {
    let Some((terms, closed)) = doors.enter() else {
        return Ok(connection.write_all(&HelloAnswer::NotLeading.encode())?);
    };
    let leaves = Leaves(doors);
    connection.set_nonblocking(true)?;
    let number = doors.connections.fetch_add(1, Ordering::Relaxed);
    let mut sender = FrameSender::new(connection, terms, number, doors.began.elapsed());
    let served = send(&mut sender, doors, &closed, say);
    drop(sender);
    drop(leaves);
    served
}

fn send(
    sender: &mut FrameSender<TcpStream>,
    doors: &Doors,
    closed: &AtomicBool,
    say: &mut impl FnMut(String),
) -> Result<(), Gone> {
    const REST: Duration = Duration::from_micros(50);
    let backoff = Backoff::new();
    while !closed.load(Ordering::SeqCst) {
        match sender.step(doors.began.elapsed())? {
            Sent::Welcomed(who) => say(format!("{} follows", who.node)),
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
