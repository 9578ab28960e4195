//! Units of operations at work in a transaction.

use std::collections::HashSet;

use super::message::{Answer, Done};
use super::prepare::Prepared;
use crate::dialect::Dialect;
use crate::directory::Directory;
use crate::error::{Error, Kind, Result};
use crate::service::render::location;
use crate::service::write::Action;
use crate::service::{Call, Inner};
use crate::store::Transaction;

impl<S, D> Inner<S, D> {
    /// Runs one unit so that all of it happens or nothing.
    pub(super) fn run<T: Transaction>(
        &self,
        tx: &mut T,
        call: Call<'_>,
        unit: &[usize],
        prepared: &[Prepared],
        failed: &HashSet<String>,
        dialect: &mut Dialect,
    ) -> Vec<(usize, Answer)>
    where
        D: Directory<T>,
    {
        let mut broken = None;
        let done = tx.nested(|tx| {
            refuse_circle_of_groups(unit, prepared)?;
            // Groups come last: their members must be there.
            let mut unit = unit.to_vec();
            unit.sort_by_key(|i| prepared.get(*i).is_some_and(Prepared::is_of_group));
            let mut done = Vec::with_capacity(unit.len());
            for i in &unit {
                match self.run_one(tx, call, prepared.get(*i), failed, dialect) {
                    Ok(one) => done.push((*i, Answer { result: Ok(one) })),
                    Err(error) => {
                        broken = Some(*i);
                        return Err(error);
                    }
                }
            }
            Ok(done)
        });
        let error = match done {
            Ok(done) => return done,
            Err(error) => error,
        };
        let (kind, detail) = (error.kind(), error.detail().to_owned());
        let mut first = Some(error);
        unit.iter()
            .map(|i| {
                let own = broken.is_none_or(|broken| broken == *i);
                let error = first.take_if(|_| own).unwrap_or_else(|| {
                    let status = kind.status();
                    Error::new(
                        Kind::Conflict,
                        format!("An operation in the same circle of references failed ({status}: {detail})"),
                    )
                });
                (*i, Answer { result: Err(error) })
            })
            .collect()
    }

    fn run_one<T: Transaction>(
        &self,
        tx: &mut T,
        call: Call<'_>,
        prepared: Option<&Prepared>,
        failed: &HashSet<String>,
        dialect: &mut Dialect,
    ) -> Result<Done>
    where
        D: Directory<T>,
    {
        let Some(Prepared { write, references, .. }) = prepared else {
            return Err(Error::internal("an operation that was not prepared"));
        };
        let write = match write {
            Ok(write) => write,
            Err(refused) => return Err(Error::new(refused.kind(), refused.detail())),
        };
        if let Some(bulk_id) = references.iter().find(|bulk_id| failed.contains(*bulk_id)) {
            let detail = format!(
                "The operation with bulkId \"{bulk_id}\", which this one refers to, failed"
            );
            return Err(Error::new(Kind::Conflict, detail));
        }
        let resource = self.execute(tx, call, write, dialect)?.resource;
        let status = match &write.action {
            Action::Create(..) => 201,
            Action::Replace(_) | Action::Patch(_) => 200,
            Action::Delete => 204,
        };
        let version = (status != 204).then(|| resource.version());
        Ok(Done { status, location: location(call.links.base_url, &resource), version })
    }
}

/// Groups that are to hold each other from the start.
fn refuse_circle_of_groups(unit: &[usize], prepared: &[Prepared]) -> Result<()> {
    if unit.len() < 2 {
        return Ok(());
    }
    let groups = || unit.iter().filter_map(|i| prepared.get(*i)).filter(|p| p.is_of_group());
    let names: HashSet<&String> = groups().filter_map(|p| p.bulk_id.as_ref()).collect();
    match groups().flat_map(|p| &p.references).find(|id| names.contains(id)) {
        None => Ok(()),
        Some(id) => Err(Error::invalid_value(format!(
            "members: the group with bulkId \"{id}\" can't be a member: a group may not hold itself, \
             directly or through other groups"
        ))),
    }
}
