//! What an error undoes, and what it leaves.

use serde_json::json;

use super::fixture::{
    DAWN, EXTRA, add, assert_kind, assert_same, at, find, group, id, insert, member, one, revised,
    user, user_type,
};
use crate::event::Event;
use crate::resource::Resource;
use crate::store::{Store, Transaction};
use crate::{Error, Kind, Result};

/// `read` and `write` hand through what the closure returns.
pub fn results_and_errors_come_back<S: Store>(store: &S) {
    assert_eq!(store.read(&one(), |_| Ok(3)).unwrap(), 3);
    assert_eq!(store.write(&one(), |_| Ok("text")).unwrap(), "text");
    let refusal = || Error::new(Kind::Sensitive, "no");
    let errors =
        [store.read(&one(), |_| Err::<(), _>(refusal())), store.write(&one(), |_| Err(refusal()))];
    for error in errors.map(Result::unwrap_err) {
        assert_eq!((error.kind(), error.detail()), (Kind::Sensitive, "no"));
    }
}

/// The state before each of the undo cases: ann and bob in staff.
struct Before {
    ann: Resource,
    bob: Resource,
    staff: Resource,
}

impl Before {
    fn make<S: Store>(store: &S) -> Self {
        let ann = user("ann", json!({"displayName": "Ann", EXTRA: {"badge": "1"}}));
        let bob = user("bob", json!({}));
        let staff = group("staff", json!({}));
        insert(store, &one(), &[&ann, &bob, &staff]);
        add(store, &one(), &staff, &[&ann, &bob]);
        Self { ann, bob, staff }
    }

    /// One change of each sort.
    fn upset<T: Transaction>(&self, tx: &mut T) -> Result<()> {
        let new = revised(&self.ann, json!({"userName": "new", "displayName": "New"}));
        tx.update(&self.ann, &new)?;
        tx.delete(&self.bob)?;
        tx.insert(&user("eve", json!({"userName": "bob", EXTRA: {"badge": "1"}})))?;
        tx.add_members(self.staff.id(), &[member(&user("eve", json!({})))])?;
        tx.touch(self.staff.kind(), self.staff.id(), at(DAWN + 1))?;
        tx.append(&event("eve"))?;
        tx.remove_members(self.staff.id(), &[id("ann")])?;
        Ok(())
    }

    #[track_caller]
    fn assert_untouched<S: Store>(&self, store: &S) {
        for resource in [&self.ann, &self.bob, &self.staff] {
            assert_same(&find(store, &one(), resource).unwrap(), resource);
        }
        assert!(find(store, &one(), &user("eve", json!({}))).is_none());
        let members = store.read(&one(), |tx| tx.members(self.staff.id(), None, 10)).unwrap();
        assert_eq!(members, [member(&self.ann), member(&self.bob)]);
        // The unique values are as they were, too.
        for (name, badge) in [("ANN", "x"), ("Bob", "y"), ("z", "1")] {
            let other = user("other", json!({"userName": name, EXTRA: {"badge": badge}}));
            assert_kind(store.write(&one(), |tx| tx.insert(&other)), Kind::Uniqueness);
        }
        let free = user("free", json!({"userName": "new"}));
        insert(store, &one(), &[&free]);
    }
}

fn event(target: &str) -> Event {
    Event {
        id: id(&format!("event-{target}")),
        at: at(DAWN),
        name: "scim_user.created".into(),
        actor: "token".into(),
        request_id: "request".into(),
        target: id(target),
        detail: json!({"added": ["title"]}),
    }
}

/// An error from the closure leaves nothing of what it did.
pub fn an_error_undoes_the_whole_write<S: Store>(store: &S) {
    let before = Before::make(store);
    let outcome = store.write(&one(), |tx| {
        before.upset(tx)?;
        Err::<(), _>(Error::new(Kind::Forbidden, "no"))
    });
    assert_kind(outcome, Kind::Forbidden);
    before.assert_untouched(store);
}

