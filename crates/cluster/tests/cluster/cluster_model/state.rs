//! What the cluster is at one moment: the record, the nodes, and what was told so far.

/// The most nodes of a cluster here.
pub const NODES: usize = 3;
/// The most entries of a log here.
pub const LOG: usize = 4;

/// The whole cluster. It is copied for each step, so it has no pointers.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    pub record: Record,
    /// A change of the voters that was sent to etcd, of which nobody heard. It can still be applied as long
    /// as the record is at the revision that it names, so it ends with every other swap.
    pub request: Option<Voters>,
    pub nodes: [Node; NODES],
    pub told: Told,
    pub lapses: Lapses,
}

/// The record in etcd.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    pub epoch: u8,
    pub leader: Option<u8>,
    pub voters: Voters,
    /// The last leader named this one: what it leaves behind it is whole.
    pub handed_over: bool,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    pub log: Log,
    pub promised: u8,
    /// From 1; one more after each loss of memory.
    pub incarnation: u8,
    pub role: Role,
}

/// What a process knows and a crash of it takes away.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Standby,
    Gathering(Gathering),
    Leading(Leading),
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gathering {
    pub epoch: u8,
    pub voters: Voters,
    /// Who has promised, by node.
    pub promises: [bool; NODES],
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leading {
    pub epoch: u8,
    /// The voters that it knows to be in the record.
    pub voters: Voters,
    pub joint: Option<Joint>,
    /// How much of the log it has told.
    pub told: u8,
    /// How much each incarnation of each node has acknowledged, its own log included.
    pub stored: [[u8; INCARNATIONS]; NODES],
}

/// The most incarnations of a node here.
pub const INCARNATIONS: usize = 2;

/// A change of the voters under way.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Joint {
    pub voters: Voters,
    /// The end of the leader's log when the change began.
    pub end: u8,
    pub stage: Stage,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Waiting,
    /// Sent to etcd, the outcome unknown.
    Requested,
    /// Applied; the leader may not have heard of it.
    Applied,
}

/// The incarnation of each node that is a voter, 0 for a node that is none.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Voters(pub [u8; NODES]);

impl Voters {
    pub fn count(self) -> usize {
        self.0.iter().filter(|&&incarnation| incarnation > 0).count()
    }

    /// How many must have stored a frame before anybody is told of it.
    pub fn write(self) -> usize {
        self.count() / 2 + 1
    }

    /// How many must promise before a leader leads.
    pub fn read(self) -> usize {
        self.count() - self.write() + 1
    }

    pub fn has(self, node: usize, incarnation: u8) -> bool {
        self.0[node] == incarnation
    }

    pub fn with(mut self, node: usize, incarnation: u8) -> Voters {
        self.0[node] = incarnation;
        self
    }

    /// The end up to which `write` voters have stored everything, or one fewer if that is `early`.
    pub fn stored(self, by: &[[u8; INCARNATIONS]; NODES], early: bool) -> u8 {
        let mut ends = [0; NODES];
        for (node, &incarnation) in self.0.iter().enumerate() {
            if incarnation > 0 {
                ends[node] = by[node][incarnation as usize - 1];
            }
        }
        ends.sort_unstable();
        ends[NODES - self.write() + usize::from(early && self.write() > 1)]
    }
}

/// The epochs of the frames of a log. The first one of an epoch is its epoch start. What else is in a frame
/// follows from its epoch and its position, because one node at most writes in an epoch: that is a property of
/// its own here.
#[derive(Clone, Copy, Default, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Log {
    len: u8,
    epochs: [u8; LOG],
}

impl Log {
    pub fn end(&self) -> u8 {
        self.len
    }

    pub fn epochs(&self) -> &[u8] {
        &self.epochs[..self.len as usize]
    }

    pub fn has_room(&self, limit: u8) -> bool {
        self.len < limit
    }

    pub fn append(&mut self, epoch: u8) {
        self.epochs[self.len as usize] = epoch;
        self.len += 1;
    }

    pub fn cut(&mut self, end: u8) {
        self.epochs[end as usize..].fill(0);
        self.len = end;
    }

    /// `last` of the specification.
    pub fn last(&self) -> (u8, u8) {
        (self.epochs().last().copied().unwrap_or(0), self.len)
    }

    /// The end of what comes before the epoch start of `epoch`.
    pub fn before(&self, epoch: u8) -> u8 {
        self.epochs().iter().take_while(|&&of_frame| of_frame < epoch).count() as u8
    }

    /// The highest end at or below the ends of both at which both have a frame of the same epoch.
    pub fn common(&self, other: &Log) -> u8 {
        let both = self.epochs().iter().zip(other.epochs());
        both.enumerate().filter(|(_, (a, b))| a == b).map(|(at, _)| at as u8 + 1).max().unwrap_or(0)
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.epochs().fmt(f)
    }
}

/// The history that somebody was told, and the epoch of the leader that told each frame first. No node
/// knows it; the properties are about it.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    pub log: Log,
    by: [u8; LOG],
}

impl Told {
    /// The leader of `epoch` tells its log up to `end`. False if something else was told there.
    pub fn tell(&mut self, log: &Log, end: u8, epoch: u8) -> bool {
        for at in 0..end as usize {
            match self.log.epochs().get(at) {
                Some(&told) if told != log.epochs()[at] => return false,
                Some(_) => {}
                None => {
                    self.log.append(log.epochs()[at]);
                    self.by[at] = epoch;
                }
            }
        }
        true
    }

    /// The end of what leaders up to `epoch` have told.
    pub fn end(&self, epoch: u8) -> u8 {
        (0..self.log.end())
            .filter(|&at| self.by[at as usize] <= epoch)
            .map(|at| at + 1)
            .max()
            .unwrap_or(0)
    }

    /// How much of what leaders up to `epoch` have told is in `log`.
    pub fn held(&self, log: &Log, epoch: u8) -> u8 {
        let told = &self.log.epochs()[..self.end(epoch) as usize];
        log.epochs().iter().zip(told).take_while(|(a, b)| a == b).count() as u8
    }

    /// Whether leaders of two epochs have told something.
    pub fn by_two_leaders(&self) -> bool {
        let end = self.log.end() as usize;
        end > 1 && self.by[..end].iter().any(|&by| by != self.by[0])
    }
}

/// What must never happen and would not be seen in the state afterwards.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lapses {
    /// The epochs that somebody has led, a bit each.
    pub led: u8,
    pub led_twice: bool,
    pub told_twice: bool,
    pub cut_told: bool,
}
