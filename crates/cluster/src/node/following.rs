//! Standing by: a node takes the leader's frames, stores them at the same positions, and applies
//! them.

use super::{Node, NodeError, Ports, standby_view};
use crate::membership::{Act, Last, NodeName, Voters};
use crate::replication::wire::Who;
use crate::replication::{Came, Follower, FollowerError, PIECE_FRAMES_MAX};
use ringside_core::merge::Subscriber;
use ringside_core::venue::{Standby, StandbyError};
use ringside_journal::{LogPlace, Position};
use ringside_model::frame::Frame;
use std::io;
use std::time::Duration;

/// Pause before a lost connection is tried again.
const RETRY: Duration = Duration::from_millis(20);
/// Time that a step waits for an arrival while there is no connection to a leader.
const WAIT: Duration = Duration::from_millis(2);

/// Limit of the stored frames that a node with up-to-date books may leave unapplied, so that it can
/// lead soon. The leader waits for a node that applies more slowly than it stores.
const PUT_OFF_MAX: u64 = 1 << 16;

/// Period in which the node follows a leader.
pub struct Following<L> {
    link: Option<LeaderLink<L>>,
}

/// End of a period of following.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FollowingEnd {
    /// Behind this place the journal has frames that the leader's journal lacks.
    Diverged(LogPlace),
    /// The node leads in this epoch, with these voters.
    Leads(u64, Voters),
}

/// Leader that a node follows, and the progress with it.
struct LeaderLink<L> {
    leader: NodeName,
    follower: Option<Follower<L>>,
    retry_at: Duration,
    /// End of the leader's journal at its welcome.
    end: Position,
    /// True once the books have reached about that end.
    has_caught_up: bool,
    /// Last reason that the operator was given for a missing connection.
    why_not: String,
    /// Search for the place where the two journals part, while it is under way.
    parting: Option<Parting>,
}

/// Binary search for the last place that the leader has, too, among the places behind which this
/// node may have to cut its journal. The node asks about a place by asking to follow from there.
struct Parting {
    /// The leader has the places before this index.
    has: usize,
    /// The leader lacks the places from this index on.
    lacks: usize,
}

impl Parting {
    fn asks(&self) -> usize {
        self.has + (self.lacks - self.has) / 2
    }
}

/// Reason why no frames are taken at this moment.
enum Trouble {
    Link(FollowerError),
    Node(NodeError),
}

impl From<FollowerError> for Trouble {
    fn from(error: FollowerError) -> Self {
        Trouble::Link(error)
    }
}

impl<E: Into<NodeError>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Trouble::Node(error.into())
    }
}

impl<L> Default for Following<L> {
    fn default() -> Self {
        Following { link: None }
    }
}

impl<L: io::Read + io::Write> Following<L> {
    /// Takes one step of following the leader. Returns the end of the period, if this was the last
    /// step.
    pub fn step<P: Ports<Link = L>, U: Subscriber>(
        &mut self,
        node: &mut Node<P>,
        standby: &mut Standby<U>,
    ) -> Result<Option<FollowingEnd>, NodeError> {
        let view = standby_view(Last::from(&standby.place()));
        let is_connected = self.link.as_ref().is_some_and(|link| link.follower.is_some());
        let patience = if is_connected { Duration::ZERO } else { WAIT };
        for act in node.decide(patience, &view) {
            match node.act(act)? {
                Some(Act::Follow(leader)) => {
                    let retry_at = node.ports.now();
                    let why_not = String::new();
                    self.link = leader.map(|(leader, _)| LeaderLink {
                        leader,
                        follower: None,
                        retry_at,
                        end: LogPlace::BEGINNING.position,
                        has_caught_up: false,
                        why_not,
                        parting: None,
                    });
                }
                Some(Act::Lead(epoch, voters)) => {
                    return Ok(Some(FollowingEnd::Leads(epoch, voters)));
                }
                _ => {}
            }
        }
        let Some(link) = &mut self.link else { return Ok(None) };
        match link.take_frames(node, standby) {
            Ok(()) => link.parted(standby),
            Err(
                Trouble::Link(FollowerError::Diverged)
                | Trouble::Node(NodeError::Standby(StandbyError::Chain(_))),
            ) => link.lacks(standby),
            Err(Trouble::Link(FollowerError::Refused(why))) => Err(NodeError::Refused(why)),
            Err(Trouble::Link(error)) => {
                link.lost(node, &error);
                Ok(None)
            }
            Err(Trouble::Node(error)) => Err(error),
        }
    }
}

