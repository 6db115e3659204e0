//! Collections and topics: what the manifest declares, with the types of the embedded WIT.

use std::collections::HashSet;
use std::sync::Arc;

use forecourt_base::Bilingual;

use super::Reader;
use super::conventions::has_bytes;
use crate::error::{Code, both};
use crate::ids::is_kebab;
use crate::limits::{INDEX_FIELDS, INDEXES};
use crate::manifest::{CollectionRequest, IndexRequest, KindRequest, ScopeRequest};
use crate::types::json_name;
use crate::{
    Collection, CollectionScope, Index, IndexField, IndexKind, Interface, InterfaceId, ScalarKind, Semantic, Topic,
    Type,
};

impl Reader<'_> {
    pub(super) fn collections(&mut self) -> Vec<Collection> {
        let requests = self.manifest.collections.clone();
        let mut names = HashSet::new();
        let mut collections = Vec::with_capacity(requests.len());
        for request in &requests {
            let name = &request.name;
            if !is_kebab(name) {
                let wrong = both!(
                    "collection `{name}`: its name must be in kebab case",
                    "集合 `{name}`：名称必须为短横线小写形式"
                );
                self.problems.add(Code::Collection, wrong);
            } else if !names.insert(name) {
                let twice = both!("collection `{name}` is declared twice", "集合 `{name}` 重复声明");
                self.problems.add(Code::Collection, twice);
            }
            match self.collection(request) {
                Ok(collection) => collections.push(collection),
                Err(what) => {
                    let whole =
                        what.around(|en| format!("collection `{name}`: {en}"), |zh| format!("集合 `{name}`：{zh}"));
                    self.problems.add(Code::Collection, whole);
                }
            }
        }
        collections
    }

    fn collection(&mut self, request: &CollectionRequest) -> Result<Collection, Bilingual> {
        let (interface, name) = request
            .record
            .split_once('#')
            .and_then(|(interface, name)| Some((interface.parse::<InterfaceId>().ok()?, name)))
            .ok_or_else(|| {
                both!(
                    "`{}` is not a record such as `forecourt:repair/records@0.1.0#order`",
                    "`{}` 不是 `forecourt:repair/records@0.1.0#order` 之类的 record",
                    request.record
                )
            })?;
        let record = self.types.named(&interface, name)?;
        let Type::Record(fields) = record.resolved() else {
            return Err(both!("`{}` is not a record", "`{}` 不是 record", request.record));
        };
        if has_bytes(&record) {
            return Err(both!(
                "its record uses `list<u8>`: keep files apart and hold a `file-ref`",
                "其 record 使用了 `list<u8>`：请另存文件并保存 `file-ref`"
            ));
        }
        if let Some(state) = fields.fields.iter().find(|field| &*field.name == "state")
            && !matches!(state.ty.resolved(), Type::Enum(state) if state.name.ends_with("-state"))
        {
            return Err(both!(
                "its field `state` must be an enum whose name ends in `-state`",
                "其字段 `state` 必须是名称以 `-state` 结尾的 enum"
            ));
        }
        let indexes = indexes(&record, &request.indexes)?;
        let scope = match request.scope {
            ScopeRequest::Store => CollectionScope::Store,
            ScopeRequest::Group => CollectionScope::Group,
        };
        let docs = fields.docs.clone();
        Ok(Collection {
            name: request.name.as_str().into(),
            scope,
            names_files: record.names_files(),
            record,
            record_name: request.record.as_str().into(),
            indexes,
            docs,
        })
    }

    pub(super) fn topics(&mut self, exports: &[Interface]) -> Vec<Topic> {
        let requests = self.manifest.events.publishes.clone();
        let mut topics = Vec::with_capacity(requests.len());
        for name in requests {
            match self.topic(&name, exports) {
                Ok(topic) => topics.push(topic),
                Err(what) => {
                    let whole = what.around(|en| format!("topic `{name}`: {en}"), |zh| format!("主题 `{name}`：{zh}"));
                    self.problems.add(Code::Topic, whole);
                }
            }
        }
        topics
    }

    fn topic(&mut self, name: &str, exports: &[Interface]) -> Result<Topic, Bilingual> {
        let form = || both!("a topic is named `<area>.<record>`", "主题的名称形式为 `<area>.<record>`");
        let (area, record) = name.split_once('.').ok_or_else(form)?;
        let own = exports.iter().find(|interface| interface.id.area().is_some_and(|own| own.as_str() == area));
        let foreign = || both!("the plugin exports nothing of the area `{area}`", "插件未导出业务域 `{area}` 的接口");
        let own = own.ok_or_else(foreign)?;
        let events = InterfaceId { interface: "events".to_owned(), ..own.id.clone() };
        let payload = self.types.named(&events, record)?;
        let Type::Record(fields) = payload.resolved() else {
            return Err(both!("`{events}#{record}` is not a record", "`{events}#{record}` 不是 record"));
        };
        if has_bytes(&payload) {
            return Err(both!("its payload uses `list<u8>`", "其内容使用了 `list<u8>`"));
        }
        if let Some(semantic) = personal(&payload) {
            return Err(both!(
                "its payload holds a `{}`: events carry ids, no personal data",
                "其内容含 `{}`：事件只携带编号，不含个人信息",
                semantic.name()
            ));
        }
        let docs = fields.docs.clone();
        Ok(Topic { name: name.into(), payload, docs })
    }
}

