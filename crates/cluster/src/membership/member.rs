//! Part of a node in leader election. A member receives events and returns acts to perform. It has
//! no clock, socket or file, so that a simulation runs the same code as a venue.
//!
//! Safety rests on three rules. A node writes only in an epoch that the record gave to it and in
//! which it has never written before. A voter that has promised an epoch takes no frame of an
//! earlier epoch. Of the voters that promise, at least one has everything that was ever
//! acknowledged or published.

use super::canvass::Canvass;
use super::coordinator::{Revision, Swapped, Unavailable, Versioned};
use super::leader::Leading;
use super::message::{Last, PeerMessage};
use super::record::{Address, Incarnation, NodeName, Record, Voters};
use ringside_journal::Position;
use ringside_planted::{Bug, planted};
use std::collections::BTreeMap;
use std::time::Duration;

/// Silence of a leader after which it is suspected.
pub const SILENCE_MAX: Duration = Duration::from_millis(250);
/// Time that a named leader has to begin.
const GRACE: Duration = Duration::from_secs(1);
/// Interval between reads of the record while the leader is heard.
const READ_RARELY: Duration = Duration::from_secs(1);
/// Interval between reads of the record at other times.
const READ_OFTEN: Duration = Duration::from_millis(250);
/// Interval between requests for promises.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// Act to perform, in the order of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Store durably that this epoch is promised, before any act that follows.
    Promise(u64),
    /// Read the record; the answer goes to [`Member::read`].
    Read,
    /// Swap the record; the outcome goes to [`Member::swapped`].
    Swap(Option<Revision>, Record),
    /// Send this message to a node.
    Send(NodeName, PeerMessage),
    /// Follow this leader in this epoch and nobody else. `None`: take no frame from anybody.
    Follow(Option<(NodeName, u64)>),
    /// Lead in this epoch: write its first frame, and serve these voters.
    Lead(u64, Voters),
    /// While leading: count these voters from now on, and the second ones as well, if there are
    /// any.
    Voters(Voters, Option<Voters>),
    /// Stop leading at once, recover the log as after a crash, and call [`Member::stands_by`].
    StepDown,
    /// Take no more commands, and wait until everything is published and this node has all of it.
    /// Then stop leading, and call [`Member::drained`] and [`Member::stands_by`].
    HandOver(NodeName),
}

/// Log and followers of a node at this moment.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// End of the node's log.
    pub last: Last,
    /// While leading: position before which a quorum of the voters has everything. While voters
    /// change, a quorum of the new voters.
    pub agreed: Position,
    /// While leading: nodes that follow.
    pub followers: &'a [ConnectedStandby],
}

/// Node that follows the leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectedStandby {
    /// Name of the node.
    pub node: NodeName,
    /// Incarnation of the node's memory.
    pub incarnation: Incarnation,
    /// True if the node has nearly everything.
    pub is_near: bool,
}

/// State of a node in leader election.
#[derive(Debug)]
pub struct Member {
    me: NodeName,
    incarnation: Incarnation,
    /// Highest epoch that this node has promised.
    promised: u64,
    /// All nodes in the config, for a node that finds no record.
    founders: Vec<Address>,
    record: Option<Versioned>,
    /// True while the coordinator has not answered yet.
    is_asking: bool,
    read_at: Duration,
    role: Role,
    acts: Vec<Act>,
}

#[derive(Debug)]
enum Role {
    Standby(StandbyState),
    Gathering(Gathering),
    Leading(Leading),
    /// The node is to stop leading; the name is the next leader, if there is one.
    Ending(Option<NodeName>),
}

#[derive(Debug)]
struct StandbyState {
    /// Leader that the node was last asked to follow, with its epoch.
    follows: Option<(NodeName, u64)>,
    /// True once that leader was heard, until its connection is lost.
    heard: bool,
    /// Time at which the leader is suspected.
    suspect_at: Duration,
    canvass: Option<Canvass>,
}

#[derive(Debug)]
struct Gathering {
    epoch: u64,
    promises: BTreeMap<NodeName, Last>,
    ask_at: Duration,
}

