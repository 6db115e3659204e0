//! `[[jobs]]`: long work that a plugin does in steps.

use std::collections::BTreeSet;

use forecourt_base::RoleName;
use serde::Deserialize;

use super::{Manifest, Text};
use crate::error::{Code, Problems, both};
use crate::ids::is_kebab;

/// `[[jobs]]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobRequest {
    /// Its name, `stock-take`.
    pub name: String,
    /// What people call it.
    pub title: Text,
    /// Roles that may start it, see it, cancel and resume it by default.
    #[serde(default)]
    pub roles: Vec<RoleName>,
}

/// What stands in the place of the interface in the path of a job, `parts/jobs/stock-take`, by which roles are granted it.
pub const JOBS: &str = "jobs";

impl Manifest {
    pub(super) fn check_jobs(&self, problems: &mut Problems) {
        let mut seen = BTreeSet::new();
        for (at, JobRequest { name, title, .. }) in self.jobs.iter().enumerate() {
            if !is_kebab(name) || name.bytes().any(|b| b.is_ascii_uppercase()) {
                let form = both!(
                    "key `jobs[{at}].name`: `{name}` is not a name such as `stock-take`",
                    "键 `jobs[{at}].name`：`{name}` 不是 `stock-take` 之类的名称"
                );
                problems.add(Code::Manifest, form);
            } else if !seen.insert(name) {
                let twice =
                    both!("key `jobs[{at}].name`: `{name}` is there twice", "键 `jobs[{at}].name`：`{name}` 重复");
                problems.add(Code::Manifest, twice);
            }
            for (language, text) in [("en", &title.en), ("zh-CN", &title.zh_cn)] {
                if text.trim().is_empty() || text.chars().any(char::is_control) {
                    let line = both!(
                        "key `jobs[{at}].title.{language}`: must be one line of text",
                        "键 `jobs[{at}].title.{language}`：必须是一行文本"
                    );
                    problems.add(Code::Manifest, line);
                }
            }
        }
        if !self.jobs.is_empty() {
            let area = |id: &&crate::InterfaceId| id.area().is_some() && id.interface == JOBS;
            if let Some(id) = self.exports.interfaces.iter().find(area) {
                let taken = both!(
                    "key `jobs`: `{id}` is exported, whose operations would be called like the jobs",
                    "键 `jobs`：导出了 `{id}`，其操作会与作业重名"
                );
                problems.add(Code::Manifest, taken);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(jobs: &str) -> Result<Manifest, crate::SchemaError> {
        let about = "[plugin]\nname = 'a'\nversion = '0.1.0'\npublisher = 'p'\n\
                     title = { en = 'A', zh-CN = 'A' }\ndescription = { en = 'A', zh-CN = 'A' }\n";
        Manifest::parse(&format!("{about}{jobs}"))
    }

    #[test]
    fn a_job_has_a_name_a_title_and_roles() {
        let text =
            "[[jobs]]\nname = 'stock-take'\ntitle = { en = 'Stock take', zh-CN = '盘点' }\nroles = ['parts_manager']";
        let manifest = parse(text).unwrap();
        assert_eq!((&*manifest.jobs[0].name, manifest.jobs[0].roles[0].as_str()), ("stock-take", "parts_manager"));
    }

    #[test]
    fn what_is_wrong_is_named_in_both_languages() {
        let title = "title = { en = 'A', zh-CN = 'A' }";
        let cases = [
            (
                format!("[[jobs]]\nname = 'Stock'\n{title}"),
                "key `jobs[0].name`: `Stock` is not a name such as `stock-take`",
            ),
            (
                format!("[[jobs]]\nname = 'a'\n{title}\n[[jobs]]\nname = 'a'\n{title}"),
                "key `jobs[1].name`: `a` is there twice",
            ),
            (
                "[[jobs]]\nname = 'a'\ntitle = { en = '', zh-CN = 'A' }".to_owned(),
                "key `jobs[0].title.en`: must be one line of text",
            ),
            (
                format!("[exports]\ninterfaces = ['forecourt:a/jobs@0.1.0']\n[[jobs]]\nname = 'a'\n{title}"),
                "key `jobs`: `forecourt:a/jobs@0.1.0` is exported",
            ),
        ];
        for (jobs, expected) in cases {
            let error = parse(&jobs).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.problems().iter().all(|problem| problem.message.zh.contains("键 `jobs")), "{error:?}");
        }
    }
}
