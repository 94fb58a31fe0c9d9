//! Configuration of schedules: times at which symbols change their trading state.

use super::ConfigError;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use ringside_edge::calendar::{Event, Timetable};
use ringside_edge::schedule::Part;
use ringside_model::domain::{Name, SymbolState};
use serde::{Deserialize, Serialize};

/// Table of `[[schedule]]`: the timetable of some symbols.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSection {
    /// Symbols of the schedule; none given: all symbols that no other schedule names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbols: Option<Vec<String>>,
    /// Time zone by its IANA name, such as `America/New_York`.
    #[serde(default = "utc")]
    pub zone: String,
    /// Days of the week: `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`.
    #[serde(default = "every_day")]
    pub days: Vec<String>,
    /// Dates without events, such as `2026-12-25`.
    #[serde(default)]
    pub holidays: Vec<String>,
    /// Events of each day, in order.
    pub events: Vec<EventSection>,
}

/// Entry of `events` in a schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventSection {
    /// Time of day in the zone of the schedule, such as `09:30` or `16:00:30`.
    pub at: String,
    /// State that begins at this time.
    pub state: String,
    /// Largest random delay of the event, in milliseconds; only for the end of a call.
    #[serde(default)]
    pub random_end_ms: u64,
}

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const DAY_MS: u64 = 24 * 3_600_000;

fn utc() -> String {
    "UTC".into()
}

fn every_day() -> Vec<String> {
    DAYS.map(String::from).to_vec()
}

impl ScheduleSection {
    /// Returns the names of the symbols; `None`: all symbols that no other schedule names.
    pub fn names(&self) -> Option<Vec<Name>> {
        let symbols = self.symbols.as_ref()?;
        Some(symbols.iter().filter_map(|symbol| Name::new(symbol)).collect())
    }

    /// Returns the timetable, or a description of the fault.
    pub fn timetable(&self) -> Result<Timetable, String> {
        let zone = TimeZone::get(&self.zone);
        let zone = zone.map_err(|_| format!("zone {:?} is not known", self.zone))?;
        let mut days = [false; 7];
        for day in &self.days {
            let place = DAYS.iter().position(|known| known == day);
            let place = place.ok_or_else(|| format!("day {day:?} is none of {DAYS:?}"))?;
            days[place] = true;
        }
        let holiday = |text: &String| {
            let date: Result<Date, _> = text.parse();
            date.map_err(|_| format!("holiday {text:?} is no date like 2026-12-25"))
        };
        let holidays = self.holidays.iter().map(holiday).collect::<Result<_, _>>()?;
        let events = self.events.iter().map(EventSection::event);
        let events: Vec<Event> = events.collect::<Result<_, _>>()?;
        check_order(&events)?;
        Ok(Timetable { zone, days, holidays, events })
    }

    fn check(&self) -> Result<(), String> {
        let symbols = self.symbols.as_deref().unwrap_or_default();
        if self.symbols.is_some() && symbols.is_empty() {
            return Err(
                "symbols: the list is empty; name symbols, or leave the key out for all".into()
            );
        }
        if let Some(symbol) = symbols.iter().find(|symbol| Name::new(symbol).is_none()) {
            return Err(format!("{symbol:?} is no name of 1 to 16 letters"));
        }
        if self.days.is_empty() || self.events.is_empty() {
            return Err("days or events is empty; give at least one of each".into());
        }
        self.timetable().map(drop)
    }
}

impl EventSection {
    fn event(&self) -> Result<Event, String> {
        let EventSection { at, state, random_end_ms } = self;
        let time: Result<Time, _> = at.parse();
        let time = time.map_err(|_| format!("{at:?} is no time of day like 09:30 or 16:00:30"))?;
        let known = SymbolState::ALL.iter().copied().find(|known| known.name() == state);
        let known = known.ok_or_else(|| {
            let names: Vec<_> = SymbolState::ALL.iter().map(|known| known.name()).collect();
            format!("{at}: state {state:?} is none of {}", names.join(", "))
        })?;
        Ok(Event { at: time, state: known, random_ns: random_end_ms.saturating_mul(1_000_000) })
    }
}

/// Checks that events are in order, that a random delay is given only for the end of a call, and
/// that it ends before the next event.
fn check_order(events: &[Event]) -> Result<(), String> {
    for (i, event) in events.iter().enumerate() {
        let at = event.at;
        let before = events[(i + events.len() - 1) % events.len()];
        if i > 0 && before.at >= at {
            return Err(format!("{at} comes behind {}: events are in order", before.at));
        }
        if event.random_ns > 0 && before.state.auction().is_none() {
            let state = before.state.name();
            return Err(format!(
                "{at}: random_end_ms is for the end of a call, and not of {state}"
            ));
        }
        let next = events[(i + 1) % events.len()].at;
        let between_ms = (ms_of_day(next) + DAY_MS - ms_of_day(at)) % DAY_MS;
        let between_ms = if between_ms == 0 { DAY_MS } else { between_ms };
        if event.random_ns / 1_000_000 >= between_ms {
            return Err(format!("{at}: random_end_ms reaches the next event, at {next}"));
        }
    }
    Ok(())
}