/// `nested` undoes its own part, at any depth; what came before and after it stays.
pub fn an_error_in_nested_undoes_only_its_own<S: Store>(store: &S) {
    let before = Before::make(store);
    let outcome = store.write(&one(), |tx| {
        tx.insert(&user("first", json!({})))?;
        let refused = tx.nested(|tx| {
            tx.nested(|tx| before.upset(tx))?;
            assert!(tx.find(&user_type(), before.bob.id())?.is_none());
            Err::<(), _>(Error::new(Kind::Forbidden, "no"))
        });
        assert_kind(refused, Kind::Forbidden);
        assert!(tx.find(&user_type(), before.bob.id())?.is_some());
        tx.nested(|tx| {
            tx.insert(&user("second", json!({})))?;
            let inner = tx.nested(|tx| {
                tx.insert(&user("lost", json!({})))?;
                Err::<(), _>(Error::new(Kind::Conflict, "no"))
            });
            assert_kind(inner, Kind::Conflict);
            tx.insert(&user("third", json!({})))
        })?;
        tx.insert(&user("last", json!({})))
    });
    outcome.unwrap();
    before.assert_untouched(store);
    for name in ["first", "second", "third", "last"] {
        assert!(find(store, &one(), &user(name, json!({}))).is_some(), "{name}");
    }
    assert!(find(store, &one(), &user("lost", json!({}))).is_none());

    // The error of the whole write takes along what a nested part had finished.
    let outcome = store.write(&one(), |tx| {
        tx.nested(|tx| tx.insert(&user("late", json!({}))))?;
        Err::<(), _>(Error::new(Kind::Forbidden, "no"))
    });
    assert_kind(outcome, Kind::Forbidden);
    assert!(find(store, &one(), &user("late", json!({}))).is_none());
}

/// A value that is taken refuses its insert or update, not the transaction; nothing of it is written.
pub fn refused_values_leave_the_transaction_usable<S: Store>(store: &S) {
    let ann = user("ann", json!({EXTRA: {"badge": "1", "alias": "one"}}));
    let bob = user("bob", json!({}));
    insert(store, &one(), &[&ann, &bob]);
    let half = user("half", json!({"userName": "zed", EXTRA: {"badge": "9", "alias": "ONE"}}));
    let outcome = store.write(&one(), |tx| {
        tx.insert(&user("before", json!({})))?;
        assert_kind(tx.insert(&half), Kind::Uniqueness);
        assert!(tx.find(half.kind(), half.id())?.is_none());
        let taken = revised(&bob, json!({"userName": "zed", EXTRA: {"badge": "1"}}));
        assert_kind(tx.update(&bob, &taken), Kind::Uniqueness);
        assert_same(&tx.find(bob.kind(), bob.id())?.unwrap(), &bob);
        // The values of the refused ones that nobody holds are free.
        tx.insert(&user("after", json!({"userName": "zed", EXTRA: {"badge": "9"}})))
    });
    outcome.unwrap();
    assert_same(&find(store, &one(), &ann).unwrap(), &ann);
    assert_same(&find(store, &one(), &bob).unwrap(), &bob);
    assert!(find(store, &one(), &half).is_none());
    for name in ["before", "after"] {
        assert!(find(store, &one(), &user(name, json!({}))).is_some(), "{name}");
    }
}

/// Appending succeeds, with any detail. What became of it can't be asked of a [`Store`].
pub fn events_are_taken_with_the_change<S: Store>(store: &S) {
    let outcome = store.write(&one(), |tx| {
        tx.insert(&user("ann", json!({})))?;
        tx.append(&event("ann"))?;
        tx.append(&Event {
            id: id("event-2"),
            detail: json!({"text": "\"ß\" \\ % 😀", "list": [1, null]}),
            ..event("ann")
        })
    });
    outcome.unwrap();
}
