//! Table of symbols: the partition that trades each symbol.

use ringside_model::domain::PartitionId;
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// Version that no table has. The mover asks for a step of this version to find out the state of a
/// symbol.
pub(super) const NO_VERSION: u32 = u32::MAX;

/// Table on which all partitions of a venue agree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SymbolTable {
    /// Version of the table; it rises with every change.
    #[serde(deserialize_with = "version")]
    pub version: u32,
    /// Addresses at which clients find each partition, by partition number.
    pub partitions: BTreeMap<u16, Vec<String>>,
    /// Place of each symbol, by its name.
    pub symbols: BTreeMap<String, Placement>,
}

/// Partition of a symbol, and the symbol's move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// Partition that trades the symbol.
    pub partition: u16,
    /// Version of the table since which that partition trades the symbol.
    #[serde(deserialize_with = "version")]
    pub version: u32,
    /// Move of the symbol, if one is under way.
    pub moving: Option<Moving>,
}

/// Move of a symbol that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moving {
    /// Partition that the symbol leaves.
    pub from: u16,
    /// Partition that the symbol goes to.
    pub to: u16,
    /// Version of the table at which the move began. It identifies the move.
    #[serde(deserialize_with = "version")]
    pub version: u32,
    /// Orders of the symbol, once they are kept beside the table.
    pub export: Option<Export>,
}

/// Orders of a symbol, kept beside the table as [`super::ExportPiece`] in pieces numbered from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// Seqno of the command behind which the orders are exported.
    pub seqno: u64,
    /// Number of exported orders.
    pub orders: u64,
    /// Total open quantity of these orders.
    pub quantity: u64,
    /// Number of pieces beside the table.
    pub pieces: u32,
}

/// Error of a change of a table whose version is the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its versions are used up")]
pub struct VersionsUsedUp;

impl SymbolTable {
    /// Returns the table with its next version.
    pub fn changed(&self) -> Result<SymbolTable, VersionsUsedUp> {
        let next = self.version.checked_add(1).filter(|&next| next != NO_VERSION);
        Ok(SymbolTable { version: next.ok_or(VersionsUsedUp)?, ..self.clone() })
    }

    /// Asks for the move of a symbol to a partition. If that is its present partition, a move under
    /// way is given up.
    ///
    /// # Errors
    /// Says why the move is not possible.
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

/// Reads a version that a table can have.
fn version<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    match u32::deserialize(from)? {
        NO_VERSION => {
            let unexpected = Unexpected::Unsigned(NO_VERSION.into());
            Err(D::Error::invalid_value(unexpected, &"a version of a table"))
        }
        version => Ok(version),
    }
}

/// Proposes a partition for a symbol that is not in the table yet; `None` if there are no
/// partitions. With rendezvous hashing all partitions propose the same, and an additional partition
/// takes only its share from each other one.
pub fn propose(symbol: &str, partitions: &[u16]) -> Option<PartitionId> {
    let weight = |partition: u16| {
        let mut bytes = symbol.as_bytes().to_vec();
        bytes.extend_from_slice(&partition.to_le_bytes());
        // FNV-1a; the multiplication spreads its high bits.
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
    fn each_partition_gets_about_as_many_symbols() {
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
    fn a_version_without_a_next_one_is_not_read() {
        let text = |table, place, moving| {
            format!(
                r#"{{"version":{table},"partitions":{{}},"symbols":{{"A":{{"partition":1,
                "version":{place},"moving":{{"from":1,"to":2,"version":{moving},"export":null}}}}}}}}"#
            )
        };
        let read = |text: String| serde_json::from_str::<SymbolTable>(&text);
        let (last, none) = (u32::MAX - 1, u32::MAX);
        read(text(last, last, last)).unwrap();
        for text in [text(none, 1, 1), text(5, none, 1), text(5, 1, none)] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains("4294967295"), "{error}");
        }
    }

    #[test]
    fn what_is_asked_for_is_a_move_until_it_is_decided() {
        let place = |partition| Placement { partition, version: 1, moving: None };
        let mut table = SymbolTable {
            version: 5,
            partitions: [(1, vec![]), (2, vec![])].into(),
            symbols: [("A".to_string(), place(1))].into(),
        };
        let ask = |table: &mut SymbolTable, symbol, to| table.ask(symbol, PartitionId(to));
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
        let decided = Placement { moving: Some(moving), ..place(2) };
        table.symbols.insert("A".into(), decided);
        assert!(ask(&mut table, "A", 1).unwrap_err().contains("arriving"));
    }
}
