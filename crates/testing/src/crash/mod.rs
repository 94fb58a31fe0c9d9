//! Crash simulation: a disk that may lose unsynced data, a device that records all changes of it,
//! and folders made of the possible remains.

pub mod disk;
pub mod folder;
pub mod recording;