impl<L: io::Read + io::Write> LeaderLink<L> {
    fn take_frames<P: Ports<Link = L>, U: Subscriber>(
        &mut self,
        node: &mut Node<P>,
        standby: &mut Standby<U>,
    ) -> Result<(), Trouble> {
        let now = node.ports.now();
        let Some(follower) = &mut self.follower else {
            if now >= self.retry_at {
                self.follower = Some(self.connect(node, standby)?);
            }
            return Ok(());
        };
        let came = follower.step(now)?;
        match came {
            Came::Nothing => {}
            Came::Welcome { epoch, end } => {
                let Some(acts) = node.member.welcomed(now, epoch) else {
                    return Err(FollowerError::NotLeading.into());
                };
                for act in acts {
                    node.act(act)?;
                }
                if let Some(parting) = &mut self.parting {
                    parting.has = parting.asks() + 1;
                    self.follower = None;
                    return Ok(());
                }
                let place = standby.place();
                follower.hold(place.position, now);
                (self.end, self.has_caught_up) = (end, false);
                self.why_not.clear();
                let (leader, seqno) = (&self.leader, place.seqno);
                tracing::info!(
                    event = "following",
                    node = %leader,
                    epoch,
                    seqno = seqno.0,
                    "following {leader} in epoch {epoch} behind seqno {seqno}"
                );
            }
            Came::Frames { .. } => {
                node.member.heard(now);
                let mut frame = Frame::default();
                while follower.next_frame(&mut frame)? {
                    standby.store(&mut frame)?;
                }
                // The leader waits for this acknowledgement; the books can wait for a moment.
                follower.hold(standby.commit()?, now);
                follower.write()?;
            }
        }
        let is_near = standby.unapplied() <= PUT_OFF_MAX;
        if !self.has_caught_up && is_near && standby.place().position >= self.end {
            self.has_caught_up = true;
            let (leader, seqno) = (&self.leader, standby.place().seqno);
            tracing::info!(
                event = "caught_up",
                node = %leader,
                seqno = seqno.0,
                "caught up with {leader} at seqno {seqno}"
            );
        }
        let storing_comes_first = is_near || !self.has_caught_up;
        if came != (Came::Frames { more: true }) || !storing_comes_first {
            standby.apply(PIECE_FRAMES_MAX)?;
        }
        Ok(())
    }

    fn connect<P: Ports<Link = L>, U: Subscriber>(
        &self,
        node: &mut Node<P>,
        standby: &Standby<U>,
    ) -> Result<Follower<L>, FollowerError> {
        let address = node.member.record().and_then(|record| record.address(&self.leader));
        let address = address.ok_or(io::Error::from(io::ErrorKind::NotFound))?;
        let connection = node.ports.connect(address)?;
        let who = Who {
            node: node.options.me.clone(),
            incarnation: node.file.incarnation(),
            promised: node.member.promised(),
        };
        let super::Options { identity, segment_bytes, .. } = node.options;
        let now = node.ports.now();
        let place = match &self.parting {
            None => standby.place(),
            Some(parting) => standby.uncommitted()[parting.asks()],
        };
        Ok(Follower::new(connection, &who, identity, segment_bytes, &place, now))
    }

    /// Continues the search, after the leader was found to lack a place of this node.
    fn lacks<U: Subscriber>(
        &mut self,
        standby: &Standby<U>,
    ) -> Result<Option<FollowingEnd>, NodeError> {
        self.follower = None;
        let end = standby.uncommitted().len() - 1;
        match &mut self.parting {
            None => self.parting = Some(Parting { has: 0, lacks: end }),
            Some(parting) => parting.lacks = parting.asks(),
        }
        self.parted(standby)
    }

    /// Returns the result of the search, if it has ended. Fails if the leader lacks even the first
    /// place, which is committed.
    fn parted<U: Subscriber>(
        &self,
        standby: &Standby<U>,
    ) -> Result<Option<FollowingEnd>, NodeError> {
        let places = standby.uncommitted();
        match self.parting {
            Some(Parting { has: 0, lacks: 0 }) => Err(NodeError::AnotherHistory(places[0].seqno)),
            Some(Parting { has, lacks }) if has == lacks => {
                Ok(Some(FollowingEnd::Diverged(places[has - 1])))
            }
            _ => Ok(None),
        }
    }

    fn lost<P: Ports<Link = L>>(&mut self, node: &mut Node<P>, error: &FollowerError) {
        let now = node.ports.now();
        self.follower = None;
        self.retry_at = now + RETRY;
        node.member.line_lost(now);
        // A missing leader is reported once.
        let why_not = error.to_string();
        if why_not != self.why_not && !matches!(error, FollowerError::NotLeading) {
            tracing::warn!(
                event = "leader_unreachable",
                node = %self.leader,
                "{}: {why_not}; trying again",
                self.leader
            );
            self.why_not = why_not;
        }
    }
}
