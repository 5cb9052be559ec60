//! Files that are no configuration at all: broken, mangled, hostile.

use crate::{Case, case, fault};
use squall_policy::Code::{DuplicateKey, MissingKey, Syntax, TooLarge, UnsupportedVersion, WrongType};

/// The start of a catalog, so that the mistake is the only one.
const HEAD: &str = "version: 1\nscenarios: ";

fn bytes(parts: &[&[u8]]) -> Case {
    (Syntax, parts.concat())
}

pub fn cases() -> Vec<Case> {
    const MARK: &[u8] = "«".as_bytes();
    let mut huge = b"version: 1\n#".to_vec();
    huge.resize(10 * 1024 * 1024 + 1, b'x');
    vec![
        (TooLarge, huge),
        (TooLarge, vec![b'['; 11 * 1024 * 1024]),
        (TooLarge, vec![0; 12 * 1024 * 1024]),
        case(Syntax, ""),
        case(Syntax, "\n\n"),
        case(Syntax, "# only a comment\n"),
        case(MissingKey, "«hello\n"),
        case(MissingKey, "«17\n"),
        case(MissingKey, "«[1, 2]\n"),
        case(MissingKey, "«{}\n"),
        case(MissingKey, "«scenarios: [{name: a, faults: [{delay: {fixed: 1s}}]}]\n"),
        case(UnsupportedVersion, "version: «2\nscenarios: [{name: a, faults: [{delay: {fixed: 1s}}]}]\n"),
        case(UnsupportedVersion, "version: «1.1\nscenarios: [{name: a, faults: [{delay: {fixed: 1s}}]}]\n"),
        case(WrongType, "version: «v1\nscenarios: [{name: a, faults: [{delay: {fixed: 1s}}]}]\n"),
        case(WrongType, "version: «\"1\"\nscenarios: [{name: a, faults: [{delay: {fixed: 1s}}]}]\n"),
        case(WrongType, format!("{HEAD}«{{}}\n")),
        case(WrongType, format!("{HEAD}«a\n")),
        case(WrongType, format!("{HEAD}[«17]\n")),
        case(WrongType, format!("{HEAD}«null\n")),
        // Brackets, quotes, indentation.
        case(Syntax, format!("{HEAD}[\n«")),
        case(Syntax, format!("{HEAD}{{name: a\n«")),
        case(Syntax, "version: «\"1\nscenarios: []\n"),
        case(Syntax, "version: 1\nscenarios:\n\t«- name: a\n"),
        // What lets YAML say less than it shows.
        case(Syntax, format!("{HEAD}«&all []\n")),
        case(Syntax, "version: «!!int 1\nscenarios: []\n"),
        case(Syntax, "version: 1\n«---\nversion: 1\n"),
        case(Syntax, "version: 1\nscenarios: []\n«<<: {a: 1}\n"),
        // NUL bytes and other control characters.
        case(Syntax, format!("{HEAD}«\0\n")),
        case(Syntax, "«\0version: 1\n"),
        case(Syntax, "version: 1\nscenarios: [{name: \"a«\0b\"}]\n"),
        case(Syntax, "version: 1\n# «\u{1b}[31m\nscenarios: []\n"),
        case(Syntax, "version: 1\n# «\u{7f}\nscenarios: []\n"),
        // Bytes that are not UTF-8.
        bytes(&[b"version: 1\nscenarios: ", MARK, b"\xff\n"]),
        bytes(&[MARK, b"\xff\xfev\0e\0r\0"]),
        bytes(&[b"version: 1\n# caf", MARK, b"\xe9\n"]),
        bytes(&["version: 1\n# \u{e4}\u{20ac}".as_bytes(), MARK, b"\xc0\x80\n"]),
        bytes(&[b"version: 1\n# ", MARK, b"\xed\xa0\x80\n"]),
        bytes(&[b"version: 1\nscenarios: []\n# cut: ", MARK, b"\xf0\x9f\x98"]),
        // Nesting.
        case(Syntax, format!("{HEAD}{}«{}\n", "[".repeat(63), "[".repeat(100))),
        case(Syntax, format!("{HEAD}{}«{}\n", "{a: ".repeat(63), "{a: ".repeat(100_000))),
        case(Syntax, format!("version: 1\nscenarios:\n{}«{}a\n", "- ".repeat(63), "- ".repeat(100))),
        // JSON is read by the same reader.
        case(Syntax, "{\"version\": 1,\n«"),
        case(MissingKey, "{\"version\": 1, \"scenarios\": [«{\"name\": \"a\"}]}\n"),
        case(
            DuplicateKey,
            "{\"version\": 1, «\"version\": 1, \"scenarios\": [{\"name\": \"a\", \"faults\": [{\"delay\": {\"fixed\": \"1s\"}}]}]}\n",
        ),
        fault(Syntax, "«*other"),
        fault(Syntax, "delay: «!delay {fixed: 1s}"),
    ]
}
