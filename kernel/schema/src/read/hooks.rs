//! Exported interfaces of `forecourt:kernel`: what the kernel calls in a plugin.
//!
//! Their shapes are the kernel's own, so they are held against its WIT. To give the kernel another one, name it in [`HOOKS`].

use std::sync::OnceLock;

use forecourt_base::Bilingual;
use wit_parser::Resolve;

use super::Reader;
use super::wit::Converter;
use crate::error::{Code, both};
use crate::{Interface, InterfaceId};

/// The interfaces that this kernel calls.
const HOOKS: [&str; 2] = ["subscriber", "job"];

const COMMON: &str = include_str!("../../../../wit/common/types.wit");
const KERNEL: &str = include_str!("../../../../wit/kernel/kernel.wit");

/// The kernel's own WIT.
fn kernel() -> Option<&'static Resolve> {
    static RESOLVE: OnceLock<Option<Resolve>> = OnceLock::new();
    let parse = || {
        let mut resolve = Resolve::new();
        resolve.push_source("common.wit", COMMON).ok()?;
        resolve.push_source("kernel.wit", KERNEL).ok()?;
        Some(resolve)
    };
    RESOLVE.get_or_init(parse).as_ref()
}

impl Reader<'_> {
    /// An exported interface of the kernel's, which must be one that it calls, and of its shape.
    pub(super) fn hook(&mut self, id: &InterfaceId) -> Option<Interface> {
        let first = id.version.major == 0 && id.version.minor == 1 && id.version.pre.is_empty();
        if !first || !HOOKS.contains(&id.interface.as_str()) {
            let known = HOOKS.map(|name| format!("`forecourt:kernel/{name}@0.1.0`")).join(", ");
            let unknown = both!(
                "exports `{id}`: this kernel calls no such interface, only {known}",
                "导出 `{id}`：本系统不调用此接口，只调用 {known}"
            );
            self.problems.add(Code::Export, unknown);
            return None;
        }
        let own = match kernel() {
            Some(kernel) => Converter::new(kernel).interface(id, &|_| true),
            None => Err(both!("the kernel's WIT cannot be read", "无法读取系统的 WIT")),
        };
        let exported = self.verified(id, false)?;
        let before = self.problems.count();
        match own {
            Ok(own) => self.same_shape(&exported, &own),
            Err(what) => self.problems.add(Code::Export, named(id, &what)),
        }
        (self.problems.count() == before).then_some(exported)
    }

    fn same_shape(&mut self, exported: &Interface, own: &Interface) {
        for function in &own.operations {
            match exported.operation(&function.name) {
                Some(found) if !same(found, function) => {
                    let other = both!(
                        "function `{}` has another shape than the kernel's",
                        "函数 `{}` 的形状与系统定义的不同",
                        function.name
                    );
                    self.problems.add(Code::Export, named(&exported.id, &other));
                }
                Some(_) => {}
                None => {
                    let absent = both!("lacks the function `{}`", "缺少函数 `{}`", function.name);
                    self.problems.add(Code::Export, named(&exported.id, &absent));
                }
            }
        }
        for function in exported.operations.iter().filter(|function| own.operation(&function.name).is_none()) {
            let more =
                both!("has a function `{}` that the kernel does not know", "含有系统所不知的函数 `{}`", function.name);
            self.problems.add(Code::Export, named(&exported.id, &more));
        }
    }

    /// Holds what the manifest says against the exported hooks.
    pub(super) fn match_hooks(&mut self, hooks: &[Interface]) {
        let exports = |name: &str| hooks.iter().any(|hook| hook.id.interface == name);
        let timed = !self.manifest.cron.is_empty() || self.manifest.kernel.interfaces.contains("timers");
        let told = timed || !self.manifest.subscriptions.is_empty();
        let wants = [
            ("subscriber", if timed { "cron" } else { "subscriptions" }, told),
            ("job", "jobs", !self.manifest.jobs.is_empty()),
        ];
        for (name, key, wanted) in wants {
            let half = match (exports(name), wanted) {
                (true, false) => both!(
                    "key `{key}`: nothing is listed, though `forecourt:kernel/{name}` is exported",
                    "键 `{key}`：导出了 `forecourt:kernel/{name}`，但未列出任何内容"
                ),
                // Timers and cron lines are told of as events are.
                (false, true) => both!(
                    "key `{key}`: needs the export `forecourt:kernel/{name}@0.1.0`",
                    "键 `{key}`：需要导出 `forecourt:kernel/{name}@0.1.0`"
                ),
                _ => continue,
            };
            self.problems.add(Code::Mismatch, half);
        }
    }
}

