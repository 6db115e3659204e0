//! `[links]`: the operations that may be opened to a customer who has no account.

use serde::Deserialize;

use super::Manifest;
use crate::error::{Code, Problems, both};

/// An entry of `[links]`, under an operation such as `orders/approve`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkRequest {
    /// The parameter that names the record, in kebab case. The kernel gives it: whoever calls through a link can't.
    pub record: String,
    /// The power, one of `[powers]`, that somebody needs who makes such a link.
    pub power: String,
}

impl Manifest {
    pub(super) fn check_links(&self, problems: &mut Problems) {
        for (operation, request) in &self.links {
            let power = &request.power;
            if !self.powers.contains_key(power) {
                let wrong = both!(
                    "key `links.\"{operation}\".power`: `{power}` is none of `[powers]`",
                    "键 `links.\"{operation}\".power`：`{power}` 不在 `[powers]` 中"
                );
                problems.add(Code::Roles, wrong);
            }
        }
    }
}
