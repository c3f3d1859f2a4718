//! Where do the workloads take their random numbers from?

/// xorshift64: quick, and the same numbers in every run and in every language.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// The sequence number `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        // The state must not be zero; the factor keeps neighbouring seeds apart.
        Self((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The low bits of xorshift are its weaker ones.
        (self.0 >> 11) % end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_spread_over_the_range() {
        let mut random = Random::new(0);
        let sum: u64 = (0..10_000).map(|_| random.below(1_000)).sum();
        assert!((4_800_000..5_200_000).contains(&sum), "{sum}");
    }
}
