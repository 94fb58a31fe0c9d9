//! Rate limit of the log. A client that repeats itself must not fill the disk: of the events of one
//! name, each address, user or node has some lines a second, and all together have more.

use super::event::Line;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Lines a second of one event with one key.
const LINES_OF_KEY: u32 = 10;
/// Lines a second of one event, if it has no key or is about strangers.
const LINES_OF_EVENT: u32 = 100;
/// Lines a second of one event about users and nodes that the venue knows: all of them may come
/// back at once.
const LINES_OF_KNOWN: u32 = 1_000;
/// Number of keys that are counted separately; further ones count as lines of their event only.
const KEYS_MAX: usize = 4096;
const SECOND: Duration = Duration::from_secs(1);

type Key = (String, Option<(&'static str, String)>);

/// Lines of the present second.
#[derive(Default)]
pub(super) struct Limit {
    windows: HashMap<Key, Window>,
}

struct Window {
    began: Instant,
    written: u32,
    /// Number of lines that were left out, and the last of them.
    left_out: Option<(u64, Line)>,
}

impl Limit {
    /// Returns true if a line is to be written.
    pub(super) fn admits(&mut self, line: &Line, now: Instant) -> bool {
        let of_event = (line.event.clone(), None);
        let key = line.key().map(|key| (line.event.clone(), Some(key)));
        let key = key.filter(|key| self.windows.contains_key(key) || self.windows.len() < KEYS_MAX);
        let has_room = |limit: &Limit, key: &Key, lines| {
            limit.windows.get(key).is_none_or(|window| window.written < lines)
        };
        let lines = match line.key() {
            Some(("address", _)) | None => LINES_OF_EVENT,
            Some(_) => LINES_OF_KNOWN,
        };
        let event_fits = has_room(self, &of_event, lines);
        let fits = event_fits && key.as_ref().is_none_or(|key| has_room(self, key, LINES_OF_KEY));
        if fits {
            self.window(of_event, now).written += 1;
            if let Some(key) = key {
                self.window(key, now).written += 1;
            }
            return true;
        }
        // A crowd of strangers is told of in one line.
        let window = self.window(key.filter(|_| event_fits).unwrap_or(of_event), now);
        let count = window.left_out.take().map_or(0, |(count, _)| count);
        window.left_out = Some((count + 1, line.clone()));
        false
    }

    /// Ends the windows that are a second old. Returns a line for each of them that left lines out.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Line> {
        let mut told = vec![];
        self.windows.retain(|(_, key), window| {
            let is_over = now.saturating_duration_since(window.began) >= SECOND;
            if is_over && let Some((count, last)) = window.left_out.take() {
                let mut fields: Vec<_> = vec![("more", count.into())];
                fields.extend(key.iter().map(|(name, text)| (*name, text.as_str().into())));
                let message = format!("{count} more like it");
                told.push(Line { message, fields, ..last });
            }
            !is_over
        });
        told
    }

    fn window(&mut self, key: Key, now: Instant) -> &mut Window {
        let new = Window { began: now, written: 0, left_out: None };
        self.windows.entry(key).or_insert(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;
    use tracing::Level;

    fn line(event: &str, address: &str) -> Line {
        let fields = vec![("address", address.into())];
        Line { fields, ..Line::bare(SystemTime::UNIX_EPOCH, Level::INFO, event) }
    }

    #[test]
    fn an_address_has_ten_lines_a_second_whatever_its_port() {
        let (mut limit, now) = (Limit::default(), Instant::now());
        let mut admit = |event, address: &str| limit.admits(&line(event, address), now);
        let written = (0..50).filter(|port| admit("a", &format!("10.0.0.1:{port}"))).count();
        assert_eq!(written, 10);
        assert!(admit("a", "10.0.0.2:1"), "the others have their own");
        assert!(admit("b", "10.0.0.1:1"), "other events do, too");
        assert!(limit.expire(now + SECOND / 2).is_empty());
        let told = limit.expire(now + SECOND);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].message, "40 more like it");
        assert_eq!(told[0].key(), Some(("address", "10.0.0.1".into())));
        assert!(limit.admits(&line("a", "10.0.0.1:1"), now + SECOND));
    }

    #[test]
    fn users_come_back_all_at_once_and_each_has_a_line() {
        let (mut limit, now) = (Limit::default(), Instant::now());
        let login = |user: usize| {
            let mut line = line("login", "10.0.0.1:1");
            line.fields.push(("user", format!("U{user}").into()));
            line
        };
        assert!((0..1_000).all(|user| limit.admits(&login(user), now)));
        assert!(!limit.admits(&login(1_000), now));
    }

    #[test]
    fn an_event_has_a_hundred_lines_a_second() {
        let (mut limit, now) = (Limit::default(), Instant::now());
        let mut admit =
            |n: u32| limit.admits(&line("a", &format!("10.0.{}.{}:1", n >> 8, n & 255)), now);
        let written = (0..20_000).filter(|&n| admit(n)).count();
        assert_eq!(written, 100);
        assert_eq!(limit.windows.len(), 101, "memory has a bound");
        let told = limit.expire(now + SECOND);
        assert_eq!((told.len(), &*told[0].message), (1, "19900 more like it"));
    }
}
