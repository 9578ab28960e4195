//! Names of statements. The statements are where they are used.

use std::marker::PhantomData;

/// The name of a statement that is run often. All that have it say the same on SQLite, which finds the prepared one
/// by it rather than by a text made anew. Tests compare the texts.
pub(in crate::store) trait Name: 'static {
    /// Whether it is one.
    const IS_ONE: bool = true;
}

/// For statements without a name.
#[derive(Debug)]
pub(in crate::store) struct Nameless;

impl Name for Nameless {
    const IS_ONE: bool = false;
}

/// A name for each number of rows.
#[derive(Debug)]
pub(in crate::store) struct Numbered<K, const N: usize>(PhantomData<K>);

impl<K: Name, const N: usize> Name for Numbered<K, N> {}

/// Declares names.
macro_rules! names {
    ($($name:ident),+ $(,)?) => {$(
        #[derive(Debug)]
        pub(in crate::store) struct $name;
        impl Name for $name {}
    )+};
}

names!(TakeUnique, InsertKeys, InsertEvents, Count, InsertRow, UpdateRow, Find);
names!(IsMember, GroupsOf, Organization, Claims, Account, PutAccount, Binding, Bindings);
names!(PutBinding, AccountByKey, Grants, Changes, Setting, Token, Begin, BeginToWrite, Commit);
names!(Save, Release, Undo, DataVersion, ByUnique, ByKey, Person, GrantsOf, AllGrants, Role);
names!(EndSessions, RemoveBinding, ReleaseUnique, DeleteKey, DeleteRow, DeleteMembers, LeaveAll);
names!(AddMember, RemoveMember, Relabel, Touch, Identity, Roles);
