//! Two tables, row by row in the order of their keys.

use bytes::Bytes;

use crate::StorageError;
use crate::engine::RawRow;
use crate::keys::{self, Direction, RowRange, successor};
use crate::opening::{Meter, Told, Work};
use crate::shared::Table;
use crate::verify::records::name;
use crate::verify::{REMAKE, Verified};

/// Rows read at once.
const PAGE_ROWS: usize = 256;

/// The rows of a table, a page at a time.
pub(super) struct Rows<'a, T> {
    table: &'a T,
    from: Bytes,
    page: std::vec::IntoIter<RawRow>,
}

impl<'a, T: Table> Rows<'a, T> {
    pub(super) fn of(table: &'a T) -> Self {
        Self { table, from: keys::all_rows().from, page: Vec::new().into_iter() }
    }

    pub(super) fn next(&mut self) -> Result<Option<RawRow>, StorageError> {
        if self.page.as_slice().is_empty() {
            let range = RowRange { from: self.from.clone(), to: keys::all_rows().to };
            self.page = self.table.range(&range, Direction::Forward, PAGE_ROWS)?.into_iter();
        }
        let row = self.page.next();
        if let Some((key, _)) = &row {
            self.from = successor(key);
        }
        Ok(row)
    }
}

/// Holds the index against the table made from the log.
pub(super) fn tables<A: Table, B: Table>(
    truth: &A,
    index: &B,
    told: &Told,
    report: &mut Verified,
) -> Result<(), StorageError> {
    let total = report.records + report.entries + report.chunks;
    let mut meter = Meter::begin(told, Work::Comparing, total);
    let (mut rows, mut others) = (Rows::of(truth), Rows::of(index));
    let (mut row, mut other) = (rows.next()?, read(&mut others, report)?);
    loop {
        meter.at(report.compared, report.compared);
        let order = match (&row, &other) {
            (None, None) => return Ok(()),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some((key, _)), Some((found, _))) => key.cmp(found),
        };
        match (order, &row, &other) {
            (std::cmp::Ordering::Less, Some((key, _)), _) => {
                report.find(format!("the index lacks {}", name(key)), REMAKE);
            }
            (std::cmp::Ordering::Greater, _, Some((key, _))) => {
                report.find(format!("the index has {}, which the log has not", name(key)), REMAKE);
            }
            (_, Some((key, value)), Some((_, found))) if value != found => {
                report.find(format!("the index has another value of {} than the log", name(key)), REMAKE);
            }
            _ => report.compared += 1,
        }
        if order.is_le() {
            row = rows.next()?;
        }
        if order.is_ge() {
            other = read(&mut others, report)?;
        }
    }
}

/// An index that cannot be read further is a finding.
fn read<T: Table>(rows: &mut Rows<'_, T>, report: &mut Verified) -> Result<Option<RawRow>, StorageError> {
    match rows.next() {
        Err(StorageError::Index(error)) => {
            report.find(format!("the index cannot be read: {error}"), REMAKE);
            Err(StorageError::Index(error))
        }
        other => other,
    }
}
