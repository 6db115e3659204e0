//! Figures, and whether they keep to what was asked for.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// The value in the middle; of an even number, the upper of the two.
///
/// # Panics
/// Of nothing there is none.
pub fn median<T: Copy + PartialOrd>(values: &[T]) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap());
    sorted[sorted.len() / 2]
}

/// Says whether a ratio is at least what was asked for.
#[must_use]
pub fn at_least(ratio: f64, bound: f64) -> String {
    format!("{ratio:.2} (at least {bound}: {})", verdict(ratio >= bound))
}

/// Says whether a ratio is at most what was asked for.
#[must_use]
pub fn at_most(ratio: f64, bound: f64) -> String {
    format!("{ratio:.2} (at most {bound}: {})", verdict(ratio <= bound))
}

/// What a figure that keeps to its bound is called, and one that does not.
#[must_use]
pub fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "NOT MET" }
}

/// The median time of a small write and its `fdatasync` in space that is there already, on the disk where data folders are made: whether the disk was
/// the same all through a run shows in it.
#[must_use]
pub fn sync_p50() -> Duration {
    const SYNCS: u64 = 200;
    const BYTES: usize = 4_096;
    let file: File = tempfile::tempfile().unwrap();
    file.write_all_at(&vec![0; BYTES * SYNCS as usize], 0).unwrap();
    file.sync_all().unwrap();
    let times: Vec<Duration> = (0..SYNCS)
        .map(|at| {
            let begun = Instant::now();
            file.write_all_at(&[1; BYTES], at * BYTES as u64).unwrap();
            file.sync_data().unwrap();
            begun.elapsed()
        })
        .collect();
    median(&times)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_at_their_own_value() {
        assert_eq!(at_least(0.5, 0.5), "0.50 (at least 0.5: met)");
        assert_eq!(at_least(0.49, 0.5), "0.49 (at least 0.5: NOT MET)");
        assert_eq!(at_most(1.4, 1.4), "1.40 (at most 1.4: met)");
        assert_eq!(at_most(1.41, 1.4), "1.41 (at most 1.4: NOT MET)");
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3, 1, 2]), 2);
        assert_eq!(median(&[0.5]), 0.5);
    }
}
