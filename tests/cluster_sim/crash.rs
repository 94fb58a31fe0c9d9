//! The disk of crash images, and the device that records what happens to it.

#![allow(dead_code)]

#[path = "../crash/disk.rs"]
pub mod disk;
#[path = "../crash/folder.rs"]
pub mod folder;
#[path = "../crash/recording.rs"]
pub mod recording;
