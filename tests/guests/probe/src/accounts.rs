//! Amounts whose sum no transfer changes.

use forecourt_sdk::events;

use crate::collections::{ACCOUNTS, TRANSFERS};
use crate::wit::probe::accounts::{Error, Guest, Page, TransferPage};
use crate::wit::probe::events::Moved;
use crate::wit::probe::records::{Account, Transfer};
use crate::{PAGE_ROWS, Probe};

fn change(account: &str, amount: i64) -> Result<(), Error> {
    let mut account = ACCOUNTS.get(account)?.ok_or(Error::NotFound)?;
    if account.balance + amount < 0 {
        return Err(Error::Poor(account.balance));
    }
    account.balance += amount;
    account.moves += 1;
    Ok(ACCOUNTS.put(&account.id, &account)?)
}

impl Guest for Probe {
    fn open(account: String, balance: i64) -> Result<Account, Error> {
        let account = Account { id: account, balance, moves: 0 };
        ACCOUNTS.put(&account.id, &account)?;
        Ok(account)
    }

    fn pay(transfer: Transfer) -> Result<(), Error> {
        if TRANSFERS.get(&transfer.id)?.is_some() {
            return Err(Error::Made);
        }
        change(&transfer.target, transfer.amount)?;
        change(&transfer.source, -transfer.amount)?;
        TRANSFERS.put(&transfer.id, &transfer)?;
        Ok(events::publish(&transfer.id, &Moved { transfer: transfer.id.clone(), amount: transfer.amount })?)
    }

    fn list_accounts(page: Option<String>) -> Result<Page, Error> {
        let page = ACCOUNTS.scan("", PAGE_ROWS, page.as_deref())?;
        Ok(Page { items: page.items, next: page.next })
    }

    fn list_transfers(page: Option<String>) -> Result<TransferPage, Error> {
        let page = TRANSFERS.scan("", PAGE_ROWS, page.as_deref())?;
        Ok(TransferPage { items: page.items, next: page.next })
    }
}
