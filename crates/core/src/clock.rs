//! Clocks of a venue. The official clock follows the monotonic clock of the machine and is slewed
//! to the wall clock, which people and time servers set: a step of the wall clock is taken only if
//! an operator says so.

use ringside_model::domain::Nanos;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Source of official times.
pub trait Clock {
    /// Returns nanoseconds since the Unix epoch.
    fn now(&mut self) -> Nanos;
}

/// Wall clock of the machine.
pub struct SystemClock;

impl Clock for SystemClock {
    #[inline]
    fn now(&mut self) -> Nanos {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Nanos(since.as_nanos() as u64)
    }
}

/// Official clock of a venue; all copies show the same time.
#[derive(Clone, Debug)]
pub struct OfficialClock(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    began: Instant,
    /// Official time at `began`, as far as it is known now, in ns.
    began_at: AtomicU64,
    /// Time by which the wall clock is ahead, in ns, if that is more than is slewed; otherwise 0.
    ahead_ns: AtomicI64,
    /// Step of the wall clock that an operator wants to be taken, in ns; 0 for none.
    wanted_ns: AtomicI64,
}

impl OfficialClock {
    /// Creates a clock that begins at `time`.
    pub fn at(Nanos(time): Nanos) -> Self {
        OfficialClock(Arc::new(Shared {
            began: Instant::now(),
            began_at: AtomicU64::new(time),
            ahead_ns: AtomicI64::new(0),
            wanted_ns: AtomicI64::new(0),
        }))
    }

    /// Creates a clock that begins at the time of the wall clock.
    pub fn of_machine() -> Self {
        OfficialClock::at(SystemClock.now())
    }

    /// Returns the official time.
    #[inline]
    pub fn read(&self) -> Nanos {
        Nanos(self.0.began_at.load(Ordering::Relaxed).saturating_add(self.running_ns()))
    }

    /// Lets the keeper take the present step of the wall clock, but no other. Returns the length of
    /// the step in ns, below 0 for a step back; 0 if the clocks are not apart.
    pub fn want_step(&self) -> i64 {
        let ahead_ns = self.0.ahead_ns.load(Ordering::Relaxed);
        self.0.wanted_ns.store(ahead_ns, Ordering::Relaxed);
        ahead_ns
    }

    fn running_ns(&self) -> u64 {
        self.0.began.elapsed().as_nanos() as u64
    }

    fn change_by(&self, ns: i64) {
        let began_at = self.0.began_at.load(Ordering::Relaxed);
        self.0.began_at.store(began_at.saturating_add_signed(ns), Ordering::Relaxed);
    }
}

impl Clock for OfficialClock {
    #[inline]
    fn now(&mut self) -> Nanos {
        self.read()
    }
}

/// Limits of the changes of an official clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockLimits {
    /// Distance of the wall clock up to which the official clock is slewed.
    pub step_max: Duration,
    /// Most by which the official clock is slewed, in millionths of the time that passes.
    pub slew_ppm: u32,
}

/// Keeper of an official clock: compares it with the wall clock from time to time. A clock has one.
pub struct ClockKeeper {
    clock: OfficialClock,
    limits: ClockLimits,
    /// Time since the begin of the clock at the latest comparison, in ns.
    compared_ns: u64,
    /// Latest official time of a command, as far as that is ahead of the clock.
    latest: Nanos,
}

/// Result of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// The clocks are close together.
    Close,
    /// The wall clock is ahead by so many ns, or behind if below 0, and is not followed.
    Apart(i64),
    /// A step of so many ns was taken.
    Taken(i64),
}

impl ClockKeeper {
    /// Creates the keeper of a clock in a venue whose last command has the official time `latest`.
    pub fn new(clock: OfficialClock, limits: ClockLimits, latest: Nanos) -> Self {
        let compared_ns = clock.running_ns();
        ClockKeeper { clock, limits, compared_ns, latest }
    }

    /// Compares the official clock with the wall clock, and slews it.
    pub fn compare(&mut self, wall: Nanos) -> Compared {
        self.compare_at(wall, self.clock.running_ns())
    }

    fn compare_at(&mut self, Nanos(wall): Nanos, running_ns: u64) -> Compared {
        let shared = &self.clock.0;
        let official = shared.began_at.load(Ordering::Relaxed).saturating_add(running_ns);
        let ahead_ns = (i128::from(wall) - i128::from(official))
            .clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        let passed_ns = running_ns.saturating_sub(self.compared_ns);
        self.compared_ns = running_ns;
        let is_small = |ns: u64| u128::from(ns) <= self.limits.step_max.as_nanos();
        let is_close = is_small(ahead_ns.unsigned_abs());
        shared.ahead_ns.store(if is_close { 0 } else { ahead_ns }, Ordering::Relaxed);
        let wanted_ns = shared.wanted_ns.swap(0, Ordering::Relaxed);
        if is_close {
            let most = u128::from(passed_ns) * u128::from(self.limits.slew_ppm) / 1_000_000;
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            self.clock.change_by(ahead_ns.clamp(-most, most));
            Compared::Close
        } else if wanted_ns != 0 && is_small(ahead_ns.abs_diff(wanted_ns)) {
            self.latest = self.latest.max(Nanos(official));
            self.clock.change_by(ahead_ns);
            shared.ahead_ns.store(0, Ordering::Relaxed);
            Compared::Taken(ahead_ns)
        } else {
            Compared::Apart(ahead_ns)
        }
    }

