//! `[[subscriptions]]`: the events that a plugin asks to be told of.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::Manifest;
use crate::error::{Code, Problems, both};
use crate::ids::is_kebab;
use crate::limits::MANIFEST_ENTRIES;

// The topic of the events that a plugin's own timers become.
const TIMER_TOPIC: &str = "kernel.timer";
// The topic of the events of a plugin's own cron lines.
const CRON_TOPIC: &str = "kernel.cron";

/// `[[subscriptions]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionRequest {
    /// Topics, `repair.approved`.
    pub topics: BTreeSet<String>,
    /// With which event it begins where the plugin was not told of the topic before.
    #[serde(default)]
    pub start: StartRequest,
}

/// With which event a subscription begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartRequest {
    /// With those that are published from now on.
    #[default]
    Now,
    /// With the oldest that is kept.
    Start,
}

impl Manifest {
    /// Every topic that the plugin asks to be told of, with its start: those of its subscriptions, and the kernel's own for its timers and cron
    /// lines, of which none may be missed.
    #[must_use]
    pub fn subscribed(&self) -> BTreeMap<&str, StartRequest> {
        let timers = self.kernel.interfaces.contains("timers").then_some(TIMER_TOPIC);
        let cron = (!self.cron.is_empty()).then_some(CRON_TOPIC);
        let own = timers.into_iter().chain(cron).map(|topic| (topic, StartRequest::Start));
        let mut all: BTreeMap<_, _> = own.collect();
        for request in &self.subscriptions {
            all.extend(request.topics.iter().map(|topic| (topic.as_str(), request.start)));
        }
        all
    }

    pub(super) fn check_subscriptions(&self, problems: &mut Problems) {
        let mut seen = BTreeSet::new();
        for (at, request) in self.subscriptions.iter().enumerate() {
            if request.topics.is_empty() || request.topics.len() > MANIFEST_ENTRIES {
                let count = both!(
                    "key `subscriptions[{at}].topics`: must name 1 to {MANIFEST_ENTRIES} topics",
                    "键 `subscriptions[{at}].topics`：须列出 1 至 {MANIFEST_ENTRIES} 个主题"
                );
                problems.add(Code::Topic, count);
            }
            for topic in &request.topics {
                if [TIMER_TOPIC, CRON_TOPIC].contains(&topic.as_str()) {
                    let own = both!(
                        "key `subscriptions[{at}].topics`: `{topic}` needs no subscription: ask for `timers`, or list `[[cron]]`",
                        "键 `subscriptions[{at}].topics`：`{topic}` 无需订阅：请申请 `timers` 接口或列出 `[[cron]]`"
                    );
                    problems.add(Code::Topic, own);
                } else if !topic.split_once('.').is_some_and(|(area, record)| is_kebab(area) && is_kebab(record)) {
                    let form = both!(
                        "key `subscriptions[{at}].topics`: `{topic}` is not a topic such as `repair.approved`",
                        "键 `subscriptions[{at}].topics`：`{topic}` 不是 `repair.approved` 之类的主题"
                    );
                    problems.add(Code::Topic, form);
                } else if !seen.insert(topic) {
                    let twice = both!(
                        "key `subscriptions[{at}].topics`: `{topic}` is subscribed to twice",
                        "键 `subscriptions[{at}].topics`：重复订阅 `{topic}`"
                    );
                    problems.add(Code::Topic, twice);
                }
            }
        }
    }
}
