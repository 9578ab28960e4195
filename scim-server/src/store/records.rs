//! Organizations, accounts and memberships on the database: [`Records`](scim_core::org::Records), a file each kind, with
//! its rows.

/// Changes the row of that key, or adds it. (`ON CONFLICT` is not to be had over several backends.)
macro_rules! put {
    ($tx:ident, $table:path, $key:expr, $row:expr) => {{
        let row = $row;
        let changed =
            diesel::update($table.find($key)).set(&row).execute($tx.conn()?).map_err(of)?;
        if changed == 0 {
            diesel::insert_into($table).values(&row).execute($tx.conn()?).map_err(of)?;
        }
        Ok(())
    }};
}

pub(super) mod domains;
pub(super) mod grants;
mod groups;
mod links;
pub(super) mod organizations;
pub(super) mod people;
mod teams;

use diesel::QueryResult;
use jiff::Timestamp;
use scim_core::store::Tenant;
use scim_core::{Error, Result};

use super::error::of;
use super::locks::Hold;
use super::transaction::DieselTransaction;

fn all<Row, Record>(rows: QueryResult<Vec<Row>>) -> Result<Vec<Record>>
where
    Record: TryFrom<Row, Error = Error>,
{
    rows.map_err(of)?.into_iter().map(Record::try_from).collect()
}

/// The row of a key. Asked for by `load`: `first` binds a limit, and SQLite plans anew for each one that is bound.
fn one<Row, Record>(rows: QueryResult<Vec<Row>>) -> Result<Option<Record>>
where
    Record: TryFrom<Row, Error = Error>,
{
    rows.map_err(of)?.into_iter().next().map(Record::try_from).transpose()
}

fn from<T: AsRef<str>>(after: Option<T>) -> String {
    after.map(|after| after.as_ref().to_owned()).unwrap_or_default()
}

fn time(ms: i64) -> Result<Timestamp> {
    Timestamp::from_millisecond(ms).map_err(Error::internal)
}

fn optional_time(ms: Option<i64>) -> Result<Option<Timestamp>> {
    ms.map(time).transpose()
}

fn millisecond(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::as_millisecond)
}

pub(super) fn word<T: std::str::FromStr<Err = String>>(text: &str) -> Result<T> {
    text.parse().map_err(|e: String| Error::internal(e))
}

impl DieselTransaction<'_> {
    /// What is found without knowing whose it is: looked up again once the organizations are entered that
    /// it belongs to.
    fn entered<T: PartialEq>(
        &mut self,
        find: impl Fn(&mut Self) -> Result<T>,
        owners: impl Fn(&T) -> Vec<Tenant>,
    ) -> Result<T> {
        let mut found = find(self)?;
        if !matches!(self.hold, Hold::Entered(_)) {
            return Ok(found);
        }
        loop {
            for owner in owners(&found) {
                self.enter(&owner)?;
            }
            let again = find(self)?;
            if again == found {
                return Ok(found);
            }
            found = again;
        }
    }
}
