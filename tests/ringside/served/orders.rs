//! Requests of a session: seeded orders that cross with those of other sessions, and the requests
//! without an answer.

use ringside_load::rng::Rng;
use ringside_wire::ouch::inbound::{AccountQuery, CancelOrder, EnterOrder, ReplaceOrder};
use ringside_wire::ouch::{Layout, Response, Tags, write};
use ringside_wire::{Message, padded};
use std::collections::VecDeque;

const SYMBOLS: [&str; 3] = ["AAPL", "MSFT", "NVDA"];
/// Price in 1/10000 around which all symbols trade.
const PRICE: u64 = 1_500_000;
const TICK: u64 = 100;

/// Orders and requests of a session.
pub struct Orders {
    user: String,
    rng: Rng,
    last_id: u32,
    /// Orders that were live in the latest messages.
    live: Vec<u32>,
    /// Requests without an answer, oldest first.
    waiting: VecDeque<Request>,
    /// True if the final query has been answered, and no request follows it.
    pub is_settled: bool,
}

struct Request {
    /// Order id that the request uses up, if any. Answers come in the order of the requests with
    /// ids.
    id: Option<u32>,
    bytes: Vec<u8>,
}

impl Orders {
    pub fn new(user: &str, seed: u64) -> Orders {
        let waiting = VecDeque::new();
        let (user, rng) = (user.to_string(), Rng::new(seed));
        Orders { user, rng, last_id: 0, live: vec![], waiting, is_settled: false }
    }

    /// Returns the next request.
    pub fn next(&mut self) -> Vec<u8> {
        self.is_settled = false;
        let (id, bytes) = match self.rng.below(10) {
            0..2 if !self.live.is_empty() => self.cancel(),
            2..4 if !self.live.is_empty() => self.replace(),
            _ => self.enter(),
        };
        self.waiting.push_back(Request { id, bytes: bytes.clone() });
        bytes
    }

    /// Returns the final query; its answer shows that all requests before it are answered.
    pub fn last(&mut self) -> Vec<u8> {
        let bytes = bytes_of(&AccountQuery { message_type: AccountQuery::TYPE });
        self.waiting.push_back(Request { id: None, bytes: bytes.clone() });
        bytes
    }

    /// Returns the number of requests without an answer.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Returns the requests to send again on a new connection.
    pub fn unanswered(&self) -> impl Iterator<Item = &[u8]> {
        self.waiting.iter().map(|request| &request.bytes[..])
    }

    /// Returns the ids of orders that no message has confirmed.
    pub fn in_doubt(&self) -> impl Iterator<Item = u32> {
        self.waiting.iter().filter_map(|request| request.id)
    }

    /// Applies a message of the session.
    pub fn hear(&mut self, message: &[u8]) -> Result<(), String> {
        match Response::parse(message).map_err(|error| error.to_string())? {
            Response::Accepted(m, _) => {
                self.live.push(m.user_ref_num.get());
                self.answered(m.user_ref_num.get());
            }
            Response::Replaced(m, _) => {
                self.live.push(m.user_ref_num.get());
                self.answered(m.user_ref_num.get());
            }
            Response::Query(..) => {
                self.waiting.clear();
                self.is_settled = true;
            }
            Response::Rejected(m, _) => return Err(format!("an order is refused: {m:?}")),
            _ => {}
        }
        Ok(())
    }

    fn answered(&mut self, id: u32) {
        let is_before = |request: &Request| request.id.is_some_and(|other| other <= id);
        let last = self.waiting.iter().rposition(is_before);
        self.waiting.drain(..last.map_or(0, |last| last + 1));
    }

    fn enter(&mut self) -> (Option<u32>, Vec<u8>) {
        let id = self.next_id();
        let rng = &mut self.rng;
        let order = EnterOrder {
            message_type: EnterOrder::TYPE,
            user_ref_num: id.into(),
            side: b"BBST"[rng.below(4) as usize],
            quantity: (1 + rng.below(300) as u32).into(),
            symbol: padded(SYMBOLS[rng.below(3) as usize]).unwrap(),
            price: (PRICE + TICK * rng.below(20)).into(),
            time_in_force: if rng.chance(1, 10) { b'3' } else { b'0' },
            display: if rng.chance(1, 10) { b'A' } else { b'Y' },
            capacity: b"APRO"[rng.below(4) as usize],
            inter_market_sweep_eligibility: b'N',
            cross_type: b'N',
            cl_ord_id: self.text(id),
        };
        (Some(id), bytes_of(&order))
    }

    fn replace(&mut self) -> (Option<u32>, Vec<u8>) {
        let old = self.take_live();
        let id = self.next_id();
        let order = ReplaceOrder {
            message_type: ReplaceOrder::TYPE,
            orig_user_ref_num: old.into(),
            user_ref_num: id.into(),
            quantity: (1 + self.rng.below(400) as u32).into(),
            price: (PRICE + TICK * self.rng.below(20)).into(),
            time_in_force: b'0',
            display: b'Y',
            inter_market_sweep_eligibility: b'N',
            cl_ord_id: self.text(id),
        };
        (Some(id), bytes_of(&order))
    }

    fn cancel(&mut self) -> (Option<u32>, Vec<u8>) {
        let quantity = if self.rng.chance(1, 4) { 1 + self.rng.below(200) as u32 } else { 0 };
        let cancel = CancelOrder {
            message_type: CancelOrder::TYPE,
            user_ref_num: self.take_live().into(),
            quantity: quantity.into(),
        };
        (None, bytes_of(&cancel))
    }

    fn take_live(&mut self) -> u32 {
        let at = self.rng.below(self.live.len() as u64) as usize;
        self.live.swap_remove(at)
    }

    fn next_id(&mut self) -> u32 {
        self.last_id += 1;
        self.last_id
    }

    fn text(&self, id: u32) -> [u8; 14] {
        padded(&text_of(&self.user, id)).unwrap()
    }
}

/// Returns the text that a session writes on its order.
pub fn text_of(user: &str, id: u32) -> String {
    format!("{user} {id}")
}

fn bytes_of(message: &impl Layout) -> Vec<u8> {
    let mut bytes = [0; 64];
    let length = write(message, Tags::NONE, &mut bytes);
    bytes[..length].to_vec()
}