impl StandbyState {
    fn since(now: Duration) -> Role {
        Role::Standby(StandbyState {
            follows: None,
            heard: false,
            suspect_at: now + GRACE,
            canvass: None,
        })
    }
}

impl Member {
    /// Creates the member of a node that has just started, from the facts that the node has stored
    /// about itself.
    pub fn new(
        me: NodeName,
        incarnation: Incarnation,
        promised: u64,
        founders: Vec<Address>,
        now: Duration,
    ) -> Self {
        Member {
            me,
            incarnation,
            promised,
            founders,
            record: None,
            is_asking: false,
            read_at: now,
            role: StandbyState::since(now),
            acts: vec![],
        }
    }

    /// Returns the latest known record.
    pub fn record(&self) -> Option<&Record> {
        self.record.as_ref().map(|(_, record)| record)
    }

    /// Returns the highest epoch that this node has promised.
    pub fn promised(&self) -> u64 {
        self.promised
    }

    /// Handles the passing of time, and returns the acts that are due.
    pub fn tick(&mut self, now: Duration, view: &View<'_>) -> Vec<Act> {
        if now >= self.read_at {
            self.look(now);
        }
        match &self.role {
            Role::Standby(_) => self.stand(now, view),
            Role::Gathering(_) => self.gather(now, view),
            Role::Leading(_) => self.lead(now, view),
            Role::Ending(next) => {
                if let (Some(next), Some((revision, record))) = (next, &self.record)
                    && record.leader == self.me
                {
                    let (revision, record) = (*revision, record.led_by(next));
                    self.swap(Some(revision), record);
                }
            }
        }
        std::mem::take(&mut self.acts)
    }

    /// Handles the answer of the coordinator to a read.
    pub fn read(
        &mut self,
        now: Duration,
        found: Result<Option<Versioned>, Unavailable>,
        view: &View<'_>,
    ) -> Vec<Act> {
        self.is_asking = false;
        match found {
            Ok(Some(versioned)) => self.learn(now, versioned),
            Ok(None) => self.found(now, view.last),
            Err(_) => {}
        }
        self.tick(now, view)
    }

    /// Handles the outcome of a swap.
    pub fn swapped(
        &mut self,
        now: Duration,
        wanted: Record,
        ended: Result<Swapped, Unavailable>,
        view: &View<'_>,
    ) -> Vec<Act> {
        self.is_asking = false;
        if let Ok(Swapped::Done(revision)) = ended {
            if wanted.leader != self.me {
                let epoch = wanted.epoch;
                self.acts.push(Act::Send(wanted.leader.clone(), PeerMessage::Look { epoch }));
            }
            self.learn(now, (revision, wanted));
        } else {
            self.read_at = now;
        }
        self.tick(now, view)
    }

    /// Handles a message of another node.
    pub fn message(
        &mut self,
        now: Duration,
        from: &NodeName,
        message: &PeerMessage,
        view: &View<'_>,
    ) -> Vec<Act> {
        match *message {
            PeerMessage::Look { epoch } => self.look_for(now, epoch),
            PeerMessage::Ask { epoch, binding, incarnation } => {
                if incarnation != self.incarnation {
                    // The message is for another incarnation of this node, which is gone.
                } else if binding {
                    self.promise(now, from, epoch, view.last);
                } else {
                    self.answer_poll(now, from, epoch, view.last);
                }
            }
            PeerMessage::Answer { epoch, binding, incarnation, last, hears_leader } => {
                let counts = |(_, record): &Versioned| record.voters.counts(from, incarnation);
                if !self.record.as_ref().is_some_and(counts) {
                    // The sender is a voter that has lost memory, or no voter.
                } else if binding {
                    self.was_promised(from, epoch, last);
                } else {
                    self.was_polled(now, from, epoch, last, hears_leader);
                }
            }
        }
        self.tick(now, view)
    }

    /// Notes that a node does not take messages.
    pub fn unreachable(&mut self, node: &NodeName) {
        if let Role::Standby(StandbyState { canvass: Some(canvass), .. }) = &mut self.role {
            canvass.unreachable(node);
        }
    }

