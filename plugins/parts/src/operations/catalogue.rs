//! `forecourt:parts/catalogue`.

use forecourt_sdk::check::{self, Broken};
use forecourt_sdk::{clock, events, identity, ids};

use crate::catalogue::{PART, PRICE_MAX, QUANTITY_MAX, circle};
use crate::collections::{PARTS, PRICE_CHANGES, parts, price_changes};
use crate::operations::find_part;
use crate::wit::parts::catalogue::{Error, Guest, InvalidField, NewPart, Page, PartChange, PartView, Price, PricePage};
use crate::wit::parts::events::PriceChanged;
use crate::wit::parts::records::{Part, PartState, PriceChange};
use crate::{Paged, Parts};

impl From<Broken> for Error {
    fn from((field, rule): Broken) -> Self {
        Self::Invalid(InvalidField { field: field.into(), rule: rule.into() })
    }
}

impl From<Paged<Part>> for Page {
    fn from(page: Paged<Part>) -> Self {
        Self { items: page.items, next: page.next }
    }
}

fn part(number: &str) -> Result<Part, Error> {
    find_part(number)?.ok_or(Error::NotFound)
}

/// The part for `command`, in the state it leads to and with the next version.
fn opened(number: &str, expected_version: u64, command: &str) -> Result<Part, Error> {
    let mut part = part(number)?;
    if part.version != expected_version {
        return Err(Error::Stale(part.version));
    }
    part.state = PART.after(part.state, command).map_err(Error::WrongState)?;
    part.version += 1;
    Ok(part)
}

fn kept(part: Part) -> Result<Part, Error> {
    PARTS.put(&part.id, &part)?;
    Ok(part)
}

impl Guest for Parts {
    fn get_part(number: String) -> Result<PartView, Error> {
        let part = part(&number)?;
        let open = PART.open_list(part.state);
        Ok(PartView { part, open })
    }

    fn get_price(number: String) -> Result<Price, Error> {
        let Part { id, name, grade, unit, price, state, superseded_by, .. } = part(&number)?;
        Ok(Price { part: id, name, grade, unit, price, state, superseded_by })
    }

    fn list_parts(state: Option<PartState>, page: Option<String>) -> Result<Page, Error> {
        let found = match state {
            Some(state) => PARTS.query(parts::BY_STATE).equal(&state).page(0, page.as_deref())?,
            None => PARTS.scan("", 0, page.as_deref())?,
        };
        Ok(found.into())
    }

    fn find_parts(text: String, page: Option<String>) -> Result<Page, Error> {
        let text = check::text("text", &text, 100)?;
        Ok(PARTS.search(parts::TEXT, text, 0, page.as_deref())?.into())
    }

    fn list_price_changes(number: String, page: Option<String>) -> Result<PricePage, Error> {
        let part = part(&number)?;
        let query = PRICE_CHANGES.query(price_changes::BY_PART).equal(&part.id).backward();
        let found = query.page(0, page.as_deref())?;
        Ok(PricePage { items: found.items, next: found.next })
    }

    fn add_part(part: NewPart) -> Result<Part, Error> {
        let id = check::code("number", &part.number)?;
        let name = check::text("name", &part.name, 200)?.to_owned();
        let brand = check::text("brand", &part.brand, 100)?.to_owned();
        let unit = check::text("unit", &part.unit, 20)?.to_owned();
        let price = check::number("price", part.price, PRICE_MAX)?;
        let minimum = check::number("minimum", part.minimum.unwrap_or(0), QUANTITY_MAX)?;
        if let Some(known) = PARTS.get(&id)? {
            return Err(Error::Exists(known.name));
        }
        let stamp = identity::stamp();
        kept(Part {
            id,
            version: 1,
            state: PartState::Active,
            name,
            brand,
            grade: part.grade,
            unit,
            price,
            minimum,
            superseded_by: None,
            created_at: stamp.at,
            created_by: stamp.by,
            department: stamp.department,
        })
    }

    fn change_part(number: String, expected_version: u64, change: PartChange) -> Result<Part, Error> {
        let mut part = opened(&number, expected_version, "change-part")?;
        if let Some(name) = check::optional("name", change.name.as_deref(), 200)? {
            part.name = name;
        }
        if let Some(brand) = check::optional("brand", change.brand.as_deref(), 100)? {
            part.brand = brand;
        }
        if let Some(minimum) = change.minimum {
            part.minimum = check::number("minimum", minimum, QUANTITY_MAX)?;
        }
        part.grade = change.grade.unwrap_or(part.grade);
        kept(part)
    }

    fn set_price(number: String, expected_version: u64, price: i64) -> Result<Part, Error> {
        let mut part = opened(&number, expected_version, "set-price")?;
        let (before, after) = (part.price, check::number("price", price, PRICE_MAX)?);
        let (id, at, by) = (ids::unique(), clock::now(), identity::caller().id);
        PRICE_CHANGES.put(&id, &PriceChange { id: id.clone(), part: part.id.clone(), before, after, at, by })?;
        events::publish(&part.id, &PriceChanged { part: part.id.clone(), before, after })?;
        part.price = price;
        kept(part)
    }

    fn supersede_part(number: String, expected_version: u64, replacement: String) -> Result<Part, Error> {
        let mut part = opened(&number, expected_version, "supersede-part")?;
        let replacement = find_part(&replacement)?.ok_or(Error::NotFound)?;
        if replacement.state == PartState::Withdrawn {
            return Err(Error::WrongState(replacement.state));
        }
        let next = |at: &str| -> Result<_, Error> { Ok(PARTS.get(at)?.and_then(|part| part.superseded_by)) };
        if let Some(way) = circle(&part.id, &replacement.id, next)? {
            return Err(Error::Circular(way));
        }
        part.superseded_by = Some(replacement.id);
        kept(part)
    }

    fn withdraw_part(number: String, expected_version: u64) -> Result<Part, Error> {
        kept(opened(&number, expected_version, "withdraw-part")?)
    }
}
