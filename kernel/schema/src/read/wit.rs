//! From decoded WIT to the kernel's types and operations.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use forecourt_base::Bilingual;
use wit_component::DecodedWasm;
use wit_parser::{
    Function, FunctionKind, Resolve, TypeDef, TypeDefKind, TypeId, TypeOwner, UnresolvedPackageGroup, WorldId,
};

use crate::error::{Code, SchemaError, both};
use crate::limits::{COMPONENT_TYPE_NODES, TYPE_DEPTH, TYPE_NODES, WIT_INTERFACES, WIT_PACKAGES};
use crate::semantic::Base;
use crate::types::{Alias, Case, Enum, Field, Flags, Record, ResultType, Variant};
use crate::{Interface, InterfaceId, Operation, OperationKind, Semantic, Type};

/// Names in a row that may stand for one another.
const ALIAS_CHAIN: usize = 4 * TYPE_DEPTH;

/// Decoder and parser assert what only damaged or hostile input breaks, so a panic in them is an answer about that input.
fn guarded<T>(read: impl FnOnce() -> Result<T, Bilingual>) -> Result<T, Bilingual> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(both!("it is damaged", "内容已损坏")))
}

pub(super) fn decode_component(bytes: &[u8]) -> Result<(Resolve, WorldId), SchemaError> {
    let refuse = |message| SchemaError::new(Code::NotAComponent, message);
    let decode = || wit_component::decode(bytes).map_err(|error| both!("{error:#}", "无法解码组件：{error:#}"));
    match guarded(decode).map_err(refuse)? {
        DecodedWasm::Component(resolve, world) => Ok((resolve, world)),
        DecodedWasm::WitPackage(..) => {
            Err(refuse(both!("this is an encoded WIT package without code", "这是编码后的 WIT 包，不含代码")))
        }
    }
}

/// Reads the embedded WIT text: the plugin's own package and, nested in it, every package it names.
pub(super) fn parse(text: &str) -> Result<Resolve, SchemaError> {
    let one_line = |text: &str| text.split_whitespace().take(60).collect::<Vec<_>>().join(" ");
    // The parser's own words stay as they are.
    let foreign = |text: String| both!("{text}", "{text}");
    let read = || {
        let group =
            UnresolvedPackageGroup::parse("plugin.wit", text).map_err(|(map, error)| foreign(error.render(&map)))?;
        // Resolving recurses along interfaces that use one another and along packages, so their number is bounded before.
        let packages = 1 + group.nested.len();
        let interfaces: usize =
            [&group.main].into_iter().chain(&group.nested).map(|package| package.interfaces.len()).sum();
        let worlds: usize = [&group.main].into_iter().chain(&group.nested).map(|package| package.worlds.len()).sum();
        if packages > WIT_PACKAGES || interfaces > WIT_INTERFACES || worlds > WIT_PACKAGES {
            return Err(both!(
                "more than {WIT_PACKAGES} packages or worlds, or {WIT_INTERFACES} interfaces",
                "包或 world 超过 {WIT_PACKAGES} 个，或接口超过 {WIT_INTERFACES} 个"
            ));
        }
        let mut resolve = Resolve::new();
        resolve.push_group(group).map_err(|error| foreign(error.to_string()))?;
        Ok(resolve)
    };
    guarded(read).map_err(|message| {
        let whole = message.around(
            |en| format!("the embedded WIT cannot be read: {}", one_line(en)),
            |zh| format!("无法读取嵌入的 WIT：{}", one_line(zh)),
        );
        SchemaError::new(Code::Wit, whole)
    })
}

/// Makes the kernel's types of WIT's.
pub(super) struct Converter<'a> {
    pub(super) resolve: &'a Resolve,
    interfaces: HashMap<InterfaceId, &'a wit_parser::Interface>,
    made: HashMap<TypeId, Made>,
    texts: HashSet<Arc<str>>,
    /// Nodes of all types given out so far.
    nodes: usize,
}

#[derive(Clone)]
struct Made {
    ty: Type,
    nodes: usize,
    depth: usize,
}