    /// Notes that the leader whom this node follows has sent something.
    pub fn heard(&mut self, now: Duration) {
        if let Role::Standby(standby) = &mut self.role {
            standby.heard = true;
            standby.suspect_at = now + SILENCE_MAX;
            standby.canvass = None;
        }
    }

    /// Notes that the connection to the leader has ended.
    pub(crate) fn line_lost(&mut self, now: Duration) {
        if let Role::Standby(standby) = &mut self.role
            && std::mem::take(&mut standby.heard)
        {
            standby.suspect_at = now;
        }
        self.read_at = self.read_at.min(now);
    }

    /// Handles the welcome of a leader of this epoch. Returns the acts to perform before its frames
    /// are taken; `None` if a later epoch is promised, and its frames must not be taken.
    pub(crate) fn welcomed(&mut self, now: Duration, epoch: u64) -> Option<Vec<Act>> {
        if epoch < self.promised && !planted(Bug::OldLeaderHeard) {
            self.read_at = now;
            return None;
        }
        if epoch > self.promised {
            self.promised = epoch;
            self.acts.push(Act::Promise(epoch));
        }
        self.heard(now);
        Some(std::mem::take(&mut self.acts))
    }

    /// Notes that a node that wants to follow has promised this epoch: another node may lead by
    /// now.
    pub(crate) fn follower_promised(&mut self, now: Duration, epoch: u64) {
        self.look_for(now, epoch);
    }

    /// Stands by, after this node led and its log has been recovered.
    pub fn stands_by(&mut self, now: Duration) {
        self.role = StandbyState::since(now);
        self.read_at = now;
    }

    /// Names `to` as the next leader: everything is published, and `to` has all of it.
    pub fn drained(&mut self, now: Duration, to: &NodeName, view: &View<'_>) -> Vec<Act> {
        self.role = Role::Ending(Some(to.clone()));
        self.tick(now, view)
    }

    /// Handles a missing record: this node begins the cluster, if it is one of the founders.
    fn found(&mut self, now: Duration, last: Last) {
        let is_founder = self.founders.iter().any(|place| place.node == self.me);
        let Role::Standby(standby) = &self.role else { return };
        // A node with an empty log waits, so that a node with a past begins first.
        let waits = last == Last::EMPTY && now < standby.suspect_at;
        // A promise shows that there was a record once. Then an operator must say which journal is
        // the right one.
        if is_founder && !waits && self.promised == 0 {
            let record = Record {
                epoch: last.epoch + 1,
                leader: self.me.clone(),
                voters: Voters::default().with(&self.me, self.incarnation),
                nodes: self.founders.clone(),
                handover: None,
            };
            self.swap(None, record);
        }
    }

    fn learn(&mut self, now: Duration, (revision, record): Versioned) {
        if self.record.as_ref().is_some_and(|(known, _)| revision < *known) {
            return;
        }
        let is_new = self.record().is_none_or(|known| record.epoch > known.epoch);
        let epoch = record.epoch;
        self.record = Some((revision, record));
        match &mut self.role {
            Role::Standby(standby) if is_new => {
                standby.heard = false;
                standby.canvass = None;
                standby.suspect_at = now + GRACE;
            }
            Role::Gathering(gathering) if epoch > gathering.epoch => {
                self.role = StandbyState::since(now);
            }
            Role::Leading(leading) if epoch > leading.epoch => self.step_down(),
            _ => {}
        }
    }

