//! Envoy: HeaderMatcher as a condition of a rule.

use super::place::{Fields, Place};
use super::rule::{Condition, Purpose, Rule};
use super::told::Told;
use super::tree::flag;

pub fn read(place: &Place<'_>, rule: &mut Rule, told: &Told) {
    let Some(mut fields) = place.fields(told) else { return rule.lack(Purpose::Hit) };
    fields.refuse_twins(told);
    let name = fields.text("name", told);
    let inverted = flagged(&mut fields, "invert_match", told);
    let as_empty = flagged(&mut fields, "treat_missing_header_as_empty", told);
    let condition = condition(&mut fields, rule, told);
    let whole = fields.finish(
        told,
        "name, string_match, exact_match, prefix_match, suffix_match, contains_match, safe_regex_match, \
        present_match, range_match, invert_match, treat_missing_header_as_empty",
    );
    let (true, Some(name), Some(condition), Some(inverted), Some(as_empty)) =
        (whole, name, condition, inverted, as_empty)
    else {
        return rule.lack(Purpose::Hit);
    };
    let condition =
        Condition { inverted, has_to_be_there: condition.kind != "present" && !as_empty, ..condition };
    rule.header(name, &condition, place, Purpose::Hit, told);
}

/// Absent is `false`; `None` is no answer, which was told.
fn flagged(fields: &mut Fields<'_>, key: &str, told: &Told) -> Option<bool> {
    fields.take(key).map_or(Some(false), |flag| flag.bool(told))
}

/// `None` where there is none that can be written here, which was told.
fn condition(fields: &mut Fields<'_>, rule: &mut Rule, told: &Told) -> Option<Condition> {
    if let Some(range) = fields.take("range_match") {
        rule.lose(&range, Purpose::Hit, "a range of numbers cannot be written here", told);
        return None;
    }
    if let Some(present) = fields.take("present_match") {
        return Some(Condition::new("present", flag(present.bool(told)?)));
    }
    let old = [
        ("exact_match", "exact"),
        ("prefix_match", "prefix"),
        ("suffix_match", "suffix"),
        ("contains_match", "contains"),
    ];
    for (key, kind) in old {
        if let Some(value) = fields.take(key) {
            value.text(told)?;
            return Some(Condition::new(kind, value.copy()));
        }
    }
    if let Some(regex) = fields.take("safe_regex_match") {
        return expression(&regex, told);
    }
    match fields.take("string_match") {
        Some(string) => string_match(&string, told),
        None => Some(Condition::new("present", flag(true))),
    }
}

fn string_match(place: &Place<'_>, told: &Told) -> Option<Condition> {
    let mut fields = place.fields(told)?;
    fields.refuse_twins(told);
    let any_case = flagged(&mut fields, "ignore_case", told)?;
    let mut found = Vec::new();
    for kind in ["exact", "prefix", "suffix", "contains"] {
        if let Some(value) = fields.take(kind) {
            value.text(told)?;
            found.push(Condition::new(kind, value.copy()));
        }
    }
    if let Some(regex) = fields.take("safe_regex") {
        found.push(expression(&regex, told)?);
    }
    let whole = fields.finish(told, "exact, prefix, suffix, contains, safe_regex, ignore_case");
    let (1, true, Some(found)) = (found.len(), whole, found.pop()) else {
        place.bad(
            told,
            "a condition needs one value",
            "give one of exact, prefix, suffix, contains, safe_regex",
        );
        return None;
    };
    if any_case { found.ignoring_case(told, place) } else { Some(found) }
}

fn expression(place: &Place<'_>, told: &Told) -> Option<Condition> {
    let mut fields = place.fields(told)?;
    let regex = fields.take("regex");
    let _ = fields.take("google_re2");
    let whole = fields.finish(told, "regex");
    let regex = regex.filter(|_| whole)?;
    regex.text(told)?;
    Some(Condition::new("regex", regex.copy()))
}
