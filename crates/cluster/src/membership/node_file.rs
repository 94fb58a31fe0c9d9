//! Node file: the facts that a node must not forget about itself, in a small file beside its
//! journal.

use super::record::{Incarnation, NodeName};
use ringside_journal::{Device, JournalError, replace_file};
use ringside_planted::{Bug, planted};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of the file.
const NAME: &str = "NODE";

/// Facts that a node has stored about itself.
pub struct NodeFile {
    dir: PathBuf,
    device: Arc<dyn Device>,
    stored: Stored,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    node: NodeName,
    incarnation: Incarnation,
    /// Boot of the machine in which the file was written.
    boot: String,
    promised: u64,
}

/// Machine on which a node runs.
pub struct Machine {
    /// Identifier of its last boot. Everything that was only in memory before that boot is gone.
    pub boot: String,
    /// True if the journal is on the device before it counts, so that a boot loses nothing.
    pub keeps_all: bool,
    /// Number that was never used before, for a new incarnation.
    pub fresh: u64,
}

impl Machine {
    /// Returns this machine.
    ///
    /// # Errors
    /// If the system has no boot identifier: a node would not know that it has lost memory.
    pub fn here(keeps_all: bool) -> std::io::Result<Machine> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        let mut fresh = [0; 8];
        let filled = rustix::rand::getrandom(&mut fresh, rustix::rand::GetRandomFlags::empty());
        filled.expect("the kernel has random numbers");
        Ok(Machine { boot: boot.trim().into(), keeps_all, fresh: u64::from_le_bytes(fresh) })
    }
}

impl NodeFile {
    /// Opens the file of a node, or creates it. A node that may have lost a part of its journal
    /// gets a new incarnation; its promises stay.
    pub fn open(
        dir: &Path,
        node: &NodeName,
        machine: Machine,
        device: Arc<dyn Device>,
    ) -> Result<Self, JournalError> {
        let path = dir.join(NAME);
        let corrupt = |detail: String| JournalError::Corrupt {
            path: path.clone(),
            offset: 0,
            seqno: 0,
            detail,
        };
        let fresh = Incarnation(machine.fresh);
        let found = match std::fs::read(&path) {
            Ok(bytes) => {
                let stored: Result<Stored, _> = serde_json::from_slice(&bytes);
                Some(stored.map_err(|error| corrupt(error.to_string()))?)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(source) => return Err(JournalError::Io { path, action: "read", source }),
        };
        let stored = match &found {
            None => {
                Stored { node: node.clone(), incarnation: fresh, boot: machine.boot, promised: 0 }
            }
            Some(stored) if stored.node != *node => {
                let what = format!("this folder belongs to node {}, not to {node}", stored.node);
                return Err(corrupt(what));
            }
            Some(stored) if stored.boot != machine.boot => {
                let kept = stored.incarnation;
                let keeps = machine.keeps_all || planted(Bug::ForgetfulCounts);
                let incarnation = if keeps { kept } else { fresh };
                Stored { incarnation, boot: machine.boot, ..stored.clone() }
            }
            Some(stored) => stored.clone(),
        };
        let file = NodeFile { dir: dir.into(), device, stored };
        if found.as_ref() != Some(&file.stored) {
            file.store()?;
        }
        Ok(file)
    }

    /// Returns the incarnation of the node's memory.
    pub fn incarnation(&self) -> Incarnation {
        self.stored.incarnation
    }

    /// Returns the highest epoch that the node has promised.
    pub fn promised(&self) -> u64 {
        self.stored.promised
    }

    /// Promises an epoch. The promise is on the device when this function returns.
    pub fn promise(&mut self, epoch: u64) -> Result<(), JournalError> {
        self.stored.promised = epoch;
        self.store()
    }

    /// Gives the node a new incarnation, because it has lost something that it had acknowledged.
    pub fn forget(&mut self, fresh: u64) -> Result<(), JournalError> {
        if planted(Bug::ForgetfulCounts) {
            return Ok(());
        }
        self.stored.incarnation = Incarnation(fresh);
        self.store()
    }

    fn store(&self) -> Result<(), JournalError> {
        let mut bytes = serde_json::to_vec(&self.stored).expect("it can be written");
        bytes.push(b'\n');
        replace_file(&*self.device, &self.dir, NAME, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringside_journal::Kernel;

    fn open(dir: &Path, boot: &str, keeps_all: bool, fresh: u64) -> Result<NodeFile, JournalError> {
        let machine = Machine { boot: boot.into(), keeps_all, fresh };
        NodeFile::open(dir, &"a".into(), machine, Arc::new(Kernel))
    }

    #[test]
    fn a_node_remembers_unless_its_machine_may_have_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = open(dir.path(), "one", false, 11).unwrap();
        assert_eq!((file.incarnation(), file.promised()), (Incarnation(11), 0));
        file.promise(7).unwrap();
        let same = open(dir.path(), "one", false, 12).unwrap();
        assert_eq!((same.incarnation(), same.promised()), (Incarnation(11), 7));
        // A journal that is on the device before it counts survives a boot.
        let durable = open(dir.path(), "two", true, 13).unwrap();
        assert_eq!((durable.incarnation(), durable.promised()), (Incarnation(11), 7));
        let forgetful = open(dir.path(), "three", false, 14).unwrap();
        assert_eq!((forgetful.incarnation(), forgetful.promised()), (Incarnation(14), 7));
        let same = open(dir.path(), "three", false, 15).unwrap();
        assert_eq!(same.incarnation(), Incarnation(14));
    }

    #[test]
    fn a_folder_of_another_node_and_a_damaged_file_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path(), "one", false, 11).unwrap();
        let machine = Machine { boot: "one".into(), keeps_all: false, fresh: 1 };
        let other = NodeFile::open(dir.path(), &"b".into(), machine, Arc::new(Kernel));
        assert!(other.is_err_and(|error| error.to_string().contains("belongs to node a")));
        std::fs::write(dir.path().join(NAME), b"{").unwrap();
        assert!(open(dir.path(), "one", false, 11).is_err());
    }
}
