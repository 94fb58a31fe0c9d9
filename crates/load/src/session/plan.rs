//! Requests of each session, generated before the clock starts.
//!
//! The flow's own sessions and ids are mapped to the sessions on the wire. Each new order goes to
//! the next session. Later requests about an order come from the session that entered it. So ids
//! rise by 1 in each session, for any number of sessions.

use crate::flow::{Event, EventKind, Flow, FlowSpec, SESSIONS, Workload};
use ringside_wire::padded;

/// Workloads that fit the wire: OUCH can express their prices, and their ids rise.
pub const MIXES: [Workload; 5] =
    [Workload::W1, Workload::W2, Workload::Walk, Workload::Million, Workload::Deep];

/// Price units of the wire, 1/10000, in one tick of the flow, 0.01.
const WIRE_PER_TICK: u64 = 100;

/// Parameters of a plan.
pub struct Spec<'a> {
    /// Workload of the flow.
    pub mix: Workload,
    /// Random seed of the flow.
    pub seed: u64,
    /// Number of requests after the opening book.
    pub requests: usize,
    /// Symbols of the venue.
    pub symbols: &'a [String],
    /// Number of sessions that send.
    pub sessions: usize,
}

/// Request of a session, in 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Intended send time, in ns from the start; 0 in the opening book.
    pub due_ns: u64,
    /// Price in 1/10000.
    pub price: u32,
    /// Number of shares.
    pub quantity: u32,
    /// Id of the order, counted from 1 in its session.
    pub id: u32,
    /// Id of the new order on a replace; otherwise 0.
    pub new_id: u32,
    /// Index in [`Plan::symbols`].
    pub symbol: u16,
    /// Action of the request.
    pub kind: Kind,
    /// Side letter of the order on the wire.
    pub side: u8,
}

/// Action of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Enters a new order.
    Enter,
    /// Cancels all that is open of an order.
    Cancel,
    /// Replaces an order with new terms.
    Replace,
}

/// Requests of one session in send order.
#[derive(Default)]
pub struct SessionPlan {
    /// Requests, those of the opening book first.
    pub requests: Vec<Request>,
    /// Number of requests in the opening book.
    pub opening: usize,
    /// Number of ids that the requests use, from 1 on.
    pub ids: u32,
}

/// Requests of all sessions.
pub struct Plan {
    /// Plan of each session.
    pub sessions: Vec<SessionPlan>,
    /// Symbols as on the wire, padded with spaces.
    pub symbols: Vec<[u8; 8]>,
}

impl Request {
    /// Id that the request uses; a cancel uses none.
    pub fn uses(&self) -> Option<u32> {
        match self.kind {
            Kind::Enter => Some(self.id),
            Kind::Replace => Some(self.new_id),
            Kind::Cancel => None,
        }
    }
}

impl Plan {
    /// Generates the flow and distributes it over the sessions. `due_ns` gives the send time of
    /// each request after the opening book. An error says which symbol does not fit the wire, or
    /// that there are too few or too many symbols.
    pub fn make(spec: &Spec, mut due_ns: impl FnMut() -> u64) -> Result<Plan, String> {
        let mut symbols = vec![];
        for name in spec.symbols {
            match padded(name) {
                Some(padded) if !name.is_empty() => symbols.push(padded),
                _ => return Err(format!("{name:?} is no symbol: it has 1 to 8 characters")),
            }
        }
        let books = books(spec.mix);
        let flows = symbols.len() / books;
        if flows == 0 || symbols.len() > usize::from(u16::MAX) {
            let given = symbols.len();
            return Err(format!("{} needs {books} --symbols, there are {given}", spec.mix));
        }
        let share = spec.requests.div_ceil(flows);
        let mut dealers: Vec<Dealer> = (0..flows)
            .map(|n| {
                let seed = spec.seed.wrapping_add(n as u64);
                let flow = Flow::generate(&FlowSpec { workload: spec.mix, seed, events: share });
                Dealer { flow, first_symbol: n * books, places: Default::default() }
            })
            .collect();
        let mut table = Table { sessions: vec![], entered: 0 };
        table.sessions.resize_with(spec.sessions, SessionPlan::default);

        let opening = dealers.iter().map(|dealer| dealer.flow.setup.len()).max().unwrap_or(0);
        for at in 0..opening {
            for dealer in dealers.iter_mut().filter(|dealer| at < dealer.flow.setup.len()) {
                let event = dealer.flow.setup[at];
                table.deal(dealer, &event, 0);
            }
        }
        for session in &mut table.sessions {
            session.opening = session.requests.len();
        }
        for n in 0..spec.requests {
            let dealer = &mut dealers[n % flows];
            let event = dealer.flow.events[n / flows];
            table.deal(dealer, &event, due_ns());
        }
        Ok(Plan { sessions: table.sessions, symbols })
    }
}

