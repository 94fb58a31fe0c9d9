//! Model of a cluster: its scope, the mistakes that can be planted, and the steps by name.
//! `possible.rs` decides when a step can be taken, `steps.rs` has its effect.

use super::properties;
use super::state::{Lapses, Log, NODES, Node, Record, Role, State, Told, Voters};
use stateright::{Model, Property};

/// Cluster with the limits of its exploration.
#[derive(Clone, Copy)]
pub struct Cluster {
    pub nodes: usize,
    pub voters: Voters,
    pub epoch_max: u8,
    pub log_max: u8,
    /// Number of losses of memory in all; a node has one at most.
    pub losses_max: usize,
    pub membership: Membership,
    pub hands_over: bool,
    /// Properties that the checker must find to be possible.
    pub sometimes: &'static [Property<Cluster>],
    pub mistake: Option<Mistake>,
}

/// Changes that a leader may make to the voters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    Fixed,
    /// A voter that lost its memory gets a new incarnation.
    Readmits,
    /// The leader also adds and removes voters.
    Changes,
}

/// Rule of the protocol that is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// A diverged log is cut to a commit mark, below its common part with the leader's log. In this
    /// model no mark has reached the node.
    CutsToCommitMark,
    /// A read that still shows the old voters ends the joint phase, although the swap may be under
    /// way.
    TrustsOldRead,
    /// A node gathers that is named, but is no voter in its incarnation.
    NonVoterGathers,
    OldIncarnationPromises,
    OldIncarnationCounts,
    /// A change of the voters waits until the old voters have the leader's log, too. That is safe,
    /// but a leader of two cannot leave behind a voter that is gone.
    WaitsForOldVoters,
    /// The swap of the voters is sent before the new voters have the leader's log.
    SwapsTooEarly,
    /// Until the leader hears of the swap, only the old voters count.
    OldVotersDecide,
    PromiseNotStored,
    /// Frames of older epochs are told before enough voters have stored the epoch start.
    TellsOlderFrames,
    /// A gatherer leads, although a node that promised has a higher `last`.
    LeadsBehind,
    /// A restarted node gathers for an epoch that it has promised already.
    GathersAgain,
    /// A gatherer that promises a higher epoch to another node goes on.
    GathersOn,
    /// One promise fewer is enough to lead.
    GathersTooFew,
    /// One voter fewer is enough to tell a frame.
    TellsTooEarly,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Name { leader: usize },
    Gather { node: usize },
    Promise { gatherer: usize, voter: usize },
    Lead { node: usize },
    Append { leader: usize },
    Store { leader: usize },
    Send { leader: usize, follower: usize },
    Tell { leader: usize, end: u8 },
    HandOver { leader: usize, to: usize },
    BeginChange { leader: usize, voters: Voters },
    GiveUpChange { leader: usize },
    RequestChange { leader: usize },
    ApplyChange,
    HearOfChange { leader: usize },
    FenceChange { leader: usize },
    Stop { node: usize, keeps: u8 },
    LoseMemory { node: usize, keeps: u8 },
}

impl Model for Cluster {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let node = Node { log: Log::default(), promised: 0, incarnation: 1, role: Role::Standby };
        let record = Record { epoch: 0, leader: None, voters: self.voters, handed_over: false };
        let (told, lapses) = (Told::default(), Lapses::default());
        vec![State { record, request: None, nodes: [node; NODES], told, lapses }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.name(state, actions);
        for node in 0..self.nodes {
            self.fail(state, node, actions);
            match &state.nodes[node].role {
                Role::Standby => {}
                Role::Gathering(gathering) => self.gather(state, node, gathering, actions),
                Role::Leading(leading) => {
                    self.lead(state, node, leading, actions);
                    self.change_voters(state, node, leading, actions);
                }
            }
        }
        if state.request.is_some() {
            actions.push(Action::ApplyChange);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = *last;
        match action {
            Action::Name { leader } => state.name(leader, false),
            Action::Gather { node } => state.gather(node),
            Action::Promise { gatherer, voter } => self.promise(&mut state, gatherer, voter),
            Action::Lead { node } => state.lead(node),
            Action::Append { leader } => state.append(leader),
            Action::Store { leader } => state.store(leader),
            Action::Send { leader, follower } => self.send(&mut state, leader, follower),
            Action::Tell { leader, end } => state.tell(leader, end),
            Action::HandOver { leader, to } => {
                state.nodes[leader].role = Role::Standby;
                state.name(to, true);
            }
            Action::BeginChange { leader, voters } => state.begin_change(leader, voters),
            Action::GiveUpChange { leader } => state.leading(leader).joint = None,
            Action::RequestChange { leader } => state.request_change(leader),
            Action::ApplyChange => state.apply_change(),
            Action::HearOfChange { leader } => state.hear_of_change(leader),
            Action::FenceChange { leader } => {
                state.leading(leader).joint = None;
                state.request = None;
            }
            Action::Stop { node, keeps } => self.stop(&mut state, node, keeps),
            Action::LoseMemory { node, keeps } => state.lose_memory(node, keeps),
        }
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Cluster>> {
        properties::always().into_iter().chain(self.sometimes.iter().cloned()).collect()
    }
}

impl Cluster {
    pub fn has(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }
}
