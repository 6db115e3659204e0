//! The exported operations: read, ask the rules, call area parts, write, publish.

mod orders;
mod price_list;
mod pricing;
mod promised;
mod supply;
