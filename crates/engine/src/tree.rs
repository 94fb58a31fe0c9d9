//! Ordered tree whose nodes sum up their subtrees, so that a search by a sum takes as many steps as
//! a search by a key.
//!
//! A treap: each node has a random priority above those of its children, which keeps the tree
//! shallow whatever the keys are. The priorities decide the shape of the tree and nothing else.

use std::hash::{BuildHasher, RandomState};

/// Value of a key, with a sum over neighbouring keys.
pub(super) trait Value: Copy {
    type Sum: Copy;
    /// Sum over no key.
    const NONE: Self::Sum;

    fn sum(&self) -> Self::Sum;

    /// Returns the sum over two neighbouring ranges of keys.
    fn join(low: Self::Sum, high: Self::Sum) -> Self::Sum;
}

struct Node<K, V: Value> {
    key: K,
    value: V,
    /// Sum over the subtree.
    sum: V::Sum,
    priority: u64,
    low: Place,
    high: Place,
}

/// Index of a node plus one; 0 is none.
type Place = u32;

/// Ordered tree.
pub(super) struct Tree<K, V: Value> {
    nodes: Vec<Node<K, V>>,
    root: Place,
    /// Nodes that were removed.
    free: Vec<Place>,
    /// Source of the priorities.
    seed: u64,
}

impl<K: Ord + Copy, V: Value> Tree<K, V> {
    pub(crate) fn new() -> Self {
        let seed = RandomState::new().hash_one(0) | 1;
        Tree { nodes: vec![], root: 0, free: vec![], seed }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.root == 0
    }

    /// Returns the sum over all keys.
    pub(crate) fn total(&self) -> V::Sum {
        self.sum(self.root)
    }

    /// Sets the value of a key.
    pub(crate) fn set(&mut self, key: K, value: V) {
        self.root = self.set_in(self.root, key, value);
    }

    /// Removes a key; returns its value.
    pub(crate) fn remove(&mut self, key: K) -> Option<V> {
        let (root, removed) = self.remove_in(self.root, key);
        self.root = root;
        removed
    }

    /// Returns the value of a key.
    pub(crate) fn get(&self, key: K) -> Option<V> {
        let mut place = self.root;
        while place != 0 {
            let node = self.node(place);
            place = match key.cmp(&node.key) {
                std::cmp::Ordering::Equal => return Some(node.value),
                std::cmp::Ordering::Less => node.low,
                std::cmp::Ordering::Greater => node.high,
            };
        }
        None
    }

    /// Returns the first key that meets `wanted`, which gets the sum from the lowest key to this
    /// one, its value included. Once a key meets it, all later ones do.
    pub(crate) fn first_with_sum(&self, wanted: impl Fn(K, V::Sum) -> bool) -> Option<(K, V)> {
        let (mut place, mut before, mut found) = (self.root, V::NONE, None);
        while place != 0 {
            let node = self.node(place);
            let upto = V::join(V::join(before, self.sum(node.low)), node.value.sum());
            if wanted(node.key, upto) {
                found = Some((node.key, node.value));
                place = node.low;
            } else {
                before = upto;
                place = node.high;
            }
        }
        found
    }

    /// Returns the sum over all keys that meet `is_low`: no key below such a key fails it.
    pub(crate) fn sum_while(&self, is_low: impl Fn(K) -> bool) -> V::Sum {
        let (mut place, mut sum) = (self.root, V::NONE);
        while place != 0 {
            let node = self.node(place);
            if is_low(node.key) {
                sum = V::join(V::join(sum, self.sum(node.low)), node.value.sum());
                place = node.high;
            } else {
                place = node.low;
            }
        }
        sum
    }

    /// Returns the first key above `above` whose value meets `wanted`; a sum meets it if and only
    /// if one of its values does.
    pub(crate) fn first_above(
        &self,
        above: Option<K>,
        wanted: impl Fn(V::Sum) -> bool + Copy,
    ) -> Option<(K, V)> {
        self.first_above_in(self.root, above, wanted)
    }

    fn first_above_in(
        &self,
        place: Place,
        above: Option<K>,
        wanted: impl Fn(V::Sum) -> bool + Copy,
    ) -> Option<(K, V)> {
        if place == 0 || !wanted(self.sum(place)) {
            return None;
        }
        let node = self.node(place);
        if above.is_some_and(|above| node.key <= above) {
            return self.first_above_in(node.high, above, wanted);
        }
        let own = || wanted(node.value.sum()).then_some((node.key, node.value));
        self.first_above_in(node.low, above, wanted)
            .or_else(own)
            .or_else(|| self.first_above_in(node.high, None, wanted))
    }

    /// Visits the keys above `above` whose values meet `wanted`, in their order; a sum meets it if
    /// and only if one of its values does.
    pub(crate) fn each_above(
        &self,
        above: K,
        wanted: impl Fn(V::Sum) -> bool + Copy,
        visit: &mut impl FnMut(K, V),
    ) {
        self.each_above_in(self.root, Some(above), wanted, visit);
    }

    fn each_above_in(
        &self,
        place: Place,
        above: Option<K>,
        wanted: impl Fn(V::Sum) -> bool + Copy,
        visit: &mut impl FnMut(K, V),
    ) {
        if place == 0 || !wanted(self.sum(place)) {
            return;
        }
        let node = self.node(place);
        if above.is_some_and(|above| node.key <= above) {
            return self.each_above_in(node.high, above, wanted, visit);
        }
        self.each_above_in(node.low, above, wanted, visit);
        if wanted(node.value.sum()) {
            visit(node.key, node.value);
        }
        self.each_above_in(node.high, None, wanted, visit);
    }

