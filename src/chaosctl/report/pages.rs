//! From what was computed to HTML and Markdown. Whatever comes from a journal is untrusted: HTML is escaped by the template
//! engine, Markdown by the formatter here, and only what is made in this folder counts as safe.

use super::plot::{self, Drawn, elapsed};
use super::replay::Replay;
use super::rows::{GuardRow, LedgerRow};
use super::summary::Run;
use crate::observed::number;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{
    AutoEscape, Environment, Error, Output, State, UndefinedBehavior, context, escape_formatter,
};

const NOTHING: &str = "–";

/// Which page of which form.
#[derive(Clone, Copy)]
pub enum Form {
    Html,
    Markdown,
}

impl Form {
    fn ending(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Markdown => "md",
        }
    }
}

/// # Errors
/// Only when a template of ours does not fit what it is given.
pub fn report(run: &Run, form: Form, html_name: Option<&str>) -> anyhow::Result<String> {
    let replay = Replay::of(run)?;
    let blocks = context! {
        mission => block(&replay.mission, "yaml", form),
        catalog => replay.catalog.as_ref().map(|catalog| block(catalog, "yaml", form)),
        commands => block(&replay.commands, "sh", form),
    };
    let rates: Value = run.summary.ledger.iter().map(|row| Value::from_safe_string(rate(row))).collect();
    let meters: Value =
        run.summary.guardrails.iter().map(|row| Value::from_safe_string(meter(row))).collect();
    let context = context! {
        run => Value::from(Serde(&run.summary)),
        plots => plots(&plot::all(&run.course, &run.halts())),
        rates,
        meters,
        blocks,
        html_name,
    };
    render("report", form, context)
}

/// # Errors
/// As [`report`].
pub fn comparison(
    runs: [&Run; 2],
    compared: &super::compare::Comparison,
    form: Form,
) -> anyhow::Result<String> {
    let [earlier, later] = runs;
    let plots_of = |run: &Run| plots(&plot::all(&run.course, &run.halts()));
    let context = context! {
        earlier => Value::from(Serde(&earlier.summary)),
        later => Value::from(Serde(&later.summary)),
        compared => Value::from(Serde(compared)),
        plots_earlier => plots_of(earlier),
        plots_later => plots_of(later),
    };
    render("compare", form, context)
}

fn render(page: &str, form: Form, context: Value) -> anyhow::Result<String> {
    let environment = environment()?;
    let text = environment.get_template(&format!("{page}.{}", form.ending()))?.render(context)?;
    Ok(match form {
        Form::Html => text,
        Form::Markdown => tidied(&text),
    })
}

fn environment() -> anyhow::Result<Environment<'static>> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax =
        SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()?;
    environment.set_syntax(syntax);
    environment.set_auto_escape_callback(|name| {
        if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None }
    });
    environment.set_formatter(written);
    environment.add_filter("num", |value: Option<f64>| told(value, ""));
    environment.add_filter("percent", |value: Option<f64>| told(value, " %"));
    environment.add_filter("ms", |value: Option<f64>| told(value, " ms"));
    environment.add_filter("unit", |value: Option<f64>, unit: String| {
        told(value, &if unit.is_empty() { unit } else { format!(" {unit}") })
    });
    environment.add_filter("elapsed", elapsed);
    environment.add_filter("counts", |Serde(counts): Serde<Vec<(String, u64)>>| {
        let told: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
        if told.is_empty() { NOTHING.to_owned() } else { told.join(", ") }
    });
    for (name, source) in [
        ("report.html", include_str!("templates/report.html")),
        ("compare.html", include_str!("templates/compare.html")),
        ("parts.html", include_str!("templates/parts.html")),
        ("style.css", include_str!("templates/style.css")),
        ("report.md", include_str!("templates/report.md")),
        ("compare.md", include_str!("templates/compare.md")),
    ] {
        environment.add_template(name, source)?;
    }
    Ok(environment)
}

fn told(value: Option<f64>, unit: &str) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| format!("{}{unit}", number(value)))
}

/// Writes a value: in Markdown without anything that Markdown, or HTML within it, would take for its own.
fn written(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.as_str() {
        Some(text) if state.name().ends_with(".md") && !value.is_safe() => {
            Ok(out.write_str(&markdown(text))?)
        }
        _ => escape_formatter(out, state, value),
    }
}

/// Text within a line of Markdown, or within a cell of a table.
fn markdown(text: &str) -> String {
    let mut out = String::new();
    let characters: Vec<char> = text.chars().collect();
    for (place, c) in characters.iter().enumerate() {
        let beside = |place: Option<usize>| {
            place.and_then(|place| characters.get(place)).is_some_and(|c| c.is_alphanumeric())
        };
        // Between letters it stays what it is, and names such as `latency_p95` stay readable.
        let within_word = *c == '_' && beside(place.checked_sub(1)) && beside(place.checked_add(1));
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '$') && !within_word
        {
            out.push('\\');
        }
        out.push(if *c == '\n' { ' ' } else { *c });
    }
    out
}

