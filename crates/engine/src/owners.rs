//! Ids that each session has used, and the sessions that trade for a firm or a group.
//!
//! A mass cancel looks up the ids of its sessions and no other order. Most sessions count their ids
//! up: their ids of one block make one run. A run whose orders have all ended is forgotten little
//! by little, so the runs of a session are never many more than its live orders, and no command
//! forgets many.
//!
//! A session whose searches would be dear changes to an index by place (`by_place.rs`). Its runs
//! stay until searches have moved their orders there; until then a search looks at both.

use super::attributes::Attributes;
use super::by_place::ByPlace;
use super::orders::{Order, Slot};
use ringside_model::domain::OrderId;
use std::collections::BTreeSet;

/// Number of low bits within a block of ids; the ids of one block lie side by side in the index.
pub(super) const BLOCK_BITS: u32 = 6;
/// Minimum number of runs by which the room of a session grows, for a day of most sessions.
const ROOM_MIN: usize = 512;
/// Sessions below this number have runs.
pub(super) const SESSIONS_MAX: u32 = 1 << 16;
/// Number of runs that a session may have beyond three for two live orders: of those that were
/// counted up, and of single ids. A live order needs at most one of each kind: that of its block,
/// and its own id after it has entered again. So a third of the runs of a kind can go then.
const RUNS_MIN: usize = 64;
/// Number of runs that are looked at when a session has too many.
pub(super) const TIDIED: usize = 8;
/// Maximum number of pairs of firm and group that are kept of a session. A session with more is
/// found under each firm and each group.
const PAIRS_MAX: usize = 16;
/// Pair of a session without orders. No order has this pair, because the pairs of firm and group
/// have 32 low bits of 0: `count_up` leaves the order to the slow way.
const NO_PAIR: u64 = 1;
/// Pair of a session whose orders are found by place, which no order has, either.
const BY_PLACE: u64 = 2;
/// Value of `spare` of such a session: below 0 whatever its orders do.
const NO_SPARE: i32 = i32::MIN / 2;
/// Number of live orders below which a search walks all of them.
const BY_PLACE_MIN: usize = 256;

/// Facts about a session that every new order and every end of an order reads.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
struct Session {
    /// Highest id so far; the last id of the open run.
    highest: u64,
    /// Firm and group of the newest order, in the high half.
    pair: u64,
    /// Number of orders that may end before some runs are to be looked at: live less `needed`.
    spare: i32,
    /// Number of live orders for which the session has as many runs as it may have.
    needed: i32,
}

impl Session {
    fn live(self) -> usize {
        (self.spare + self.needed) as usize
    }
}

/// Ids from `first` to `last` of one block, or a single id below the ids before it. A single id
/// goes with the number of its order: an order that enters again has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    first: u64,
    last: u64,
    /// Number of the order of a single id; 0 for a run of ids that were counted up.
    number: u64,
}

impl Run {
    /// Returns true if an order of the session belongs to the run.
    pub(crate) fn has(self, order: &Order) -> bool {
        (self.first..=self.last).contains(&order.id)
            && (self.number == 0 || self.number == order.number)
    }

    pub(crate) fn first(self) -> OrderId {
        OrderId(self.first)
    }

    /// Returns true if the run has more than one id.
    pub(crate) fn is_long(self) -> bool {
        self.first < self.last
    }
}

/// Rest of the facts about a session.
#[derive(Clone, Default)]
struct History {
    /// First id of the open run, which ends at the highest id.
    open_from: u64,
    /// Closed runs, in no order.
    runs: Vec<Run>,
    /// Number of closed runs that are no single ids.
    counted_up: usize,
    /// Number of runs still to look at in the present pass over all runs.
    next: usize,
    /// Pairs of firm and group.
    pairs: Vec<u64>,
}

impl History {
    /// Returns the open run.
    fn open_run(&self, of: &Session) -> Run {
        Run { first: self.open_from, last: of.highest, number: 0 }
    }

    /// Records the id of a new order, which the session counts already. The id does not continue
    /// the open run, or is the next one of it.
    fn begin_run(&mut self, of: &mut Session, order: &Order) {
        let (id, live) = (order.id, of.live() - 1);
        if id > of.highest {
            if id >> BLOCK_BITS != of.highest >> BLOCK_BITS {
                if live > 0 {
                    self.close(self.open_run(of), live);
                }
                self.open_from = id;
            }
            of.highest = id;
        } else if id < self.open_from {
            self.close(Run { first: id, last: id, number: order.number }, live);
        }
    }

    /// Adds a closed run of a session with so many live orders.
    fn close(&mut self, run: Run, live: usize) {
        if self.runs.len() == self.runs.capacity() {
            // Room for all runs that the session may have, so that it is made once.
            self.runs.reserve_exact(4 * live + ROOM_MIN);
        }
        self.counted_up += usize::from(run.number == 0);
        self.runs.push(run);
    }
}

