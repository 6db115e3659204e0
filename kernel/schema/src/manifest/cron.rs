//! `[[cron]]`: lines by which a plugin is told that a time has come.

use std::collections::BTreeSet;

use forecourt_base::{CronLine, CronLineError};
use serde::Deserialize;

use super::{Manifest, ScopeRequest};
use crate::error::{Code, Problems, both};
use crate::ids::is_kebab;

/// `[[cron]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CronRequest {
    /// Its name, by which the plugin knows the run.
    pub name: String,
    /// Minute, hour, day of the month, month, day of the week, such as `30 2 * * MON-FRI`.
    pub line: String,
    /// Whether it runs in each store, by the store's clocks, or once for the group.
    #[serde(default = "in_stores")]
    pub scope: ScopeRequest,
}

fn in_stores() -> ScopeRequest {
    ScopeRequest::Store
}

impl CronRequest {
    /// The line as read; a checked manifest has none that cannot be.
    #[must_use]
    pub fn cron_line(&self) -> Option<CronLine> {
        CronLine::new(&self.line).ok()
    }
}

impl Manifest {
    pub(super) fn check_cron_and_jobs(&self, problems: &mut Problems) {
        self.check_cron(problems);
        self.check_jobs(problems);
    }

    fn check_cron(&self, problems: &mut Problems) {
        let mut seen = BTreeSet::new();
        for (at, CronRequest { name, line, .. }) in self.cron.iter().enumerate() {
            if !is_kebab(name) || name.bytes().any(|b| b.is_ascii_uppercase()) {
                let form = both!(
                    "key `cron[{at}].name`: `{name}` is not a name such as `month-end`",
                    "键 `cron[{at}].name`：`{name}` 不是 `month-end` 之类的名称"
                );
                problems.add(Code::Manifest, form);
            } else if !seen.insert(name) {
                let twice =
                    both!("key `cron[{at}].name`: `{name}` is there twice", "键 `cron[{at}].name`：`{name}` 重复");
                problems.add(Code::Manifest, twice);
            }
            let wrong = match CronLine::new(line) {
                Ok(_) => continue,
                Err(CronLineError::NeverDue) => {
                    both!("key `cron[{at}].line`: no date fits `{line}`", "键 `cron[{at}].line`：没有日期符合 `{line}`")
                }
                Err(CronLineError::Malformed) => both!(
                    "key `cron[{at}].line`: must be five fields: minute, hour, day of the month, month, day of the week, such as `30 2 * * MON-FRI`",
                    "键 `cron[{at}].line`：须为五个字段：分、时、日、月、星期，例如 `30 2 * * MON-FRI`"
                ),
            };
            problems.add(Code::Manifest, wrong);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(cron: &str) -> Result<Manifest, crate::SchemaError> {
        let about = "[plugin]\nname = 'a'\nversion = '0.1.0'\npublisher = 'p'\n\
                     title = { en = 'A', zh-CN = 'A' }\ndescription = { en = 'A', zh-CN = 'A' }\n";
        Manifest::parse(&format!("{about}{cron}"))
    }

    #[test]
    fn a_line_is_in_each_store_unless_the_manifest_says_otherwise() {
        let text = "[[cron]]\nname = 'nightly'\nline = '30 2 * * *'\n[[cron]]\nname = 'month-end'\nline = '0 23 L * *'\nscope = 'group'";
        let manifest = parse(text).unwrap();
        let scopes: Vec<_> = manifest.cron.iter().map(|cron| cron.scope).collect();
        assert_eq!(scopes, [ScopeRequest::Store, ScopeRequest::Group]);
        assert_eq!(manifest.cron[0].cron_line().unwrap().as_str(), "30 2 * * *");
    }

    #[test]
    fn what_is_wrong_is_named_in_both_languages() {
        let cases = [
            ("name = 'Nightly'\nline = '0 0 * * *'", "key `cron[0].name`: `Nightly` is not a name such as `month-end`"),
            ("name = 'a'\nline = '0 0 31 2 *'", "key `cron[0].line`: no date fits `0 0 31 2 *`"),
            ("name = 'a'\nline = '@daily'", "key `cron[0].line`: must be five fields"),
            (
                "name = 'a'\nline = '0 0 * * *'\n[[cron]]\nname = 'a'\nline = '0 1 * * *'",
                "key `cron[1].name`: `a` is there twice",
            ),
        ];
        for (cron, expected) in cases {
            let error = parse(&format!("[[cron]]\n{cron}")).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.problems().iter().all(|problem| problem.message.zh.contains("键 `cron")), "{error:?}");
        }
    }
}
