//! A runbook as the test reads it: blocks of commands, each with what it should print.

use std::fs;
use std::path::Path;

/// Commands, and what stands below them.
pub struct Block {
    pub commands: String,
    /// `None` for what goes before, which readers do not see.
    pub output: Option<String>,
    /// Where it begins in the file.
    pub line: usize,
}

pub struct Book {
    pub blocks: Vec<Block>,
}

impl Book {
    /// Reads the fenced blocks `sh` and `text`, and what stands in `<!-- before ... -->`.
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut blocks: Vec<Block> = Vec::new();
        let mut lines = text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let end = match line {
                "```sh" | "```text" => "```",
                "<!-- before" => "-->",
                _ => continue,
            };
            let inside: String = lines
                .by_ref()
                .map(|(_, line)| line)
                .take_while(|line| *line != end)
                .map(|line| format!("{line}\n"))
                .collect();
            match (line, blocks.last_mut()) {
                ("```text", Some(block)) if block.output.as_deref() == Some("...\n") => {
                    block.output = Some(inside)
                }
                ("```text", _) => panic!("{}:{}: output without commands", path.display(), number + 1),
                // Commands without a block of output may print what they like.
                ("```sh", _) => blocks.push(Block {
                    commands: inside,
                    output: Some("...\n".to_owned()),
                    line: number + 1,
                }),
                _ => blocks.push(Block { commands: inside, output: None, line: number + 1 }),
            }
        }
        Self { blocks }
    }
}

/// Whether an output is what was wanted. A line `...` stands for any lines, `...` inside a line for any text, and blanks in a row
/// for one: how wide the columns of a table are depends on what is in them.
pub fn fits(wanted: &str, found: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    };
    all(&lines(wanted), &lines(found))
}

fn all(wanted: &[String], found: &[String]) -> bool {
    match wanted.split_first() {
        None => found.is_empty(),
        Some((line, rest)) if line == "..." => (0..=found.len()).any(|skipped| all(rest, &found[skipped..])),
        Some((line, rest)) => {
            found.split_first().is_some_and(|(first, others)| one(line, first) && all(rest, others))
        }
    }
}

fn one(wanted: &str, found: &str) -> bool {
    match wanted.split_once("...") {
        None => wanted == found,
        Some((head, tail)) => found.strip_prefix(head).is_some_and(|rest| {
            rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| one(tail, &rest[at..]))
        }),
    }
}

#[test]
fn elisions_stand_for_lines_and_for_text() {
    for (wanted, found, is) in [
        ("a\n", "a\n", true),
        ("a\n", "a\nb\n", false),
        ("...\n", "", true),
        ("...\nb\n", "a\na\nb\n", true),
        ("...\nb\n", "a\nb\nc\n", false),
        ("a\n...\nb\n...\n", "a\nb\n", true),
        ("a ... c\n", "a b b c\n", true),
        ("a ... c\n", "a b b\n", false),
        ("a  b ...\n", "a     b c d\n", true),
        ("...b\n", "a b b\n", true),
        ("a ...\n", "b c\n", false),
        ("\na\n", "a\n", false),
    ] {
        assert_eq!(fits(wanted, found), is, "{wanted:?} {found:?}");
    }
}
