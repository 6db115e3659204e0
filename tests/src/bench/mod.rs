//! What the benches over HTTP share: loads, the servers that the kernel is held against, and how figures are told.

pub mod bare;
pub mod bulk;
pub mod figures;
pub mod http;
pub mod load;
pub mod native;
pub mod postgres;
pub mod process;
pub mod requests;
pub mod rounds;
pub mod stage;
