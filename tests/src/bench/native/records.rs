//! The records, events and parameters of the two areas, with their fields in the order of the WIT.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Card {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) bay: String,
    pub(super) price: i64,
    pub(super) version: u32,
    pub(super) by: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Visit {
    pub(super) id: String,
    pub(super) card: String,
    pub(super) version: u32,
    pub(super) by: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Changed<'a> {
    pub(super) card: &'a str,
    pub(super) version: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct Change {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) bay: String,
    pub(super) price: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct PutCard {
    pub(super) change: Change,
}

#[derive(Debug, Deserialize)]
pub(super) struct GetCard {
    pub(super) card: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Receive {
    pub(super) visit: String,
    pub(super) change: Change,
}
