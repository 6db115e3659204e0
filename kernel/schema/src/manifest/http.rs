//! `[http]`: the hosts that a plugin asks to send requests to, and the secrets that it places in them.

use std::collections::BTreeSet;

use forecourt_base::HostPattern;
use serde::Deserialize;

use super::Manifest;
use crate::error::{Code, Problems, both};
use crate::ids::is_kebab;
use crate::limits::MANIFEST_ENTRIES;

/// `[http]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpRequest {
    /// Hosts: `api.example.com`, `*.example.com`, with another port `api.example.com:8443`.
    #[serde(default)]
    pub hosts: BTreeSet<String>,
    /// Names of secrets that an admin of the group stores.
    #[serde(default)]
    pub secrets: BTreeSet<String>,
}

impl Manifest {
    pub(super) fn check_http(&self, problems: &mut Problems) {
        let HttpRequest { hosts, secrets } = &self.http;
        if hosts.len() > MANIFEST_ENTRIES || secrets.len() > MANIFEST_ENTRIES {
            let many =
                both!("key `http`: has more than {MANIFEST_ENTRIES} entries", "键 `http`：超过 {MANIFEST_ENTRIES} 项");
            problems.add(Code::Manifest, many);
        }
        for host in hosts {
            if let Err(error) = host.parse::<HostPattern>() {
                let wrong = both!(
                    "key `http.hosts`: {error}",
                    "键 `http.hosts`：`{host}` 不是 `api.example.com`、`*.example.com` 或 `api.example.com:8443` 之类的主机"
                );
                problems.add(Code::Manifest, wrong);
            }
        }
        for secret in secrets {
            if !is_kebab(secret) || secret.len() > 64 {
                let wrong = both!(
                    "key `http.secrets`: `{secret}` is not a name such as `dms-token`",
                    "键 `http.secrets`：`{secret}` 不是 `dms-token` 之类的名称"
                );
                problems.add(Code::Manifest, wrong);
            }
        }
    }
}
