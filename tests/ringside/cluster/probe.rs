//! A session that enters one order at a time, each with an id of its own, so that nothing else
//! counts as the answer: no heartbeat, no repeated message of the stream, and no late answer to the
//! order before.

use crate::hostile::client::enter;
use ringside_testing::cores::CoreWaits;
use ringside_testing::patience::PATIENCE;
use ringside_wire::client::soup::{Broken, Connection, Received};
use ringside_wire::ouch::{self, Tags};
use ringside_wire::padded;
use ringside_wire::soupbintcp::Login;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub struct Probe(Connection);

impl Probe {
    pub fn connect(address: SocketAddr) -> Result<Probe, Broken> {
        let login = Login {
            user: "DEMO01".into(),
            password: "ringside".into(),
            session: String::new(),
            number: 0,
            heartbeat_timeout_ms: None,
        };
        Connection::open(address, &login).map(Probe)
    }

    /// Enters an order for an unknown symbol. Its reject is published when the command is
    /// committed, and no book changes. Returns true if the reject arrives within this time.
    pub fn is_answered(&mut self, patience: Duration) -> Result<bool, Broken> {
        static NEXT_ID: AtomicU32 = AtomicU32::new(1);
        let began = Instant::now();
        let mut asked = None;
        while began.elapsed() < patience {
            let now = Instant::now();
            self.0.read(now);
            while let Some(received) = self.0.take()? {
                let Received::Message { at, .. } = received else { continue };
                let message = self.0.bytes(at);
                if asked
                    .is_some_and(|id: u32| message[0] == b'J' && message[9..13] == id.to_be_bytes())
                {
                    return Ok(true);
                }
            }
            if self.0.has_room() && asked.is_none() {
                let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
                let order =
                    ouch::inbound::EnterOrder { symbol: padded("NONE").unwrap(), ..enter(id) };
                let mut bytes = [0; 256];
                let length = ouch::write(&order, Tags::NONE, &mut bytes);
                self.0.send(&bytes[..length]);
                asked = Some(id);
            }
            self.0.write(now);
            std::thread::sleep(Duration::from_micros(500));
        }
        Ok(false)
    }
}

/// Returns the moment of the first answer to sessions that try all of these addresses again and
/// again.
pub fn first_answer(addresses: &[SocketAddr]) -> Instant {
    answer_within(addresses, PATIENCE).expect("a node leads and answers")
}

/// A time without a leader, from its beginning.
pub struct Outage {
    began: Instant,
    /// Waits for a core of the nodes that may lead next.
    waits: Vec<CoreWaits>,
}

impl Outage {
    /// Longest outage on a quiet machine.
    const MAX: Duration = Duration::from_secs(9);

    /// Begins an outage now.
    pub fn begins(waits: Vec<CoreWaits>) -> Outage {
        Outage { began: Instant::now(), waits }
    }

    /// Waits until one of these addresses answers, and returns the duration of the outage.
    pub fn ends(self, addresses: &[SocketAddr]) -> Duration {
        let took = first_answer(addresses) - self.began;
        let bound = self.waits.iter().map(|waits| waits.bound(Self::MAX)).max();
        assert!(took < bound.unwrap_or(Self::MAX), "{took:?} without a leader");
        took
    }
}

/// Returns the moment of the first answer; `None` if there is none within this time.
pub fn answer_within(addresses: &[SocketAddr], patience: Duration) -> Option<Instant> {
    const ANSWER: Duration = Duration::from_millis(500);
    let answered = Mutex::new(None);
    let until = Instant::now() + patience;
    let ask = |address: SocketAddr| {
        while answered.lock().unwrap().is_none() && Instant::now() < until {
            let answer = Probe::connect(address).and_then(|mut probe| probe.is_answered(ANSWER));
            if matches!(answer, Ok(true)) {
                answered.lock().unwrap().get_or_insert(Instant::now());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    std::thread::scope(|scope| {
        for address in addresses {
            scope.spawn(|| ask(*address));
        }
    });
    answered.into_inner().unwrap()
}