/// Whether two functions take and give the same; the docs may differ.
fn same(found: &crate::Operation, own: &crate::Operation) -> bool {
    let params = |operation: &crate::Operation| -> Vec<_> {
        operation.params.iter().map(|param| (param.name.clone(), param.ty.clone())).collect()
    };
    params(found) == params(own)
        && found.ok == own.ok
        && found.err == own.err
        && found.returns_result == own.returns_result
}

fn named(id: &InterfaceId, what: &Bilingual) -> Bilingual {
    what.around(|en| format!("exports `{id}`: {en}"), |zh| format!("导出 `{id}`：{zh}"))
}

#[cfg(test)]
mod tests {
    use crate::Code;
    use crate::fixtures::{Fixture, KERNEL};

    const WORLD: &str = "export forecourt:kernel/subscriber@0.1.0;";
    const TOPICS: &str = "[[subscriptions]]\ntopics = ['repair.approved']\nstart = 'start'";

    fn assert_refused(fixture: &Fixture, code: Code, part: &str) {
        let problems = fixture.refused();
        assert!(problems.iter().any(|(found, text)| *found == code && text.contains(part)), "{part}: {problems:?}");
    }

    #[test]
    fn an_exported_interface_of_the_kernel_is_a_hook_and_no_operation() {
        let schema = Fixture::new("watcher", "0.1.0", WORLD).extra(TOPICS).schema();
        assert!(schema.exports.is_empty() && schema.areas().is_empty());
        assert!(schema.hook("subscriber").unwrap().operation("handle").is_some());
        let start = schema.manifest.subscribed()["repair.approved"];
        assert_eq!(start, crate::StartRequest::Start);
    }

    #[test]
    fn the_kernel_calls_what_it_knows_alone_and_in_its_own_shape() {
        let unknown = Fixture::new("watcher", "0.1.0", "export forecourt:kernel/clock@0.1.0;");
        assert_refused(&unknown, Code::Export, "this kernel calls no such interface");
        for (from, to, part) in [
            ("failures: u32,", "failures: u64,", "function `handle` has another shape"),
            ("handle: func(event: event)", "take: func(event: event)", "lacks the function `handle`"),
            ("handle: func(event: event)", "more: func();\n    handle: func(event: event)", "does not know"),
        ] {
            assert!(KERNEL.contains(from), "{from}");
            let other = Fixture::new("watcher", "0.1.0", WORLD).kernel(&KERNEL.replace(from, to)).extra(TOPICS);
            assert_refused(&other, Code::Export, part);
        }
    }

    #[test]
    fn subscriptions_and_the_export_go_together() {
        assert_refused(&Fixture::new("watcher", "0.1.0", WORLD), Code::Mismatch, "nothing is listed");
        let silent = Fixture::new("watcher", "0.1.0", "").extra(TOPICS);
        assert_refused(&silent, Code::Mismatch, "needs the export `forecourt:kernel/subscriber@0.1.0`");
        for (topics, part) in [
            ("[]", "must name 1 to"),
            ("['approved']", "`approved` is not a topic"),
            ("['repair.approved']\n[[subscriptions]]\ntopics = ['repair.approved']", "subscribed to twice"),
        ] {
            let extra = format!("[[subscriptions]]\ntopics = {topics}");
            assert_refused(&Fixture::new("watcher", "0.1.0", WORLD).extra(&extra), Code::Topic, part);
        }
    }
}
