//! Reads a component: sections, manifest, labels and WIT, each checked against the others.

mod conventions;
mod hooks;
mod imports;
mod labels;
mod records;
mod sections;
mod wit;

use forecourt_base::{Area, Bilingual};
use wit_parser::{Resolve, World, WorldItem, WorldKey};

use crate::difference::{Difference, difference};
use crate::error::{Code, Problems, SchemaError, both};
use crate::limits::OPERATIONS;
use crate::{Interface, InterfaceId, Labels, Manifest, Operation, PluginSchema, Semantic, Type};
use wit::{Converter, interface_id};

/// Reads a component and checks all that needs no run of it.
///
/// The embedded WIT and the manifest are believed only as far as the component bears them out (INVARIANT verified-wit). That the code is
/// valid WebAssembly, and that kernel functions are imported with their right types, is for the one who compiles and links it.
///
/// # Errors
/// [`SchemaError`] holds every reason that was found.
pub fn read_component(bytes: &[u8]) -> Result<PluginSchema, SchemaError> {
    let sections = sections::find(bytes)?;
    let manifest = Manifest::parse(sections.manifest)?;
    let (real, world) = wit::decode_component(bytes)?;
    let embedded = wit::parse(sections.wit)?;
    let mut reader = Reader {
        manifest,
        resolve: &real,
        world: real.worlds.get(world),
        real: Converter::new(&real),
        types: Converter::new(&embedded),
        problems: Problems::default(),
        warnings: Vec::new(),
    };
    let schema = reader.read(sections.labels);
    reader.problems.finish()?;
    Ok(schema)
}

