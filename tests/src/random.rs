//! Random choices from a seed that is printed where a test fails.

/// A small generator (SplitMix64); the same seed makes the same choices.
#[derive(Debug, Clone)]
pub struct Seeded {
    seed: u64,
    state: u64,
}

impl Seeded {
    /// A seed of `FORECOURT_SEED`, or a new one.
    pub fn new() -> Self {
        let given = std::env::var("FORECOURT_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let name = tempfile::Builder::new().rand_bytes(16).tempdir().expect("a folder with a random name");
            name.path()
                .to_string_lossy()
                .bytes()
                .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
        });
        Self { seed, state: seed }
    }

    /// Another generator that depends on this one's seed and `number` alone.
    pub fn branch(&self, number: u64) -> Self {
        let mut branch = Self { seed: self.seed, state: self.seed ^ number.wrapping_mul(0xd6e8_feb8_6659_fd93) };
        branch.next();
        branch
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

impl Default for Seeded {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Seeded {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the choices of this test are made again by FORECOURT_SEED={}", self.seed);
        }
    }
}
