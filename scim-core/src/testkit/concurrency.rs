//! Many threads at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::json;

use super::fixture::{find, group, id, insert, member, one, replace, revised, user};
use crate::resource::Resource;
use crate::store::{Store, Transaction};
use crate::{Error, Kind, Result};

const THREADS: usize = 8;
const ROUNDS: usize = 50;

/// Repeats what the store is too busy for.
fn patiently<R>(mut attempt: impl FnMut() -> Result<R>) -> Result<R> {
    loop {
        match attempt() {
            Err(error) if error.kind() == Kind::Busy => thread::yield_now(),
            outcome => return outcome,
        }
    }
}

fn count(resource: &Resource) -> usize {
    let title = resource.document().unwrap().get("title").and_then(|title| title.as_str());
    title.map_or(0, |title| title.parse().unwrap())
}

fn counting(old: &Resource, count: usize) -> Resource {
    revised(old, json!({"userName": old.id().as_str(), "title": count.to_string()}))
}

/// Eight threads count to fifty each, on a state read in another transaction: refused ones try again,
/// and none is lost.
pub fn compare_and_set_loses_no_update<S: Store>(store: &S) {
    let counter = user("counter", json!({}));
    insert(store, &one(), &[&counter]);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..ROUNDS {
                    loop {
                        let old = patiently(|| {
                            store.read(&one(), |tx| tx.find(counter.kind(), counter.id()))
                        });
                        let old = old.unwrap().unwrap();
                        let new = counting(&old, count(&old) + 1);
                        match patiently(|| store.write(&one(), |tx| tx.update(&old, &new))) {
                            Ok(()) => break,
                            Err(error) => assert_eq!(error.kind(), Kind::PreconditionFailed),
                        }
                    }
                }
            });
        }
    });
    let last = find(store, &one(), &counter).unwrap();
    assert_eq!(count(&last), THREADS * ROUNDS);
    assert_eq!(last.version().0, (THREADS * ROUNDS) as u64 + 1);
}

/// Members that come at the same time are all there, and each addition counts in the version.
pub fn adding_from_many_threads_keeps_all<S: Store>(store: &S) {
    const EACH: usize = 10;
    let staff = group("staff", json!({}));
    let users: Vec<Resource> =
        (0..THREADS * EACH).map(|i| user(&format!("u{i:03}"), json!({}))).collect();
    insert(store, &one(), &[&staff]);
    insert(store, &one(), &users.iter().collect::<Vec<_>>());
    thread::scope(|scope| {
        for part in users.chunks(EACH) {
            let staff = &staff;
            scope.spawn(move || {
                for user in part {
                    let added = patiently(|| {
                        store.write(&one(), |tx| {
                            let added = tx.add_members(staff.id(), &[member(user)])?;
                            tx.touch(staff.kind(), staff.id(), user.modified())?;
                            Ok(added)
                        })
                    });
                    assert_eq!(added.unwrap(), [user.id().clone()]);
                }
            });
        }
    });
    let members = store.read(&one(), |tx| tx.members(staff.id(), None, 1000)).unwrap();
    assert_eq!(members, users.iter().map(member).collect::<Vec<_>>());
    let version = find(store, &one(), &staff).unwrap().version();
    assert_eq!(version.0, users.len() as u64 + 1);
}

/// Two resources that are always written together are never read apart, nor is what was undone.
pub fn readers_see_committed_states_only<S: Store>(store: &S) {
    let (left, right) = (user("left", json!({})), user("right", json!({})));
    insert(store, &one(), &[&left, &right]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut last = 0;
                while !done.load(Ordering::Acquire) {
                    let counts = patiently(|| {
                        store.read(&one(), |tx| {
                            let left = tx.find(left.kind(), left.id())?.unwrap();
                            let right = tx.find(right.kind(), right.id())?.unwrap();
                            Ok((count(&left), count(&right)))
                        })
                    });
                    let (a, b) = counts.unwrap();
                    assert_eq!(a, b, "read between two writes of one transaction");
                    assert_ne!(a % 2, 1, "read what was undone");
                    assert!(a >= last, "what was committed before the read began is seen");
                    last = a;
                }
            });
        }
        scope.spawn(|| {
            // The readers end even where this thread fails.
            let _done = OnDrop(&done);
            for round in 1..=ROUNDS {
                let outcome = patiently(|| {
                    store.write(&one(), |tx| {
                        for resource in [&left, &right] {
                            let old = tx.find(resource.kind(), resource.id())?.unwrap();
                            tx.update(&old, &counting(&old, round))?;
                        }
                        if round % 2 == 1 {
                            return Err(Error::new(Kind::Forbidden, "odd"));
                        }
                        Ok(())
                    })
                });
                assert_eq!(outcome.is_err(), round % 2 == 1);
            }
        });
    });
}

struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// A read transaction goes on seeing what it saw first, whatever is committed meanwhile.
pub fn snapshots_hold_still<S: Store>(store: &S) {
    let ann = user("ann", json!({}));
    insert(store, &one(), &[&ann]);
    let begun = &AtomicBool::new(false);
    thread::scope(|scope| {
        let new = counting(&ann, 1);
        let writer = scope.spawn(move || {
            while !begun.load(Ordering::Acquire) {
                thread::yield_now();
            }
            patiently(|| replace(store, &one(), &new))
        });
        let seen = store.read(&one(), |tx| {
            let first = tx.find(ann.kind(), ann.id())?;
            begun.store(true, Ordering::Release);
            thread::sleep(std::time::Duration::from_millis(50));
            let again = tx.identify(&[id("ann")])?;
            Ok((first, tx.find(ann.kind(), ann.id())?, again))
        });
        let _end = OnDrop(begun);
        let (first, second, again) = seen.unwrap();
        assert_eq!(count(&first.unwrap()), 0);
        assert_eq!(count(&second.unwrap()), 0);
        assert_eq!(again.len(), 1);
        writer.join().unwrap().unwrap();
    });
    assert_eq!(count(&find(store, &one(), &ann).unwrap()), 1);
}