    fn stand(&mut self, now: Duration, view: &View<'_>) {
        let Some((revision, record)) = self.record.clone() else { return };
        let is_voter = record.voters.counts(&self.me, self.incarnation);
        let is_named = record.leader == self.me;
        let is_fresh = record.epoch > self.promised || planted(Bug::LedTwice);
        if is_named && is_voter && is_fresh {
            return self.begin_to_gather(now, record.epoch, view);
        }
        let Role::Standby(standby) = &mut self.role else { return };
        let leader = (record.leader.clone(), record.epoch);
        let is_over = record.epoch < self.promised && !planted(Bug::OldLeaderHeard);
        let follows = (!is_named && !is_over).then_some(leader);
        if standby.follows != follows {
            standby.follows.clone_from(&follows);
            standby.heard = false;
            self.acts.push(Act::Follow(follows));
        }
        // A named node that comes here has written in this epoch already, or may have: nobody
        // leads.
        let is_suspected = now >= standby.suspect_at || is_named;
        if !is_voter || !is_suspected || self.is_asking {
            return;
        }
        let canvass = standby.canvass.get_or_insert_with(|| Canvass::new(now));
        if canvass.asks(now) {
            for voter in record.voters.0.iter().filter(|voter| voter.node != self.me) {
                let (epoch, incarnation) = (record.epoch, voter.incarnation);
                let ask = PeerMessage::Ask { epoch, binding: false, incarnation };
                self.acts.push(Act::Send(voter.node.clone(), ask));
            }
        }
        if let Some(choice) = canvass.choice(now, &record.voters, &self.me, view.last) {
            standby.canvass = None;
            self.swap(Some(revision), record.led_by(&choice));
        }
    }

    fn begin_to_gather(&mut self, now: Duration, epoch: u64, view: &View<'_>) {
        self.promised = epoch;
        self.acts.push(Act::Follow(None));
        self.acts.push(Act::Promise(epoch));
        let promises = BTreeMap::from([(self.me.clone(), view.last)]);
        self.role = Role::Gathering(Gathering { epoch, promises, ask_at: now });
        self.gather(now, view);
    }

    fn gather(&mut self, now: Duration, view: &View<'_>) {
        let Some((revision, record)) = self.record.clone() else { return };
        let Role::Gathering(gathering) = &mut self.role else { return };
        let epoch = gathering.epoch;
        if gathering.promises.len() >= record.voters.promise_quorum() {
            let best = gathering.promises.iter().max_by_key(|(_, last)| **last);
            match best.filter(|(_, last)| **last > view.last && !planted(Bug::BestNotChosen)) {
                Some((node, _)) if !self.is_asking => {
                    let next = record.led_by(&node.clone());
                    self.swap(Some(revision), next);
                }
                Some(_) => {}
                None => {
                    self.role = Role::Leading(Leading::new(epoch));
                    self.acts.push(Act::Lead(epoch, record.voters));
                }
            }
            return;
        }
        if now >= gathering.ask_at {
            gathering.ask_at = now + ASK_AGAIN;
            for voter in &record.voters.0 {
                if !gathering.promises.contains_key(&voter.node) {
                    let incarnation = voter.incarnation;
                    let ask = PeerMessage::Ask { epoch, binding: true, incarnation };
                    self.acts.push(Act::Send(voter.node.clone(), ask));
                }
            }
        }
    }

    fn lead(&mut self, now: Duration, view: &View<'_>) {
        let (Some((revision, record)), false) = (&self.record, self.is_asking) else { return };
        let Role::Leading(leading) = &mut self.role else { return };
        if record.epoch != leading.epoch {
            return;
        }
        let revision = *revision;
        if let Some(next) = leading.step(now, &self.me, revision, record, view, &mut self.acts) {
            self.swap(Some(revision), next);
        }
    }

    fn promise(&mut self, now: Duration, to: &NodeName, epoch: u64, last: Last) {
        if epoch < self.promised {
            let epoch = self.promised;
            return self.acts.push(Act::Send(to.clone(), PeerMessage::Look { epoch }));
        }
        match &self.role {
            // The other node asks again, and is answered when this node writes no more.
            Role::Leading(leading) if epoch > leading.epoch => return self.step_down(),
            Role::Leading(_) | Role::Ending(_) => return,
            Role::Gathering(gathering) if epoch == gathering.epoch => return,
            Role::Gathering(_) | Role::Standby(_) => {}
        }
        if epoch > self.promised || !matches!(self.role, Role::Standby(_)) {
            self.role = StandbyState::since(now);
            self.acts.push(Act::Follow(None));
        }
        if epoch > self.promised {
            self.promised = epoch;
            self.acts.push(Act::Promise(epoch));
        }
        let (incarnation, binding, hears_leader) = (self.incarnation, true, false);
        let answer = PeerMessage::Answer { epoch, binding, incarnation, last, hears_leader };
        self.acts.push(Act::Send(to.clone(), answer));
        self.look_for(now, epoch);
    }

