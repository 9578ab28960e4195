//! Accounts: the one of an address, and whether somebody may sign in.

use super::new_id;
use crate::error::Result;
use crate::org::{Account, Cause, EmailAddress, Records, claims};

/// The account known by an address, made if there is none: how people are added by hand.
///
/// # Errors
/// From the storage.
pub fn account_for<R: Records>(
    tx: &mut R,
    email: &EmailAddress,
    cause: &Cause<'_>,
) -> Result<Account> {
    if let Some(account) = tx.account_known_by(email.key())? {
        return Ok(account);
    }
    let account = Account::new(new_id("acc", cause)?, cause.now).known_by(email);
    tx.put_account(&account)?;
    Ok(account)
}

/// Whether a person may sign in: the account is known by an address, and the directory that decides about
/// it has not set it aside. A user deleted there left no trace but an account without a password.
///
/// # Errors
/// From the storage.
pub fn may_sign_in<R: Records>(tx: &mut R, account: &Account) -> Result<bool> {
    let Some(Ok(email)) = account.key.as_deref().map(EmailAddress::parse) else {
        return Ok(false);
    };
    let Some(authority) = claims::authority(tx, email.domain())? else { return Ok(true) };
    let bindings = tx.bindings_of(&account.id)?;
    let user = bindings.iter().find(|binding| binding.org == authority);
    Ok(user.map_or(account.password.is_some(), |user| user.active))
}
