//! Symmetry of states that differ only in the names of the nodes. The protocol treats all nodes
//! alike, so it is enough to explore one of these states: that is a sixth of the states of three
//! nodes.

use super::state::{Gathering, Joint, Leading, NODES, Record, Role, State, Voters};

/// Node at each place of the order.
type Order = [usize; NODES];

const ORDERS: [Order; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// Returns the lowest state that is symmetric to this one and has sorted nodes. Sorting first only
/// saves time: mostly one order is left.
pub fn representative(state: &State) -> State {
    let keys = state.nodes.map(|node| (node.log, node.promised, node.incarnation));
    let sorted = ORDERS.iter().filter(|order| order.is_sorted_by_key(|&node| keys[node]));
    sorted.map(|order| reorder(state, order)).min().expect("one order at least is sorted")
}

fn reorder(state: &State, order: &Order) -> State {
    let record = Record {
        leader: state.record.leader.map(|leader| {
            let place = order.iter().position(|&node| node == leader as usize);
            place.expect("each node has a place") as u8
        }),
        voters: voters(&state.record.voters, order),
        ..state.record
    };
    let mut nodes = pick(&state.nodes, order);
    for node in &mut nodes {
        node.role = role(&node.role, order);
    }
    let request = state.request.map(|request| voters(&request, order));
    State { record, request, nodes, ..*state }
}

fn role(role: &Role, order: &Order) -> Role {
    match role {
        Role::Standby => Role::Standby,
        Role::Gathering(gathering) => Role::Gathering(Gathering {
            voters: voters(&gathering.voters, order),
            promises: pick(&gathering.promises, order),
            ..*gathering
        }),
        Role::Leading(leading) => Role::Leading(Leading {
            voters: voters(&leading.voters, order),
            joint: leading
                .joint
                .map(|joint| Joint { voters: voters(&joint.voters, order), ..joint }),
            stored: pick(&leading.stored, order),
            ..*leading
        }),
    }
}

fn voters(voters: &Voters, order: &Order) -> Voters {
    Voters(pick(&voters.0, order))
}

fn pick<T: Copy>(of: &[T; NODES], order: &Order) -> [T; NODES] {
    order.map(|node| of[node])
}
