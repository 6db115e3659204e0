//! `audit`: the seals of a group's trail, asked of a kernel or checked on an export.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use forecourt_auth::chain::{ChainCheck, Head};
use serde_json::Value;

use crate::arguments::{
    AuditCheckArguments, AuditCommand, AuditExportArguments, AuditHeadArguments, AuditVerifyArguments,
};
use crate::client::{Client, text};
use crate::failure::{Exit, Failure};

pub(crate) fn run(command: &AuditCommand, out: &mut dyn Write) -> Result<(), Failure> {
    match command {
        AuditCommand::Head(arguments) => head(arguments, out),
        AuditCommand::Verify(arguments) => verify(arguments, out),
        AuditCommand::Export(arguments) => export(arguments, out),
        AuditCommand::Check(arguments) => check(arguments, out),
    }
}

fn head(arguments: &AuditHeadArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let group = client.group(arguments.group.group.as_ref())?;
    writeln!(out, "{}", client.get(&format!("/v1/groups/{group}/audit/head"))?.value)?;
    Ok(())
}

fn export(arguments: &AuditExportArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let client = Client::signed_in(&arguments.connection)?;
    let group = client.group(arguments.group.group.as_ref())?;
    client.copy(&format!("/v1/groups/{group}/audit/export?after={}", arguments.after), out)
}

fn verify(arguments: &AuditVerifyArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let known = arguments.head.as_deref().map(read_head).transpose()?;
    let client = Client::signed_in(&arguments.connection)?;
    let group = client.group(arguments.group.group.as_ref())?;
    let (mut query, mut flaws, mut lines) = ("after=0".to_owned(), 0, 0);
    if let Some(Head { seal, hash, .. }) = &known {
        query = format!("{query}&known_seal={seal}&known_hash={hash}");
    }
    loop {
        let page = client.get(&format!("/v1/groups/{group}/audit/verification?{query}"))?.value;
        let number = |field: &str| page.get(field).and_then(Value::as_u64).unwrap_or_default();
        lines += number("lines");
        flaws += number("more_flaws");
        for flaw in page.get("flaws").and_then(Value::as_array).into_iter().flatten() {
            flaws += 1;
            writeln!(out, "wrong: {}", text(flaw, "problem"))?;
        }
        let Some(next) = page.get("next").and_then(Value::as_str) else {
            return conclude(out, &format!("the audit trail of {group}"), (number("seal"), lines, flaws));
        };
        let (_, known) = query.split_once('&').unwrap_or_default();
        query = format!("after={next}&{known}").trim_end_matches('&').to_owned();
    }
}

fn check(arguments: &AuditCheckArguments, out: &mut dyn Write) -> Result<(), Failure> {
    let known = arguments.head.as_deref().map(read_head).transpose()?;
    let path = arguments.file.display();
    let unread = |error: std::io::Error| Failure::usage(format!("`{path}` was not read: {error}"));
    let lines: Vec<String> = BufReader::new(File::open(&arguments.file).map_err(unread)?)
        .lines()
        .collect::<Result<_, _>>()
        .map_err(unread)?;
    let trail = match &known {
        Some(head) => head.trail.clone(),
        None => lines.iter().find_map(|line| trail(line)).unwrap_or_default(),
    };
    let mut check = ChainCheck::new(trail, known);
    for (number, line) in lines.iter().enumerate() {
        check
            .exported(line)
            .map_err(|error| Failure::new(Exit::Data, format!("line {} of `{path}` {error}", number + 1)))?;
    }
    check.end();
    for flaw in check.flaws() {
        writeln!(out, "wrong: {}", flaw.bilingual().en)?;
    }
    let flaws = check.flaws().len() as u64 + check.more();
    conclude(out, &format!("`{path}`"), (check.number(), check.lines(), flaws))
}

/// The trail that a seal of an export names.
fn trail(line: &str) -> Option<String> {
    let value: Value = serde_json::from_str(line).ok()?;
    Some(value.get("seal")?.get("trail")?.as_str()?.to_owned())
}

fn conclude(out: &mut dyn Write, what: &str, (seals, lines, flaws): (u64, u64, u64)) -> Result<(), Failure> {
    if flaws == 0 {
        writeln!(out, "{what} is as it was sealed: {lines} lines under {seals} seals")?;
        return Ok(());
    }
    Err(Failure::new(Exit::Data, format!("{what} is not as it was sealed, findings: {flaws}")))
}

fn read_head(path: &Path) -> Result<Head, Failure> {
    let told = path.display();
    let text =
        std::fs::read_to_string(path).map_err(|error| Failure::usage(format!("`{told}` was not read: {error}")))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::usage(format!("`{told}` holds no head of an audit trail: {error}")))
}
