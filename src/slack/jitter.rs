//! Waiting times that grow, with chance in them, so that many bots do not come back at the same moment.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// A growing wait.
#[derive(Debug, Clone)]
pub struct BackOff {
    first: Duration,
    most: Duration,
    tries: u32,
}

impl BackOff {
    /// A wait that begins near `first`, doubles, and stays below `most`.
    #[must_use]
    pub fn new(first: Duration, most: Duration) -> Self {
        BackOff {
            first,
            most,
            tries: 0,
        }
    }

    /// The next wait: between half and all of what is due.
    pub fn next(&mut self) -> Duration {
        let due = self
            .first
            .saturating_mul(2_u32.saturating_pow(self.tries.min(16)))
            .min(self.most);
        self.tries = self.tries.saturating_add(1);
        jittered(due)
    }

    /// Begins anew: things work again.
    pub fn reset(&mut self) {
        self.tries = 0;
    }
}

/// Between half and all of a wait.
#[must_use]
pub fn jittered(due: Duration) -> Duration {
    // The standard library's hasher is seeded at random: enough chance for a wait, without a crate.
    let chance = RandomState::new().build_hasher().finish() % 1_000;
    due / 2 + due.mul_f64(0.5 * f64::from(u32::try_from(chance).unwrap_or(0)) / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_doubles_up_to_its_bound_and_is_never_less_than_half() {
        let mut back_off = BackOff::new(Duration::from_millis(100), Duration::from_millis(300));
        for due in [100, 200, 300, 300] {
            let wait = back_off.next();
            assert!(wait >= Duration::from_millis(due / 2) && wait <= Duration::from_millis(due));
        }
        back_off.reset();
        assert!(back_off.next() <= Duration::from_millis(100));
    }
}
