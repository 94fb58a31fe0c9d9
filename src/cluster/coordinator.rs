//! Who keeps the record.

use super::etcd::{self, Etcd};
use super::file::RecordFile;
use super::record::Record;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Which version of the record: it is another one after each change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(pub u64);

/// A record and its version.
pub type Versioned = (Revision, Record);

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

/// Keeps the record of a cluster. Every read gives the result of the last swap that ended before it began.
pub trait Coordinator: Send {
    /// The record, if there is one yet.
    fn read(&mut self) -> Result<Option<Versioned>, Unavailable>;

    /// Puts `record` in the place of the version `expected`; `None`: there is none yet.
    fn swap(&mut self, expected: Option<Revision>, record: &Record)
    -> Result<Swapped, Unavailable>;
}

/// A call to etcd ends after this time: etcd itself needs a second or two to replace a leader of its own.
const ETCD_TIME_MAX: Duration = Duration::from_secs(2);

/// The coordinator that a text names: the endpoints of an etcd cluster, `http://host:2379,http://host2:2379`, which
/// keeps the record under `/ringside/VENUE/PARTITION/record`; or `file:/path/record.json`, a file that is for one
/// partition only. Says what is wrong with any other text. Nothing is asked yet.
pub fn connect(text: &str, venue: &str, partition: u32) -> Result<Box<dyn Coordinator>, String> {
    if let Some(path) = text.strip_prefix("file:") {
        // A path that depends on the folder of a process would name several files.
        return match path.starts_with('/') && !path.ends_with('/') {
            true => Ok(Box::new(RecordFile::new(path))),
            false => Err(format!("{text:?} names no file: it must be file:/path/record.json")),
        };
    }
    let endpoints = text.split(',').map(|endpoint| etcd::endpoint(endpoint.trim()));
    let endpoints = endpoints.collect::<Result<_, _>>()?;
    let key = format!("/ringside/{venue}/{partition}/record");
    Ok(Box::new(Etcd::new(endpoints, key, ETCD_TIME_MAX)))
}

/// A record in memory, shared by all who have a clone.
#[derive(Clone, Default)]
pub struct InMemory(Arc<Mutex<Option<Versioned>>>);

impl Coordinator for InMemory {
    fn read(&mut self) -> Result<Option<Versioned>, Unavailable> {
        Ok(self.0.lock().expect("no thread panics with it").clone())
    }

    fn swap(
        &mut self,
        expected: Option<Revision>,
        record: &Record,
    ) -> Result<Swapped, Unavailable> {
        let mut kept = self.0.lock().expect("no thread panics with it");
        let version = kept.as_ref().map(|(revision, _)| *revision);
        if version != expected {
            return Ok(Swapped::Conflict);
        }
        let next = Revision(version.map_or(1, |Revision(version)| version + 1));
        *kept = Some((next, record.clone()));
        Ok(Swapped::Done(next))
    }
}
