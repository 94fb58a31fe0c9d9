//! The table of instruments: which partition trades which.

use ringside_model::domain::PartitionId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What all partitions of a venue agree on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// It rises with every change.
    pub version: u32,
    /// Where clients find each partition, by its number.
    pub partitions: BTreeMap<u16, Vec<String>>,
    /// Where each instrument is, by its name.
    pub symbols: BTreeMap<String, Place>,
}

/// Where an instrument is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Which partition trades it.
    pub partition: u16,
    /// The version of the table since when it does.
    pub version: u32,
    /// How it is on its way, if it is.
    pub moving: Option<Moving>,
}

/// An instrument on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moving {
    /// Where from.
    pub from: u16,
    /// Where to.
    pub to: u16,
    /// The version of the table since when: it tells this move from others.
    pub version: u32,
    /// Its orders, once they are kept beside the table.
    pub export: Option<Export>,
}

/// The orders of an instrument, kept beside the table as [`Lines`] with the numbers from 0 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// The command behind which they are exported.
    pub seqno: u64,
    /// How many there are.
    pub orders: u64,
    /// What they have open together.
    pub quantity: u64,
    /// In how many pieces.
    pub pieces: u32,
}

/// A piece of an export: an `import` line for each order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lines(pub Vec<String>);

impl Table {
    /// The next version of it.
    pub fn changed(&self) -> Table {
        Table { version: self.version + 1, ..self.clone() }
    }

    /// Asks for an instrument to go to a partition, or, where it is, to stay. Says why not.
    pub fn ask(&mut self, symbol: &str, PartitionId(to): PartitionId) -> Result<(), String> {
        if !self.partitions.contains_key(&to) {
            let known: Vec<_> = self.partitions.keys().map(u16::to_string).collect();
            return Err(format!("there is no partition {to}: there are {}", known.join(", ")));
        }
        let version = self.version;
        let place = self.symbols.get_mut(symbol).ok_or_else(|| format!("no symbol {symbol}"))?;
        match &place.moving {
            Some(moving) if place.partition == moving.to => {
                return Err(format!("{symbol} is just arriving at {}: ask again", moving.to));
            }
            Some(moving) if moving.to == to => return Ok(()),
            _ => {}
        }
        let from = place.partition;
        place.moving = (from != to).then_some(Moving { from, to, version, export: None });
        Ok(())
    }
}

/// Which partition an instrument should have that the table does not have yet: by rendezvous hashing, so that all come
/// to the same, and another partition takes from each only its part.
pub fn propose(symbol: &str, partitions: &[u16]) -> Option<PartitionId> {
    let weight = |partition: u16| {
        let mut bytes = symbol.as_bytes().to_vec();
        bytes.extend_from_slice(&partition.to_le_bytes());
        // FNV-1a, whose high bits are spread by a multiplication.
        let hash = bytes.iter().fold(0xCBF2_9CE4_8422_2325u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        (hash ^ hash >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    };
    let heaviest = partitions.iter().max_by_key(|&&partition| (weight(partition), partition));
    heaviest.map(|&partition| PartitionId(partition))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> impl Iterator<Item = String> {
        (0..3_000).map(|n| format!("S{n}"))
    }

    #[test]
    fn each_partition_gets_about_as_many_instruments() {
        for count in [2u16, 3, 7] {
            let partitions: Vec<u16> = (0..count).collect();
            let mut shares = vec![0; count.into()];
            for name in names() {
                shares[usize::from(propose(&name, &partitions).unwrap().0)] += 1;
            }
            let fair = 3_000 / i32::from(count);
            assert!(shares.iter().all(|share| (share - fair).abs() < fair / 4), "{shares:?}");
        }
        assert_eq!(propose("A", &[]), None);
    }

    #[test]
    fn one_partition_more_takes_from_the_others_and_moves_nothing_between_them() {
        for name in names() {
            let (before, after) = (propose(&name, &[4, 9]), propose(&name, &[9, 2, 4]));
            assert!(after == before || after == Some(PartitionId(2)), "{name}");
        }
    }

    #[test]
    fn what_is_asked_for_is_a_move_until_it_is_decided() {
        let place = |partition| Place { partition, version: 1, moving: None };
        let mut table = Table {
            version: 5,
            partitions: [(1, vec![]), (2, vec![])].into(),
            symbols: [("A".to_string(), place(1))].into(),
        };
        let ask = |table: &mut Table, symbol, to| table.ask(symbol, PartitionId(to));
        assert!(ask(&mut table, "A", 3).unwrap_err().contains("there are 1, 2"));
        assert!(ask(&mut table, "B", 2).unwrap_err().contains("no symbol B"));
        ask(&mut table, "A", 2).unwrap();
        let moving = Moving { from: 1, to: 2, version: 5, export: None };
        assert_eq!(table.symbols["A"].moving, Some(moving.clone()));
        table.version = 6;
        ask(&mut table, "A", 2).unwrap();
        assert_eq!(table.symbols["A"].moving, Some(moving.clone()), "it is the same move");
        ask(&mut table, "A", 1).unwrap();
        assert_eq!(table.symbols["A"].moving, None, "it is given up");
        let decided = Place { moving: Some(moving), ..place(2) };
        table.symbols.insert("A".into(), decided);
        assert!(ask(&mut table, "A", 1).unwrap_err().contains("arriving"));
    }
}
