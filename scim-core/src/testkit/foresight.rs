//! What a store finds before it is asked for is what it would have found when asked.

use serde_json::json;

use super::fixture::{
    DAWN, EXTRA, add, at, group, group_type, id, ids, insert, member, one, revised, user, user_type,
};
use crate::filter::{Filter, Options, Predicate};
use crate::query::{Query, Window};
use crate::resource::Id;
use crate::store::{Foresight, Store, Transaction};
use crate::{Error, Kind, Result};

fn by(filter: &str, count: usize) -> Query {
    let filter = Filter::parse(filter, Options::default()).unwrap();
    let mut dialect = crate::dialect::Dialect::default();
    let predicate = Predicate::resolve(&filter, &user_type(), &mut dialect).unwrap();
    Query { predicate: Some(predicate), sort: None, window: Window::Offset { offset: 0, count } }
}

/// What `f` says in a read, and in a write that is undone.
fn said<S: Store, D: std::fmt::Debug>(
    store: &S,
    foresight: Option<&Foresight<'_>>,
    f: impl Fn(&mut S::Tx<'_>) -> Result<D>,
) -> String {
    let mut said = None;
    let undone: Result<()> = store.write(&one(), |tx| {
        if let Some(foresight) = foresight {
            tx.foresee(foresight)?;
        }
        said = Some(f(tx).map(|found| format!("{found:?}"))?);
        Err(Error::new(Kind::Sensitive, "undone"))
    });
    assert_eq!(undone.unwrap_err().kind(), Kind::Sensitive);
    said.unwrap()
}

/// Looking ahead changes no answer: neither of what was looked for, nor of anything else, nor after a
/// change in the same transaction.
pub fn what_is_foreseen_is_told_as_it_is<S: Store>(store: &S) {
    let shared = json!({"externalId": "same", "displayName": "L\u{ed}ne \\n \"q\""});
    let (ann, bob) = (user("ann", shared.clone()), user("bob", shared));
    let (eve, staff) = (user("eve", json!({})), group("staff", json!({})));
    let (board, all) = (group("board", json!({"displayName": "B \" \\"})), group("all", json!({})));
    insert(store, &one(), &[&ann, &bob, &eve, &staff, &board, &all]);
    add(store, &one(), &staff, &[&ann, &bob]);
    add(store, &one(), &board, &[&bob]);
    add(store, &one(), &all, &[&board]);
    let (users, groups) = (user_type(), group_type());

    for name in ["ann", "bob", "eve", "nobody", "staff"] {
        for with_groups in [true, false] {
            let (kind, id) = (&users, &id(name));
            let foresight = Foresight::Resource { kind, id, groups: with_groups };
            let read = |foresight: Option<&Foresight<'_>>| {
                let found = store.read(&one(), |tx| {
                    if let Some(foresight) = foresight {
                        tx.foresee(foresight)?;
                    }
                    Ok((
                        tx.find(kind, id)?.map(|r| (r.version(), r.text().to_owned())),
                        tx.groups_of(std::slice::from_ref(id))?,
                        tx.find(kind, id)?.is_some(),
                        tx.find(&groups, id)?.is_some(),
                        tx.groups_of(&["ann", "bob"].map(super::fixture::id))?,
                    ))
                });
                format!("{:?}", found.unwrap())
            };
            assert_eq!(read(Some(&foresight)), read(None), "{name}");
            let changed = |foresight: Option<&Foresight<'_>>| {
                said(store, foresight, |tx: &mut S::Tx<'_>| {
                    let Some(old) = tx.find(kind, id)? else { return Ok(None) };
                    tx.add_members(board.id(), &[member(&old)])?;
                    let held = tx.groups_of(std::slice::from_ref(id))?;
                    let new = revised(&old, json!({"userName": name, "displayName": "New"}));
                    tx.update(&old, &new)?;
                    let again = tx.find(kind, id)?.map(|r| r.text().to_owned());
                    let listed = tx.members(board.id(), None, 9)?;
                    tx.delete(&new)?;
                    let gone = tx.find(kind, id)?.is_none();
                    Ok(Some((held, again, listed, gone, tx.groups_of(std::slice::from_ref(id))?)))
                })
            };
            assert_eq!(changed(Some(&foresight)), changed(None), "{name}");
        }
    }

    for filter in [
        "userName eq \"ANN\"",
        "userName eq \"nobody\"",
        "externalId eq \"same\"",
        "userName sw \"\u{61}\"",
        "title eq \"none\"",
    ] {
        for count in [0, 1, 2, 50] {
            let (kind, query) = (&users, &by(filter, count));
            let foresight = Foresight::Search { kind, query, groups: true };
            let read = |foresight: Option<&Foresight<'_>>| {
                store
                    .read(&one(), |tx| {
                        if let Some(foresight) = foresight {
                            tx.foresee(foresight)?;
                        }
                        let page = tx.search(kind, query)?;
                        let found: Vec<Id> =
                            page.resources.iter().map(|r| r.id().clone()).collect();
                        let names = format!("{:?}", ids(&page));
                        Ok((page.total, page.more, names, tx.groups_of(&found)?))
                    })
                    .unwrap()
            };
            assert_eq!(read(Some(&foresight)), read(None), "{filter} {count}");
        }
    }

    for names in
        [vec!["eve"], vec!["ann"], vec!["ann", "eve"], vec!["nobody"], vec!["board", "eve"]]
    {
        let named: Vec<Id> = names.iter().map(|name| id(name)).collect();
        let foresight = Foresight::Members { kind: &groups, group: staff.id(), members: &named };
        for removes in [false, true] {
            let changed = |foresight: Option<&Foresight<'_>>| {
                said(store, foresight, |tx: &mut S::Tx<'_>| {
                    let there = tx.find(&groups, staff.id())?.map(|r| r.version());
                    let mut moved = if removes {
                        tx.remove_members(staff.id(), &named)?
                    } else {
                        let mut known = tx.identify(&named)?;
                        known.sort_by(|a, b| a.id.cmp(&b.id));
                        let members: Vec<_> = known
                            .into_iter()
                            .map(|i| crate::store::Member {
                                id: i.id,
                                kind: i.kind,
                                display: i.label,
                            })
                            .collect();
                        tx.add_members(staff.id(), &members)?
                    };
                    moved.sort();
                    let version = tx.touch(&groups, staff.id(), at(DAWN + 5))?;
                    let listed = tx.members(staff.id(), None, 9)?;
                    let mut back =
                        if removes { Vec::new() } else { tx.remove_members(staff.id(), &moved)? };
                    back.sort();
                    Ok((there, moved, version, listed, tx.groups_of(&named)?, back))
                })
            };
            assert_eq!(changed(Some(&foresight)), changed(None), "{names:?} {removes}");
        }
    }

    for (name, badge) in [("free", "1"), ("ann", "1"), ("ANN", "2")] {
        let new = user(&format!("new-{badge}"), json!({"userName": name, EXTRA: {"badge": badge}}));
        let document = new.document().unwrap();
        let foresight = Foresight::New { kind: &users, document };
        let made = |foresight: Option<&Foresight<'_>>| {
            said(store, foresight, |tx: &mut S::Tx<'_>| {
                let first = tx.insert(&new).map_err(|e| e.kind());
                let twin = user("twin", json!({"userName": name}));
                let second = tx.insert(&twin).map_err(|e| e.kind());
                let page = tx.search(&users, &by(&format!("userName eq \"{name}\""), 9))?;
                Ok((
                    first,
                    second,
                    format!("{:?}", ids(&page)),
                    tx.find(&users, new.id())?.is_some(),
                ))
            })
        };
        assert_eq!(made(Some(&foresight)), made(None), "{name}");
    }
}
