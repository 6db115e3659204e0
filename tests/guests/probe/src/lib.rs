//! The guest `probe`.

mod accounts;
mod counters;
mod effects;
mod holds;
mod lists;

forecourt_sdk::plugin!(Probe);

struct Probe;

/// Most rows of one page.
const PAGE_ROWS: u32 = 200;