    /// Returns how long the official time of commands still stands still, because the clock is
    /// behind the last command. No command has an earlier time than the one before it.
    pub fn stands_still(&self) -> Duration {
        Duration::from_nanos(self.latest.0.saturating_sub(self.clock.read().0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const LIMITS: ClockLimits = ClockLimits { step_max: Duration::from_secs(1), slew_ppm: 500 };

    /// Clock that began at 1,000 s, with its keeper.
    fn keeper() -> ClockKeeper {
        let mut keeper =
            ClockKeeper::new(OfficialClock::at(Nanos(1_000 * SECOND)), LIMITS, Nanos(0));
        keeper.compared_ns = 0;
        keeper
    }

    /// Returns the official time after so many ns.
    fn official(keeper: &ClockKeeper, running_ns: u64) -> u64 {
        keeper.clock.0.began_at.load(Ordering::Relaxed) + running_ns
    }

    #[test]
    fn a_small_distance_is_made_up_little_by_little() {
        for (ahead, step) in [(400_000_000_i64, 500_000), (-400_000_000, -500_000)] {
            let mut keeper = keeper();
            for second in 1..=700 {
                let running = second * SECOND;
                let wall = Nanos((1_000 * SECOND + running).saturating_add_signed(ahead));
                let before = official(&keeper, running);
                assert_eq!(keeper.compare_at(wall, running), Compared::Close);
                let change = official(&keeper, running).wrapping_sub(before) as i64;
                assert!(change == step || official(&keeper, running) == wall.0, "{second}");
            }
            let wall = (1_700 * SECOND).saturating_add_signed(ahead);
            assert!(official(&keeper, 700 * SECOND).abs_diff(wall) > 40_000_000);
            for second in 701..=900 {
                let wall = (1_000 + second) * SECOND;
                keeper.compare_at(Nanos(wall.saturating_add_signed(ahead)), second * SECOND);
            }
            let wall = (1_900 * SECOND).saturating_add_signed(ahead);
            assert_eq!(official(&keeper, 900 * SECOND), wall);
        }
    }

    #[test]
    fn a_step_is_taken_only_if_somebody_wants_it() {
        const HALF_AN_HOUR: i64 = 1_800 * SECOND as i64;
        for step in [HALF_AN_HOUR, -500 * SECOND as i64, i64::MAX] {
            let mut keeper = keeper();
            let wall = |running: u64| Nanos((1_000 * SECOND + running).saturating_add_signed(step));
            assert_eq!(keeper.clock.want_step(), 0, "there is none to take");
            assert_eq!(keeper.compare_at(wall(SECOND), SECOND), Compared::Apart(step));
            assert_eq!(official(&keeper, SECOND), 1_001 * SECOND);
            assert_eq!(keeper.compare_at(wall(2 * SECOND), 2 * SECOND), Compared::Apart(step));
            assert_eq!(keeper.clock.want_step(), step);
            assert_eq!(keeper.compare_at(wall(3 * SECOND), 3 * SECOND), Compared::Taken(step));
            assert_eq!(official(&keeper, 3 * SECOND), wall(3 * SECOND).0);
            assert_eq!(keeper.compare_at(wall(4 * SECOND), 4 * SECOND), Compared::Close);
            let still = keeper.stands_still();
            assert_eq!(still > Duration::from_secs(400), step < 0, "{still:?}");
        }
    }

    #[test]
    fn a_step_that_is_undone_is_not_taken_later() {
        let mut keeper = keeper();
        assert_eq!(keeper.compare_at(Nanos(0), 0), Compared::Apart(-1_000 * SECOND as i64));
        assert_ne!(keeper.clock.want_step(), 0);
        assert_eq!(keeper.compare_at(Nanos(1_000 * SECOND), 0), Compared::Close);
        assert_eq!(keeper.compare_at(Nanos(0), 0), Compared::Apart(-1_000 * SECOND as i64));
        assert_ne!(keeper.clock.want_step(), 0);
        let another = Nanos(3_000 * SECOND);
        assert_eq!(keeper.compare_at(another, 0), Compared::Apart(2_000 * SECOND as i64));
    }

    #[test]
    fn time_stands_still_until_the_clock_has_reached_the_last_command() {
        let clock = OfficialClock::at(Nanos(1_000 * SECOND));
        let keeper = ClockKeeper::new(clock, LIMITS, Nanos(1_500 * SECOND));
        assert!(keeper.stands_still() > Duration::from_secs(400));
        let clock = OfficialClock::at(Nanos(1_000 * SECOND));
        assert!(ClockKeeper::new(clock, LIMITS, Nanos(1_000 * SECOND)).stands_still().is_zero());
    }

    #[test]
    fn the_limits_of_numbers_are_no_panic() {
        for time in [0, u64::MAX] {
            let mut keeper = ClockKeeper::new(OfficialClock::at(Nanos(time)), LIMITS, Nanos(time));
            for wall in [0, u64::MAX] {
                keeper.compare(Nanos(wall));
                keeper.clock.want_step();
                keeper.compare(Nanos(wall));
                keeper.stands_still();
            }
        }
    }
}
