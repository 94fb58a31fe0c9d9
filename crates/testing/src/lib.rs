//! Parts that the tests of several crates share: the oracle, fakes of the outside world, disks that can fail.

pub mod crash;
#[cfg(feature = "venue")]
pub mod etcd;
pub mod oracle;
pub mod run;
pub mod volume;
#[cfg(feature = "venue")]
pub mod wire;