/// A block of text as it is; a fence that is longer than any in it.
fn block(text: &str, language: &str, form: Form) -> Value {
    let text = text.trim_end();
    match form {
        Form::Html => Value::from(text),
        Form::Markdown => {
            let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
            let fence = "`".repeat(longest.max(2) + 1);
            Value::from_safe_string(format!("{fence}{language}\n{text}\n{fence}"))
        }
    }
}

/// At most one empty line at a time.
fn tidied(text: &str) -> String {
    let mut out = String::new();
    let (mut empty, mut fence) = (0, None::<String>);
    for line in text.lines() {
        let is_fence = line.starts_with("```");
        match &fence {
            Some(open) if is_fence && line == open => fence = None,
            None if is_fence => fence = Some(line.chars().take_while(|c| *c == '`').collect()),
            _ => {}
        }
        let line = if fence.is_some() { line } else { line.trim_end() };
        empty = if line.is_empty() { empty + 1 } else { 0 };
        if empty < 2 || fence.is_some() {
            out += line;
            out.push('\n');
        }
    }
    out.trim_end().to_owned() + "\n"
}

fn plots(drawn: &[Drawn]) -> Value {
    let plot = |drawn: &Drawn| {
        context! { title => &drawn.title, names => drawn.names.iter().copied().collect::<Value>(), svg => Value::from_safe_string(drawn.svg.clone()) }
    };
    drawn.iter().map(plot).collect()
}

/// A ledger's rate: the interval, what was observed, and the tick of what was declared; as near as shows their distance.
fn rate(row: &LedgerRow) -> String {
    let (Some(observed), Some(low), Some(high)) = (row.observed_percent, row.low_percent, row.high_percent)
    else {
        return String::new();
    };
    let declared = row.declared_percent.unwrap_or(observed);
    let (least, most) = (low.min(declared), high.max(declared));
    let beside = ((most - least) / 2.0).max(0.01);
    let (from, until) = (least - beside, most + beside);
    let x = |value: f64| 4.0 + ((value - from) / (until - from)).clamp(0.0, 1.0) * 192.0;
    let declared = row.declared_percent.map_or_else(String::new, |declared| {
        let x = x(declared);
        format!("<line class=\"declared\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"2\" y2=\"18\"/>")
    });
    let about = format!(
        "observed {}, 95 % interval {} to {}, declared {}",
        told(Some(observed), " %"),
        told(Some(low), " %"),
        told(Some(high), " %"),
        told(row.declared_percent, " %")
    );
    format!(
        "<svg class=\"rate\" viewBox=\"0 0 200 20\" role=\"img\"><title>{about}</title>\
         <line x1=\"4\" x2=\"196\" y1=\"10\" y2=\"10\"/><line class=\"interval\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"10\" y2=\"10\"/>\
         {declared}<circle cx=\"{:.1}\" cy=\"10\" r=\"4\"/></svg>",
        x(low),
        x(high),
        x(observed)
    )
}

/// How near a guardrail came: full has tripped.
fn meter(row: &GuardRow) -> String {
    let share = (1.0 - row.closest).clamp(0.0, 1.0);
    let class = if row.closest <= 0.0 { "meter bad" } else { "meter" };
    format!(
        "<svg class=\"{class}\" viewBox=\"0 0 200 8\" preserveAspectRatio=\"none\" role=\"img\"><title>{} % of the way to tripping</title>\
         <rect width=\"200\" height=\"8\"/><rect class=\"full\" width=\"{:.1}\" height=\"8\"/></svg>",
        number(share * 100.0),
        share * 200.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_takes_nothing_of_a_text_for_its_own() {
        assert_eq!(
            markdown("latency_p95 <b>|x`\n_a_ [l](u)"),
            "latency_p95 \\<b\\>\\|x\\` \\_a\\_ \\[l\\](u)"
        );
        let hostile = block("a: 1\n````\n# head", "yaml", Form::Markdown);
        assert_eq!(hostile.as_str(), Some("`````yaml\na: 1\n````\n# head\n`````"));
    }

    #[test]
    fn empty_lines_are_few_but_within_a_block() {
        assert_eq!(
            tidied("a\n\n\n\nb  \n```yaml\nx\n\n\n\ny\n```\n\n\n"),
            "a\n\nb\n```yaml\nx\n\n\n\ny\n```\n"
        );
    }
}
