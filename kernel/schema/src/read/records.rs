//! Collections and topics: what the manifest declares, with the types of the embedded WIT.

use std::collections::HashSet;
use std::sync::Arc;

use super::Reader;
use super::conventions::has_bytes;
use crate::error::Code;
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
                self.problems.add(Code::Collection, format!("collection `{name}`: its name must be in kebab case"));
            } else if !names.insert(name) {
                self.problems.add(Code::Collection, format!("collection `{name}` is declared twice"));
            }
            match self.collection(request) {
                Ok(collection) => collections.push(collection),
                Err(what) => self.problems.add(Code::Collection, format!("collection `{name}`: {what}")),
            }
        }
        collections
    }

    fn collection(&mut self, request: &CollectionRequest) -> Result<Collection, String> {
        let (interface, name) = request
            .record
            .split_once('#')
            .and_then(|(interface, name)| Some((interface.parse::<InterfaceId>().ok()?, name)))
            .ok_or_else(|| {
                format!("`{}` is not a record such as `forecourt:repair/records@0.1.0#order`", request.record)
            })?;
        let record = self.types.named(&interface, name)?;
        let Type::Record(fields) = record.resolved() else {
            return Err(format!("`{}` is not a record", request.record));
        };
        if has_bytes(&record) {
            return Err("its record uses `list<u8>`: keep files apart and hold a `file-ref`".to_owned());
        }
        if let Some(state) = fields.fields.iter().find(|field| &*field.name == "state")
            && !matches!(state.ty.resolved(), Type::Enum(state) if state.name.ends_with("-state"))
        {
            return Err("its field `state` must be an enum whose name ends in `-state`".to_owned());
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
                Err(what) => self.problems.add(Code::Topic, format!("topic `{name}`: {what}")),
            }
        }
        topics
    }

    fn topic(&mut self, name: &str, exports: &[Interface]) -> Result<Topic, String> {
        let (area, record) = name.split_once('.').ok_or("a topic is named `<area>.<record>`")?;
        let own = exports.iter().find(|interface| interface.id.area().is_some_and(|own| own.as_str() == area));
        let own = own.ok_or_else(|| format!("the plugin exports nothing of the area `{area}`"))?;
        let events = InterfaceId { interface: "events".to_owned(), ..own.id.clone() };
        let payload = self.types.named(&events, record)?;
        let Type::Record(fields) = payload.resolved() else {
            return Err(format!("`{events}#{record}` is not a record"));
        };
        if has_bytes(&payload) {
            return Err("its payload uses `list<u8>`".to_owned());
        }
        if let Some(semantic) = personal(&payload) {
            return Err(format!("its payload holds a `{}`: events carry ids, no personal data", semantic.name()));
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

fn indexes(record: &Type, requests: &[IndexRequest]) -> Result<Vec<Index>, String> {
    if requests.len() > INDEXES {
        return Err(format!("more than {INDEXES} indexes"));
    }
    let mut names = HashSet::new();
    let mut indexes = Vec::with_capacity(requests.len());
    for request in requests {
        let name = &request.name;
        if !is_kebab(name) || !names.insert(name) {
            return Err(format!("index `{name}`: its name must be in kebab case and its own"));
        }
        indexes.push(index(record, request).map_err(|what| format!("index `{name}`: {what}"))?);
    }
    Ok(indexes)
}

fn index(record: &Type, request: &IndexRequest) -> Result<Index, String> {
    if request.fields.is_empty() || request.fields.len() > INDEX_FIELDS {
        return Err(format!("must have 1 to {INDEX_FIELDS} fields"));
    }
    let mut fields = Vec::with_capacity(request.fields.len());
    for field in &request.fields {
        fields.push(index_field(record, field).map_err(|what| format!("field `{field}` {what}"))?);
    }
    let kind = match request.kind {
        KindRequest::Text => IndexKind::Text,
        KindRequest::Fields => IndexKind::Fields,
    };
    match kind {
        IndexKind::Text if fields.iter().any(|field| field.kind != ScalarKind::Text) => {
            Err("a text index takes text alone".to_owned())
        }
        IndexKind::Fields if fields.iter().filter(|field| field.list).count() > 1 => {
            Err("an index takes one list at most".to_owned())
        }
        _ => Ok(Index { name: request.name.as_str().into(), kind, fields }),
    }
}

fn index_field(record: &Type, dotted: &str) -> Result<IndexField, String> {
    let mut ty = record;
    let mut path: Vec<Arc<str>> = Vec::new();
    for name in dotted.split('.') {
        let Type::Record(record) = required(ty) else { return Err("goes into what is not a record".to_owned()) };
        let field = record.fields.iter().find(|field| &*field.name == name);
        ty = &field.ok_or_else(|| format!("does not exist: `{}` has no field `{name}`", record.name))?.ty;
        path.push(json_name(name).into());
    }
    let (list, item) = match required(ty) {
        Type::List(item) => (true, required(item)),
        scalar => (false, scalar),
    };
    let kind = ScalarKind::of(item).ok_or_else(|| format!("is `{}`, which cannot be indexed", ty.label()))?;
    Ok(IndexField { path, kind, list })
}

/// The type behind names and an option.
fn required(ty: &Type) -> &Type {
    match ty.resolved() {
        Type::Option(inner) => inner.resolved(),
        ty => ty,
    }
}
