//! Timetable of symbol states: the state that begins at each time. Arithmetic over dates and time
//! zones, without a clock.
//!
//! The time zone rules are part of the program and not read from the machine, so all nodes of a
//! cluster and every later start compute the same times.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ringside_model::domain::{Nanos, SymbolState};
use std::collections::BTreeSet;

/// Time at which a state begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boundary {
    /// Earliest begin, in ns since the Unix epoch.
    pub at: Nanos,
    /// State that begins at the boundary.
    pub state: SymbolState,
    /// Largest random delay of the begin, in ns.
    pub random_ns: u64,
}

/// Boundary that repeats on each day of a timetable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Local time of day, in the zone of the timetable.
    pub at: Time,
    /// State that begins at the boundary.
    pub state: SymbolState,
    /// Largest random delay of the begin, in ns.
    pub random_ns: u64,
}

/// Events at times of day, on days of the week, in one time zone.
#[derive(Clone, Debug)]
pub struct Timetable {
    /// Time zone of the times of day.
    pub zone: TimeZone,
    /// Days of the week with events, from Monday on.
    pub days: [bool; 7],
    /// Dates without events, whatever the day of the week.
    pub holidays: BTreeSet<Date>,
    /// Events of each day, by time of day.
    pub events: Vec<Event>,
}

/// Number of days that are searched for a boundary. A timetable without one in that span counts as
/// empty.
const DAYS_MAX: usize = 400;

impl Timetable {
    /// Returns the boundaries after `after` and not after `until`, in time order.
    pub fn between(&self, after: Nanos, until: Nanos) -> Vec<Boundary> {
        let (Some(first), Some(last)) = (self.date(after, -1), self.date(until, 1)) else {
            return vec![];
        };
        let dates = first.series(jiff::Span::new().days(1)).take_while(|date| *date <= last);
        let mut due: Vec<Boundary> = dates.flat_map(|date| self.of_date(date)).collect();
        due.retain(|boundary| after < boundary.at && boundary.at <= until);
        due.sort_by_key(|boundary| boundary.at);
        due
    }

    /// Returns the last boundary at or before `now`.
    pub(crate) fn last_until(&self, now: Nanos) -> Option<Boundary> {
        // A date that has begun in the zone may have more boundaries after the wanted one.
        let dates = self.date(now, 1)?.series(jiff::Span::new().days(-1)).take(DAYS_MAX);
        let past = dates.filter_map(|date| {
            let of_date = self.of_date(date);
            of_date.filter(|boundary| boundary.at <= now).max_by_key(|boundary| boundary.at)
        });
        past.into_iter().next()
    }

    /// Returns the first boundary after `now`.
    pub(crate) fn next_after(&self, now: Nanos) -> Option<Boundary> {
        let dates = self.date(now, -1)?.series(jiff::Span::new().days(1)).take(DAYS_MAX);
        let coming = dates.filter_map(|date| {
            let of_date = self.of_date(date);
            of_date.filter(|boundary| boundary.at > now).min_by_key(|boundary| boundary.at)
        });
        coming.into_iter().next()
    }

    /// Returns the local date at `now`, moved by `days`.
    fn date(&self, Nanos(now): Nanos, days: i64) -> Option<Date> {
        let now = Timestamp::from_nanosecond(now.into()).ok()?;
        self.zone.to_datetime(now).date().checked_add(SignedDuration::from_hours(24 * days)).ok()
    }

