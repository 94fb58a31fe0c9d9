//! Section `[clock]`: how far the wall clock of the machine is believed.

use super::ConfigError;
use ringside_core::clock::ClockLimits;
use ringside_model::domain::Nanos;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Section `[clock]`: how far the official time of a network venue follows the wall clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClockSection {
    /// Distance of the wall clock up to which official time is slewed, in ms. A larger step is
    /// taken only if an operator says so.
    pub step_max_ms: u64,
    /// Most by which official time is slewed, in millionths of the time that passes.
    pub slew_ppm: u32,
    /// Most that the wall clock may be ahead of the last command in the journal at a start, in
    /// days.
    pub ahead_max_days: u64,
    /// Most that the wall clock may be behind the last command in the journal at a start, in ms.
    pub behind_max_ms: u64,
    /// True if a start takes the wall clock as it is: flag `--accept-clock`.
    #[serde(skip)]
    pub is_accepted: bool,
}

impl Default for ClockSection {
    fn default() -> Self {
        ClockSection {
            step_max_ms: 1_000,
            slew_ppm: 500,
            ahead_max_days: 7,
            behind_max_ms: 1_000,
            is_accepted: false,
        }
    }
}

impl ClockSection {
    /// Returns the limits of changes of the official clock.
    pub fn limits(&self) -> ClockLimits {
        let step_max = Duration::from_millis(self.step_max_ms);
        ClockLimits { step_max, slew_ppm: self.slew_ppm }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let fail = |key: &str, what: &str| Err(ConfigError(format!("config: clock.{key}: {what}")));
        if !(1..=3_600_000).contains(&self.step_max_ms) {
            return fail("step_max_ms", "must be 1 to 3600000");
        }
        if !(1..=100_000).contains(&self.slew_ppm) {
            return fail("slew_ppm", "must be 1 to 100000");
        }
        if !(1..=36_500).contains(&self.ahead_max_days) {
            return fail("ahead_max_days", "must be 1 to 36500");
        }
        if self.behind_max_ms > 3_600_000 {
            return fail("behind_max_ms", "must be 0 to 3600000");
        }
        Ok(())
    }

    /// Returns what is wrong with the wall clock at a start behind a command of this official time;
    /// 0 for no command.
    pub fn fault_at_start(&self, wall: Nanos, last: Nanos) -> Option<String> {
        let [ahead, behind] = [wall.0.saturating_sub(last.0), last.0.saturating_sub(wall.0)];
        let [ahead, behind] = [ahead, behind].map(Duration::from_nanos);
        let days_max = Duration::from_secs(self.ahead_max_days * 86_400);
        let what = if last == Nanos(0) || self.is_accepted {
            return None;
        } else if ahead > days_max {
            format!("{} days ahead of", ahead.as_secs() / 86_400)
        } else if behind > Duration::from_millis(self.behind_max_ms) {
            format!("{:.1} s behind", behind.as_secs_f64())
        } else {
            return None;
        };
        Some(format!(
            "the clock of this machine is {what} the last command in the journal: set the clock, or start with --accept-clock if it is right"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_believes_a_clock_up_to_its_limits() {
        const DAY: u64 = 86_400 * 1_000_000_000;
        let section = ClockSection::default();
        let last = Nanos(20_000 * DAY);
        let fault = |section: &ClockSection, wall| section.fault_at_start(Nanos(wall), last);
        for wall in [last.0, last.0 + 7 * DAY, last.0 - 1_000_000_000] {
            assert_eq!(fault(&section, wall), None);
        }
        let ahead = fault(&section, last.0 + 8 * DAY).unwrap();
        assert!(ahead.contains("is 8 days ahead of the last command"), "{ahead}");
        let behind = fault(&section, last.0 - 1_800_000_000_000).unwrap();
        assert!(behind.contains("is 1800.0 s behind the last command"), "{behind}");
        assert!(behind.contains("--accept-clock"), "{behind}");
        for wall in [0, u64::MAX] {
            assert!(fault(&section, wall).is_some());
            assert_eq!(section.fault_at_start(Nanos(wall), Nanos(0)), None, "no command yet");
            let accepted = ClockSection { is_accepted: true, ..section.clone() };
            assert_eq!(fault(&accepted, wall), None);
        }
    }
}
