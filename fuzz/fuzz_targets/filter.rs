//! A filter may be refused, never break the parser; what it accepts reads back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scim_core::dialect::Dialect;
use scim_core::filter::{Filter, Options, Predicate};
use scim_core::schema::Registry;

fuzz_target!(|text: &str| {
    let registry = Registry::standard().unwrap();
    for bare_values in [false, true] {
        let Ok(filter) = Filter::parse(text, Options { bare_values }) else { continue };
        let printed = filter.to_string();
        // Printing may add parentheses and escapes, and so pass the limits on length and depth.
        if let Ok(again) = printed.parse::<Filter>() {
            assert_eq!(again, filter);
        }
        for kind in registry.types() {
            let _ = Predicate::resolve(&filter, kind, &mut Dialect::default());
        }
    }
});
