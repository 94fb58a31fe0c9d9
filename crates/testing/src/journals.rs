//! Settings of small journals.

use ringside_journal::{Identity, Kernel, Options, SEGMENT_BYTES_MIN};
use ringside_model::durability::Durability;
use std::path::Path;
use std::sync::Arc;

/// Identity of journals in tests.
pub const IDENTITY: Identity = Identity { semantics: 1, config_hash: 7 };

/// Options with the shortest segments. No segment is prepared ahead, so that no thread makes files
/// while a test looks at the folder.
pub fn options(dir: &Path, durability: Durability) -> Options {
    Options {
        dir: dir.to_path_buf(),
        durability,
        probe_interval: 1 << 20,
        segment_bytes: SEGMENT_BYTES_MIN,
        segments_ready: 1,
        segments_last: 0,
        any_filesystem: true,
        identity: IDENTITY,
        device: Arc::new(Kernel),
    }
}