    fn answer_poll(&mut self, now: Duration, to: &NodeName, epoch: u64, last: Last) {
        let known = self.record().map_or(0, |record| record.epoch).max(self.promised);
        if known > epoch {
            return self.acts.push(Act::Send(to.clone(), PeerMessage::Look { epoch: known }));
        }
        self.look_for(now, epoch);
        let hears_leader = match &self.role {
            Role::Standby(standby) => standby.heard && now < standby.suspect_at,
            Role::Gathering(_) => false,
            Role::Leading(_) | Role::Ending(_) => true,
        };
        let (incarnation, binding) = (self.incarnation, false);
        let answer = PeerMessage::Answer { epoch, binding, incarnation, last, hears_leader };
        self.acts.push(Act::Send(to.clone(), answer));
    }

    fn was_promised(&mut self, by: &NodeName, epoch: u64, last: Last) {
        if let Role::Gathering(gathering) = &mut self.role
            && gathering.epoch == epoch
        {
            gathering.promises.insert(by.clone(), last);
        }
    }

    fn was_polled(
        &mut self,
        now: Duration,
        from: &NodeName,
        epoch: u64,
        last: Last,
        hears_leader: bool,
    ) {
        let Some((_, record)) = &self.record else { return };
        let (is_leader, is_current) = (record.leader == *from, record.epoch == epoch);
        if let Role::Standby(StandbyState { canvass: Some(canvass), suspect_at, .. }) =
            &mut self.role
            && is_current
        {
            canvass.answered(from, last, hears_leader);
            if is_leader && hears_leader {
                *suspect_at = now + SILENCE_MAX;
            }
        }
    }

    fn step_down(&mut self) {
        self.role = Role::Ending(None);
        self.acts.push(Act::StepDown);
    }

    /// Reads the record if the known one is of an earlier epoch.
    fn look_for(&mut self, now: Duration, epoch: u64) {
        if self.record().is_none_or(|record| record.epoch < epoch) {
            self.look(now);
        }
    }

    fn look(&mut self, now: Duration) {
        let is_calm = match &self.role {
            Role::Standby(standby) => standby.heard && now < standby.suspect_at,
            Role::Gathering(_) | Role::Leading(_) | Role::Ending(_) => false,
        };
        self.read_at = now + if is_calm { READ_RARELY } else { READ_OFTEN };
        if !self.is_asking {
            self.is_asking = true;
            self.acts.push(Act::Read);
        }
    }

