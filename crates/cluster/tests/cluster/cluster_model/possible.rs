//! Steps that can be taken from a state.

use super::protocol::{Action, Cluster, Membership, Mistake};
use super::state::{Gathering, INCARNATIONS, Leading, Log, Node, Role, Stage, State, Voters};

impl Cluster {
    /// Adds the steps that name a leader. Any voter may suspect the leader at any time and name any
    /// voter: polls and timers only make that rarer. A gatherer that finds a higher `last` may do
    /// so, too. A named node notices the record at any later time.
    pub fn name(&self, state: &State, actions: &mut Vec<Action>) {
        let voters = state.record.voters;
        let suspects = (0..self.nodes).any(|node| voters.has(node, state.nodes[node].incarnation));
        if suspects && state.record.epoch < self.epoch_max {
            let named = (0..self.nodes).filter(|&node| voters.0[node] > 0);
            actions.extend(named.map(|leader| Action::Name { leader }));
        }
        let Some(named) = state.record.leader.map(usize::from) else { return };
        let Node { promised, incarnation, role, .. } = state.nodes[named];
        let new = state.record.epoch > promised
            || self.has(Mistake::GathersAgain)
                && state.record.epoch == promised
                && role == Role::Standby;
        let may = voters.has(named, incarnation) || self.has(Mistake::NonVoterGathers);
        if new && may {
            actions.push(Action::Gather { node: named });
        }
    }

    /// Adds the failures of a node. A crash of the process keeps what is stored. That is not always
    /// all of a leader's log, since a leader sends frames before it has stored them. A standby has
    /// nothing to lose.
    pub fn fail(&self, state: &State, node: usize, actions: &mut Vec<Action>) {
        let Node { log, promised, incarnation, role } = &state.nodes[node];
        let stored = match role {
            Role::Leading(leading) => leading.stored[node][*incarnation as usize - 1],
            _ => log.end(),
        };
        let forgets = self.has(Mistake::PromiseNotStored) && *promised > 0;
        if *role != Role::Standby || forgets {
            actions.extend((stored..=log.end()).map(|keeps| Action::Stop { node, keeps }));
        }
        let losses = state.nodes.iter().filter(|node| node.incarnation > 1).count();
        if losses < self.losses_max && (*incarnation as usize) < INCARNATIONS {
            actions.extend((0..=log.end()).map(|keeps| Action::LoseMemory { node, keeps }));
        }
    }

    pub fn gather(
        &self,
        state: &State,
        node: usize,
        gathering: &Gathering,
        actions: &mut Vec<Action>,
    ) {
        let Gathering { epoch, voters, promises } = gathering;
        for voter in (0..self.nodes).filter(|&voter| voter != node && !promises[voter]) {
            let Node { promised, incarnation, .. } = state.nodes[voter];
            let entitled = voters.has(voter, incarnation)
                || self.has(Mistake::OldIncarnationPromises) && voters.0[voter] > 0;
            if entitled && promised <= *epoch {
                actions.push(Action::Promise { gatherer: node, voter });
            }
        }
        let enough = voters.read() - usize::from(self.has(Mistake::GathersTooFew));
        let promises = promises.iter().filter(|&&promised| promised).count();
        if promises >= enough && state.nodes[node].log.has_room(self.log_max) {
            actions.push(Action::Lead { node });
        }
    }

    pub fn lead(&self, state: &State, leader: usize, leading: &Leading, actions: &mut Vec<Action>) {
        let log = &state.nodes[leader].log;
        if log.has_room(self.log_max) {
            actions.push(Action::Append { leader });
        }
        if leading.stored[leader][state.nodes[leader].incarnation as usize - 1] < log.end() {
            actions.push(Action::Store { leader });
        }
        let followers = (0..self.nodes)
            .filter(|&node| node != leader && state.nodes[node].promised <= leading.epoch);
        actions.extend(followers.map(|follower| Action::Send { leader, follower }));
        let end = self.committed(log, leading);
        actions.extend((leading.told + 1..=end).map(|end| Action::Tell { leader, end }));
        let current = state.record.epoch == leading.epoch && leading.epoch < self.epoch_max;
        if self.hands_over && current && leading.joint.is_none() && leading.told == log.end() {
            let whole = (0..self.nodes).filter(|&to| {
                let incarnation = leading.voters.0[to] as usize;
                to != leader && incarnation > 0 && leading.stored[to][incarnation - 1] == log.end()
            });
            actions.extend(whole.map(|to| Action::HandOver { leader, to }));
        }
    }

    /// Returns the end of the log that the leader may tell.
    fn committed(&self, log: &Log, leading: &Leading) -> u8 {
        let early = self.has(Mistake::TellsTooEarly);
        let mut end = leading.voters.stored(&leading.stored, early);
        if let Some(joint) = leading.joint
            && !self.has(Mistake::OldVotersDecide)
        {
            end = end.min(joint.voters.stored(&leading.stored, early));
        }
        let covers_start = end > log.before(leading.epoch);
        if covers_start || self.has(Mistake::TellsOlderFrames) { end } else { 0 }
    }

    pub fn change_voters(
        &self,
        state: &State,
        leader: usize,
        leading: &Leading,
        actions: &mut Vec<Action>,
    ) {
        let Some(joint) = leading.joint else {
            let changes = self.changes(state, leader, leading.voters);
            actions.extend(changes.map(|voters| Action::BeginChange { leader, voters }));
            return;
        };
        let current = state.record.epoch == leading.epoch;
        match joint.stage {
            Stage::Waiting => {
                actions.push(Action::GiveUpChange { leader });
                let mut stored = joint.voters.stored(&leading.stored, false);
                if self.has(Mistake::WaitsForOldVoters) {
                    stored = stored.min(leading.voters.stored(&leading.stored, false));
                }
                if current && (stored >= joint.end || self.has(Mistake::SwapsTooEarly)) {
                    actions.push(Action::RequestChange { leader });
                }
            }
            Stage::Requested => {
                if current {
                    actions.push(Action::FenceChange { leader });
                }
                if self.has(Mistake::TrustsOldRead) {
                    actions.push(Action::GiveUpChange { leader });
                }
            }
            Stage::Applied => actions.push(Action::HearOfChange { leader }),
        }
    }

    /// Returns every set of voters that differs in one node other than the leader.
    fn changes(
        &self,
        state: &State,
        leader: usize,
        voters: Voters,
    ) -> impl Iterator<Item = Voters> {
        let nodes = state.nodes;
        let any = self.membership == Membership::Changes;
        let fixed = self.membership == Membership::Fixed;
        let others = (0..self.nodes).filter(move |&node| node != leader && !fixed);
        others.flat_map(move |node| {
            let was = voters.0[node];
            let removed = (was > 0 && any).then_some(0);
            let newer = (was + 1..=nodes[node].incarnation).filter(move |_| was > 0 || any);
            removed.into_iter().chain(newer).map(move |incarnation| voters.with(node, incarnation))
        })
    }
}
