//! The commit log: segments of frames, one frame a batch, one sync a frame.

pub(crate) mod chain;
pub(crate) mod frame;
mod options;
mod progress;
pub(crate) mod replay;
pub(crate) mod segment;
mod writer;

pub use options::LogOptions;
pub(crate) use progress::LogProgress;
pub(crate) use writer::Log;