/// What is at hand while a component is read.
struct Reader<'a> {
    manifest: Manifest,
    resolve: &'a Resolve,
    world: Option<&'a World>,
    /// Types as the component has them, without docs.
    real: Converter<'a>,
    /// Types as the embedded WIT has them.
    types: Converter<'a>,
    problems: Problems,
    warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    fn read(&mut self, labels: Option<&[u8]>) -> PluginSchema {
        let (exports, hooks) = self.exports();
        let areas: Vec<Area> = exports.iter().filter_map(|interface| interface.id.area()).collect();
        let imports = self.imports(&areas);
        for interface in &exports {
            conventions::check(interface, &mut self.problems, &mut self.warnings);
        }
        let collections = self.collections();
        let topics = self.topics(&exports);
        let labels = self.labels(labels);
        let warnings = std::mem::take(&mut self.warnings);
        let manifest = self.manifest.clone();
        let schema = PluginSchema { manifest, exports, hooks, imports, collections, topics, labels, warnings };
        self.roles(&schema);
        schema
    }

    /// The exported interfaces of areas, and those that the kernel calls.
    fn exports(&mut self) -> (Vec<Interface>, Vec<Interface>) {
        let mut exports = Vec::new();
        let mut hooks = Vec::new();
        let mut types_only = Vec::new();
        for (key, item) in self.world.into_iter().flat_map(|world| &world.exports) {
            let Some((id, real)) = self.interface_of(key, item, Code::Export) else { continue };
            if id.is_kernel() {
                hooks.extend(self.hook(&id));
                continue;
            }
            if id.area().is_none() {
                let message = both!(
                    "exports `{id}`: only interfaces of areas (`forecourt:<area>/…`), and of the kernel those that it calls, can be exported",
                    "导出 `{id}`：只能导出业务域的接口（`forecourt:<area>/…`）以及由系统调用的系统接口"
                );
                self.problems.add(Code::Export, message);
                continue;
            }
            if real.functions.is_empty() {
                types_only.push(id);
                continue;
            }
            exports.extend(self.verified(&id, false));
        }
        self.match_exports(&exports, &hooks, &types_only);
        self.match_hooks(&hooks);
        if exports.iter().map(|interface| interface.operations.len()).sum::<usize>() > OPERATIONS {
            let many = both!("more than {OPERATIONS} operations are exported", "导出的操作超过 {OPERATIONS} 个");
            self.problems.add(Code::Limit, many);
        }
        (exports, hooks)
    }

    /// Compares the exports of the component and of the manifest.
    fn match_exports(&mut self, exports: &[Interface], hooks: &[Interface], types_only: &[InterfaceId]) {
        let requested = &self.manifest.exports.interfaces;
        let all: Vec<&InterfaceId> = exports.iter().chain(hooks).map(|interface| &interface.id).collect();
        for (at, id) in all.iter().enumerate() {
            if !requested.contains(id) {
                let message = both!(
                    "key `exports.interfaces`: `{id}` is exported but not listed",
                    "键 `exports.interfaces`：导出了 `{id}` 但未列出"
                );
                self.problems.add(Code::Mismatch, message);
            }
            if all.iter().take(at).any(|other| other.same_name(id)) {
                let twice = both!("exports `{}` in two versions", "导出了 `{}` 的两个版本", id.unversioned());
                self.problems.add(Code::Export, twice);
            }
        }
        for id in requested {
            if !all.contains(&id) && !types_only.contains(id) {
                let message = both!(
                    "key `exports.interfaces`: `{id}` is listed but the component does not export it",
                    "键 `exports.interfaces`：列出了 `{id}` 但组件未导出"
                );
                self.problems.add(Code::Mismatch, message);
            }
        }
    }

    /// The interface that a world's item is; reports what is none.
    fn interface_of(
        &mut self,
        key: &WorldKey,
        item: &WorldItem,
        code: Code,
    ) -> Option<(InterfaceId, &'a wit_parser::Interface)> {
        let resolve = self.resolve;
        match item {
            WorldItem::Interface { id, .. } => match interface_id(resolve, *id).zip(resolve.interfaces.get(*id)) {
                Some(found) => return Some(found),
                None => {
                    let name = resolve.name_world_key(key);
                    let other = both!(
                        "`{name}` is not an interface of a package with a version",
                        "`{name}` 不是带版本的包中的接口"
                    );
                    self.problems.add(code, other);
                }
            },
            WorldItem::Function(function) => {
                let bare = both!("function `{}` stands in no interface", "函数 `{}` 不在任何接口中", function.name);
                self.problems.add(code, bare);
            }
            WorldItem::Type { .. } => {}
        }
        None
    }

    /// The embedded WIT's view of an interface, after comparing it to the component's. Tools drop functions that are imported but not used,
    /// so for an import (`partial`) the embedded interface may have more; it is cut to what is there.
    ///
    /// INVARIANT (verified-wit): nothing of the embedded WIT's operations gets into a schema but through here.
    fn verified(&mut self, id: &InterfaceId, partial: bool) -> Option<Interface> {
        let real = match self.real.interface(id, &|_| true) {
            Ok(real) => real,
            Err(what) => {
                self.problems.add(if partial { Code::Import } else { Code::Export }, what);
                return None;
            }
        };
        let wanted = |name: &str| !partial || real.operation(name).is_some();
        let told = match self.types.interface(id, &wanted) {
            Ok(told) => told,
            Err(what) => {
                let whole =
                    what.around(|en| format!("the embedded WIT is wrong: {en}"), |zh| format!("嵌入的 WIT 有误：{zh}"));
                self.problems.add(Code::Wit, whole);
                return None;
            }
        };
        let before = self.problems.count();
        for operation in &real.operations {
            match told.operation(&operation.name) {
                Some(told) => self.compare(id, operation, told),
                None => {
                    let absent = both!("is not in the embedded WIT", "不在嵌入的 WIT 中");
                    self.mismatch(id, &operation.name, &absent);
                }
            }
        }
        for operation in told.operations.iter().filter(|operation| real.operation(&operation.name).is_none()) {
            let absent = both!("is in the embedded WIT but not in the component", "在嵌入的 WIT 中，但不在组件中");
            self.mismatch(id, &operation.name, &absent);
        }
        (self.problems.count() == before).then_some(told)
    }

    fn mismatch(&mut self, id: &InterfaceId, operation: &str, what: &Bilingual) {
        let whole = what.around(
            |en| format!("`{id}` operation `{operation}` {en}"),
            |zh| format!("`{id}` 的操作 `{operation}` {zh}"),
        );
        self.problems.add(Code::Mismatch, whole);
    }

    fn compare(&mut self, id: &InterfaceId, real: &Operation, told: &Operation) {
        let names = |operation: &Operation| operation.params.iter().map(|param| param.name.clone()).collect::<Vec<_>>();
        if names(real) != names(told) {
            let other = both!("has other parameters in the embedded WIT", "在嵌入的 WIT 中参数不同");
            return self.mismatch(id, &real.name, &other);
        }
        let pairs =
            real.params.iter().zip(&told.params).map(|(real, told)| (&*real.name, Some(&real.ty), Some(&told.ty)));
        let results = [("ok", real.ok.as_ref(), told.ok.as_ref()), ("err", real.err.as_ref(), told.err.as_ref())];
        for (place, real_type, told_type) in pairs.chain(results) {
            if real_type == told_type {
                // Type equality ignores names, but the names of semantic types are rules.
                if semantics(real_type) != semantics(told_type) {
                    let other = both!(
                        "has other semantic types in the embedded WIT: `{place}`",
                        "在嵌入的 WIT 中语义类型不同：`{place}`"
                    );
                    self.mismatch(id, &real.name, &other);
                }
                continue;
            }
            let what = match (real_type, told_type) {
                (Some(real), Some(told)) => first_difference(real, told),
                _ => both!("has a value on one side only", "只有一侧有值"),
            };
            let whole = what.around(
                |en| format!("has other types in the embedded WIT: `{place}` {en}"),
                |zh| format!("在嵌入的 WIT 中类型不同：`{place}` {zh}"),
            );
            self.mismatch(id, &real.name, &whole);
        }
        if real.returns_result != told.returns_result {
            let other = both!("has another result in the embedded WIT", "在嵌入的 WIT 中结果不同");
            self.mismatch(id, &real.name, &other);
        }
    }

    fn roles(&mut self, schema: &PluginSchema) {
        for key in schema.manifest.roles.keys() {
            if let Err(what) = schema.role_path(key) {
                let whole = what
                    .around(|en| format!("key `roles.\"{key}\"`: {en}"), |zh| format!("键 `roles.\"{key}\"`：{zh}"));
                self.problems.add(Code::Roles, whole);
            }
        }
        for (key, request) in &schema.manifest.links {
            if let Err(what) = schema.link_parameter(key, request) {
                let whole = what
                    .around(|en| format!("key `links.\"{key}\"`: {en}"), |zh| format!("键 `links.\"{key}\"`：{zh}"));
                self.problems.add(Code::Roles, whole);
            }
        }
    }

    fn labels(&mut self, labels: Option<&[u8]>) -> Labels {
        let labels = match labels.map(labels::parse).transpose() {
            Ok(labels) => labels.unwrap_or_default(),
            Err(error) => {
                self.problems.absorb(error);
                return Labels::default();
            }
        };
        labels::check(&labels, &self.types, &mut self.warnings);
        labels
    }
}

/// The semantic types within a type, in order.
fn semantics(ty: Option<&Type>) -> Vec<Semantic> {
    let mut found = Vec::new();
    if let Some(ty) = ty {
        ty.any(&mut |ty| {
            if let Type::Alias(alias) = ty {
                found.extend(alias.semantic);
            }
            false
        });
    }
    found
}

fn first_difference(real: &Type, told: &Type) -> Bilingual {
    let reasons = difference(real, told).err().or_else(|| difference(told, real).err()).unwrap_or_default();
    reasons.first().map_or_else(|| both!("has another shape", "形状不同"), Difference::bilingual)
}

/// A type of parsed WIT.
#[cfg(any(test, feature = "fixtures"))]
pub(crate) fn type_of(resolve: &Resolve, interface: &InterfaceId, name: &str) -> Result<Type, Bilingual> {
    Converter::new(resolve).named(interface, name)
}

#[cfg(test)]
mod tests;