fn ms_of_day(time: Time) -> u64 {
    let seconds = time.hour() as u64 * 3600 + time.minute() as u64 * 60 + time.second() as u64;
    seconds * 1000 + time.millisecond() as u64
}

/// Returns all schedules, ready to run.
pub(super) fn parts(schedules: &[ScheduleSection]) -> Result<Vec<Part>, ConfigError> {
    let part = |section: &ScheduleSection| Ok(Part::new(section.names(), section.timetable()?));
    let parts: Result<_, String> = schedules.iter().map(part).collect();
    parts.map_err(|what| ConfigError(format!("config: schedule: {what}")))
}

/// Checks all schedules.
pub(super) fn check(schedules: &[ScheduleSection]) -> Result<(), ConfigError> {
    for schedule in schedules {
        let checked = schedule.check();
        checked.map_err(|what| ConfigError(format!("config: schedule: {what}")))?;
    }
    if schedules.iter().filter(|schedule| schedule.symbols.is_none()).count() > 1 {
        let what = "config: schedule: two schedules do not set symbols, so both are for all \
                    symbols; set symbols in one of them";
        return Err(ConfigError(what.into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at: &str, state: &str, random_end_ms: u64) -> EventSection {
        EventSection { at: at.into(), state: state.into(), random_end_ms }
    }

    fn of(events: &[EventSection]) -> ScheduleSection {
        let (zone, days) = ("Europe/London".into(), vec!["mon".into()]);
        ScheduleSection { symbols: None, zone, days, holidays: vec![], events: events.to_vec() }
    }

    fn fault(schedule: &ScheduleSection) -> String {
        check(std::slice::from_ref(schedule)).unwrap_err().to_string()
    }

    #[test]
    fn a_schedule_of_a_day_is_a_timetable() {
        let schedule = of(&[
            event("09:00", "pre_open", 0),
            event("09:30", "open", 30_000),
            event("15:55", "closing_call", 0),
            event("16:00:05", "closed", 10_000),
        ]);
        check(std::slice::from_ref(&schedule)).unwrap();
        let Timetable { days, events, .. } = schedule.timetable().unwrap();
        assert_eq!(days, [true, false, false, false, false, false, false]);
        assert_eq!((events[1].state, events[1].random_ns), (SymbolState::Open, 30_000_000_000));
        assert_eq!(events[3].at, "16:00:05".parse().unwrap());
    }

    #[test]
    fn the_example_in_the_config_is_one() {
        let config = include_str!("../../configs/serve.toml").lines();
        let example = config.skip_while(|line| *line != "# [[schedule]]");
        let example = example.map_while(|line| line.strip_prefix("# "));
        let example: Vec<&str> = example.collect();
        let config: crate::config::Config = toml::from_str(&example.join("\n")).unwrap();
        assert_eq!(config.schedule[0].events.len(), 4);
        check(&config.schedule).unwrap();
    }

    #[test]
    fn what_is_wrong_with_a_schedule_is_said() {
        let good = of(&[event("09:00", "open", 0)]);
        let faulty = [
            (ScheduleSection { zone: "Europe/Nowhere".into(), ..good.clone() }, "Europe/Nowhere"),
            (ScheduleSection { days: vec!["monday".into()], ..good.clone() }, "monday"),
            (ScheduleSection { holidays: vec!["25.12.".into()], ..good.clone() }, "25.12."),
            (ScheduleSection { symbols: Some(vec![]), ..good.clone() }, "leave the key out"),
            (ScheduleSection { symbols: Some(vec!["A B".into()]), ..good }, "A B"),
            (of(&[]), "give at least one of each"),
            (of(&[event("9 am", "open", 0)]), "9 am"),
            (of(&[event("09:00", "opened", 0)]), "closing_call"),
            (of(&[event("09:00", "open", 0), event("08:00", "closed", 0)]), "in order"),
            (of(&[event("09:00", "open", 0), event("16:00", "closed", 5)]), "not of open"),
            (
                of(&[event("09:00", "pre_open", 0), event("09:30", "open", DAY_MS)]),
                "reaches the next event",
            ),
        ];
        for (schedule, what) in faulty {
            let said = fault(&schedule);
            assert!(said.contains(what), "{said} does not say {what}");
        }
        let good = of(&[event("09:00", "open", 0)]);
        let both = check(&[good.clone(), good]).unwrap_err().to_string();
        assert!(both.contains("both are for all symbols; set symbols"), "{both}");
    }
}
