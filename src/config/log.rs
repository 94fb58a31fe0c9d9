//! Section `[log]`: format, level and destination of the log.

use super::ConfigError;
use crate::log::LogFormat;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tracing::Level;

/// Section `[log]`: the log of a network venue. SIGHUP makes the venue read it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    /// Format of the lines: `text` or `json`.
    pub format: String,
    /// Lowest level that is written: `error`, `warn`, `info` or `debug`.
    pub level: String,
    /// File to which the lines are appended; SIGHUP opens it again. Empty: standard error.
    pub file: PathBuf,
}

impl Default for LogSection {
    fn default() -> Self {
        LogSection { format: "text".into(), level: "info".into(), file: PathBuf::new() }
    }
}

impl LogSection {
    /// Returns the format of the lines.
    pub fn format(&self) -> Result<LogFormat, ConfigError> {
        let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        choose("format", &self.format, &formats)
    }

    /// Returns true if the lines go to a file.
    pub fn is_in_file(&self) -> bool {
        !self.file.as_os_str().is_empty()
    }

    /// Returns the lowest level that is written.
    pub fn level(&self) -> Result<Level, ConfigError> {
        let levels = [
            ("error", Level::ERROR),
            ("warn", Level::WARN),
            ("info", Level::INFO),
            ("debug", Level::DEBUG),
        ];
        choose("level", &self.level, &levels)
    }
}

fn choose<T: Copy>(key: &str, word: &str, known: &[(&str, T)]) -> Result<T, ConfigError> {
    let found = known.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let names = known.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        ConfigError(format!("config: log.{key}: {word:?} is none of {names}"))
    })
}
