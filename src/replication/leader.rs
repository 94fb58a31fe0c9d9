//! The leader's side: listens for standbys and serves each on a thread of its own, from the journal.

use super::Replicas;
use super::wire::{self, Held, Hello};
use crate::frame::{FRAME_BYTES_MIN, Frame};
use crate::journal::{self, Identity, JournalError, Place};
use crossbeam_utils::Backoff;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use zerocopy::FromBytes;

/// So often the leader says that it is there when nothing else is to be said.
pub const HEARTBEAT: Duration = Duration::from_millis(20);
/// Who says nothing for so long is gone.
pub const SILENCE_MAX: Duration = Duration::from_secs(2);
/// The first words must come within this time.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);
/// Frames that wait for the network, in bytes: a standby that is late costs no more.
const WAITING_BYTES_MAX: usize = 256 << 10;

/// What is replicated.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The folder of the journal.
    pub dir: PathBuf,
    /// Whose journal it is.
    pub identity: Identity,
    /// The length of its segments in bytes.
    pub segment_bytes: u64,
}

/// Listens for standbys until it is dropped.
pub struct Leader {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Leader {
    /// Begins to listen. `say` hears who comes and goes.
    pub fn listen(
        address: SocketAddr,
        terms: Terms,
        replicas: Arc<Replicas>,
        say: impl FnMut(String) + Clone + Send + 'static,
    ) -> io::Result<Leader> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = stop.clone();
        let accept = move || accept(&listener, &terms, &replicas, &stopping, say);
        let thread = std::thread::Builder::new().name("replication".into()).spawn(accept)?;
        Ok(Leader { address, stop, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // It waits for a standby to connect: this is one.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the thread does not panic");
        }
    }
}

fn accept(
    listener: &TcpListener,
    terms: &Terms,
    replicas: &Arc<Replicas>,
    stop: &Arc<AtomicBool>,
    say: impl FnMut(String) + Clone + Send + 'static,
) {
    let mut serving = vec![];
    for (standby, socket) in (0..).zip(listener.incoming()) {
        if stop.load(Ordering::Acquire) {
            break;
        }
        // Nothing is wrong with the listener if a connection was gone before it was taken.
        let Ok(socket) = socket else { continue };
        let (terms, replicas, stop, mut say) =
            (terms.clone(), replicas.clone(), stop.clone(), say.clone());
        let serve = move || {
            let from = socket.peer_addr().map_or("?".into(), |address| address.to_string());
            let ended = Standby::welcome(socket, &terms).and_then(|mut line| {
                say(format!("standby {from} is connected, behind seqno {}", line.began.seqno));
                line.serve(standby, &replicas, &stop)
            });
            replicas.gone(standby);
            if let Err(why) = ended {
                say(format!("standby {from} is gone: {why}"));
            }
        };
        serving.push(std::thread::Builder::new().name("standby".into()).spawn(serve));
        serving.retain(|thread| thread.as_ref().is_ok_and(|thread| !thread.is_finished()));
    }
    for thread in serving.into_iter().flatten() {
        thread.join().expect("the thread does not panic");
    }
}

/// Why a standby is not served any more.
#[derive(Debug, thiserror::Error)]
enum Gone {
    #[error("{0}")]
    Network(#[from] io::Error),
    #[error("{0}")]
    Journal(#[from] JournalError),
    #[error("it is silent")]
    Silent,
    #[error("it was refused: {0}")]
    Refused(String),
}

/// A standby that is served.
struct Standby {
    socket: TcpStream,
    began: Place,
    follower: journal::Follower,
    /// Frames on their way, and how much of them the network has taken.
    out: Vec<u8>,
    taken: usize,
    /// A part of a [`Held`].
    held: Vec<u8>,
    heard: Instant,
    spoke: Instant,
}

impl Standby {
    fn welcome(mut socket: TcpStream, terms: &Terms) -> Result<Standby, Gone> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(HANDSHAKE_MAX))?;
        socket.set_write_timeout(Some(HANDSHAKE_MAX))?;
        let hello: Hello = wire::receive(&socket)?;
        let began = hello.place();
        let ours = Hello::new(terms.identity, terms.segment_bytes, &began);
        let follower = match hello.differs_from(&ours) {
            Some(why) => Err(why),
            None => {
                let opened =
                    journal::Follower::open_behind(&terms.dir, terms.identity, &began, None);
                opened.map_err(|error| {
                    let what = "its journal went another way than the leader's, or further";
                    format!("{what} ({error})")
                })
            }
        };
        let follower = match follower {
            Ok(follower) => follower,
            Err(why) => {
                wire::answer(&mut socket, Some(&why))?;
                return Err(Gone::Refused(why));
            }
        };
        wire::answer(&mut socket, None)?;
        socket.set_nonblocking(true)?;
        let now = Instant::now();
        Ok(Standby {
            socket,
            began,
            follower,
            out: Vec::with_capacity(WAITING_BYTES_MAX),
            taken: 0,
            held: vec![],
            heard: now,
            spoke: now,
        })
    }

