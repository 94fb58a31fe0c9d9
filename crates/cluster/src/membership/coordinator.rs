//! Who keeps the record.

use super::etcd::{self, Etcd};
use super::file::KeptFile;
use super::record::Record;
use ringside_model::domain::PartitionId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Which version of the record: it is another one after each change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(pub u64);

/// What is kept and its version.
pub type Versioned<T = Record> = (Revision, T);

/// How a swap ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swapped {
    /// The record is what was asked for.
    Done(Revision),
    /// Somebody else has changed it before.
    Conflict,
}

/// Nothing is known: it did not answer, or what it answered is nothing. A swap may have come to pass, or may do so
/// later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// Keeps the record of a cluster, or another value that many change. Every read gives the result of the last swap that
/// ended before it began.
pub trait Coordinator<T = Record>: Send {
    /// The value, if there is one yet.
    fn read(&mut self) -> Result<Option<Versioned<T>>, Unavailable>;

    /// Puts `value` in the place of the version `expected`; `None`: there is none yet.
    fn swap(&mut self, expected: Option<Revision>, value: &T) -> Result<Swapped, Unavailable>;
}

/// A call to etcd ends after this time: etcd itself needs a second or two to replace a leader of its own.
const ETCD_TIME_MAX: Duration = Duration::from_secs(2);

/// Where records and other values are kept: as a text in a config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// The endpoints of an etcd cluster, `http://host:2379,http://host2:2379`.
    Etcd(Vec<String>),
    /// A file for each value on this machine, `file:/path/record.json`: the record has this name, others a longer one.
    File(PathBuf),
}

impl Keeper {
    /// Says what is wrong with a text that names none.
    pub fn parse(text: &str) -> Result<Keeper, String> {
        if let Some(path) = text.strip_prefix("file:") {
            // A path that depends on the folder of a process would name several files.
            return match path.starts_with('/') && !path.ends_with('/') {
                true => Ok(Keeper::File(path.into())),
                false => Err(format!("{text:?} names no file: it must be file:/path/record.json")),
            };
        }
        let endpoints = text.split(',').map(|endpoint| etcd::endpoint(endpoint.trim()));
        Ok(Keeper::Etcd(endpoints.collect::<Result<_, _>>()?))
    }

    /// The record of a partition. In etcd it is `/ringside/VENUE/PARTITION/record`; a file is for one partition only.
    pub fn record(&self, venue: &str, PartitionId(partition): PartitionId) -> Box<dyn Coordinator> {
        self.open(format!("/ringside/{venue}/{partition}/record"), "")
    }

    /// A value that the partitions of a venue share: `/ringside/VENUE/NAME` in etcd.
    pub fn shared<T: Kept>(&self, venue: &str, name: &str) -> Box<dyn Coordinator<T>> {
        let ending = format!(".{}", name.replace('/', "."));
        self.open(format!("/ringside/{venue}/{name}"), &ending)
    }

    fn open<T: Kept>(&self, key: String, ending: &str) -> Box<dyn Coordinator<T>> {
        match self {
            Keeper::Etcd(endpoints) => Box::new(Etcd::new(endpoints.clone(), key, ETCD_TIME_MAX)),
            Keeper::File(path) => {
                let mut path = path.clone().into_os_string();
                path.push(ending);
                Box::new(KeptFile::new(path))
            }
        }
    }
}

/// What can be kept.
pub trait Kept: Clone + Send + Serialize + DeserializeOwned + 'static {}

impl<T: Clone + Send + Serialize + DeserializeOwned + 'static> Kept for T {}

/// A value in memory, shared by all who have a clone.
#[derive(Clone)]
pub struct InMemory<T = Record>(Arc<Mutex<Option<Versioned<T>>>>);

impl<T> Default for InMemory<T> {
    fn default() -> Self {
        InMemory(Arc::default())
    }
}

impl<T: Kept> Coordinator<T> for InMemory<T> {
    fn read(&mut self) -> Result<Option<Versioned<T>>, Unavailable> {
        Ok(self.0.lock().expect("no thread panics with it").clone())
    }

    fn swap(&mut self, expected: Option<Revision>, value: &T) -> Result<Swapped, Unavailable> {
        let mut kept = self.0.lock().expect("no thread panics with it");
        let version = kept.as_ref().map(|(revision, _)| *revision);
        if version != expected {
            return Ok(Swapped::Conflict);
        }
        let next = Revision(version.map_or(1, |Revision(version)| version + 1));
        *kept = Some((next, value.clone()));
        Ok(Swapped::Done(next))
    }
}