/// Property by which sessions are found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Firm,
    Group,
    /// Sessions with more than [`PAIRS_MAX`] pairs.
    Any,
}

/// Used ids and owners, by session.
pub(super) struct Owners {
    sessions: Vec<Session>,
    histories: Vec<History>,
    /// Sessions by firm and by group of their orders, past and present.
    found: BTreeSet<(Kind, u16, u32)>,
    /// Orders of the sessions from [`SESSIONS_MAX`] on, and of those that were searched.
    by_place: ByPlace,
}

impl Owners {
    pub(crate) fn new() -> Self {
        let by_place = ByPlace::default();
        Owners { sessions: vec![], histories: vec![], found: BTreeSet::new(), by_place }
    }

    /// Returns the orders that are found by place.
    pub(crate) fn by_place(&self) -> &ByPlace {
        &self.by_place
    }

    /// Returns true if the orders of a session are found by place, but for those of its runs.
    pub(crate) fn is_by_place(&self, session: u32) -> bool {
        session >= SESSIONS_MAX
            || self.sessions.get(session as usize).is_some_and(|of| of.pair == BY_PLACE)
    }

    /// Returns true if the id is above all earlier ids of the session.
    #[inline(always)]
    pub(crate) fn rises(&self, session: u32, id: u64) -> bool {
        self.sessions.get(session as usize).is_some_and(|session| id > session.highest)
    }

    /// Records a new order whose id continues the open run of its session; returns false for any
    /// other order, which is to be added with [`Owners::add`].
    #[inline(always)]
    pub(crate) fn count_up(&mut self, (session, id): (u32, u64), attributes: Attributes) -> bool {
        const LAST_OF_RUN: u64 = (1 << BLOCK_BITS) - 1;
        match self.sessions.get_mut(session as usize) {
            Some(of)
                if of.pair == pair_of(attributes)
                    && id > of.highest
                    && id <= of.highest | LAST_OF_RUN =>
            {
                of.highest = id;
                of.spare += 1;
                true
            }
            _ => false,
        }
    }

    /// Counts the end of an order; returns true if [`Owners::forget_place`] is to be called, or
    /// some runs of the session are to be looked at.
    #[inline(always)]
    pub(crate) fn subtract(&mut self, session: u32) -> bool {
        let Some(of) = self.sessions.get_mut(session as usize) else { return true };
        of.spare -= 1;
        of.spare < 0
    }

    /// Removes an order that has ended from those that are found by place.
    pub(crate) fn forget_place(&mut self, order: &Order, slot: Slot) {
        self.by_place.remove(order, slot);
    }

    /// Returns the number of live orders of a session below [`SESSIONS_MAX`].
    pub(crate) fn live(&self, session: u32) -> usize {
        self.sessions.get(session as usize).map_or(0, |of| of.live())
    }

    /// Returns an upper bound of the number of a session's orders that only its runs tell of.
    pub(crate) fn live_in_runs(&self, session: u32) -> usize {
        let live = self.live(session);
        if !self.is_by_place(session) {
            return live;
        }
        let runs = self.histories.get(session as usize).map_or(0, |history| history.runs.len());
        live.min(runs << BLOCK_BITS)
    }

    /// Iterates over the runs of a session, those without a live order among them. An id may be in
    /// several runs.
    pub(crate) fn runs(&self, session: u32) -> impl Iterator<Item = Run> {
        let of = self.sessions.get(session as usize).filter(|of| of.live() > 0);
        let history = of.map(|of| (of, &self.histories[session as usize]));
        history.into_iter().flat_map(|(of, history)| {
            let open = (of.pair != BY_PLACE).then(|| history.open_run(of));
            history.runs.iter().copied().chain(open)
        })
    }

    /// Lets the orders of a session be found by place from now on, those of its runs as soon as
    /// [`Owners::place`] adds them. Returns false if no run is left, or if the session, one of
    /// `sessions` that a search looks at, has so few orders that the search may walk all of them.
    pub(crate) fn begin_places(&mut self, session: u32, sessions: usize) -> bool {
        let Some(of) = self.sessions.get_mut(session as usize) else { return false };
        let history = &mut self.histories[session as usize];
        let live = of.live();
        if of.pair != BY_PLACE && live * sessions >= BY_PLACE_MIN {
            history.runs.push(history.open_run(of));
            (of.pair, of.spare, of.needed) = (BY_PLACE, NO_SPARE, live as i32 - NO_SPARE);
        }
        of.pair == BY_PLACE && !history.runs.is_empty()
    }

