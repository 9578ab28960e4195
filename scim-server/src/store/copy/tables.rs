//! The tables, as copying takes them: their columns, those of the primary key first.

use Kind::{Boolean, Integer, Text};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Integer,
    Boolean,
}

#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, Kind)],
    /// How many of the columns are the primary key.
    pub(super) key: usize,
}

macro_rules! tables {
    ($($name:literal $key:literal: $($column:literal $kind:ident),+;)+) => {
        pub(super) const TABLES: &[Table] =
            &[$(Table { name: $name, columns: &[$(($column, $kind)),+], key: $key }),+];
    };
}

tables! {
    "settings" 1: "name" Text, "value" Text;
    "organizations" 1: "id" Text, "name" Text, "domains" Text, "created" Integer, "kind" Text,
        "plan" Text, "admin" Text, "scim_name" Text, "scim_key" Text, "linked" Integer,
        "linked_by" Text, "require_approval" Boolean, "adoption" Text, "membership" Text;
    "tokens" 2: "org" Text, "id" Text, "digest" Text, "hint" Text, "preset" Text, "scopes" Text,
        "user_id" Text, "created" Integer, "expires" Integer, "revoked" Integer,
        "last_used" Integer;
    "resources" 3: "org" Text, "kind" Text, "id" Text, "version" Integer, "created" Integer,
        "modified" Integer, "label" Text, "body" Text, "secrets" Text;
    "resource_counts" 3: "org" Text, "kind" Text, "part" Integer, "n" Integer;
    "unique_keys" 4: "org" Text, "kind" Text, "attr" Text, "key" Text, "id" Text;
    "attribute_keys" 5: "org" Text, "kind" Text, "attr" Text, "key" Text, "id" Text;
    "members" 3: "org" Text, "group_id" Text, "member_id" Text, "kind" Text, "display" Text;
    "group_names" 2: "org" Text, "key" Text, "group_id" Text;
    "accounts" 1: "id" Text, "email" Text, "key" Text, "name" Text, "password" Text,
        "created" Integer;
    "bindings" 2: "org" Text, "user_id" Text, "account_id" Text, "active" Boolean,
        "detached" Boolean;
    "grants" 3: "org" Text, "account_id" Text, "source" Text, "note" Text, "suspended" Boolean,
        "since" Integer;
    "roles" 2: "org" Text, "account_id" Text, "role" Text;
    "link_codes" 2: "org" Text, "id" Text, "digest" Text, "hint" Text, "note" Text,
        "intended" Text, "created" Integer, "created_by" Text, "expires" Integer, "state" Text,
        "redeemed_by" Text, "ended" Integer;
    "link_requests" 1: "org" Text, "id" Text, "admin" Text, "code_id" Text, "scim_name" Text,
        "created" Integer, "created_by" Text, "expires" Integer;
    "domains" 2: "org" Text, "id" Text, "name" Text, "token" Text, "state" Text,
        "created" Integer, "verified" Integer, "checked" Integer, "missing" Integer;
    "sso_settings" 1: "org" Text, "body" Text;
    "teams" 2: "org" Text, "id" Text, "name" Text, "key" Text, "group_id" Text,
        "adopted" Boolean, "created" Integer;
    "team_members" 3: "org" Text, "team_id" Text, "account_id" Text, "taken_out" Boolean;
    "credentials" 1: "id" Text, "kind" Text, "account_id" Text, "digest" Text, "hint" Text,
        "note" Text, "created" Integer, "expires" Integer, "revoked" Integer;
    "attempts" 3: "subject" Text, "at" Integer, "id" Text;
    "idempotency_keys" 2: "caller" Text, "key" Text, "request" Text, "status" Integer,
        "body" Text, "created" Integer;
    "events" 2: "org" Text, "id" Text, "at" Integer, "name" Text, "actor" Text,
        "request_id" Text, "target" Text, "detail" Text;
}
