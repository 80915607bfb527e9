//! The seeded randomness: the same seed gives the same ids, addresses and delays, on every
//! platform.

use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::settings::Latency;

/// The one random generator, and what the fake AWS draws from it.
pub struct Random {
    rng: ChaCha8Rng,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    pub(crate) fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.rng
    }

    pub(crate) fn id(&mut self, prefix: &str) -> String {
        format!("{prefix}-0{:016x}", self.rng.next_u64())
    }

    pub(crate) fn uuid(&mut self) -> String {
        let high = self.rng.next_u64();
        let low = self.rng.next_u64();
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | ((low >> 48) & 0x3fff),
            low & 0xffff_ffff_ffff,
        )
    }

    /// A fixed duration costs no draw.
    pub(crate) fn duration(&mut self, latency: Latency) -> Duration {
        if latency.max <= latency.min {
            latency.min
        } else {
            self.rng.random_range(latency.min..=latency.max)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            let duration = random.duration(Latency::millis(1, 1000));
            (random.id("eni"), random.uuid(), duration)
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn ids_and_uuids_have_the_form_of_aws() {
        let mut random = Random::new(0);
        let id = random.id("eni");
        assert_eq!((id.len(), id.starts_with("eni-0")), (21, true), "{id}");
        let uuid = random.uuid();
        let parts: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{uuid}");
        assert_eq!(uuid.chars().nth(14), Some('4'), "{uuid}");
    }
}