    /// Removes and returns one of the runs of a session whose orders are found by place. The caller
    /// adds the orders of the run with [`Owners::place`].
    pub(crate) fn take_run(&mut self, session: u32) -> Option<Run> {
        self.histories[session as usize].runs.pop()
    }

    /// Adds an order to those that are found by place.
    pub(crate) fn place(&mut self, order: &Order, slot: Slot) {
        self.by_place.add(order, slot);
    }

    /// Iterates over the sessions that have had an order of this firm; others may be among them.
    pub(crate) fn of_firm(&self, firm: u16) -> impl Iterator<Item = u32> {
        self.found_by(Kind::Firm, firm)
    }

    /// Iterates over the sessions that have had an order of this group; others may be among them.
    pub(crate) fn of_group(&self, group: u16) -> impl Iterator<Item = u32> {
        self.found_by(Kind::Group, group)
    }

    fn found_by(&self, kind: Kind, number: u16) -> impl Iterator<Item = u32> {
        let range = |kind, number| self.found.range((kind, number, 0)..=(kind, number, u32::MAX));
        range(kind, number).chain(range(Kind::Any, 0)).map(|&(.., session)| session)
    }

    /// Returns the closed runs of a session that are to be looked at next, with their places, last
    /// place first.
    pub(crate) fn next_runs(&mut self, session: u32) -> [Option<(usize, Run)>; TIDIED] {
        let History { runs, next, .. } = &mut self.histories[session as usize];
        *next = if *next == 0 { runs.len() } else { (*next).min(runs.len()) };
        std::array::from_fn(|_| {
            *next = next.checked_sub(1)?;
            Some((*next, runs[*next]))
        })
    }

    /// Forgets the closed run at this place.
    pub(crate) fn forget(&mut self, session: u32, place: usize) {
        let history = &mut self.histories[session as usize];
        history.counted_up -= usize::from(history.runs.swap_remove(place).number == 0);
        self.bound(session);
    }

    /// Records a new order, which is in this slot: its id does not continue the open run of its
    /// session, or it has another firm or group than the order before, or is found by place.
    pub(crate) fn add(&mut self, order: &Order, slot: Slot) {
        let (session, pair) = (order.session, pair_of(order.attributes));
        if session >= SESSIONS_MAX {
            self.by_place.add(order, slot);
            return self.find_by(session, pair);
        }
        let place = session as usize;
        if self.sessions.len() <= place {
            let none = Session { highest: 0, pair: NO_PAIR, spare: 0, needed: 0 };
            self.sessions.resize(place + 1, none);
            self.histories.resize(place + 1, History::default());
        }
        let (of, history) = (&mut self.sessions[place], &mut self.histories[place]);
        if of.live() == 0 {
            (of.pair, of.spare, of.needed) = (NO_PAIR, 0, 0);
            // While orders were found by place, the highest id rose without an open run.
            history.open_from = of.highest >> BLOCK_BITS << BLOCK_BITS;
            history.runs.clear();
            history.counted_up = 0;
        }
        of.spare += 1;
        if of.pair == BY_PLACE {
            of.highest = of.highest.max(order.id);
            self.by_place.add(order, slot);
        } else {
            of.pair = pair;
            history.begin_run(of, order);
            self.bound(session);
        }
        if !self.histories[place].pairs.contains(&pair) {
            self.note_pair(session, pair);
        }
    }

    /// Records a pair of firm and group that a session has had no order of.
    fn note_pair(&mut self, session: u32, pair: u64) {
        let pairs = &mut self.histories[session as usize].pairs;
        if pairs.len() == PAIRS_MAX {
            self.found.insert((Kind::Any, 0, session));
            return;
        }
        pairs.push(pair);
        self.find_by(session, pair);
    }

    /// Lets a session be found by a firm and a group.
    fn find_by(&mut self, session: u32, pair: u64) {
        self.found.insert((Kind::Firm, (pair >> 32) as u16, session));
        self.found.insert((Kind::Group, (pair >> 48) as u16, session));
    }

    /// Chooses the number of live orders below which runs are to be looked at: with `needed` live
    /// orders there are `RUNS_MIN + needed * 3 / 2` runs of one kind.
    fn bound(&mut self, session: u32) {
        let History { counted_up, runs, .. } = &self.histories[session as usize];
        let runs = (*counted_up).max(runs.len() - counted_up);
        let of = &mut self.sessions[session as usize];
        let live = of.spare + of.needed;
        of.needed = (runs.saturating_sub(RUNS_MIN) * 2 / 3) as i32;
        of.spare = live - of.needed;
    }
}

/// Returns firm and group of an order in the high half.
#[inline(always)]
fn pair_of(attributes: Attributes) -> u64 {
    attributes.0 << 32
}
