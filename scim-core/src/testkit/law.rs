//! The law of search, as a property test: a store finds what the predicate holds for, and nothing else.

mod population;
mod queries;
mod values;

use std::sync::Arc;

use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use serde_json::{Map, Value};

use self::population::{Population, population};
use self::queries::{Wish, of_groups, of_users};
use super::fixture::{everything, group_type, one, user_type};
use crate::Result;
use crate::filter::Needs;
use crate::query::{Page, Query};
use crate::resource::Resource;
use crate::schema::ResourceType;
use crate::store::{Store, Transaction, hydrate};

/// Sixteen cases of [`search_equals_matches`].
pub fn search_agrees_with_predicates<S: Store>(store: &S) {
    search_equals_matches(store, 16);
}

/// Fills the store with random users and groups and asks it random queries, `cases` times: what
/// [`Transaction::search`] finds must be, in order, number and `more`, what [`Query::page`] cuts out of
/// those resources for which [`Predicate::matches`](crate::filter::Predicate::matches) holds.
///
/// Whatever the store holds in the first of [`TENANTS`](super::TENANTS) is deleted.
pub fn search_equals_matches<S: Store>(store: &S, cases: u32) {
    let config =
        Config { cases, max_shrink_iters: 512, failure_persistence: None, ..Config::default() };
    let outcome =
        TestRunner::new(config).run(&(population(), of_users(40), of_groups(20)), |case| {
            clear(store).map_err(failed)?;
            let (population, of_users, of_groups) = case;
            fill(store, &population).map_err(failed)?;
            check(store, &user_type(), &population.users, &of_users)?;
            check(store, &group_type(), &population.groups, &of_groups)
        });
    clear(store).unwrap();
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, (population, ..))) => panic!("{reason}\n{population}"),
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(error: crate::Error) -> TestCaseError {
    TestCaseError::fail(format!("{error}, {:?}", std::error::Error::source(&error)))
}

fn clear<S: Store>(store: &S) -> Result<()> {
    store.write(&one(), |tx| {
        for kind in [group_type(), user_type()] {
            for resource in tx.search(&kind, &everything())?.resources {
                tx.delete(&resource)?;
            }
        }
        Ok(())
    })
}

fn fill<S: Store>(store: &S, population: &Population) -> Result<()> {
    store.write(&one(), |tx| {
        population
            .users
            .iter()
            .chain(&population.groups)
            .try_for_each(|resource| tx.insert(resource))?;
        for (group, members) in &population.members {
            tx.add_members(group, members)?;
        }
        Ok(())
    })
}

/// A resource and what predicates look at.
type Seen = (Resource, Map<String, Value>);

fn check<S: Store>(
    store: &S,
    kind: &Arc<ResourceType>,
    resources: &[Resource],
    wishes: &[Wish],
) -> std::result::Result<(), TestCaseError> {
    let all = Needs { members: true, groups: true };
    let seen = store.read(&one(), |tx| {
        // One by one: what a store finds of many at once is held against that.
        let mut see = |resource: &Resource| {
            let whole = hydrate(tx, std::slice::from_ref(resource), all)?;
            Ok(whole.into_iter().map(|whole| (resource.clone(), whole)).collect::<Vec<Seen>>())
        };
        let seen = resources.iter().map(&mut see).collect::<Result<Vec<_>>>()?;
        Ok(seen.concat())
    });
    let seen = seen.map_err(failed)?;
    for wish in wishes {
        let query = wish.query(kind, resources);
        let expected = summary(&expected(&query, &seen).map_err(failed)?);
        let found = store.read(&one(), |tx| tx.search(kind, &query)).map_err(failed)?;
        let found = summary(&found);
        if found != expected {
            return Err(difference(wish, &query, &found, &expected));
        }
    }
    Ok(())
}

fn expected(query: &Query, seen: &[Seen]) -> Result<Page> {
    let matches = |representation| match &query.predicate {
        None => true,
        Some(predicate) => predicate.matches(representation),
    };
    let matching = seen.iter().filter(|(_, representation)| matches(representation));
    query.page(matching.map(|(resource, _)| resource.clone()).collect())
}

type Summary = (usize, bool, Vec<(String, String)>);

fn summary(page: &Page) -> Summary {
    let brief = |r: &Resource| (r.id().as_str().to_owned(), r.text().to_owned());
    (page.total, page.more, page.resources.iter().map(brief).collect())
}

fn difference(wish: &Wish, query: &Query, found: &Summary, expected: &Summary) -> TestCaseError {
    let brief = |(total, more, resources): &Summary| {
        let ids: Vec<&str> = resources.iter().map(|(id, _)| id.as_str()).collect();
        format!("{ids:?} of {total}, more: {more}")
    };
    TestCaseError::fail(format!(
        "the search found {}\nbut should have found {}\nby {wish}\nas {query:?}",
        brief(found),
        brief(expected),
    ))
}
