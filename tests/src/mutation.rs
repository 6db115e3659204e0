//! Bytes made wrong by chance.

use crate::random::Seeded;

/// A place in something of this length.
pub fn pick(random: &mut Seeded, length: usize) -> usize {
    usize::try_from(random.below(length.max(1) as u64)).unwrap()
}

/// Changes bytes in one small way: a bit, a byte, some left out or doubled, one of `pieces` put in, a part of `other` put over them, or the
/// end cut off. They never become none.
pub fn mutate(random: &mut Seeded, bytes: &mut Vec<u8>, other: &[u8], pieces: &[&str]) {
    if bytes.is_empty() {
        bytes.push(b'\n');
    }
    let at = pick(random, bytes.len());
    let end = (at + pick(random, 40)).min(bytes.len());
    match random.below(7) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = u8::try_from(random.below(256)).unwrap(),
        2 => drop(bytes.drain(at..end)),
        3 if !pieces.is_empty() => {
            let piece = pieces[pick(random, pieces.len())];
            bytes.splice(at..at, piece.bytes());
        }
        3 | 4 => {
            let part = bytes[at..end].to_vec();
            bytes.splice(at..at, part);
        }
        5 => {
            let from = pick(random, other.len());
            let part = other[from..(from + pick(random, 60)).min(other.len())].to_vec();
            bytes.splice(at..end, part);
        }
        _ => bytes.truncate(at),
    }
}
