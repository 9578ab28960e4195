use super::*;

fn read(text: &str) -> String {
    match Filter::parse(text, Options::default()) {
        Ok(filter) => filter.to_string(),
        Err(error) => error.detail().to_owned(),
    }
}

#[test]
fn the_examples_of_rfc_7644() {
    for text in [
        r#"userName eq "bjensen""#,
        r#"name.familyName co "O'Malley""#,
        r#"userName sw "J""#,
        r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J""#,
        "title pr",
        r#"meta.lastModified gt "2011-05-13T04:42:34Z""#,
        r#"meta.lastModified le "2011-05-13T04:42:34Z""#,
        r#"title pr and userType eq "Employee""#,
        r#"title pr or userType eq "Intern""#,
        r#"schemas eq "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User""#,
        r#"userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")"#,
        r#"userType ne "Employee" and not (emails co "example.com" or emails.value co "example.org")"#,
        r#"emails[type eq "work" and value co "@example.com"]"#,
        r#"emails[type eq "work" and value co "@example.com"] or ims[type eq "xmpp" and value co "@foo.com"]"#,
    ] {
        assert_eq!(read(text), text);
    }
    // A bare group around one comparison says nothing.
    assert_eq!(read(r#"a eq 1 and (b eq "x")"#), r#"a eq 1 and b eq "x""#);
}

#[test]
fn precedence_and_case() {
    assert_eq!(read("a pr OR b pr AND c pr"), "a pr or b pr and c pr");
    assert_eq!(read("(a pr or b pr) and c pr"), "(a pr or b pr) and c pr");
    assert_eq!(read("a pr and (b pr and c pr)"), "a pr and b pr and c pr");
    assert_eq!(read("NOT(a PR)"), "not (a pr)");
    assert_eq!(read("not pr"), "not pr");
    assert_eq!(read("A.b EQ True"), "A.b eq true");
    assert_eq!(read("a eq -1.5e3"), "a eq -1500.0");
    assert_eq!(read(r#"a eq "\u00e9\ud83d\ude00\"\\""#), "a eq \"é😀\\\"\\\\\"");
    assert_eq!(read("  ( a   pr ) "), "a pr");
    assert_eq!(
        read(r#"emails[type eq "work"].value eq "a""#),
        r#"emails[type eq "work" and value eq "a"]"#
    );
    assert_eq!(
        read("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value pr"),
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value pr"
    );
}

#[test]
fn errors_say_what_was_expected_and_where() {
    let operator = "an operator (eq, ne, co, sw, ew, gt, ge, lt, le, pr)";
    let value = "a value: a string in double quotes, a number, true, false or null";
    for (text, expected, at) in [
        ("", "an attribute name", 1),
        ("userName", operator, 9),
        ("userName is \"x\"", operator, 10),
        ("userName eq", "a blank and a value", 12),
        ("userName eq x", value, 13),
        ("userName eq \"x", "a closing double quote", 15),
        ("userName eq \"x\" and", "an attribute name", 20),
        ("userName eq \"x\" title pr", "\"and\", \"or\" or the end", 17),
        ("(userName pr", "\"and\", \"or\" or \")\"", 13),
        ("emails[type pr", "\"and\", \"or\" or \"]\"", 15),
        ("emails[a[b pr]]", operator, 9),
        ("é pr", "an attribute name", 1),
        ("a eq \"\\ud800\"", "a string with JSON's escapes and without U+0000", 6),
        ("a eq \"\\u0000\"", "a string with JSON's escapes and without U+0000", 6),
    ] {
        assert_eq!(read(text), format!("filter: expected {expected} at character {at}"), "{text}");
    }
}

#[test]
fn bare_values_are_an_option() {
    assert!(Filter::parse("userName eq a@b.c", Options { bare_values: true }).is_ok());
    assert!(Filter::parse("userName eq a@b.c", Options::default()).is_err());
}

#[test]
fn s21_hostile_filters_are_refused_at_once() {
    let started = std::time::Instant::now();
    for text in [
        "(".repeat(8000),
        "not (".repeat(1600),
        "not(".repeat(100_000),
        format!("a eq \"{}", "\"".repeat(8000)),
        "a pr and ".repeat(900),
        "a[".repeat(4000),
        format!("{}a pr{}", "(".repeat(33), ")".repeat(33)),
    ] {
        assert!(Filter::parse(&text, Options::default()).is_err());
    }
    let deepest = format!("{}a pr{}", "(".repeat(32), ")".repeat(32));
    assert!(Filter::parse(&deepest, Options::default()).is_ok());
    let most = vec!["a pr"; 100].join(" or ");
    assert!(Filter::parse(&most, Options::default()).is_ok());
    assert!(Filter::parse(&format!("{most} or a pr"), Options::default()).is_err());
    assert!(started.elapsed().as_millis() < 500);
}

proptest::proptest! {
    #[test]
    fn law_filters_round_trip(filter in crate::filter::strategies::filter()) {
        proptest::prop_assert_eq!(filter.to_string().parse::<Filter>().ok(), Some(filter));
    }

    #[test]
    fn law_no_text_breaks_the_parser(text in crate::filter::strategies::noise()) {
        for bare_values in [false, true] {
            if let Ok(filter) = Filter::parse(&text, Options { bare_values }) {
                proptest::prop_assert_eq!(filter.to_string().parse::<Filter>().ok(), Some(filter));
            }
        }
    }
}
