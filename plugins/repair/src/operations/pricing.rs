//! What a line costs by the price lists: labour by this area's, parts by area parts'.

use forecourt_sdk::{check, modules};

use crate::collections::{OPERATIONS, RATES};
use crate::line::Listed;
use crate::wit::parts::catalogue::{self, Price};
use crate::wit::parts::records::{PartGrade as CatalogueGrade, PartState};
use crate::wit::repair::orders::{Charge, Error, UnlistedPart};
use crate::wit::repair::records::{JobCategory, Line, LineKind, OperationState, PartGrade};

/// The unit of labour.
const HOUR: &str = "工时";

/// The key of a trade's rate.
pub(super) fn rate_key(category: JobCategory) -> &'static str {
    match category {
        JobCategory::Mechanical => "mechanical",
        JobCategory::Electrical => "electrical",
        JobCategory::Body => "body",
    }
}

/// What a new line charges, and how much of it.
pub(super) fn charged(charge: &Charge) -> Result<(Listed, i64), Error> {
    match charge {
        Charge::Labour(labour) => {
            let listed = labour_listed(&labour.code)?;
            let quantity = labour.hours.or(listed.std_hours).unwrap_or(0);
            Ok((listed, quantity))
        }
        Charge::Part(part) => Ok((part_listed(&part.number)?, part.quantity)),
        Charge::UnlistedPart(part) => Ok((unlisted(part)?, part.quantity)),
    }
}

/// The unit price of a line by the list as it is now.
pub(super) fn unit_price(line: &Line) -> Result<i64, Error> {
    match line.kind {
        LineKind::Labour => Ok(labour_listed(&line.code)?.unit_price),
        LineKind::Part | LineKind::Consumable => match part_listed(&line.code) {
            Err(Error::NotEnabled) => Ok(line.unit_price),
            listed => Ok(listed?.unit_price),
        },
        LineKind::Sublet | LineKind::Fee | LineKind::Package => Ok(line.unit_price),
    }
}

fn labour_listed(code: &str) -> Result<Listed, Error> {
    let code = check::code("code", code)?;
    let operation = OPERATIONS.get(&code)?.filter(|operation| operation.state == OperationState::Active);
    let operation = operation.ok_or(Error::NotListed(code))?;
    let rate = RATES.get(rate_key(operation.category))?.ok_or(Error::RateMissing(operation.category))?;
    Ok(Listed {
        kind: LineKind::Labour,
        code: operation.id,
        name: operation.name,
        grade: None,
        unit: HOUR.to_owned(),
        std_hours: Some(operation.std_hours),
        unit_price: rate.per_hour,
    })
}

fn part_listed(number: &str) -> Result<Listed, Error> {
    let price = catalogue::get_price(number).map_err(|error| match error {
        catalogue::Error::NotEnabled => Error::NotEnabled,
        catalogue::Error::NotFound => Error::NotListed(number.to_owned()),
        other => Error::Other(format!("parts/catalogue: {other:?}")),
    })?;
    let Price { part, name, grade, unit, price, state, .. } = price;
    if state == PartState::Withdrawn {
        return Err(Error::NotListed(part));
    }
    let grade = Some(match grade {
        CatalogueGrade::Original => PartGrade::Original,
        CatalogueGrade::Equivalent => PartGrade::Equivalent,
        CatalogueGrade::Remanufactured => PartGrade::Remanufactured,
        CatalogueGrade::Reused => PartGrade::Reused,
    });
    Ok(Listed { kind: LineKind::Part, code: part, name, grade, unit, std_hours: None, unit_price: price })
}

fn unlisted(part: &UnlistedPart) -> Result<Listed, Error> {
    if modules::enabled("forecourt:parts/catalogue") {
        return Err(Error::PartsListed);
    }
    Ok(Listed {
        kind: LineKind::Part,
        code: check::code("number", &part.number)?,
        name: check::text("name", &part.name, 200)?.to_owned(),
        grade: Some(part.grade),
        unit: check::text("unit", &part.unit, 20)?.to_owned(),
        std_hours: None,
        unit_price: part.unit_price,
    })
}
