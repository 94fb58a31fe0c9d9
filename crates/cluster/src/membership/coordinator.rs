//! Coordinators: the keepers of the record of a cluster.

use super::etcd::{self, Etcd};
use super::file::KeptFile;
use super::record::Record;
use ringside_model::domain::PartitionId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Version of a kept value. Each swap gives a higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(pub u64);

/// Kept value with its version.
pub type Versioned<T = Record> = (Revision, T);

/// Outcome of a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swapped {
    /// The swap took place, and gave this version.
    Done(Revision),
    /// Another swap came first, and this one changed nothing.
    Conflict,
}

/// Unknown outcome: there was no answer, or no valid one. A swap may have taken place, or may still
/// take place later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// Keeper of the record of a cluster, or of another value that several nodes change. Every read
/// returns the result of the last swap that ended before the read began.
pub trait Coordinator<T = Record>: Send {
    /// Reads the value with its version; `None` if there is no value yet.
    fn read(&mut self) -> Result<Option<Versioned<T>>, Unavailable>;

    /// Replaces the version `expected` by `value`. `None` expects that there is no value yet.
    fn swap(&mut self, expected: Option<Revision>, value: &T) -> Result<Swapped, Unavailable>;
}

/// Time limit of a call to etcd. etcd itself needs a second or two to replace its own leader.
const ETCD_TIME_MAX: Duration = Duration::from_secs(2);

/// Place where records and other values are kept, parsed from a text in the config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// Endpoints of one etcd cluster: `http://host:2379,http://host2:2379`.
    Etcd(Vec<String>),
    /// One file for each value on this machine: `file:/path/record.json`. The record has this name,
    /// other values have a longer one.
    File(PathBuf),
}

impl Keeper {
    /// Parses a text of the config.
    ///
    /// # Errors
    /// Says what is wrong with a text that names no keeper.
    pub fn parse(text: &str) -> Result<Keeper, String> {
        if let Some(path) = text.strip_prefix("file:") {
            // A relative path would name another file for each working directory of a process.
            return match path.starts_with('/') && !path.ends_with('/') {
                true => Ok(Keeper::File(path.into())),
                false => Err(format!("{text:?} names no file: it must be file:/path/record.json")),
            };
        }
        let endpoints = text.split(',').map(|endpoint| etcd::endpoint(endpoint.trim()));
        Ok(Keeper::Etcd(endpoints.collect::<Result<_, _>>()?))
    }

    /// Opens the record of a partition. Its key in etcd is `/ringside/VENUE/PARTITION/record`; a
    /// file holds the record of one partition only.
    pub fn record(&self, venue: &str, PartitionId(partition): PartitionId) -> Box<dyn Coordinator> {
        self.open(format!("/ringside/{venue}/{partition}/record"), "")
    }

    /// Opens a value that the partitions of a venue share. Its key in etcd is
    /// `/ringside/VENUE/NAME`.
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

/// Value that a coordinator can keep; etcd and files hold it as JSON.
pub trait Kept: Clone + Send + Serialize + DeserializeOwned + 'static {}

impl<T: Clone + Send + Serialize + DeserializeOwned + 'static> Kept for T {}

/// Value in memory, shared by all clones of this handle.
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
