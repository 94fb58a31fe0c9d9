//! Event of a thread, as it waits for the log thread.

use serde_json::Value;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::time::SystemTime;
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

/// Longest text of a message or a field in bytes. Texts may come from clients.
const TEXT_BYTES_MAX: usize = 1024;

/// Event with its fields.
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
        let end = value.floor_char_boundary(TEXT_BYTES_MAX);
        self.put(field, value[..end].into());
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
