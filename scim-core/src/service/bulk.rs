//! Bulk requests (RFC 7644 §3.7).
//!
//! Each POST gets its id before anything runs, so that `bulkId` references become ids at once, in any
//! order and in circles. Each operation is atomic; those that refer to each other in a circle are so
//! together. Operations are committed in batches, before the answer is sent.

mod graph;
mod message;
mod prepare;
mod references;
mod run;

use std::collections::HashSet;

use self::graph::units;
use self::message::{Answer, parse, response};
use self::prepare::{dependencies, refuse_twins};
use super::{Call, Service, body};
use crate::dialect::Dialect;
use crate::directory::Directory;
use crate::error::{Error, Kind, Result};
use crate::http::{Request, Response};
use crate::store::{Store, Transaction as _};

/// Operations in one transaction: other writers wait no longer than these take.
const BATCH: usize = 100;

impl<S: Store, D> Service<S, D>
where
    D: for<'a> Directory<S::Tx<'a>>,
{
    pub(super) fn bulk(
        &self,
        call: Call<'_>,
        request: &Request<'_>,
        dialect: &mut Dialect,
    ) -> Result<Response> {
        if !call.caller.scopes.bulk {
            let detail = "This token may not send bulk requests; its scopes lack \"bulk\"";
            return Err(Error::new(Kind::Forbidden, detail));
        }
        let settings = &self.0.settings;
        if request.body.len() > settings.max_bulk_payload {
            let detail = format!(
                "A bulk request may be {} bytes large; this one is {}",
                settings.max_bulk_payload,
                request.body.len()
            );
            return Err(Error::new(Kind::PayloadTooLarge, detail));
        }
        let (mut operations, stop_after) = parse(body(request)?, dialect)?;
        if operations.len() > settings.max_bulk_operations {
            let detail = format!(
                "A bulk request may have {} operations; this one has {}",
                settings.max_bulk_operations,
                operations.len()
            );
            return Err(Error::new(Kind::PayloadTooLarge, detail));
        }
        refuse_twins(&operations)?;
        let ids = self.0.preassign(&operations);
        let prepared: Vec<_> =
            operations.iter_mut().map(|op| self.0.prepare(call, op, &ids, dialect)).collect();
        let units = units(&dependencies(&operations, &prepared));
        let mut answers: Vec<Option<Answer>> = operations.iter().map(|_| None).collect();
        let mut failed = HashSet::new();
        let mut errors = 0;
        let mut broken = None;
        for (n, batch) in units.chunks(BATCH).enumerate() {
            // The closure may run again: what it decides goes into fresh values each time.
            let done = self.change(call.caller, None, |tx| {
                // Two bulk requests with the same resources in another order would wait for each other.
                tx.alone()?;
                let (mut said, mut failures) = (Vec::new(), failed.clone());
                for unit in batch {
                    let so_far = errors + count_errors(&said);
                    if stop_after.is_some_and(|most| so_far >= most) {
                        break;
                    }
                    let results = self.0.run(tx, call, unit, &prepared, &failures, dialect);
                    for (i, answer) in results {
                        if let (Err(_), Some(Some(id))) =
                            (&answer.result, operations.get(i).map(|op| op.bulk_id.clone()))
                        {
                            failures.insert(id);
                        }
                        said.push((i, answer));
                    }
                }
                Ok((said, failures))
            });
            let (said, failures) = match done {
                Ok(done) => done,
                Err(error) if n == 0 => return Err(error),
                // What was committed before is told, and what was not reached.
                Err(error) => {
                    let here: HashSet<usize> = batch.iter().flatten().copied().collect();
                    for (i, place) in answers.iter_mut().enumerate().filter(|(_, a)| a.is_none()) {
                        let so =
                            if here.contains(&i) { "" } else { "; this operation was not reached" };
                        let said = Error::new(error.kind(), format!("{}{so}", error.detail()));
                        *place = Some(Answer { result: Err(said) });
                    }
                    broken = Some(error);
                    break;
                }
            };
            failed = failures;
            errors += count_errors(&said);
            for (i, answer) in said {
                if let Some(place) = answers.get_mut(i) {
                    *place = Some(answer);
                }
            }
            if stop_after.is_some_and(|most| errors >= most) {
                break;
            }
        }
        let answers: Vec<_> =
            operations.iter().zip(answers).filter_map(|(op, answer)| Some((op, answer?))).collect();
        let message = response(&answers, |op| self.0.place_of(call, op, &ids, &failed));
        // The log is told of what went wrong on this side.
        let own =
            |(_, answer): (_, Answer)| answer.result.err().filter(|e| e.kind().status() >= 500);
        let error = broken.or_else(|| answers.into_iter().find_map(own));
        Ok(Response { error, ..Response::message(200, message.to_string().into_bytes()) })
    }
}

fn count_errors(said: &[(usize, Answer)]) -> usize {
    said.iter().filter(|(_, answer)| answer.result.is_err()).count()
}
