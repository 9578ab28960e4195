//! A filter may be refused, never break the parser; what it accepts reads back the same.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use scim_core::dialect::Dialect;
use scim_core::filter::{Filter, Options, Predicate};
use scim_core::schema::Registry;

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| Registry::standard().unwrap());

fuzz_target!(|text: &str| {
    for bare_values in [false, true] {
        let Ok(filter) = Filter::parse(text, Options { bare_values }) else { continue };
        let printed = filter.to_string();
        // Printing may add parentheses and escapes, and so pass the limits on length and depth.
        if let Ok(again) = printed.parse::<Filter>() {
            assert_eq!(again, filter);
        }
        for kind in REGISTRY.types() {
            let _ = Predicate::resolve(&filter, kind, &mut Dialect::default());
        }
    }
});
