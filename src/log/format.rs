//! Text of a line of the log.
//!
//! ```text
//! 2026-03-02T14:30:00.000123Z INFO [leading epoch=3 seqno=90] ringside: leading in epoch 3
//! {"time":"2026-03-02T14:30:00.000123Z","level":"INFO","event":"leading","epoch":3,"seqno":90,"message":"…"}
//! ```

use super::event::Line;
use jiff::Timestamp;
use serde_json::Value;
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
    let _ = writeln!(text, "] ringside: {}", line.message);
    text
}

fn json(time: &str, line: &Line) -> String {
    let head = [("time", time), ("level", line.level.as_str()), ("event", &line.event)];
    let entries = head.into_iter().map(|(name, text)| (name, text.into()));
    let entries = entries.chain(line.fields.iter().cloned());
    let entries = entries.chain([("message", line.message.as_str().into())]);
    // Names are those of fields in the code: they need no escapes.
    let entries: Vec<_> =
        entries.map(|(name, value): (_, Value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}\n", entries.join(","))
}

/// Returns true if a value needs no quotes.
fn is_plain(word: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '[' | ']' | '=' | '\\');
    !word.is_empty() && word.chars().all(is_plain)
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
        let message = "it's \"é\"".into();
        Line { message, fields, ..Line::bare(time, Level::WARN, "login_refused") }
    }

    #[test]
    fn a_line_of_text_has_every_field() {
        let head = "2026-03-02T14:30:00.000123Z WARN [login_refused";
        let fields = "epoch=3 user=\"USER 00\" address=10.0.0.1:99]";
        let rest = "ringside: it's \"é\"\n";
        assert_eq!(LogFormat::Text.line(&line()), format!("{head} {fields} {rest}"));
    }

    #[test]
    fn a_line_of_json_has_every_field_in_the_order_of_the_text() {
        let head = r#""time":"2026-03-02T14:30:00.000123Z","level":"WARN","event":"login_refused""#;
        let fields = r#""epoch":3,"user":"USER 00","address":"10.0.0.1:99""#;
        let rest = r#""message":"it's \"é\"""#;
        let written = LogFormat::Json.line(&line());
        assert_eq!(written, format!("{{{head},{fields},{rest}}}\n"));
        assert!(serde_json::from_str::<Value>(&written).is_ok());
    }
}
