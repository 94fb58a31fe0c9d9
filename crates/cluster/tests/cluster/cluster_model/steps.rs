//! Effects of the steps. Each step is atomic.

use super::protocol::{Cluster, Mistake};
use super::state::{
    Gathering, INCARNATIONS, Joint, Leading, NODES, Node, Record, Role, Stage, State, Voters,
};

/// Steps that a mistake can change.
impl Cluster {
    pub fn promise(&self, state: &mut State, gatherer: usize, voter: usize) {
        let Role::Gathering(mut gathering) = state.nodes[gatherer].role else { unreachable!() };
        let answers = &mut state.nodes[voter];
        answers.promised = gathering.epoch;
        let goes_on = self.has(Mistake::GathersOn) && matches!(answers.role, Role::Gathering(_));
        if !goes_on {
            answers.role = Role::Standby;
        }
        let higher = answers.log.last() > state.nodes[gatherer].log.last();
        gathering.promises[voter] = true;
        state.nodes[gatherer].role = match higher && !self.has(Mistake::LeadsBehind) {
            true => Role::Standby,
            false => Role::Gathering(gathering),
        };
    }

    /// Sends one frame, or none if the follower has all of them. Cuts the follower's log if it has
    /// something else. Then the follower acknowledges.
    pub fn send(&self, state: &mut State, leader: usize, follower: usize) {
        let leading = *state.leading(leader);
        let sent = state.nodes[leader].log;
        let node = &mut state.nodes[follower];
        let held = state.told.held(&node.log, node.promised);
        node.promised = leading.epoch;
        node.role = Role::Standby;
        let common = node.log.common(&sent);
        if common < node.log.end() {
            let keeps = if self.has(Mistake::CutsToCommitMark) { 0 } else { common };
            node.log.cut(keeps);
            state.lapses.cut_told |= keeps < held;
        } else if common < sent.end() {
            node.log.append(sent.epochs()[common as usize]);
        }
        let (end, mut incarnation) = (node.log.end(), node.incarnation);
        if self.has(Mistake::OldIncarnationCounts) && leading.voters.0[follower] > 0 {
            incarnation = leading.voters.0[follower];
        }
        let stored = &mut state.leading(leader).stored[follower][incarnation as usize - 1];
        *stored = end.max(*stored);
    }

    pub fn stop(&self, state: &mut State, node: usize, keeps: u8) {
        let node = &mut state.nodes[node];
        node.log.cut(keeps);
        node.role = Role::Standby;
        if self.has(Mistake::PromiseNotStored) {
            node.promised = 0;
        }
    }
}

impl State {
    pub fn leading(&mut self, node: usize) -> &mut Leading {
        let Role::Leading(leading) = &mut self.nodes[node].role else { unreachable!() };
        leading
    }

    pub fn name(&mut self, leader: usize, handed_over: bool) {
        let (epoch, leader) = (self.record.epoch + 1, Some(leader as u8));
        self.record = Record { epoch, leader, handed_over, ..self.record };
        self.request = None;
    }

    pub fn gather(&mut self, node: usize) {
        let Record { epoch, voters, .. } = self.record;
        let mut promises = [false; NODES];
        promises[node] = voters.has(node, self.nodes[node].incarnation);
        self.nodes[node].promised = epoch;
        self.nodes[node].role = Role::Gathering(Gathering { epoch, voters, promises });
    }

    pub fn lead(&mut self, node: usize) {
        let Role::Gathering(Gathering { epoch, voters, .. }) = self.nodes[node].role else {
            unreachable!()
        };
        let stored = [[0; INCARNATIONS]; NODES];
        let leading = Leading { epoch, voters, joint: None, told: 0, stored };
        self.nodes[node].role = Role::Leading(leading);
        self.store(node);
        self.append(node);
        self.lapses.led_twice |= self.lapses.led & 1 << epoch != 0;
        self.lapses.led |= 1 << epoch;
    }

    pub fn append(&mut self, leader: usize) {
        let epoch = self.leading(leader).epoch;
        self.nodes[leader].log.append(epoch);
    }

    pub fn store(&mut self, leader: usize) {
        let Node { log, incarnation, .. } = self.nodes[leader];
        self.leading(leader).stored[leader][incarnation as usize - 1] = log.end();
    }

    pub fn tell(&mut self, leader: usize, end: u8) {
        let log = self.nodes[leader].log;
        let epoch = self.leading(leader).epoch;
        self.leading(leader).told = end;
        self.lapses.told_twice |= !self.told.tell(&log, end, epoch);
    }

    pub fn begin_change(&mut self, leader: usize, voters: Voters) {
        let end = self.nodes[leader].log.end();
        self.leading(leader).joint = Some(Joint { voters, end, stage: Stage::Waiting });
    }

    pub fn request_change(&mut self, leader: usize) {
        let Some(joint) = &mut self.leading(leader).joint else { unreachable!() };
        joint.stage = Stage::Requested;
        self.request = Some(joint.voters);
    }

    pub fn apply_change(&mut self) {
        let Some(voters) = self.request.take() else { unreachable!() };
        self.record.voters = voters;
        for node in &mut self.nodes {
            if let Role::Leading(leading) = &mut node.role
                && leading.epoch == self.record.epoch
                && let Some(joint) = &mut leading.joint
                && joint.stage == Stage::Requested
            {
                joint.stage = Stage::Applied;
            }
        }
    }

    pub fn hear_of_change(&mut self, leader: usize) {
        let leading = self.leading(leader);
        let Some(joint) = leading.joint.take() else { unreachable!() };
        leading.voters = joint.voters;
    }

    pub fn lose_memory(&mut self, node: usize, keeps: u8) {
        let node = &mut self.nodes[node];
        node.log.cut(keeps);
        *node = Node {
            promised: 0,
            incarnation: node.incarnation + 1,
            role: Role::Standby,
            log: node.log,
        };
    }
}
