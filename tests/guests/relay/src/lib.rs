//! The guest `relay`.

mod shelves;
mod trips;

forecourt_sdk::plugin!(Relay);

struct Relay;
