//! The guest `clockwork`.

mod alarms;
mod marches;

forecourt_sdk::plugin!(Clockwork);

struct Clockwork;