/// Personal data in an event's payload. A customer's id is personal but allowed, since whoever reads the event needs it to ask.
fn personal(payload: &Type) -> Option<Semantic> {
    let mut found = None;
    payload.any(&mut |ty| {
        let Type::Alias(alias) = ty else { return false };
        found = alias.semantic.filter(|semantic| semantic.personal() && *semantic != Semantic::CustomerId);
        found.is_some()
    });
    found
}

fn indexes(record: &Type, requests: &[IndexRequest]) -> Result<Vec<Index>, Bilingual> {
    if requests.len() > INDEXES {
        return Err(both!("more than {INDEXES} indexes", "索引超过 {INDEXES} 个"));
    }
    let mut names = HashSet::new();
    let mut indexes = Vec::with_capacity(requests.len());
    for request in requests {
        let name = &request.name;
        if !is_kebab(name) || !names.insert(name) {
            return Err(both!(
                "index `{name}`: its name must be in kebab case and its own",
                "索引 `{name}`：名称必须为短横线小写形式且不重复"
            ));
        }
        indexes.push(
            index(record, request).map_err(|what| {
                what.around(|en| format!("index `{name}`: {en}"), |zh| format!("索引 `{name}`：{zh}"))
            })?,
        );
    }
    Ok(indexes)
}

fn index(record: &Type, request: &IndexRequest) -> Result<Index, Bilingual> {
    if request.fields.is_empty() || request.fields.len() > INDEX_FIELDS {
        return Err(both!("must have 1 to {INDEX_FIELDS} fields", "须有 1 至 {INDEX_FIELDS} 个字段"));
    }
    let mut fields = Vec::with_capacity(request.fields.len());
    for field in &request.fields {
        fields.push(
            index_field(record, field).map_err(|what| {
                what.around(|en| format!("field `{field}` {en}"), |zh| format!("字段 `{field}`：{zh}"))
            })?,
        );
    }
    let kind = match request.kind {
        KindRequest::Text => IndexKind::Text,
        KindRequest::Fields => IndexKind::Fields,
    };
    match kind {
        IndexKind::Text if fields.iter().any(|field| field.kind != ScalarKind::Text) => {
            Err(both!("a text index takes text alone", "文本索引只能包含文本"))
        }
        IndexKind::Fields if fields.iter().filter(|field| field.list).count() > 1 => {
            Err(both!("an index takes one list at most", "一个索引最多包含一个列表"))
        }
        _ => Ok(Index { name: request.name.as_str().into(), kind, fields }),
    }
}

fn index_field(record: &Type, dotted: &str) -> Result<IndexField, Bilingual> {
    let mut ty = record;
    let mut path: Vec<Arc<str>> = Vec::new();
    for name in dotted.split('.') {
        let Type::Record(record) = required(ty) else {
            return Err(both!("goes into what is not a record", "路径进入了不是 record 的值"));
        };
        let field = record.fields.iter().find(|field| &*field.name == name);
        let absent =
            || both!("does not exist: `{}` has no field `{name}`", "不存在：`{}` 没有字段 `{name}`", record.name);
        ty = &field.ok_or_else(absent)?.ty;
        path.push(json_name(name).into());
    }
    let (list, item) = match required(ty) {
        Type::List(item) => (true, required(item)),
        scalar => (false, scalar),
    };
    let kind = ScalarKind::of(item)
        .ok_or_else(|| both!("is `{}`, which cannot be indexed", "是 `{}`，不能建索引", ty.label()))?;
    Ok(IndexField { path, kind, list })
}

/// The type behind names and an option.
fn required(ty: &Type) -> &Type {
    match ty.resolved() {
        Type::Option(inner) => inner.resolved(),
        ty => ty,
    }
}
