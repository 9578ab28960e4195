//! The conformance suite for stores (feature `testkit`).
//!
//! A [`Store`](crate::Store) of your own is one if it passes. [`store_suite!`](crate::store_suite) makes
//! one `#[test]` of each case, on a fresh store each:
//!
//! ```
//! scim_core::store_suite!(memory, scim_core::store::memory::MemoryStore::new());
//! ```
//!
//! Where something must outlive the store (a temporary directory, say), bind it first:
//!
//! ```
//! # use scim_core::store::memory::MemoryStore;
//! # fn fresh() -> (u8, MemoryStore) { (0, MemoryStore::new()) }
//! scim_core::store_suite!(mine, let (_directory, store) = fresh() => store);
//! ```
//!
//! The cases work in the organizations that [`TENANTS`] names, on the resource types of [`registry`].
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "these are tests: they fail by panicking"
)]

mod concurrency;
mod fixture;
mod foresight;
mod law;
mod members;
mod organizations;
mod resources;
mod search;
mod transactions;

pub use concurrency::{
    adding_from_many_threads_keeps_all, compare_and_set_loses_no_update,
    readers_see_committed_states_only, snapshots_hold_still,
};
pub use fixture::{TENANTS, registry};
pub use foresight::what_is_foreseen_is_told_as_it_is;
pub use law::{search_agrees_with_predicates, search_equals_matches};
pub use members::{
    adding_members_tells_the_new_ones, cycles_of_groups_end, deleting_ends_memberships_both_ways,
    display_follows_the_label, groups_are_direct_or_indirect, members_are_paged_by_id,
    members_of_other_tenants_are_apart, removing_members_tells_those_that_were_in,
};
pub use organizations::memberships_equal_a_model;
pub use resources::{
    compare_and_set_refuses_stale_states, deleted_resources_are_gone,
    find_looks_at_tenant_and_type, identify_names_what_is_there, insert_then_find,
    touch_raises_the_version_and_never_turns_time_back, unique_values_are_folded,
    unique_values_are_free_again, unique_values_are_per_tenant_and_type, update_replaces,
    updates_keep_values_unique,
};
pub use search::{
    search_by_predicate, search_by_rows_beside_the_document, search_counts,
    search_goes_on_from_other_types, search_keeps_to_its_tenant, search_orders_by_primary,
    search_puts_missing_keys_last, search_walks_both_ways,
};
pub use transactions::{
    an_error_in_nested_undoes_only_its_own, an_error_undoes_the_whole_write,
    events_are_taken_with_the_change, refused_values_leave_the_transaction_usable,
    results_and_errors_come_back,
};

/// Holds a store against the suite: a module of tests, one for each case. See
/// [`testkit`](crate::testkit).
#[macro_export]
macro_rules! store_suite {
    ($name:ident, $store:expr) => {
        $crate::store_suite!($name, let store = $store => store);
    };
    ($name:ident, let $bound:pat = $made:expr => $store:expr) => {
        $crate::store_suite!(@cases $name, ($bound, $made, $store), [
            insert_then_find,
            find_looks_at_tenant_and_type,
            identify_names_what_is_there,
            update_replaces,
            compare_and_set_refuses_stale_states,
            deleted_resources_are_gone,
            touch_raises_the_version_and_never_turns_time_back,
            unique_values_are_folded,
            unique_values_are_per_tenant_and_type,
            unique_values_are_free_again,
            updates_keep_values_unique,
            results_and_errors_come_back,
            an_error_undoes_the_whole_write,
            an_error_in_nested_undoes_only_its_own,
            refused_values_leave_the_transaction_usable,
            events_are_taken_with_the_change,
            adding_members_tells_the_new_ones,
            removing_members_tells_those_that_were_in,
            members_are_paged_by_id,
            members_of_other_tenants_are_apart,
            groups_are_direct_or_indirect,
            cycles_of_groups_end,
            deleting_ends_memberships_both_ways,
            display_follows_the_label,
            what_is_foreseen_is_told_as_it_is,
            search_by_predicate,
            search_by_rows_beside_the_document,
            search_counts,
            search_keeps_to_its_tenant,
            search_walks_both_ways,
            search_goes_on_from_other_types,
            search_puts_missing_keys_last,
            search_orders_by_primary,
            search_agrees_with_predicates,
            compare_and_set_loses_no_update,
            adding_from_many_threads_keeps_all,
            readers_see_committed_states_only,
            snapshots_hold_still,
        ]);
    };
    (@cases $name:ident, $setup:tt, [$($case:ident,)*]) => {
        mod $name {
            #[allow(unused_imports, reason = "the expressions may name what stands beside the module")]
            use super::*;

            $($crate::store_suite!(@case $case, $setup);)*
        }
    };
    (@case $case:ident, ($bound:pat, $made:expr, $store:expr)) => {
        #[test]
        fn $case() {
            let $bound = $made;
            $crate::testkit::$case(&$store);
        }
    };
}
