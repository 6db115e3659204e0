//! Labels: texts by language and id.

use std::collections::{BTreeMap, HashSet};

use wit_parser::TypeDefKind;

use super::wit::Converter;
use crate::Labels;
use crate::error::{Code, SchemaError, both};
use crate::limits::LABEL_LANGUAGES;

/// Reads the labels' JSON.
pub(super) fn parse(bytes: &[u8]) -> Result<Labels, SchemaError> {
    let refuse = |message| SchemaError::new(Code::Labels, message);
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let labels: BTreeMap<String, BTreeMap<String, String>> = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| refuse(both!("labels at `{}`: {}", "标签 `{}`：{}", error.path(), error.inner())))?;
    json.end().map_err(|error| refuse(both!("{}", "标签的 JSON 有误：{}", error)))?;
    if labels.len() > LABEL_LANGUAGES {
        return Err(refuse(both!("more than {LABEL_LANGUAGES} languages", "超过 {LABEL_LANGUAGES} 种语言")));
    }
    let tag = |tag: &str| {
        tag.len() <= 35
            && tag
                .split('-')
                .all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    if let Some(language) = labels.keys().find(|language| !tag(language)) {
        let language: String = language.chars().take(40).collect();
        return Err(refuse(both!(
            "`{language}` is not a language such as `zh-CN`",
            "`{language}` 不是 `zh-CN` 之类的语言标记"
        )));
    }
    Ok(Labels(labels))
}

/// Warns of labels for things that are not there.
pub(super) fn check(labels: &Labels, types: &Converter<'_>, warnings: &mut Vec<String>) {
    let known = ids(types);
    for (language, texts) in &labels.0 {
        let strange: Vec<&String> = texts.keys().filter(|id| !known.contains(*id)).collect();
        if let Some(first) = strange.first() {
            let count = strange.len();
            warnings.push(format!("labels `{language}`: {count} ids name nothing in the WIT, `{first}` first"));
        }
    }
}

/// The ids of everything in the embedded WIT that can have a label.
fn ids(types: &Converter<'_>) -> HashSet<String> {
    let mut ids = HashSet::new();
    let resolve = types.resolve;
    for (name, interface) in types.interfaces() {
        let interface_id = name.unversioned();
        for function in interface.functions.values() {
            let id = format!("{interface_id}.{}", function.name);
            ids.extend(function.params.iter().map(|param| format!("{id}.{}", param.name)));
            ids.insert(id);
        }
        for (name, ty) in &interface.types {
            let id = format!("{interface_id}.{name}");
            let part = |part: &String| format!("{id}.{part}");
            let Some(def) = resolve.types.get(*ty) else { continue };
            match &def.kind {
                TypeDefKind::Record(record) => ids.extend(record.fields.iter().map(|field| part(&field.name))),
                TypeDefKind::Variant(variant) => ids.extend(variant.cases.iter().map(|case| part(&case.name))),
                TypeDefKind::Enum(ty) => ids.extend(ty.cases.iter().map(|case| part(&case.name))),
                TypeDefKind::Flags(flags) => ids.extend(flags.flags.iter().map(|flag| part(&flag.name))),
                _ => {}
            }
            ids.insert(id);
        }
        ids.insert(interface_id);
    }
    ids
}