    fn swap(&mut self, expected: Option<Revision>, record: Record) {
        // No swap while a read is under way, which would only return the record from before the
        // swap.
        if !self.is_asking {
            self.is_asking = true;
            self.acts.push(Act::Swap(expected, record));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(10);
    const VIEW: View<'static> =
        View { last: Last::EMPTY, agreed: Position { segment: 0, offset: 0 }, followers: &[] };

    /// Voter b of three, which has read a record in which a leads in epoch 5.
    fn voter() -> Member {
        let mut member = Member::new("b".into(), Incarnation(2), 5, vec![], NOW);
        member.read(NOW, Ok(Some((Revision(1), record()))), &VIEW);
        member
    }

    fn record() -> Record {
        let nodes = [("a", 1), ("b", 2), ("c", 3)];
        let with = |voters: Voters, (node, life): (&str, u64)| {
            voters.with(&node.into(), Incarnation(life))
        };
        let voters = nodes.into_iter().fold(Voters::default(), with);
        Record { epoch: 5, leader: "a".into(), voters, nodes: vec![], handover: None }
    }

    fn ask(epoch: u64, incarnation: u64) -> PeerMessage {
        PeerMessage::Ask { epoch, binding: true, incarnation: Incarnation(incarnation) }
    }

    /// Same voter while it hears its leader and no read is under way.
    fn calm_voter() -> Member {
        let mut member = voter();
        member.heard(NOW);
        assert_eq!(member.read(NOW, Ok(Some((Revision(1), record()))), &VIEW), []);
        member
    }

    #[test]
    fn an_older_record_never_takes_the_place_of_a_newer_one() {
        let mut member = calm_voter();
        let newer = record().led_by(&"c".into());
        let acts = member.read(NOW, Ok(Some((Revision(3), newer.clone()))), &VIEW);
        assert!(acts.contains(&Act::Follow(Some(("c".into(), 6)))), "{acts:?}");
        let fewer_voters = newer.with_voters(newer.voters.without(&"a".into()));
        for older in [record(), fewer_voters] {
            let acts = member.read(NOW, Ok(Some((Revision(2), older.clone()))), &VIEW);
            assert!(!acts.iter().any(|act| matches!(act, Act::Follow(_))), "{acts:?}");
            assert_eq!(member.record(), Some(&newer));
            member.swapped(NOW, older, Ok(Swapped::Done(Revision(2))), &VIEW);
            assert_eq!(member.record(), Some(&newer));
        }
        let fewer_voters = newer.with_voters(newer.voters.without(&"a".into()));
        member.read(NOW, Ok(Some((Revision(4), fewer_voters.clone()))), &VIEW);
        assert_eq!(member.record(), Some(&fewer_voters));
    }

    #[test]
    fn a_hint_of_a_later_epoch_makes_a_node_read_the_record() {
        let canvass =
            |epoch| PeerMessage::Ask { epoch, binding: false, incarnation: Incarnation(2) };
        let hints = |epoch| [PeerMessage::Look { epoch }, canvass(epoch), ask(epoch, 2)];
        for (known, later) in hints(5).into_iter().zip(hints(6)) {
            let mut member = calm_voter();
            let acts = member.message(NOW, &"c".into(), &known, &VIEW);
            assert!(!acts.contains(&Act::Read), "{known:?}: {acts:?}");
            let acts = member.message(NOW, &"c".into(), &later, &VIEW);
            assert!(acts.contains(&Act::Read), "{later:?}: {acts:?}");
            let acts = member.message(NOW, &"c".into(), &later, &VIEW);
            assert!(!acts.contains(&Act::Read), "a read is under way, {later:?}: {acts:?}");
        }
        let mut member = calm_voter();
        member.follower_promised(NOW, 5);
        assert_eq!(member.tick(NOW, &VIEW), []);
        member.follower_promised(NOW, 6);
        assert_eq!(member.tick(NOW, &VIEW), [Act::Read]);
    }

    #[test]
    fn a_node_that_meets_an_old_leader_or_loses_its_leader_reads_the_record() {
        let mut member = calm_voter();
        assert_eq!(member.welcomed(NOW, 5), Some(vec![]));
        assert_eq!(member.tick(NOW, &VIEW), []);
        assert_eq!(member.welcomed(NOW, 4), None);
        assert_eq!(member.tick(NOW, &VIEW), [Act::Read]);
        let mut member = calm_voter();
        member.line_lost(NOW);
        let acts = member.tick(NOW, &VIEW);
        assert!(acts.contains(&Act::Read), "{acts:?}");
    }

    #[test]
    fn a_node_of_an_earlier_epoch_is_told_of_the_later_one() {
        let mut member = calm_voter();
        let canvass = PeerMessage::Ask { epoch: 4, binding: false, incarnation: Incarnation(2) };
        for earlier in [ask(4, 2), canvass] {
            let acts = member.message(NOW, &"c".into(), &earlier, &VIEW);
            assert_eq!(
                acts,
                [Act::Send("c".into(), PeerMessage::Look { epoch: 5 })],
                "{earlier:?}"
            );
        }
    }

    fn answer(epoch: u64, incarnation: u64, binding: bool) -> PeerMessage {
        let (incarnation, last) = (Incarnation(incarnation), Last::EMPTY);
        PeerMessage::Answer { epoch, binding, incarnation, last, hears_leader: false }
    }

    #[test]
    fn only_promises_of_voters_in_its_own_epoch_let_a_node_lead() {
        let mut member = Member::new("a".into(), Incarnation(1), 4, vec![], NOW);
        member.read(NOW, Ok(Some((Revision(1), record()))), &VIEW);
        let leads = |acts: &[Act]| acts.iter().any(|act| matches!(act, Act::Lead(..)));
        let of_others =
            [("c", answer(4, 3, true)), ("c", answer(5, 2, true)), ("c", answer(5, 3, false))];
        for (from, answer) in of_others.into_iter().chain([("d", answer(5, 4, true))]) {
            let acts = member.message(NOW, &from.into(), &answer, &VIEW);
            assert!(!leads(&acts), "{from}, {answer:?}: {acts:?}");
        }
        let acts = member.message(NOW, &"c".into(), &answer(5, 3, true), &VIEW);
        assert!(acts.contains(&Act::Lead(5, record().voters)), "{acts:?}");
        let later = record().led_by(&"b".into());
        let acts = member.read(NOW, Ok(Some((Revision(2), later))), &VIEW);
        assert!(acts.contains(&Act::StepDown), "{acts:?}");
    }

    #[test]
    fn only_answers_about_the_epoch_of_the_record_count_in_a_poll() {
        let mut member = calm_voter();
        let late = NOW + GRACE;
        assert_eq!(member.tick(late, &VIEW), [Act::Read]);
        let acts = member.read(late, Err(Unavailable(String::new())), &VIEW);
        let polled = acts.iter().filter(|act| matches!(act, Act::Send(_, PeerMessage::Ask { .. })));
        assert_eq!(polled.count(), 2, "{acts:?}");
        member.unreachable(&"a".into());
        for other in [answer(4, 3, false), answer(5, 2, false), answer(5, 3, true)] {
            let acts = member.message(late, &"c".into(), &other, &VIEW);
            assert!(!acts.iter().any(|act| matches!(act, Act::Swap(..))), "{other:?}: {acts:?}");
        }
        let acts = member.message(late, &"c".into(), &answer(5, 3, false), &VIEW);
        let led = record().led_by(&"b".into());
        assert!(acts.contains(&Act::Swap(Some(Revision(1)), led)), "{acts:?}");
    }

    #[test]
    fn who_has_promised_an_epoch_hears_no_leader_of_an_earlier_one() {
        let mut member = voter();
        assert_eq!(member.welcomed(NOW, 5), Some(vec![]));
        let acts = member.message(NOW, &"c".into(), &ask(6, 2), &VIEW);
        let promised = acts.iter().position(|act| *act == Act::Promise(6));
        let answered = acts.iter().position(|act| matches!(act, Act::Send(..)));
        let let_go = acts.iter().position(|act| *act == Act::Follow(None));
        assert!(let_go < answered && promised < answered && answered.is_some(), "{acts:?}");
        assert_eq!(member.welcomed(NOW, 5), None);
        assert_eq!(member.welcomed(NOW, 7), Some(vec![Act::Promise(7)]));
    }

    #[test]
    fn who_has_forgotten_promises_nothing() {
        let acts = voter().message(NOW, &"c".into(), &ask(6, 1), &VIEW);
        assert!(!acts.iter().any(|act| matches!(act, Act::Send(..) | Act::Promise(_))), "{acts:?}");
    }

    #[test]
    fn a_leader_promises_only_when_it_leads_no_more() {
        let mut member = Member::new("a".into(), Incarnation(1), 4, vec![], NOW);
        let alone =
            Record { voters: Voters::default().with(&"a".into(), Incarnation(1)), ..record() };
        let acts = member.read(NOW, Ok(Some((Revision(1), alone.clone()))), &VIEW);
        assert!(acts.contains(&Act::Lead(5, alone.voters)), "{acts:?}");
        let acts = member.message(NOW, &"c".into(), &ask(6, 1), &VIEW);
        assert!(acts.contains(&Act::StepDown), "{acts:?}");
        let acts = member.message(NOW, &"c".into(), &ask(6, 1), &VIEW);
        assert!(!acts.iter().any(|act| matches!(act, Act::Send(..) | Act::Promise(_))), "{acts:?}");
        member.stands_by(NOW);
        let acts = member.message(NOW, &"c".into(), &ask(6, 1), &VIEW);
        assert!(acts.contains(&Act::Promise(6)), "{acts:?}");
    }
}