/// Number of symbols in a workload.
fn books(mix: Workload) -> usize {
    if mix == Workload::W2 { 100 } else { 1 }
}

/// Flow, and the sessions on the wire that have its orders.
struct Dealer {
    flow: Flow,
    first_symbol: usize,
    /// Session and id on the wire, by session and id of the flow.
    places: [Vec<(u32, u32)>; SESSIONS as usize],
}

struct Table {
    sessions: Vec<SessionPlan>,
    /// Number of new orders so far.
    entered: usize,
}

impl Table {
    fn deal(&mut self, dealer: &mut Dealer, event: &Event, due_ns: u64) {
        // Ids rise by 1 from 1 in each session of the flow.
        let places = &mut dealer.places[usize::from(event.session) - 1];
        let (at, id, new_id) = match event.kind {
            EventKind::Passive | EventKind::Crossing => {
                let at = self.entered % self.sessions.len();
                self.entered += 1;
                let id = self.sessions[at].next_id();
                debug_assert_eq!(places.len() + 1, event.id as usize);
                places.push((at as u32, id));
                (at, id, 0)
            }
            EventKind::Cancel => {
                let (at, id) = places[event.id as usize - 1];
                (at as usize, id, 0)
            }
            EventKind::Replace => {
                let (at, id) = places[event.id as usize - 1];
                let new_id = self.sessions[at as usize].next_id();
                debug_assert_eq!(places.len() + 1, event.new_id as usize);
                places.push((at, new_id));
                (at as usize, id, new_id)
            }
        };
        self.sessions[at].requests.push(Request {
            due_ns,
            price: (event.price.0 as u64 * WIRE_PER_TICK) as u32,
            quantity: event.quantity,
            id,
            new_id,
            symbol: (dealer.first_symbol + event.symbol.0 as usize - 1) as u16,
            kind: match event.kind {
                EventKind::Passive | EventKind::Crossing => Kind::Enter,
                EventKind::Cancel => Kind::Cancel,
                EventKind::Replace => Kind::Replace,
            },
            side: if event.side.is_buy() { b'B' } else { b'S' },
        });
    }
}

impl SessionPlan {
    fn next_id(&mut self) -> u32 {
        self.ids += 1;
        self.ids
    }
}

const _: () = assert!(size_of::<Request>() == 32);

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn plan(mix: Workload, symbols: usize, sessions: usize) -> Result<Plan, String> {
        let symbols: Vec<String> = (1..=symbols).map(|n| format!("S{n}")).collect();
        let spec = Spec { mix, seed: 5, requests: 20_000, symbols: &symbols, sessions };
        let mut at = 0;
        Plan::make(&spec, || {
            at += 10;
            at
        })
    }

    #[test]
    fn requests_name_live_orders_of_their_own_session_and_symbol() {
        for (symbols, sessions) in [(1, 1), (2, 3), (3, 12)] {
            let plan = plan(Workload::W1, symbols, sessions).unwrap();
            assert_eq!(plan.symbols.len(), symbols);
            let mut paced = 0;
            for session in &plan.sessions {
                let mut live = HashMap::new();
                let (mut last_id, mut last_due) = (0, 0);
                for request in &session.requests {
                    if request.kind != Kind::Enter {
                        // Fully executed orders stay in `live`; no request names them again.
                        let entered = live.remove(&request.id);
                        assert_eq!(entered, Some((request.symbol, request.side)), "{request:?}");
                    }
                    if let Some(id) = request.uses() {
                        assert_eq!(id, last_id + 1);
                        last_id = id;
                        live.insert(id, (request.symbol, request.side));
                    }
                    assert!(request.due_ns >= last_due && usize::from(request.symbol) < symbols);
                    last_due = request.due_ns;
                }
                assert_eq!(session.ids, last_id);
                let (opening, rest) = session.requests.split_at(session.opening);
                assert!(opening.iter().all(|r| r.due_ns == 0 && r.kind == Kind::Enter));
                assert!(rest.iter().all(|r| r.due_ns > 0));
                paced += rest.len();
            }
            assert_eq!(paced, 20_000);
            let shares: Vec<u32> = plan.sessions.iter().map(|session| session.ids).collect();
            let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
            assert!(most - least < most / 10 + 200, "{shares:?}");
        }
    }

    #[test]
    fn symbols_must_fit_the_mix() {
        assert_eq!(plan(Workload::W2, 200, 2).unwrap().symbols.len(), 200);
        assert!(plan(Workload::W2, 99, 2).is_err());
        assert!(plan(Workload::W1, 0, 2).is_err());
    }
}
