//! Missions.

use crate::{Case, case, mission};
use squall_policy::Code::{BadFormat, OutOfRange, UnknownWord, UnsupportedVersion, WrongType};

pub fn cases() -> Vec<Case> {
    let long = "a".repeat(129);
    vec![
        case(UnsupportedVersion, "version: «2\nid: m\nnamespace: n\nscenarios: [a]\nduration: 1m\n"),
        case(WrongType, "version: 1\nid: m\nnamespace: n\nscenarios: «a\nduration: 1m\n"),
        case(OutOfRange, "version: 1\nid: m\nnamespace: n\nscenarios: «[]\nduration: 1m\n"),
        case(BadFormat, "version: 1\nid: m\nnamespace: n\nscenarios: [«A]\nduration: 1m\n"),
        case(WrongType, "version: 1\nid: m\nnamespace: n\nscenarios: [«{name: a}]\nduration: 1m\n"),
        case(BadFormat, "version: 1\nid: m\nnamespace: «N.x\nscenarios: [a]\nduration: 1m\n"),
        case(WrongType, "version: 1\nid: m\nnamespace: «[n]\nscenarios: [a]\nduration: 1m\n"),
        mission(BadFormat, "id: «../m\nduration: 1m"),
        mission(BadFormat, "id: «\"\"\nduration: 1m"),
        mission(BadFormat, "id: «m n\nduration: 1m"),
        mission(BadFormat, &format!("id: «{long}\nduration: 1m")),
        mission(WrongType, "id: «2026\nduration: 1m"),
        mission(WrongType, "id: m\nduration: 1m\nseed: «8842"),
        mission(OutOfRange, "id: m\nduration: 1m\nseed: «\"\""),
        mission(OutOfRange, &format!("id: m\nduration: 1m\nseed: «{long}")),
        mission(BadFormat, "id: m\nduration: 1m\nseed: «\"a\\0b\""),
        mission(WrongType, "id: m\nduration: 1m\nenable: «on"),
        mission(WrongType, "id: m\nduration: 1m\nenable: «1"),
        mission(UnknownWord, "id: m\nduration: 1m\ncomposition: «first"),
        mission(UnknownWord, "id: m\nduration: 1m\ncomposition: «First_Match"),
        mission(WrongType, "id: m\nduration: 1m\ncomposition: «[independent]"),
    ]
}
