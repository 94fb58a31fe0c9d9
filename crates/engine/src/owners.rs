//! Ids that each session has used, and the sessions that trade for a firm or a group.
//!
//! A mass cancel looks up the ids of its sessions and no other order. Most sessions count their ids
//! up: the ids of a few neighbouring blocks make one run. A run whose orders
//! have all ended is forgotten little by little, so the runs of a session are never many more than
//! its live orders, and no command forgets many.

use super::attributes::Attributes;
use super::orders::Order;
use ringside_model::domain::OrderId;
use std::collections::BTreeSet;

/// Number of low bits within a block of ids; the ids of one block lie side by side in the index.
pub(super) const BLOCK_BITS: u32 = 6;
/// Number of low bits within a run of ids. Long runs begin seldom; in a short one a single live
/// order is found soon.
const RUN_BITS: u32 = 7;
/// Minimum number of runs by which the room of a session grows, for a day of most sessions.
const ROOM_MIN: usize = 512;
/// Sessions below this number have runs.
pub(super) const SESSIONS_MAX: u32 = 1 << 16;
/// Number of blocks that the runs of a session may have beyond four for each live order. Three may
/// be needed: two of the run of the id, one for the order when it entered again.
const BLOCKS_MIN: usize = 64;
/// Number of runs that are looked at when a session has too many.
pub(super) const TIDIED: usize = 8;
/// Maximum number of pairs of firm and group that are kept of a session. A session with more is
/// found under each firm and each group.
const PAIRS_MAX: usize = 16;
/// Pair of a session without orders. All others have 32 low bits of 0.
const NO_PAIR: u64 = 1;

/// Facts about a session that every new order and every end of an order reads.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
struct Session {
    /// Highest id so far; the last id of the open run.
    highest: u64,
    /// Firm and group of the newest order, in the high half.
    pair: u64,
    /// Number of orders that may end before some runs are to be looked at.
    spare: i32,
    /// Number of live orders less `spare`.
    needed: i32,
}

impl Session {
    fn live(self) -> usize {
        (self.spare + self.needed) as usize
    }
}

/// Ids from `first` to `last` of a few blocks, or a single id below the ids before it. A single id
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

    /// Iterates over one id of each block.
    pub(crate) fn blocks(self) -> impl Iterator<Item = OrderId> {
        (self.first >> BLOCK_BITS..=self.last >> BLOCK_BITS)
            .map(|block| OrderId(block << BLOCK_BITS))
    }
}

/// Rest of the facts about a session.
#[derive(Clone, Default)]
struct History {
    /// First id of the open run, which ends at the highest id.
    open_from: u64,
    /// Closed runs, in no order.
    runs: Vec<Run>,
    /// Number of blocks of all closed runs.
    blocks: usize,
    /// Number of runs still to look at in the present pass over all runs.
    next: usize,
    /// Pairs of firm and group.
    pairs: Vec<u64>,
}

impl History {
    /// Adds a closed run of a session with so many live orders.
    fn close(&mut self, run: Run, live: usize) {
        if self.runs.len() == self.runs.capacity() {
            // Room for all runs that the session may have, so that it is made once.
            self.runs.reserve_exact(4 * live + ROOM_MIN);
        }
        self.blocks += run.blocks().count();
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
    /// True once a session from [`SESSIONS_MAX`] on has had an order.
    has_others: bool,
}

impl Owners {
    pub(crate) fn new() -> Self {
        Owners { sessions: vec![], histories: vec![], found: BTreeSet::new(), has_others: false }
    }

    /// Returns true if the session has runs.
    pub(crate) fn has(&self, session: u32) -> bool {
        session < SESSIONS_MAX
    }

    /// Returns true if all sessions that have had an order have runs.
    pub(crate) fn has_all(&self) -> bool {
        !self.has_others
    }

    /// Returns true if the id is above all earlier ids of the session.
    #[inline(always)]
    pub(crate) fn rises(&self, session: u32, id: u64) -> bool {
        self.sessions.get(session as usize).is_some_and(|session| id > session.highest)
    }

