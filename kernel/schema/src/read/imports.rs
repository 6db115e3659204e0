//! What a component imports, and whether it may.

use forecourt_base::{Area, Bilingual};

use super::Reader;
use crate::error::{Code, both};
use crate::{Import, InterfaceId};

/// Interfaces of `forecourt:kernel@0.1` that this kernel gives.
const KERNEL: [&str; 11] =
    ["storage", "events", "identity", "clock", "ids", "modules", "log", "files", "http", "timers", "jobs"];
/// Packages of WASI 0.2 that this kernel gives, as a subset.
const WASI: [&str; 6] = ["io", "cli", "clocks", "random", "filesystem", "sockets"];

impl Reader<'_> {
    pub(super) fn imports(&mut self, areas: &[Area]) -> Vec<Import> {
        let mut imports = Vec::new();
        for (key, item) in self.world.into_iter().flat_map(|world| &world.imports) {
            let Some((id, interface)) = self.interface_of(key, item, Code::Import) else { continue };
            let types_only = interface.functions.is_empty();
            match self.import(id.clone(), types_only, areas) {
                Ok(import) => imports.extend(import),
                Err(what) => {
                    let whole = what.around(|en| format!("imports `{id}`: {en}"), |zh| format!("导入 `{id}`：{zh}"));
                    self.problems.add(Code::Import, whole);
                }
            }
        }
        self.match_imports(&imports);
        imports
    }

    fn import(&mut self, id: InterfaceId, types_only: bool, areas: &[Area]) -> Result<Option<Import>, Bilingual> {
        let first = id.version.major == 0 && id.version.minor == 1 && id.version.pre.is_empty();
        if id.namespace == "wasi" {
            return import_wasi(id).map(Some);
        }
        if id.namespace != "forecourt" {
            return Err(both!(
                "packages other than `forecourt` and `wasi` are not given to plugins",
                "除 `forecourt` 与 `wasi` 外，不向插件提供其他包"
            ));
        }
        if (id.is_kernel() || id.is_common()) && !first {
            return Err(both!(
                "this kernel has version 0.1 of `forecourt:{}`",
                "本系统提供的是 `forecourt:{}` 的 0.1 版",
                id.package
            ));
        }
        if types_only {
            return Ok(Some(Import::Types(id)));
        }
        if id.is_kernel() {
            if !KERNEL.contains(&id.interface.as_str()) {
                return Err(both!("this kernel has no such interface", "本系统没有此接口"));
            }
            return Ok(Some(Import::Kernel(id)));
        }
        if id.area().is_some_and(|area| areas.contains(&area)) {
            return Err(both!(
                "a plugin cannot call its own area: a plugin is not entered again while it runs",
                "插件不能调用自己的业务域：运行中的插件不会再次被进入"
            ));
        }
        if id.area().is_none() {
            return Err(both!(
                "`forecourt:common` holds types, it has no functions to import",
                "`forecourt:common` 只有类型，没有可导入的函数"
            ));
        }
        let optional = self.manifest.imports.iter().any(|request| request.interface == id && request.optional);
        Ok(self.verified(&id, true).map(|interface| Import::Area { interface, optional }))
    }

    /// Compares the imports of the component and of the manifest. Tools drop imports that are not used, so more may be asked for than is there.
    fn match_imports(&mut self, imports: &[Import]) {
        for import in imports {
            let missing = match import {
                Import::Kernel(id) if !self.manifest.kernel.interfaces.contains(&id.interface) => {
                    both!(
                        "key `kernel.interfaces`: `{}` is imported but not listed",
                        "键 `kernel.interfaces`：导入了 `{}` 但未列出",
                        id.interface
                    )
                }
                Import::Area { interface, .. } => {
                    let request = self.manifest.imports.iter().find(|request| request.interface == interface.id);
                    let asked = |name: &str| {
                        request
                            .is_some_and(|request| request.operations.as_ref().is_none_or(|list| list.contains(name)))
                    };
                    match interface.operations.iter().find(|operation| !asked(&operation.name)) {
                        Some(operation) if request.is_some() => {
                            both!(
                                "key `imports`: `{}` is imported from `{}` but not listed",
                                "键 `imports`：导入了 `{}`（来自 `{}`）但未列出",
                                operation.name,
                                interface.id
                            )
                        }
                        Some(_) => both!(
                            "key `imports`: `{}` is imported but not listed",
                            "键 `imports`：导入了 `{}` 但未列出",
                            interface.id
                        ),
                        None => continue,
                    }
                }
                _ => continue,
            };
            self.problems.add(Code::Mismatch, missing);
        }
        self.check_requests(imports);
    }

    fn check_requests(&mut self, imports: &[Import]) {
        for name in &self.manifest.kernel.interfaces {
            if !KERNEL.contains(&name.as_str()) {
                let unknown = both!(
                    "key `kernel.interfaces`: this kernel has no interface `{name}`",
                    "键 `kernel.interfaces`：本系统没有接口 `{name}`"
                );
                self.problems.add(Code::Import, unknown);
            } else if !imports.iter().any(|import| matches!(import, Import::Kernel(id) if id.interface == *name)) {
                self.warnings.push(format!("key `kernel.interfaces`: `{name}` is asked for but not used"));
            }
        }
        for request in &self.manifest.imports {
            let id = &request.interface;
            if id.area().is_none() {
                let foreign = both!(
                    "key `imports`: `{id}` is not an interface of an area",
                    "键 `imports`：`{id}` 不是业务域的接口"
                );
                self.problems.add(Code::Import, foreign);
                continue;
            }
            let used =
                imports.iter().any(|import| matches!(import, Import::Area { interface, .. } if interface.id == *id));
            if !used {
                self.warnings.push(format!("key `imports`: `{id}` is asked for but not used"));
            }
            let known = self.types.find(id);
            for name in request.operations.iter().flatten() {
                if known.is_some_and(|interface| !interface.functions.contains_key(name.as_str())) {
                    let absent = both!(
                        "key `imports`: `{id}` has no operation `{name}`",
                        "键 `imports`：`{id}` 没有操作 `{name}`"
                    );
                    self.problems.add(Code::Import, absent);
                }
            }
        }
    }
}

fn import_wasi(id: InterfaceId) -> Result<Import, Bilingual> {
    if id.package == "http" {
        return Err(both!(
            "plugins do not speak HTTP: ask the kernel to send a request after the commit",
            "插件不直接使用 HTTP：请由系统在提交后发送请求"
        ));
    }
    if !WASI.contains(&id.package.as_str()) {
        return Err(both!("this package of WASI is not given to plugins", "不向插件提供此 WASI 包"));
    }
    if id.version.major != 0 || id.version.minor != 2 {
        return Err(both!("this kernel has WASI 0.2", "本系统提供的是 WASI 0.2"));
    }
    Ok(Import::Wasi(id))
}