    /// Sends what there is and hears what the standby has, until it is told to stop and everything is sent.
    fn serve(&mut self, standby: u64, replicas: &Replicas, stop: &AtomicBool) -> Result<(), Gone> {
        const REST: Duration = Duration::from_micros(50);
        let backoff = Backoff::new();
        loop {
            // Looked at before the journal: what was stored before the stop is sent.
            let stopping = stop.load(Ordering::Acquire);
            let read = self.read()?;
            let did = self.write()? | self.hear(standby, replicas)?;
            let now = Instant::now();
            if now.duration_since(self.heard) > SILENCE_MAX {
                return Err(Gone::Silent);
            }
            if did || read {
                backoff.reset();
            } else if stopping && self.out.is_empty() {
                return Ok(());
            } else if self.out.is_empty() && now.duration_since(self.spoke) >= HEARTBEAT {
                self.out.extend_from_slice(&[0; FRAME_BYTES_MIN]);
            } else if backoff.is_completed() {
                std::thread::sleep(REST);
            } else {
                backoff.snooze();
            }
        }
    }

    /// Reads frames from the journal while there is room for them. Whether there was any.
    fn read(&mut self) -> Result<bool, Gone> {
        let before = self.out.len();
        while self.out.len() + size_of::<Frame>() <= WAITING_BYTES_MAX
            && let Some(frame) = self.follower.next_stored()?
        {
            self.out.extend_from_slice(frame.bytes());
        }
        Ok(self.out.len() > before)
    }

    fn write(&mut self) -> Result<bool, Gone> {
        if self.out.is_empty() {
            return Ok(false);
        }
        match self.socket.write(&self.out[self.taken..]) {
            Ok(count) => self.taken += count,
            Err(error) if is_later(&error) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        self.spoke = Instant::now();
        if self.taken == self.out.len() {
            self.out.clear();
            self.taken = 0;
        }
        Ok(true)
    }

    fn hear(&mut self, standby: u64, replicas: &Replicas) -> Result<bool, Gone> {
        let mut piece = [0; 64 * size_of::<Held>()];
        let count = match self.socket.read(&mut piece) {
            Ok(0) => return Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
            Ok(count) => count,
            Err(error) if is_later(&error) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        self.heard = Instant::now();
        self.held.extend_from_slice(&piece[..count]);
        let whole = self.held.len() / size_of::<Held>() * size_of::<Held>();
        // Positions only rise: the last one says everything.
        if let Some(at) = whole.checked_sub(size_of::<Held>()) {
            let held = Held::read_from_bytes(&self.held[at..whole]).expect("it has its length");
            replicas.has(standby, held.into());
            self.held.drain(..whole);
        }
        Ok(true)
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
