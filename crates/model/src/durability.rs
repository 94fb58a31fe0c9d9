//! Durability modes: the promise behind an acknowledgement.

use crate::domain::byte_enum;

byte_enum! {
    /// Promise behind an acknowledgement.
    Durability {
        /// The command is sequenced; no stage waits for the journal. A process kill loses the
        /// commands that are not in the mapped segment yet.
        Volatile = 0 "volatile",
        /// The command is in the mapped segment, which lies in the page cache. A process kill keeps
        /// it. A power cut or a crash of the operating system may lose what the kernel has not
        /// written back: by its defaults about the last half minute.
        Pagecache = 1 "pagecache",
        /// The command is synced to the device. A power cut keeps it.
        Fsync = 2 "fsync",
    }
}

impl Durability {
    /// Returns the promise of an acknowledgement, as text for people.
    pub fn promise(self) -> &'static str {
        match self {
            Durability::Volatile => {
                "nobody waits for the journal; a kill loses what was acknowledged last"
            }
            Durability::Pagecache => "an acknowledged command survives a kill, not a power cut",
            Durability::Fsync => {
                "an acknowledged command is on the device and survives a power cut"
            }
        }
    }

    /// Returns the mode and its promise in one line; the line warns if the promise is weak.
    pub fn banner(self) -> String {
        let line = format!("{}: {}", self.name(), self.promise());
        match self {
            Durability::Volatile | Durability::Pagecache => {
                format!("*** weak durability *** {line}")
            }
            Durability::Fsync => line,
        }
    }
}

impl std::str::FromStr for Durability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.iter().map(|mode| mode.name()).collect::<Vec<_>>().join(", ");
        Self::ALL
            .iter()
            .copied()
            .find(|mode| mode.name() == text)
            .ok_or_else(|| format!("unknown durability {text:?}, expected one of {}", known()))
    }
}
