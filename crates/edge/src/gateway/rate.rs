//! Rate limits per second.

const SECOND_NS: u64 = 1_000_000_000;

/// Bucket of permissions that fills up within a second. The bucket holds as many permissions as may
/// be used in a second.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rate {
    /// Time at which the bucket is full again.
    full_at_ns: u64,
}

impl Rate {
    /// Takes a permission out; returns false if there is none left.
    #[inline]
    pub(super) fn take(&mut self, per_second: u32, now_ns: u64) -> bool {
        let Some(interval_ns) = SECOND_NS.checked_div(per_second.into()) else { return false };
        let full_at_ns = self.full_at_ns.max(now_ns) + interval_ns;
        let left = full_at_ns <= now_ns + SECOND_NS;
        if left {
            self.full_at_ns = full_at_ns;
        }
        left
    }

    /// Returns true if no permission is missing.
    pub(super) fn is_full(self, now_ns: u64) -> bool {
        self.full_at_ns <= now_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_gives_so_many_permissions_and_no_more() {
        let mut rate = Rate::default();
        let mut taken =
            |now_ns, per_second| (0..100).take_while(|_| rate.take(per_second, now_ns)).count();
        assert_eq!(taken(SECOND_NS, 10), 10);
        assert_eq!(taken(SECOND_NS + SECOND_NS / 10 - 1, 10), 0);
        assert_eq!(taken(SECOND_NS + SECOND_NS / 10, 10), 1);
        assert_eq!(taken(SECOND_NS + SECOND_NS / 2, 10), 4);
        assert_eq!(taken(9 * SECOND_NS, 10), 10);
        assert_eq!(taken(20 * SECOND_NS, 0), 0);
    }
}
