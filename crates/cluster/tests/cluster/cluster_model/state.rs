//! State of the cluster at one moment: the record, the nodes, and the frames told so far.

/// Largest number of nodes in this model.
pub const NODES: usize = 3;
/// Largest number of frames in a log of this model.
pub const LOG: usize = 4;

/// State of the whole cluster. It is copied for each step, so it has no pointers.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    pub record: Record,
    /// Change of the voters that was sent to etcd, and whose outcome nobody has heard. It can still
    /// be applied as long as the record is at the revision that it names, so every other swap ends
    /// it.
    pub request: Option<Voters>,
    pub nodes: [Node; NODES],
    pub told: Told,
    pub lapses: Lapses,
}

/// Record of the cluster in etcd.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    pub epoch: u8,
    pub leader: Option<u8>,
    pub voters: Voters,
    /// True if the last leader handed over to this one, whose log was whole by then.
    pub handed_over: bool,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    pub log: Log,
    pub promised: u8,
    /// Number from 1; one more after each loss of memory.
    pub incarnation: u8,
    pub role: Role,
}

/// State of a process that a crash takes away.
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
    /// True for each node that has promised.
    pub promises: [bool; NODES],
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leading {
    pub epoch: u8,
    /// Voters that the leader knows to be in the record.
    pub voters: Voters,
    pub joint: Option<Joint>,
    /// End of the part of the log that the leader has told.
    pub told: u8,
    /// End that each incarnation of each node has acknowledged, including the leader's own log.
    pub stored: [[u8; INCARNATIONS]; NODES],
}

/// Largest number of incarnations of a node in this model.
pub const INCARNATIONS: usize = 2;

/// Change of the voters that is under way.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Joint {
    pub voters: Voters,
    /// End of the leader's log when the change began.
    pub end: u8,
    pub stage: Stage,
}

#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Waiting,
    /// The request was sent to etcd, and its outcome is unknown.
    Requested,
    /// The request was applied; the leader may not have heard of it.
    Applied,
}

/// Incarnation of each node that is a voter; 0 for a node that is none.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Voters(pub [u8; NODES]);

impl Voters {
    pub fn count(self) -> usize {
        self.0.iter().filter(|&&incarnation| incarnation > 0).count()
    }

    /// Number of voters that must have stored a frame before it is told.
    pub fn write(self) -> usize {
        self.count() / 2 + 1
    }

    /// Number of voters that must promise before a node leads.
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

    /// Returns the end up to which `write` voters have stored everything, or one voter fewer if
    /// `early`.
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

/// Log, as the epochs of its frames. The first frame of an epoch is its epoch start. The rest of a
/// frame follows from its epoch and its position, because at most one node writes in an epoch. A
/// property of its own checks that here.
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

    /// Returns `last` of the specification: the epoch of the last frame, and the length.
    pub fn last(&self) -> (u8, u8) {
        (self.epochs().last().copied().unwrap_or(0), self.len)
    }

    /// Returns the end of the frames before the epoch start of `epoch`.
    pub fn before(&self, epoch: u8) -> u8 {
        self.epochs().iter().take_while(|&&of_frame| of_frame < epoch).count() as u8
    }

    /// Returns the highest end, at or below the ends of both logs, at which both have a frame of
    /// the same epoch.
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

/// History that was told, and the epoch of the leader that told each frame first. No node knows it;
/// the properties are about it.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Told {
    pub log: Log,
    by: [u8; LOG],
}

impl Told {
    /// Adds the log of the leader of `epoch` up to `end`. Returns false if another frame was told
    /// at one of its positions.
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

    /// Returns the end of the frames that leaders up to `epoch` have told.
    pub fn end(&self, epoch: u8) -> u8 {
        (0..self.log.end())
            .filter(|&at| self.by[at as usize] <= epoch)
            .map(|at| at + 1)
            .max()
            .unwrap_or(0)
    }

    /// Returns the number of frames told by leaders up to `epoch` that `log` begins with.
    pub fn held(&self, log: &Log, epoch: u8) -> u8 {
        let told = &self.log.epochs()[..self.end(epoch) as usize];
        log.epochs().iter().zip(told).take_while(|(a, b)| a == b).count() as u8
    }

    /// Returns true if leaders of two epochs have told frames.
    pub fn by_two_leaders(&self) -> bool {
        let end = self.log.end() as usize;
        end > 1 && self.by[..end].iter().any(|&by| by != self.by[0])
    }
}

/// Violations that the state does not show afterwards.
#[derive(Clone, Copy, Debug, Default, Hash, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lapses {
    /// Epochs that a node has led, one bit each.
    pub led: u8,
    pub led_twice: bool,
    pub told_twice: bool,
    pub cut_told: bool,
}
