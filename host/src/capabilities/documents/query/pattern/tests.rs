use bson::raw::RawBsonRef;

use super::Pattern;

fn matches(pattern: &str, options: &str, text: &str) -> bool {
    Pattern::parse(pattern, options).unwrap().matches(RawBsonRef::String(text))
}

#[test]
fn what_both_know_means_what_it_means_in_pcre() {
    for (pattern, options, text, expected) in [
        ("b", "", "abc", true),
        ("^b", "", "abc", false),
        ("^b", "m", "a\nb", true),
        ("c$", "", "abc\n", true),
        ("c$", "", "abc\n\n", false),
        ("(a|c)$", "", "abc", true),
        ("a$|b", "", "xb", true),
        ("a$", "m", "a\nb", true),
        ("A.C", "i", "abc", true),
        ("a.c", "", "a\nc", false),
        ("a.c", "s", "a\nc", true),
        ("a b # note\n c", "x", "abc", true),
        ("a[ ]b", "x", "a b", true),
        (r"^\d+$", "", "٣", false),
        (r"^\w+$", "", "é", false),
        (r"^\w$", "i", "\u{17f}", false),
        (r"^[\w.]+$", "i", "\u{212a}", false),
        (r"^[\w.é]+$", "i", "A.É", true),
        (r"^[k]$", "i", "\u{212a}", true),
        (r"\bé", "", "é", false),
        ("É", "i", "é", true),
        ("a{,3}", "", "a{,3}", true),
        ("a{2}", "", "aa", true),
        ("x{", "", "x{", true),
        ("[[a]+", "", "[", true),
        ("^[a&&b]$", "", "&", true),
        ("^[]a]$", "", "]", true),
        ("^[^]a]$", "", "]", false),
        ("^[a\\-z]$", "", "b", false),
        ("^[a-]$", "", "-", true),
        ("[[:alpha:]_]", "", "_", true),
        (r"\<\>", "", "<>", true),
        (r"\x41\x{e9}", "", "Aé", true),
        ("(?<name>a)(?P<b>b)(?:c)", "", "abc", true),
        ("a(?i)b", "", "aB", true),
        ("a(?i:b)c", "", "aBC", false),
        ("colou?r", "", "color", true),
        ("a+?", "", "a", true),
        ("", "", "", true),
    ] {
        assert_eq!(matches(pattern, options, text), expected, "/{pattern}/{options} on {text:?}");
    }
}

#[test]
fn what_the_crate_lacks_is_named() {
    for (pattern, named) in [
        ("a(?=b)", "`(?=b…)`"),
        ("a(?!b)", "`(?!b…)`"),
        ("(?<=a)b", "`(?<=…)`"),
        ("(?>a)", "`(?>a…)`"),
        ("(?#x)", "`(?#x…)`"),
        ("(?m)a", "`(?m)…)`"),
        (r"(a)\1", r"`\1`"),
        (r"\012", r"`\0`"),
        ("a++", "possessive"),
        (r"\p{L}", r"`\p`"),
        (r"\Qa\E", r"`\Q`"),
        (r"a\Z", r"`\Z`"),
        (r"\R", r"`\R`"),
        ("a$b", "a `$` that is not at the end"),
        ("(a$|b)c", "a `$` that is not at the end"),
        ("(*UTF8)a", "verbs"),
        ("[[.a.]]", "`[.`"),
        (r"\xg", r"`\x`"),
    ] {
        let message = Pattern::parse(pattern, "").unwrap_err().message;
        assert!(message.contains("the embedded store does not support"), "{message}");
        assert!(message.contains(named), "/{pattern}/: {message}");
    }
    for pattern in ["(", ")", "[", "*a", "a**", "[z-a]", "\\", "(?<1>a)", "a{2}{3}", "|*"] {
        let message = Pattern::parse(pattern, "").unwrap_err().message;
        assert!(message.contains("the regular expression"), "/{pattern}/: {message}");
    }
    assert!(Pattern::parse("a", "g").unwrap_err().message.contains("`g`"));
    assert!(Pattern::parse(&"a".repeat(5_000), "").unwrap_err().message.contains("5000 bytes"));
    assert!(Pattern::parse("(((a{99}){99}){99})", "").unwrap_err().message.contains("256 KiB"));
    assert!(Pattern::parse(&"(".repeat(2_000), "").is_err());
}

#[test]
fn a_plain_beginning_bounds_the_texts() {
    let range = |pattern: &str, options: &str| {
        let pattern = Pattern::parse(pattern, options).unwrap();
        let text = |value: RawBsonRef<'_>| value.as_str().unwrap().to_owned();
        pattern.range().map(|(from, to)| (text(from), to.map(text)))
    };
    let some = |from: &str, to: &str| Some((from.to_owned(), Some(to.to_owned())));
    assert_eq!(range("^ab", ""), some("ab", "ac"));
    assert_eq!(range("^ab*", ""), some("a", "b"));
    assert_eq!(range("^ab+c", ""), some("ab", "ac"));
    assert_eq!(range(r"^a\.b\d", ""), some("a.b", "a.c"));
    assert_eq!(range("^a\u{d7ff}", ""), some("a\u{d7ff}", "a\u{e000}"));
    assert_eq!(range("^\u{10ffff}", ""), Some(("\u{10ffff}".to_owned(), None)));
    for (pattern, options) in
        [("ab", ""), ("^ab", "i"), ("^ab", "m"), ("^a|b", ""), ("^.a", ""), ("^a?", ""), ("^(a)", "")]
    {
        assert_eq!(range(pattern, options), None, "/{pattern}/{options}");
    }
}
