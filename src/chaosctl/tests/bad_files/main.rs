//! Bad catalogs and missions, one mistake each, as somebody might write or mangle them: `chaosctl validate` names the code,
//! the line and the column, and a way out, and complains of nothing else. `«` marks the place.

#[path = "../run/mod.rs"]
mod run;

mod documents;
mod faults;
mod keys;
mod missions;
mod scopes;
mod units;

use squall_policy::Code;

/// A mistake and the file that has it.
type Case = (Code, Vec<u8>);

const MARK: char = '«';

fn case(code: Code, text: impl AsRef<str>) -> Case {
    (code, text.as_ref().as_bytes().to_vec())
}

/// A catalog whose one scenario has this list item of faults.
fn fault(code: Code, text: &str) -> Case {
    case(code, format!("version: 1\nscenarios:\n- name: a\n  faults:\n  - {text}\n"))
}

/// A catalog whose one scenario has this scope.
fn scope(code: Code, text: &str) -> Case {
    case(
        code,
        format!("version: 1\nscenarios:\n- name: a\n  faults: [{{delay: {{fixed: 1s}}}}]\n  scope: {text}\n"),
    )
}

/// A catalog whose one scenario has one rule.
fn rule(code: Code, text: &str) -> Case {
    scope(code, &format!("{{match: [{text}]}}"))
}

/// A mission with these lines behind its version, namespace and scenarios.
fn mission(code: Code, text: &str) -> Case {
    case(code, format!("version: 1\nnamespace: n\nscenarios: [a]\n{text}\n"))
}

fn all() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("documents", documents::cases()),
        ("keys", keys::cases()),
        ("units", units::cases()),
        ("faults", faults::cases()),
        ("scopes", scopes::cases()),
        ("missions", missions::cases()),
    ]
}

/// The file without the mark, and the place of the mark as `line:column`; `-` without one.
fn unmarked(marked: &[u8]) -> (Vec<u8>, String) {
    let mut mark = [0; 4];
    let mark = MARK.encode_utf8(&mut mark).as_bytes();
    let Some(at) = marked.windows(mark.len()).position(|window| window == mark) else {
        return (marked.to_vec(), "-".to_owned());
    };
    let (before, rest) = marked.split_at(at);
    let text = String::from_utf8_lossy(before);
    let column =
        text.rsplit('\n').next().unwrap_or_default().trim_start_matches('\u{feff}').chars().count() + 1;
    let place = format!("{}:{column}", text.matches('\n').count() + 1);
    ([before, &rest[mark.len()..]].concat(), place)
}

fn wrong(case: &Case) -> Option<String> {
    let (input, place) = unmarked(&case.1);
    let ran = run::run_with(&["validate", "--output", "json", "-"], &input);
    let findings: serde_json::Value = serde_json::from_str(&ran.out).unwrap_or_default();
    let found: Vec<String> = findings
        .as_array()
        .into_iter()
        .flatten()
        .map(|f| match f["line"].as_u64() {
            Some(line) => format!("{} {line}:{}", f["code"].as_str().unwrap_or_default(), f["column"]),
            None => format!("{} -", f["code"].as_str().unwrap_or_default()),
        })
        .collect();
    let told = |key: &str| findings[0][key].as_str().is_some_and(|text| text.len() > 2);
    let wanted = format!("{} {place}", case.0.slug());
    let right =
        found == [wanted.clone()] && ran.code == 1 && ran.err.is_empty() && told("message") && told("hint");
    let shown: String = String::from_utf8_lossy(&case.1).chars().take(300).collect();
    (!right).then(|| format!("{shown}\n  wanted {wanted}\n  found  {} {found:?} {}", ran.code, ran.err))
}

#[test]
fn every_bad_file_is_refused_with_its_code_its_place_and_a_hint() {
    let mut all_wrong = Vec::new();
    for (table, cases) in all() {
        all_wrong.extend(cases.iter().filter_map(wrong).map(|wrong| format!("{table}: {wrong}")));
    }
    assert!(all_wrong.is_empty(), "{} cases are not told right:\n{}", all_wrong.len(), all_wrong.join("\n"));
}

#[test]
fn at_least_150_different_bad_files_are_in_the_tables() {
    let mut files: Vec<Vec<u8>> =
        all().into_iter().flat_map(|(_, cases)| cases).map(|(_, file)| unmarked(&file).0).collect();
    files.sort();
    files.dedup();
    assert!(files.len() >= 150, "{} files", files.len());
    let mut codes: Vec<Code> = all().into_iter().flat_map(|(_, cases)| cases).map(|(code, _)| code).collect();
    codes.sort();
    codes.dedup();
    assert!(codes.len() >= 15, "{codes:?}");
}
