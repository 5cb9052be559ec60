//! What each proxy answered, for people and programs, and the exit code that follows from all of them.

use super::client::Answer;
use super::start::Kept;
use crate::arguments::Output;
use crate::source::Source;
use crate::terminal::{self, Paint, Style, complain, shown};
use crate::{Outcome, emit};
use serde_json::{Value, json};

/// The answer of one proxy.
pub struct Told {
    /// As it is shown.
    pub proxy: String,
    pub answer: Answer,
    /// Whether what this proxy had begun has been undone; absent where there was nothing to undo.
    pub taken_back: Option<Result<(), Kept>>,
    /// Halted instead, as it refused that.
    pub is_halted: bool,
}

impl Told {
    pub fn new(proxy: &impl ToString, answer: Answer) -> Self {
        Self { proxy: proxy.to_string(), answer, taken_back: None, is_halted: false }
    }

    fn record(&self) -> Value {
        let mut record = match &self.answer {
            Answer::Done(answer) => json!({"proxy": self.proxy, "answer": answer}),
            Answer::Refused(problem) => json!({"proxy": self.proxy, "problem": problem.body}),
            Answer::Failed(failure) => json!({"proxy": self.proxy, "error": failure.why}),
        };
        match &self.taken_back {
            None => {}
            Some(Ok(())) => record["taken_back"] = json!(true),
            Some(Err(kept)) => {
                record["taken_back"] = json!(false);
                if self.is_halted {
                    record["halted"] = json!(true);
                }
                let because = if self.is_halted { "halted_because" } else { "still_there_because" };
                record[because] = json!(kept.why);
            }
        }
        record
    }
}

/// Prints what all answered. `line` says what one has done; `document` is what was sent, where a person wrote it.
pub fn print(
    all: &[Told],
    output: Output,
    document: Option<&Source>,
    (out, err): (Paint, Paint),
    line: impl Fn(&Value) -> String,
) -> anyhow::Result<Outcome> {
    if output != Output::Text {
        let records: Vec<Value> = all.iter().map(Told::record).collect();
        terminal::print(&emit::structured(&records, output)?)?;
        return Ok(outcome(all));
    }
    for told in all {
        if let Answer::Done(answer) = &told.answer {
            let proxy = out.paint(Style::Strong, &shown(&told.proxy));
            let undone = if told.taken_back.is_some() { "; this is taken back, see below" } else { "" };
            terminal::print(&format!("{proxy}  {}{undone}\n", line(answer)))?;
        }
    }
    complain_of(all, document, err);
    Ok(outcome(all))
}

/// Tells of those that did not do it.
pub fn complain_of(all: &[Told], document: Option<&Source>, paint: Paint) {
    for told in all {
        match &told.answer {
            Answer::Done(_) => {}
            Answer::Refused(problem) => complain(&problem.told(&told.proxy, document, paint)),
            Answer::Failed(failure) => {
                let head = paint.paint(Style::Error, "no answer");
                complain(&format!("{head}: {} {}\n", shown(&told.proxy), shown(&failure.why)));
            }
        }
    }
}

/// A refusal is a finding; else whoever did not answer makes the verb one that could not run.
pub fn outcome(all: &[Told]) -> Outcome {
    let any = |is: fn(&Answer) -> bool| all.iter().any(|told| is(&told.answer));
    if any(|answer| matches!(answer, Answer::Refused(_))) {
        Outcome::Finding
    } else if any(|answer| matches!(answer, Answer::Failed(_))) {
        Outcome::Unable
    } else {
        Outcome::Fine
    }
}