impl<'a> Converter<'a> {
    pub(super) fn new(resolve: &'a Resolve) -> Self {
        let named = |(id, interface)| Some((interface_id(resolve, id)?, interface));
        let interfaces = resolve.interfaces.iter().filter_map(named).collect();
        Self { resolve, interfaces, made: HashMap::new(), texts: HashSet::new(), nodes: 0 }
    }

    /// All interfaces of packages with versions.
    pub(super) fn interfaces(&self) -> impl Iterator<Item = (&InterfaceId, &'a wit_parser::Interface)> {
        self.interfaces.iter().map(|(name, interface)| (name, *interface))
    }

    /// An interface by name.
    pub(super) fn find(&self, name: &InterfaceId) -> Option<&'a wit_parser::Interface> {
        self.interfaces.get(name).copied()
    }

    /// An interface with those of its functions that `wanted` accepts.
    pub(super) fn interface(
        &mut self,
        name: &InterfaceId,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Interface, Bilingual> {
        let interface =
            self.find(name).ok_or_else(|| both!("interface `{name}` is not in it", "其中没有接口 `{name}`"))?;
        let mut operations = Vec::with_capacity(interface.functions.len());
        for function in interface.functions.values().filter(|function| wanted(&function.name)) {
            let operation = self.operation(function);
            operations.push(operation.map_err(|what| {
                what.around(
                    |en| format!("`{name}` operation `{}`: {en}", function.name),
                    |zh| format!("`{name}` 的操作 `{}`：{zh}", function.name),
                )
            })?);
        }
        Ok(Interface { id: name.clone(), docs: docs(&interface.docs).to_owned(), operations })
    }

    /// A type by its interface and name.
    pub(super) fn named(&mut self, interface: &InterfaceId, name: &str) -> Result<Type, Bilingual> {
        let id = self.find(interface).and_then(|interface| interface.types.get(name)).copied();
        let absent = || {
            both!(
                "type `{name}` of `{interface}` is not in the embedded WIT",
                "嵌入的 WIT 中没有 `{interface}` 的类型 `{name}`"
            )
        };
        let id = id.ok_or_else(absent)?;
        self.given(&wit_parser::Type::Id(id))
    }

    fn operation(&mut self, function: &Function) -> Result<Operation, Bilingual> {
        if function.kind != FunctionKind::Freestanding {
            return Err(both!(
                "methods of resources and async functions are not supported",
                "不支持资源的方法与异步函数"
            ));
        }
        let mut params = Vec::with_capacity(function.params.len());
        for param in &function.params {
            let ty = self.given(&param.ty).map_err(|what| {
                what.around(
                    |en| format!("parameter `{}`: {en}", param.name),
                    |zh| format!("参数 `{}`：{zh}", param.name),
                )
            })?;
            params.push(Field::new(&param.name, "", ty));
        }
        let result = function.result.as_ref().map(|ty| self.given(ty)).transpose();
        let result = result.map_err(|what| what.around(|en| format!("result: {en}"), |zh| format!("结果：{zh}")))?;
        let (ok, err, returns_result) = match result.as_ref().map(Type::resolved) {
            Some(Type::Result(result)) => (result.ok.clone(), result.err.clone(), true),
            _ => (result, None, false),
        };
        let kind = OperationKind::of(&function.name);
        Ok(Operation {
            name: function.name.clone(),
            kind,
            report: function.name.starts_with("report-"),
            personal: params.iter().any(|param| param.ty.personal()),
            docs: docs(&function.docs).to_owned(),
            params,
            ok,
            err,
            returns_result,
        })
    }

    /// INVARIANT (bounded-types): whatever gets into a schema comes through here; each type was bounded as it was made.
    fn given(&mut self, ty: &wit_parser::Type) -> Result<Type, Bilingual> {
        let made = self.make(ty, 0)?;
        self.nodes = self.nodes.saturating_add(made.nodes);
        if self.nodes > COMPONENT_TYPE_NODES {
            return Err(both!(
                "the types of all operations together are larger than {COMPONENT_TYPE_NODES} nodes",
                "所有操作的类型合计超过 {COMPONENT_TYPE_NODES} 个节点"
            ));
        }
        Ok(made.ty)
    }

    fn make(&mut self, ty: &wit_parser::Type, level: usize) -> Result<Made, Bilingual> {
        use wit_parser::Type as Wit;
        let ty = match ty {
            Wit::Bool => Type::Bool,
            Wit::U8 => Type::U8,
            Wit::U16 => Type::U16,
            Wit::U32 => Type::U32,
            Wit::U64 => Type::U64,
            Wit::S8 => Type::S8,
            Wit::S16 => Type::S16,
            Wit::S32 => Type::S32,
            Wit::S64 => Type::S64,
            Wit::F32 => Type::F32,
            Wit::F64 => Type::F64,
            Wit::Char => Type::Char,
            Wit::String => Type::String,
            Wit::ErrorContext => return Err(both!("error contexts are not supported", "不支持 error-context")),
            Wit::Id(id) => return self.make_defined(*id, level),
        };
        Ok(Made { ty, nodes: 1, depth: 1 })
    }

    fn make_defined(&mut self, id: TypeId, level: usize) -> Result<Made, Bilingual> {
        if let Some(made) = self.made.get(&id) {
            return Ok(made.clone());
        }
        let def = self.resolve.types.get(id).filter(|_| level <= ALIAS_CHAIN);
        let too_deep = || both!("its type is nested too deeply", "类型嵌套过深");
        let made = self.make_kind(def.ok_or_else(too_deep)?, level + 1)?;
        if made.nodes > TYPE_NODES || made.depth > TYPE_DEPTH {
            return Err(both!(
                "its type is deeper than {TYPE_DEPTH} or larger than {TYPE_NODES} nodes",
                "类型深度超过 {TYPE_DEPTH}，或超过 {TYPE_NODES} 个节点"
            ));
        }
        self.made.insert(id, made.clone());
        Ok(made)
    }

    /// The same text always as the same allocation: names and owners recur a lot.
    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let shared: Arc<str> = text.into();
        self.texts.insert(shared.clone());
        shared
    }

    fn make_kind(&mut self, def: &TypeDef, level: usize) -> Result<Made, Bilingual> {
        let name = self.text(def.name.as_deref().unwrap_or_default());
        let text: Arc<str> = docs(&def.docs).into();
        let owner = match def.owner {
            TypeOwner::Interface(id) => interface_id(self.resolve, id).map(|id| id.to_string()).unwrap_or_default(),
            _ => String::new(),
        };
        let owner = self.text(&owner);
        let declared_by = owner.clone();
        let mut size = Size::default();
        let ty = match &def.kind {
            TypeDefKind::Record(record) => {
                let mut fields = Vec::with_capacity(record.fields.len());
                for field in &record.fields {
                    let ty = self.part(&field.ty, level, &mut size);
                    let ty = ty.map_err(|what| of_part("field", "字段", &field.name, &name, &what))?;
                    fields.push(Field::new(&field.name, docs(&field.docs), ty));
                }
                Type::Record(Arc::new(Record { name, docs: text, owner, fields }))
            }
            TypeDefKind::Variant(variant) => {
                let mut cases = Vec::with_capacity(variant.cases.len());
                for case in &variant.cases {
                    let ty = case.ty.as_ref().map(|ty| self.part(ty, level, &mut size)).transpose();
                    let ty = ty.map_err(|what| of_part("case", "情形", &case.name, &name, &what))?;
                    cases.push(Case::new(&case.name, docs(&case.docs), ty));
                }
                Type::Variant(Arc::new(Variant { name, docs: text, owner, cases }))
            }
            TypeDefKind::Enum(ty) => {
                let cases = ty.cases.iter().map(|case| Case::new(&case.name, docs(&case.docs), None)).collect();
                Type::Enum(Arc::new(Enum { name, docs: text, owner, cases }))
            }
            TypeDefKind::Flags(ty) => {
                let cases = ty.flags.iter().map(|flag| Case::new(&flag.name, docs(&flag.docs), None)).collect();
                Type::Flags(Arc::new(Flags { name, docs: text, owner, cases }))
            }
            TypeDefKind::Option(inner) => Type::Option(Arc::new(self.part(inner, level, &mut size)?)),
            TypeDefKind::List(inner) => Type::List(Arc::new(self.part(inner, level, &mut size)?)),
            TypeDefKind::Tuple(tuple) => {
                let items: Result<Vec<Type>, Bilingual> =
                    tuple.types.iter().map(|ty| self.part(ty, level, &mut size)).collect();
                Type::Tuple(items?.into())
            }
            TypeDefKind::Result(result) => {
                let ok = result.ok.as_ref().map(|ty| self.part(ty, level, &mut size)).transpose()?;
                let err = result.err.as_ref().map(|ty| self.part(ty, level, &mut size)).transpose()?;
                Type::Result(Arc::new(ResultType { ok, err }))
            }
            TypeDefKind::Type(target) => return self.make_alias(target, level, name, text, owner),
            kind => return Err(both!("types of kind `{}` are not supported", "不支持 `{}` 类型", kind.as_str())),
        };
        Ok(self.named_or_not(def, declared_by, ty, size))
    }

    /// An unnamed type that stands behind a name of its own keeps that name as an alias.
    fn named_or_not(&mut self, def: &TypeDef, owner: Arc<str>, ty: Type, size: Size) -> Made {
        let made = Made { ty, nodes: size.nodes + 1, depth: size.depth + 1 };
        match (&def.name, &made.ty, &def.docs.contents) {
            (Some(name), Type::Option(_) | Type::List(_) | Type::Tuple(_) | Type::Result(_), Some(text)) => {
                let (name, docs) = (self.text(name), self.text(text));
                let alias = Alias { name, docs, owner, semantic: None, target: made.ty };
                Made { ty: Type::Alias(Arc::new(alias)), nodes: made.nodes + 1, depth: made.depth }
            }
            _ => made,
        }
    }

    fn part(&mut self, ty: &wit_parser::Type, level: usize, size: &mut Size) -> Result<Type, Bilingual> {
        let made = self.make(ty, level)?;
        size.nodes = size.nodes.saturating_add(made.nodes);
        size.depth = size.depth.max(made.depth);
        Ok(made.ty)
    }

    fn make_alias(
        &mut self,
        target: &wit_parser::Type,
        level: usize,
        name: Arc<str>,
        docs: Arc<str>,
        owner: Arc<str>,
    ) -> Result<Made, Bilingual> {
        let made = self.make(target, level)?;
        let semantic = common_type(&owner).then(|| Semantic::from_name(&name)).flatten();
        if let Some(semantic) = semantic {
            let fits = matches!(
                (semantic.base(), &made.ty),
                (Base::Text, Type::String) | (Base::S64, Type::S64) | (Base::S32, Type::S32) | (Base::U32, Type::U32)
            );
            if !fits {
                return Err(both!(
                    "`{name}` of `{owner}` is not what the kernel knows by that name",
                    "`{owner}` 的 `{name}` 与本系统所知的同名类型不符"
                ));
            }
        } else if docs.is_empty() {
            return Ok(made);
        }
        let alias = Alias { name, docs, owner, semantic, target: made.ty };
        Ok(Made { ty: Type::Alias(Arc::new(alias)), nodes: made.nodes + 1, depth: made.depth })
    }
}

fn of_part(en: &str, zh: &str, part: &str, whole: &str, what: &Bilingual) -> Bilingual {
    what.around(
        |what| format!("{en} `{part}` of `{whole}`: {what}"),
        |what| format!("`{whole}` 的{zh} `{part}`：{what}"),
    )
}

#[derive(Default)]
struct Size {
    nodes: usize,
    depth: usize,
}

fn common_type(owner: &str) -> bool {
    owner.starts_with("forecourt:common/types@")
}

pub(super) fn docs(docs: &wit_parser::Docs) -> &str {
    docs.contents.as_deref().unwrap_or_default().trim()
}

/// The full name of an interface; none where it has no name or its package no version.
pub(super) fn interface_id(resolve: &Resolve, id: wit_parser::InterfaceId) -> Option<InterfaceId> {
    resolve.id_of(id)?.parse().ok()
}