    /// Records a new order.
    #[inline(always)]
    pub(crate) fn add(&mut self, (session, id): (u32, u64), attributes: Attributes, number: u64) {
        const LAST_OF_RUN: u64 = (1 << RUN_BITS) - 1;
        let pair = attributes.0 << 32;
        match self.sessions.get_mut(session as usize) {
            Some(of) if of.pair == pair && id > of.highest && id <= of.highest | LAST_OF_RUN => {
                of.highest = id;
                of.spare += 1;
            }
            _ => self.begin_run((session, id), pair, number),
        }
    }

    /// Records the end of an order; returns true if some runs of its session are to be looked at.
    #[inline(always)]
    pub(crate) fn subtract(&mut self, session: u32) -> bool {
        let Some(of) = self.sessions.get_mut(session as usize) else { return false };
        of.spare -= 1;
        of.spare < 0
    }

    /// Returns the number of live orders of a session below [`SESSIONS_MAX`].
    pub(crate) fn live(&self, session: u32) -> usize {
        self.sessions.get(session as usize).map_or(0, |of| of.live())
    }

    /// Iterates over the runs of a session, those without a live order among them. An id may be in
    /// several runs.
    pub(crate) fn runs(&self, session: u32) -> impl Iterator<Item = Run> {
        let of = self.sessions.get(session as usize).filter(|of| of.live() > 0);
        let history = of.map(|of| (of, &self.histories[session as usize]));
        history.into_iter().flat_map(|(of, history)| {
            let open = Run { first: history.open_from, last: of.highest, number: 0 };
            history.runs.iter().copied().chain([open])
        })
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
        history.blocks -= history.runs.swap_remove(place).blocks().count();
        self.bound(session);
    }

    /// Records a new order whose id does not continue the open run of its session, or which has
    /// another firm or group than the order before.
    #[cold]
    #[inline(never)]
    fn begin_run(&mut self, (session, id): (u32, u64), pair: u64, number: u64) {
        if !self.has(session) {
            self.has_others = true;
            return;
        }
        let place = session as usize;
        if self.sessions.len() <= place {
            let none = Session { highest: 0, pair: NO_PAIR, spare: 0, needed: 0 };
            self.sessions.resize(place + 1, none);
            self.histories.resize(place + 1, History::default());
        }
        let (of, history) = (&mut self.sessions[place], &mut self.histories[place]);
        if of.live() == 0 {
            history.runs.clear();
            history.blocks = 0;
        }
        let is_open = Run { first: history.open_from, last: of.highest, number: 0 };
        if id > of.highest {
            if id >> RUN_BITS != of.highest >> RUN_BITS {
                if of.live() > 0 {
                    history.close(is_open, of.live());
                }
                history.open_from = id;
            }
            of.highest = id;
        } else if id < is_open.first {
            history.close(Run { first: id, last: id, number }, of.live());
        }
        of.spare += 1;
        if of.pair != pair {
            of.pair = pair;
            if !history.pairs.contains(&pair) {
                self.note_pair(session, pair);
            }
        }
        self.bound(session);
    }

    /// Records a pair of firm and group that a session has had no order of.
    fn note_pair(&mut self, session: u32, pair: u64) {
        let pairs = &mut self.histories[session as usize].pairs;
        if pairs.len() == PAIRS_MAX {
            self.found.insert((Kind::Any, 0, session));
            return;
        }
        pairs.push(pair);
        self.found.insert((Kind::Firm, (pair >> 32) as u16, session));
        self.found.insert((Kind::Group, (pair >> 48) as u16, session));
    }

    /// Chooses the number of live orders below which runs are to be looked at.
    fn bound(&mut self, session: u32) {
        let blocks = self.histories[session as usize].blocks;
        let of = &mut self.sessions[session as usize];
        let live = of.spare + of.needed;
        of.needed = (blocks.saturating_sub(BLOCKS_MIN) / 4) as i32;
        of.spare = live - of.needed;
    }
}
