//! Text of a line of the log.
//!
//! ```text
//! 2026-03-02T14:30:00.000123Z INFO [leading epoch=3 seqno=90] ringside: leading in epoch 3
//! {"time":"2026-03-02T14:30:00.000123Z","level":"INFO","event":"leading","message":"…","epoch":3,"seqno":90}
//! ```

use super::event::Line;
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::fmt::Write;

/// Format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// A JSON object in each line.
    Json,
}

impl LogFormat {
    /// Formats a line, with its end.
    pub(super) fn line(self, line: &Line) -> String {
        let time = Timestamp::try_from(line.time).unwrap_or_default();
        match self {
            LogFormat::Text => text(&format!("{time:.6}"), line),
            LogFormat::Json => json(&format!("{time:.6}"), line),
        }
    }
}

fn text(time: &str, line: &Line) -> String {
    let mut text = format!("{time} {} [{}", line.level, line.event);
    for (name, value) in &line.fields {
        let _ = match value {
            Value::String(word) if is_plain(word) => write!(text, " {name}={word}"),
            value => write!(text, " {name}={value}"),
        };
    }
    let _ = writeln!(text, "] ringside: {}", printable(&line.message));
    text
}

fn json(time: &str, line: &Line) -> String {
    let mut object = Map::new();
    object.insert("time".into(), time.into());
    object.insert("level".into(), line.level.as_str().into());
    object.insert("event".into(), line.event.as_str().into());
    object.insert("message".into(), line.message.as_str().into());
    object.extend(line.fields.iter().map(|(name, value)| ((*name).into(), value.clone())));
    format!("{}\n", Value::Object(object))
}

/// Returns true if a value needs no quotes.
fn is_plain(word: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '[' | ']' | '=' | '\\');
    !word.is_empty() && word.chars().all(is_plain)
}

/// Returns a text without control characters: it may hold bytes that a stranger sent.
pub(super) fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => clean.extend(c.escape_default()),
            false => clean.push(c),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};
    use tracing::Level;

    fn line() -> Line {
        let time = UNIX_EPOCH + Duration::from_nanos(1_772_461_800_000_123_999);
        let fields = vec![
            ("epoch", 3.into()),
            ("user", "USER 00".into()),
            ("address", "10.0.0.1:99".into()),
        ];
        let message = "it's \u{1b}[2J\nringside: \u{9b}é".into();
        Line { message, fields, ..Line::bare(time, Level::WARN, "login_refused") }
    }

    #[test]
    fn a_line_of_text_shows_strangers_bytes_escaped() {
        let head = "2026-03-02T14:30:00.000123Z WARN [login_refused";
        let fields = "epoch=3 user=\"USER 00\" address=10.0.0.1:99]";
        let rest = "ringside: it's \\u{1b}[2J\\nringside: \\u{9b}é\n";
        assert_eq!(LogFormat::Text.line(&line()), format!("{head} {fields} {rest}"));
    }

    #[test]
    fn a_line_of_json_has_every_field() {
        let written = LogFormat::Json.line(&line());
        assert_eq!(written.matches('\n').count(), 1);
        let value: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(value["time"], "2026-03-02T14:30:00.000123Z");
        assert_eq!((&value["level"], &value["event"]), (&"WARN".into(), &"login_refused".into()));
        assert_eq!((&value["epoch"], &value["user"]), (&3.into(), &"USER 00".into()));
        assert_eq!(value["message"], "it's \u{1b}[2J\nringside: \u{9b}é");
    }
}
