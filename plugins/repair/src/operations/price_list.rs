//! `forecourt:repair/price-list`.

use forecourt_sdk::check::{self, Broken};
use forecourt_sdk::machine::{Machine, Row};
use forecourt_sdk::{clock, identity};

use super::pricing::rate_key;
use crate::collections::{OPERATIONS, RATES, operations};
use crate::line::PRICE_MAX;
use crate::wit::repair::price_list::{
    Error, Guest, InvalidField, NewOperation, OperationChange, OperationView, Page, RatePage,
};
use crate::wit::repair::records::{HourlyRate, JobCategory, LabourOperation, OperationState};
use crate::{Paged, Repair};

/// The most standard hours of an operation, in thousandths.
const HOURS_MAX: i64 = 1_000_000;

/// The states of a labour operation and the commands open in each.
const OPERATION: Machine<OperationState> = Machine::new(&[
    Row { command: "change-operation", from: &[OperationState::Active], to: None },
    Row { command: "withdraw-operation", from: &[OperationState::Active], to: Some(OperationState::Withdrawn) },
]);

impl From<Broken> for Error {
    fn from((field, rule): Broken) -> Self {
        Self::Invalid(InvalidField { field: field.into(), rule: rule.into() })
    }
}

impl From<Paged<LabourOperation>> for Page {
    fn from(page: Paged<LabourOperation>) -> Self {
        Self { items: page.items, next: page.next }
    }
}

fn operation(code: &str) -> Result<LabourOperation, Error> {
    OPERATIONS.get(&check::code("code", code)?)?.ok_or(Error::NotFound)
}

/// The operation for `command`, in the state it leads to and with the next version.
fn opened(code: &str, expected_version: u64, command: &str) -> Result<LabourOperation, Error> {
    let mut operation = operation(code)?;
    if operation.version != expected_version {
        return Err(Error::Stale(operation.version));
    }
    operation.state = OPERATION.after(operation.state, command).map_err(Error::WrongState)?;
    operation.version += 1;
    Ok(operation)
}

fn kept(operation: LabourOperation) -> Result<LabourOperation, Error> {
    OPERATIONS.put(&operation.id, &operation)?;
    Ok(operation)
}

impl Guest for Repair {
    fn get_operation(code: String) -> Result<OperationView, Error> {
        let operation = operation(&code)?;
        let per_hour = RATES.get(rate_key(operation.category))?.map(|rate| rate.per_hour);
        let open = OPERATION.open_list(operation.state);
        Ok(OperationView { operation, per_hour, open })
    }

    fn list_operations(page: Option<String>) -> Result<Page, Error> {
        Ok(OPERATIONS.scan("", 0, page.as_deref())?.into())
    }

    fn find_operations(text: String, page: Option<String>) -> Result<Page, Error> {
        let text = check::text("text", &text, 100)?;
        Ok(OPERATIONS.search(operations::TEXT, text, 0, page.as_deref())?.into())
    }

    fn list_rates(page: Option<String>) -> Result<RatePage, Error> {
        let found = RATES.scan("", 0, page.as_deref())?;
        Ok(RatePage { items: found.items, next: found.next })
    }

    fn add_operation(operation: NewOperation) -> Result<LabourOperation, Error> {
        let id = check::code("code", &operation.code)?;
        let name = check::text("name", &operation.name, 200)?.to_owned();
        let std_hours = check::positive("std_hours", operation.std_hours, HOURS_MAX)?;
        if let Some(known) = OPERATIONS.get(&id)? {
            return Err(Error::Exists(known.name));
        }
        let stamp = identity::stamp();
        kept(LabourOperation {
            id,
            version: 1,
            state: OperationState::Active,
            name,
            category: operation.category,
            std_hours,
            created_at: stamp.at,
            created_by: stamp.by,
            department: stamp.department,
        })
    }

    fn change_operation(
        code: String,
        expected_version: u64,
        change: OperationChange,
    ) -> Result<LabourOperation, Error> {
        let mut operation = opened(&code, expected_version, "change-operation")?;
        if let Some(name) = check::optional("name", change.name.as_deref(), 200)? {
            operation.name = name;
        }
        if let Some(std_hours) = change.std_hours {
            operation.std_hours = check::positive("std_hours", std_hours, HOURS_MAX)?;
        }
        operation.category = change.category.unwrap_or(operation.category);
        kept(operation)
    }

    fn withdraw_operation(code: String, expected_version: u64) -> Result<LabourOperation, Error> {
        kept(opened(&code, expected_version, "withdraw-operation")?)
    }

    fn set_rate(category: JobCategory, expected_version: u64, per_hour: i64) -> Result<HourlyRate, Error> {
        let version = RATES.get(rate_key(category))?.map_or(0, |rate| rate.version);
        if version != expected_version {
            return Err(Error::Stale(version));
        }
        let per_hour = check::number("per_hour", per_hour, PRICE_MAX)?;
        let (at, by) = (clock::now(), identity::caller().id);
        let rate = HourlyRate { category, version: version + 1, per_hour, at, by };
        RATES.put(rate_key(category), &rate)?;
        Ok(rate)
    }
}
