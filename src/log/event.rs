//! Event of a thread, as it waits for the log thread.

use serde_json::Value;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::SystemTime;
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

/// Longest text of a message or a field in bytes. Texts may come from clients.
const TEXT_BYTES_MAX: usize = 1024;

/// Event with its fields. No text has a control character: texts may hold a stranger's bytes.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub time: SystemTime,
    pub level: Level,
    /// Stable name of the event.
    pub event: String,
    pub message: String,
    pub fields: Vec<(&'static str, Value)>,
}

impl Line {
    /// Copies an event of this moment.
    pub(super) fn new(event: &Event<'_>) -> Self {
        let (time, level) = (SystemTime::now(), *event.metadata().level());
        let mut line = Line::bare(time, level, "");
        event.record(&mut line);
        line
    }

    /// Creates a line without message and fields.
    pub(super) fn bare(time: SystemTime, level: Level, event: &str) -> Self {
        Line { time, level, event: event.into(), message: String::new(), fields: vec![] }
    }

    /// Returns the field by which events of one name are limited: a user or node that the venue
    /// knows, or else an address without its port, so that a stranger cannot evade the limit.
    pub(super) fn key(&self) -> Option<(&'static str, String)> {
        ["user", "node", "address"].iter().find_map(|&name| {
            let text = self.fields.iter().find(|(field, _)| *field == name)?.1.as_str()?;
            let ip = text.parse::<SocketAddr>().map(|address| address.ip().to_string());
            Some((name, ip.unwrap_or_else(|_| text.into())))
        })
    }

    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("event", Value::String(name)) => self.event = name,
            ("message", Value::String(text)) => self.message = text,
            (name, value) => self.fields.push((name, value)),
        }
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let mut text = printable(value);
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
        self.put(field, text.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

/// Escapes the control characters of a text.
fn printable(text: &str) -> String {
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
    use std::sync::{Arc, Mutex};
    use tracing::Subscriber;
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
    use tracing_subscriber::registry::Registry;

    /// Layer that keeps the last event.
    struct Kept(Arc<Mutex<Option<Line>>>);

    impl<S: Subscriber> Layer<S> for Kept {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            *self.0.lock().unwrap() = Some(Line::new(event));
        }
    }

    #[test]
    fn texts_have_strangers_bytes_escaped_and_an_end() {
        let kept = Arc::new(Mutex::new(None));
        let registry = Registry::default().with(Kept(Arc::clone(&kept)));
        let sent = "\u{1b}[2J\nringside: \u{9b}é";
        let long = "\u{9b}".repeat(1000);
        tracing::subscriber::with_default(registry, || {
            tracing::info!(login = sent, node = %sent, user = long, "it's {sent}");
        });
        let line = kept.lock().unwrap().take().unwrap();
        let clean = "\\u{1b}[2J\\nringside: \\u{9b}é";
        assert_eq!(line.message, format!("it's {clean}"));
        assert_eq!(line.fields[..2], [("login", clean.into()), ("node", clean.into())]);
        assert_eq!(line.fields[2].1.as_str().map(str::len), Some(TEXT_BYTES_MAX));
    }
}
