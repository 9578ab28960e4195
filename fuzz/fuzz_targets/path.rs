//! A path may be refused, never break the parser; what it accepts reads back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scim_core::filter::Options;
use scim_core::path::{AttrPath, Target};

fuzz_target!(|text: &str| {
    if let Ok(path) = AttrPath::parse(text) {
        assert_eq!(AttrPath::parse(&path.to_string()).unwrap(), path);
    }
    if let Ok(target) = Target::parse(text, Options::default())
        && let Ok(again) = Target::parse(&target.to_string(), Options::default())
    {
        assert_eq!(again, target);
    }
});