    fn node(&self, place: Place) -> &Node<K, V> {
        &self.nodes[place as usize - 1]
    }

    fn node_mut(&mut self, place: Place) -> &mut Node<K, V> {
        &mut self.nodes[place as usize - 1]
    }

    fn sum(&self, place: Place) -> V::Sum {
        if place == 0 { V::NONE } else { self.node(place).sum }
    }

    fn sum_up(&mut self, place: Place) {
        let Node { low, high, ref value, .. } = *self.node(place);
        let sum = V::join(V::join(self.sum(low), value.sum()), self.sum(high));
        self.node_mut(place).sum = sum;
    }

    fn set_in(&mut self, place: Place, key: K, value: V) -> Place {
        if place == 0 {
            return self.create(key, value);
        }
        let mut top = place;
        let Node { key: here, low, high, .. } = *self.node(place);
        match key.cmp(&here) {
            std::cmp::Ordering::Equal => self.node_mut(place).value = value,
            std::cmp::Ordering::Less => {
                let low = self.set_in(low, key, value);
                self.node_mut(place).low = low;
                if self.node(low).priority > self.node(place).priority {
                    self.node_mut(place).low = self.node(low).high;
                    self.node_mut(low).high = place;
                    top = low;
                }
            }
            std::cmp::Ordering::Greater => {
                let high = self.set_in(high, key, value);
                self.node_mut(place).high = high;
                if self.node(high).priority > self.node(place).priority {
                    self.node_mut(place).high = self.node(high).low;
                    self.node_mut(high).low = place;
                    top = high;
                }
            }
        }
        self.sum_up(place);
        if top != place {
            self.sum_up(top);
        }
        top
    }

    fn create(&mut self, key: K, value: V) -> Place {
        // Xorshift: each number of 64 bits but 0 once.
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        let node = Node { key, value, sum: value.sum(), priority: self.seed, low: 0, high: 0 };
        if let Some(place) = self.free.pop() {
            *self.node_mut(place) = node;
            return place;
        }
        self.nodes.push(node);
        self.nodes.len() as Place
    }

    fn remove_in(&mut self, place: Place, key: K) -> (Place, Option<V>) {
        if place == 0 {
            return (0, None);
        }
        let Node { key: here, value, low, high, .. } = *self.node(place);
        let removed = match key.cmp(&here) {
            std::cmp::Ordering::Equal => {
                self.free.push(place);
                return (self.merge(low, high), Some(value));
            }
            std::cmp::Ordering::Less => {
                let (low, removed) = self.remove_in(low, key);
                self.node_mut(place).low = low;
                removed
            }
            std::cmp::Ordering::Greater => {
                let (high, removed) = self.remove_in(high, key);
                self.node_mut(place).high = high;
                removed
            }
        };
        self.sum_up(place);
        (place, removed)
    }

    /// Joins two trees; all keys of the first are below those of the second.
    fn merge(&mut self, low: Place, high: Place) -> Place {
        if low == 0 || high == 0 {
            return low.max(high);
        }
        if self.node(low).priority > self.node(high).priority {
            let inner = self.merge(self.node(low).high, high);
            self.node_mut(low).high = inner;
            self.sum_up(low);
            low
        } else {
            let inner = self.merge(low, self.node(high).low);
            self.node_mut(high).low = inner;
            self.sum_up(high);
            high
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Weight(u64);

    impl Value for Weight {
        /// Total weight, and least weight.
        type Sum = (u64, u64);
        const NONE: (u64, u64) = (0, u64::MAX);

        fn sum(&self) -> (u64, u64) {
            (self.0, self.0)
        }

        fn join(low: (u64, u64), high: (u64, u64)) -> (u64, u64) {
            (low.0 + high.0, low.1.min(high.1))
        }
    }

    #[test]
    fn searches_find_what_a_walk_finds() {
        let (mut tree, mut model) = (Tree::new(), BTreeMap::new());
        let mut random = 1u64;
        for step in 0..20_000 {
            random = random.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            let (key, weight) = ((random >> 40) as i64 % 200, random >> 20 & 1023);
            if step % 3 == 0 {
                assert_eq!(tree.remove(key), model.remove(&key));
            } else {
                tree.set(key, Weight(weight));
                model.insert(key, Weight(weight));
            }
            assert_eq!(tree.get(key), model.get(&key).copied());
            assert_eq!(tree.is_empty(), model.is_empty());
            let total: u64 = model.values().map(|weight| weight.0).sum();
            assert_eq!(tree.total().0, total);
            let below: u64 = model.range(..key).map(|(_, weight)| weight.0).sum();
            assert_eq!(tree.sum_while(|other| other < key).0, below);
            let mut upto = 0;
            let reaches = |&(_, weight): &(&i64, &Weight)| {
                upto += weight.0;
                upto > total / 3
            };
            let expected = model.iter().find(reaches).map(|(&key, &weight)| (key, weight));
            assert_eq!(tree.first_with_sum(|_, (sum, _)| sum > total / 3), expected);
            let light = model.range(key + 1..).find(|(_, weight)| weight.0 <= 50);
            let light = light.map(|(&key, &weight)| (key, weight));
            assert_eq!(tree.first_above(Some(key), |(_, least)| least <= 50), light);
            let mut seen = vec![];
            tree.each_above(key, |(_, least)| least <= 50, &mut |key, weight| {
                seen.push((key, weight));
            });
            let light = model.range(key + 1..).filter(|(_, weight)| weight.0 <= 50);
            assert!(seen.into_iter().eq(light.map(|(&key, &weight)| (key, weight))));
        }
    }
}
