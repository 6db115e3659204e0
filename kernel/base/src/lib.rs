//! What every kernel crate shares: identifiers, limits, time and randomness.
//!
//! This crate does no input or output of its own and knows nothing of storage, plugins or HTTP. Time and randomness enter the
//! kernel through the traits [`Clock`] and [`Random`] alone, so that a test can replay any run from a seed.
//!
//! Invariants:
//! - INVARIANT (canonical-ids): a value of an identifier type holds text that passed its rule; there is no other constructor.
//! - INVARIANT (related-limits): limits that depend on one another are related by assertions that the compiler checks.
#![deny(missing_docs)]

mod bilingual;
mod clock;
mod cron;
mod host;
mod ids;
pub mod limits;
mod random;
mod scalar;
mod trace;
mod uuid;

pub use bilingual::Bilingual;
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use cron::{CronLine, CronLineError};
pub use host::{Host, HostPattern, HostPatternError};
pub use ids::{Area, GroupId, IdError, OperationPath, PluginName, RoleName, Scope, StoreId, UserId};
pub use random::{OsRandom, Random, SeededRandom};
pub use scalar::Scalar;
pub use trace::TraceContext;
pub use uuid::{uuid_v7, uuid_v7_from};
