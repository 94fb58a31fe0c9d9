//! A disk that may lose what was not synced, the device that records what happens to it, and folders made of what
//! could be left.

pub mod disk;
pub mod folder;
pub mod recording;
