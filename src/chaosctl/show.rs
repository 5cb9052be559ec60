//! `show`: one scenario in words, and its text.

use crate::arguments::{Output, Show};
use crate::inputs::{Identity, Inputs};
use crate::terminal::{self, Paint, Style, complain};
use crate::{Outcome, emit, when, words};
use anyhow::bail;
use squall_policy::{Node, Value, wire};
use std::path::Path;

/// # Errors
/// When the catalog cannot be read.
pub fn run(arguments: &Show, out: Paint, err: Paint) -> anyhow::Result<Outcome> {
    let (catalog, name) = match (arguments.words.as_slice(), &arguments.catalog) {
        ([name], Some(catalog)) => (catalog.as_path(), name),
        ([catalog, name], None) => (Path::new(catalog), name),
        ([_], None) => bail!("give the catalog too: `chaosctl show FILE NAME`"),
        _ => bail!("the catalog is given twice: once as --catalog"),
    };
    let Some(inputs) = Inputs::load(catalog, None, &Identity::default(), err)? else {
        return Ok(Outcome::Finding);
    };
    let number = inputs.catalog.scenarios.iter().position(|s| s.name.0 == *name);
    let Some(number) = number else {
        let names: Vec<&str> = inputs.catalog.scenarios.iter().map(|s| s.name.0.as_str()).collect();
        let file = terminal::shown(&catalog.display().to_string());
        complain(&format!(
            "chaosctl: {file} has no scenario `{}`; it has: {}\n",
            terminal::shown(name),
            names.join(", ")
        ));
        return Ok(Outcome::Finding);
    };
    let (Some(scenario), Some(node)) =
        (inputs.catalog.scenarios.get(number), item(&inputs.catalog_node, number))
    else {
        return Ok(Outcome::Finding);
    };
    terminal::print(&match arguments.output {
        Output::Text => format!("{}\n{}", told(scenario, out), emit::yaml(node, &[])),
        output => emit::structured(node, output)?,
    })?;
    Ok(Outcome::Fine)
}

fn item(catalog: &Node, number: usize) -> Option<&Node> {
    match &catalog.get("scenarios")?.value {
        Value::List(items) => items.get(number),
        _ => None,
    }
}

fn told(scenario: &wire::Scenario, paint: Paint) -> String {
    let mut out =
        format!("{} ({})\n", paint.paint(Style::Strong, &scenario.name.0), scenario.severity.word());
    if let Some(description) = &scenario.description {
        for line in description.0.trim_end().lines() {
            out += &format!("{}\n", terminal::shown(line));
        }
    }
    let approval = match scenario.severity {
        wire::Severity::Low => "runs without a signature",
        wire::Severity::Medium => "needs a signature where there are operators",
        wire::Severity::High | wire::Severity::Critical => "needs the signatures of two operators",
    };
    out + "\n" + &lines(scenario) + &format!("{:11}{}; {approval}\n", "limits", words::caps(scenario))
}

/// Who, when, what and how often: the blast radius in words.
pub fn lines(scenario: &wire::Scenario) -> String {
    let mut out = String::new();
    for (index, scope) in words::scope(scenario).iter().enumerate() {
        out += &format!("{:11}{}\n", if index == 0 { "who" } else { "  or" }, terminal::shown(scope));
    }
    for when in when::trigger(scenario) {
        out += &format!("{:11}{}\n", "when", terminal::shown(&when));
    }
    for spared in words::spares(scenario) {
        out += &format!("{:11}{}\n", "but", terminal::shown(&spared));
    }
    for (index, fault) in words::faults(scenario).iter().enumerate() {
        out += &format!("{:11}{}\n", if index == 0 { "what" } else { "  and" }, terminal::shown(fault));
    }
    let sample = words::sample(scenario);
    let unit = if sample.contains(" by ") {
        "; one value of that header is always treated alike"
    } else {
        " of these requests"
    };
    out += &format!("{:11}{sample}{unit}\n", "how often");
    out
}
