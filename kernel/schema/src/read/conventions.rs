//! The conventions of area interfaces (wit/README.md) that a machine can check.

use forecourt_base::Bilingual;

use crate::error::{Code, Problems, both};
use crate::{Interface, Operation, OperationKind, Semantic, Type};

pub(super) fn check(interface: &Interface, problems: &mut Problems, warnings: &mut Vec<String>) {
    for operation in &interface.operations {
        let mut report = |what: Bilingual| {
            let (id, name) = (&interface.id, &operation.name);
            let whole = what
                .around(|en| format!("`{id}` operation `{name}` {en}"), |zh| format!("`{id}` 的操作 `{name}`：{zh}"));
            problems.add(Code::Convention, whole);
        };
        check_error(operation, &mut report);
        check_page(operation, &mut report);
        let types = operation.params.iter().map(|param| &param.ty).chain(&operation.ok).chain(&operation.err);
        if types.into_iter().any(has_bytes) {
            report(both!(
                "uses `list<u8>`: keep files apart and pass a `file-ref`",
                "使用了 `list<u8>`：请另存文件并传递 `file-ref`"
            ));
        }
        if OperationKind::is_bare_prefix(&operation.name) {
            warnings.push(format!(
                "`{}` operation `{}` is a command: a query's name goes on behind it",
                interface.id, operation.name
            ));
        }
    }
    let silent: Vec<&str> = interface
        .operations
        .iter()
        .filter(|operation| operation.docs.is_empty())
        .map(|operation| &*operation.name)
        .collect();
    if let Some(first) = silent.first() {
        let count = silent.len();
        warnings.push(format!("`{}` has {count} operations without docs, `{first}` first", interface.id));
    }
}

/// Whether a type holds `list<u8>` anywhere.
pub(super) fn has_bytes(ty: &Type) -> bool {
    ty.any(&mut |ty| matches!(ty, Type::List(item) if matches!(item.resolved(), Type::U8)))
}

fn check_error(operation: &Operation, report: &mut impl FnMut(Bilingual)) {
    if !operation.returns_result {
        return report(both!("must return `result<…, error>`", "必须返回 `result<…, error>`"));
    }
    let Some(Type::Variant(error)) = operation.err.as_ref().map(Type::resolved) else {
        return report(both!("must have a variant as its error", "其错误必须是 variant"));
    };
    let last = error.cases.last().filter(|case| &*case.name == "other");
    if !matches!(last.and_then(|case| case.ty.as_ref()).map(Type::resolved), Some(Type::String)) {
        report(both!(
            "must have `other(string)` as the last case of its error `{}`",
            "其错误 `{}` 的最后一个情形必须是 `other(string)`",
            error.name
        ));
    }
}

fn is_page_token(ty: &Type) -> bool {
    ty.semantic() == Some(Semantic::PageToken)
}

fn is_optional_page_token(ty: &Type) -> bool {
    matches!(ty.resolved(), Type::Option(inner) if is_page_token(inner))
}

/// Lists are pages: the answer has `items` and `next`, a parameter takes `next` back.
fn check_page(operation: &Operation, report: &mut impl FnMut(Bilingual)) {
    let record = match operation.ok.as_ref().map(Type::resolved) {
        Some(Type::Record(record)) => Some(record),
        _ => None,
    };
    let next = record.and_then(|record| record.fields.iter().find(|field| &*field.name == "next"));
    let next = next.filter(|field| is_optional_page_token(&field.ty));
    if next.is_none() && !operation.name.starts_with("list-") {
        return;
    }
    let items = record.and_then(|record| record.fields.iter().find(|field| &*field.name == "items"));
    if next.is_none() || !items.is_some_and(|field| matches!(field.ty.resolved(), Type::List(_))) {
        return report(both!(
            "must answer a page: a record with `items: list<…>` and `next: option<page-token>`",
            "必须返回分页：含 `items: list<…>` 与 `next: option<page-token>` 的 record"
        ));
    }
    if !operation.params.iter().any(|param| param.ty.any(&mut is_page_token)) {
        report(both!("answers a page but takes no `page-token`", "返回分页但不接受 `page-token`"));
    }
}