    /// Returns the boundaries of a date. A local time that is skipped when the clocks go forward
    /// counts as later by the skipped span. A local time that occurs twice counts at its first
    /// occurrence.
    fn of_date(&self, date: Date) -> impl Iterator<Item = Boundary> {
        let weekday = date.weekday().to_monday_zero_offset() as usize;
        let is_on = self.days[weekday] && !self.holidays.contains(&date);
        let events = self.events.iter().filter(move |_| is_on);
        events.filter_map(move |&Event { at, state, random_ns }| {
            let at = self.zone.to_timestamp(date.to_datetime(at)).ok()?;
            let at = Nanos(u64::try_from(at.as_nanosecond()).ok()?);
            Some(Boundary { at, state, random_ns })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORKING_DAYS: [bool; 7] = [true, true, true, true, true, false, false];

    fn timetable(zone: &str, days: [bool; 7], events: &[(&str, SymbolState)]) -> Timetable {
        let event = |&(at, state): &(&str, SymbolState)| Event {
            at: at.parse().unwrap(),
            state,
            random_ns: 0,
        };
        let events = events.iter().map(event).collect();
        let zone = TimeZone::get(zone).unwrap();
        Timetable { zone, days, holidays: BTreeSet::new(), events }
    }

    fn new_york() -> Timetable {
        let events = [("09:30", SymbolState::Open), ("16:00", SymbolState::Closed)];
        timetable("America/New_York", WORKING_DAYS, &events)
    }

    fn at(text: &str) -> Nanos {
        Nanos(text.parse::<Timestamp>().unwrap().as_nanosecond() as u64)
    }

    fn said(boundaries: impl IntoIterator<Item = Boundary>) -> Vec<String> {
        let said = |boundary: Boundary| {
            let at = Timestamp::from_nanosecond(boundary.at.0.into()).unwrap();
            format!("{at} {}", boundary.state.name())
        };
        boundaries.into_iter().map(said).collect()
    }

    #[test]
    fn what_is_due_lies_behind_the_one_moment_and_up_to_the_other() {
        let timetable = new_york();
        let (open, closed) = ("2026-06-03T13:30:00Z", "2026-06-03T20:00:00Z");
        let due = |from: Nanos, to: Nanos| timetable.between(from, to).len();
        assert_eq!(
            said(timetable.between(Nanos(at(open).0 - 1), at(closed))),
            ["2026-06-03T13:30:00Z open", "2026-06-03T20:00:00Z closed"]
        );
        assert_eq!(due(at(open), at(closed)), 1, "the moment at which it begins was before");
        assert_eq!(due(at(open), Nanos(at(closed).0 - 1)), 0);
        assert_eq!(due(at(closed), at(open)), 0);
    }

    #[test]
    fn summer_time_changes_the_moment_and_not_the_time_of_day() {
        assert_eq!(
            said(new_york().between(at("2026-03-06T00:00:00Z"), at("2026-03-10T00:00:00Z"))),
            [
                "2026-03-06T14:30:00Z open",
                "2026-03-06T21:00:00Z closed",
                "2026-03-09T13:30:00Z open",
                "2026-03-09T20:00:00Z closed",
            ]
        );
        assert_eq!(
            said(new_york().next_after(at("2026-10-31T00:00:00Z"))),
            ["2026-11-02T14:30:00Z open"]
        );
    }

    #[test]
    fn a_time_that_the_clocks_leave_out_or_show_twice_is_one_moment() {
        let events = [("02:30", SymbolState::Open), ("04:00", SymbolState::Closed)];
        let timetable = timetable("Europe/Berlin", [true; 7], &events);
        let of = |from, to| said(timetable.between(at(from), at(to)));
        // Clocks go forward from 02:00 to 03:00.
        assert_eq!(
            of("2026-03-29T00:00:00Z", "2026-03-29T12:00:00Z"),
            ["2026-03-29T01:30:00Z open", "2026-03-29T02:00:00Z closed"]
        );
        // Clocks go back from 03:00 to 02:00.
        assert_eq!(
            of("2026-10-25T00:00:00Z", "2026-10-25T12:00:00Z"),
            ["2026-10-25T00:30:00Z open", "2026-10-25T03:00:00Z closed"]
        );
    }

    #[test]
    fn weekends_and_holidays_have_no_boundaries() {
        let mut timetable = new_york();
        timetable.holidays.insert("2026-05-25".parse().unwrap());
        // A Saturday before a holiday on Monday.
        let saturday = at("2026-05-23T12:00:00Z");
        assert_eq!(said(timetable.last_until(saturday)), ["2026-05-22T20:00:00Z closed"]);
        assert_eq!(said(timetable.next_after(saturday)), ["2026-05-26T13:30:00Z open"]);
        assert!(timetable.between(saturday, at("2026-05-26T13:29:59Z")).is_empty());
    }

    #[test]
    fn days_begin_at_the_midnight_of_the_zone() {
        let events = [("00:00", SymbolState::Open), ("23:59:59", SymbolState::Closed)];
        let timetable = timetable("Asia/Tokyo", WORKING_DAYS, &events);
        // Monday begins in Tokyo while UTC still has Sunday.
        assert_eq!(
            said(timetable.between(at("2026-06-07T00:00:00Z"), at("2026-06-08T15:00:00Z"))),
            [
                "2026-06-07T15:00:00Z open",
                "2026-06-08T14:59:59Z closed",
                "2026-06-08T15:00:00Z open",
            ]
        );
        assert_eq!(
            said(timetable.last_until(at("2026-06-07T14:59:59Z"))),
            ["2026-06-05T14:59:59Z closed"]
        );
    }

    #[test]
    fn the_last_and_the_next_are_those_beside_each_moment() {
        let timetable = new_york();
        let from = at("2026-10-29T00:00:00Z");
        let all = timetable.between(from, at("2026-11-06T00:00:00Z"));
        for pair in all.windows(2) {
            for moment in [pair[0].at, Nanos(pair[0].at.0 + 1), Nanos(pair[1].at.0 - 1)] {
                assert_eq!(timetable.last_until(moment), Some(pair[0]));
                assert_eq!(timetable.next_after(moment), Some(pair[1]));
            }
        }
        let nothing = Timetable { days: [false; 7], ..timetable };
        assert_eq!((nothing.last_until(from), nothing.next_after(from)), (None, None));
    }
}
