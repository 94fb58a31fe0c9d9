//! Common parts of the tests of several crates: the oracle, fakes of the outside world, disks that
//! can fail.

pub mod cores;
pub mod crash;
#[cfg(feature = "venue")]
pub mod etcd;
pub mod folders;
#[cfg(feature = "venue")]
pub mod garbage;
pub mod heard;
pub mod hosts;
pub mod journals;
pub mod loopback;
pub mod oracle;
pub mod patience;
pub mod rooms;
pub mod run;
pub mod turn;
pub mod volume;
#[cfg(feature = "venue")]
pub mod wire;
