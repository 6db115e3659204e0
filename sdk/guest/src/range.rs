//! Ranges of an index.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::collection::{all_pages, page_of};
use crate::private::wit::forecourt::kernel::storage::{self, Bound, Direction, IndexRange, Scalar};
use crate::{KernelError, Page};

/// An index of a collection of `T`. `plugin!` writes one constant for each.
#[derive(Debug)]
pub struct Index<T> {
    name: &'static str,
    record: PhantomData<fn() -> T>,
}

impl<T> Clone for Index<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Index<T> {}

impl<T> Index<T> {
    /// The index with this name in the manifest.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, record: PhantomData }
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }
}

/// Which entries of an index, in which order. A value may be of any type that is a single JSON scalar: a number, text, an enum of
/// the WIT, an option of these.
#[derive(Debug)]
pub struct Query<T> {
    collection: &'static str,
    index: Index<T>,
    range: Result<IndexRange, KernelError>,
    direction: Direction,
}

impl<T: DeserializeOwned> Query<T> {
    pub(crate) fn new(collection: &'static str, index: Index<T>) -> Self {
        let range = IndexRange { equal: Vec::new(), lower: Bound::Open, upper: Bound::Open };
        Self { collection, index, range: Ok(range), direction: Direction::Forward }
    }

    fn narrow<V: Serialize>(mut self, value: &V, apply: impl FnOnce(&mut IndexRange, Scalar)) -> Self {
        self.range = self.range.and_then(|mut range| {
            apply(&mut range, scalar(value)?);
            Ok(range)
        });
        self
    }

    /// The index's next field equals `value`.
    #[must_use]
    pub fn equal<V: Serialize>(self, value: &V) -> Self {
        self.narrow(value, |range, value| range.equal.push(value))
    }

    /// The field behind the equal ones is at least `value`.
    #[must_use]
    pub fn from<V: Serialize>(self, value: &V) -> Self {
        self.narrow(value, |range, value| range.lower = Bound::Inclusive(value))
    }

    /// The field behind the equal ones is greater than `value`.
    #[must_use]
    pub fn after<V: Serialize>(self, value: &V) -> Self {
        self.narrow(value, |range, value| range.lower = Bound::Exclusive(value))
    }

    /// The field behind the equal ones is less than `value`.
    #[must_use]
    pub fn before<V: Serialize>(self, value: &V) -> Self {
        self.narrow(value, |range, value| range.upper = Bound::Exclusive(value))
    }

    /// The field behind the equal ones is at most `value`.
    #[must_use]
    pub fn up_to<V: Serialize>(self, value: &V) -> Self {
        self.narrow(value, |range, value| range.upper = Bound::Inclusive(value))
    }

    /// The greatest first.
    #[must_use]
    pub fn backward(mut self) -> Self {
        self.direction = Direction::Backward;
        self
    }

    /// One page. `limit` is 1 to 200; 0 means 50.
    ///
    /// # Errors
    /// [`KernelError`] where the kernel refuses the range or the token, or a record is not a `T`.
    pub fn page(&self, limit: u32, page: Option<&str>) -> Result<Page<T>, KernelError> {
        let range = self.range.as_ref().map_err(Clone::clone)?;
        page_of(storage::query(self.collection, self.index.name(), range, self.direction, limit, page)?)
    }

    /// All of them. The kernel's limit of rows in one call bounds it.
    ///
    /// # Errors
    /// As [`Query::page`].
    pub fn all(&self) -> Result<Vec<T>, KernelError> {
        all_pages(|page| self.page(200, page))
    }

    /// The first one.
    ///
    /// # Errors
    /// As [`Query::page`].
    pub fn first(&self) -> Result<Option<T>, KernelError> {
        Ok(self.page(1, None)?.items.into_iter().next())
    }
}

fn scalar<V: Serialize>(value: &V) -> Result<Scalar, KernelError> {
    match serde_json::to_value(value)? {
        Value::Null => Ok(Scalar::None),
        Value::Bool(flag) => Ok(Scalar::Flag(flag)),
        Value::String(text) => Ok(Scalar::Text(text)),
        Value::Number(number) => number.as_i64().map(Scalar::Number).ok_or_else(no_scalar),
        Value::Array(_) | Value::Object(_) => Err(no_scalar()),
    }
}

/// The value is not shown: printing JSON would carry the formatting of floating-point numbers into every plugin.
fn no_scalar() -> KernelError {
    KernelError::Json("a value of an index range is no scalar".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum State {
        WaitingParts,
    }

    #[test]
    fn scalars_are_what_the_kernel_reads_from_a_records_json() {
        assert!(matches!(scalar(&State::WaitingParts), Ok(Scalar::Text(text)) if text == "waiting_parts"));
        assert!(matches!(scalar(&Some(7u32)), Ok(Scalar::Number(7))));
        assert!(matches!(scalar(&None::<i64>), Ok(Scalar::None)));
        assert!(matches!(scalar(&true), Ok(Scalar::Flag(true))));
        assert!(scalar(&vec![1]).is_err());
        assert!(scalar(&u64::MAX).is_err());
    }

    #[test]
    fn a_value_that_is_no_scalar_is_an_error_of_the_query_and_not_a_wider_range() {
        let query = Query::<Value>::new("orders", Index::new("by-state")).equal(&vec![1]).from(&3);
        assert!(matches!(query.range, Err(KernelError::Json(_))));
    }
}
