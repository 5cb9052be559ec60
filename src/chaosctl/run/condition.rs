//! `NAME: PROMQL <= NUMBER`: what has to hold of a query to Prometheus.

use crate::journal::Role;
use crate::terminal::shown;
use anyhow::{Context, ensure};

#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    pub name: String,
    pub role: Role,
    /// What Prometheus is asked.
    pub expression: String,
    op: Op,
    limit: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    AtMost,
    Below,
    AtLeast,
    Above,
}

const OPS: [(&str, Op); 4] = [("<=", Op::AtMost), (">=", Op::AtLeast), ("<", Op::Below), (">", Op::Above)];

impl Condition {
    /// # Errors
    /// With what is missing, and how it is written.
    pub fn read(role: Role, text: &str) -> anyhow::Result<Self> {
        let option = match role {
            Role::Guardrail => "--guardrail",
            Role::Signal => "--signal",
        };
        let wrong = |what: &str| {
            let given = shown(text);
            format!("{option} {given:?} {what}: write 'errors: sum(rate(failed_total[1m])) <= 5'")
        };
        // A name of Prometheus may have a colon, which no blank follows.
        let (name, rest) = text.split_once(": ").with_context(|| wrong("has no name"))?;
        let name = name.trim();
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | ' ');
        ensure!(
            !name.is_empty() && name.chars().all(fits),
            "{}",
            wrong("has a name that is not of letters, digits, `-`, `_` and `.`")
        );
        let end = rest.rfind(['<', '>', '=']).with_context(|| wrong("compares with no number"))?;
        let (before, number) = rest.split_at(end.saturating_add(1));
        let limit: f64 = number
            .trim()
            .parse()
            .ok()
            .filter(|limit: &f64| limit.is_finite())
            .with_context(|| wrong("does not end with a number"))?;
        let (op, expression) = OPS
            .iter()
            .find_map(|(text, op)| Some((*op, before.strip_suffix(text)?.trim())))
            .with_context(|| wrong("compares with none of <=, <, >= and >"))?;
        ensure!(!expression.is_empty(), "{}", wrong("has no expression"));
        Ok(Self { name: name.to_owned(), role, expression: expression.to_owned(), op, limit })
    }

    pub fn holds(&self, value: f64) -> bool {
        match self.op {
            Op::AtMost => value <= self.limit,
            Op::Below => value < self.limit,
            Op::AtLeast => value >= self.limit,
            Op::Above => value > self.limit,
        }
    }

    /// The one of several series that is nearest to the limit, or beyond it. What is no number, such as 0/0, is no data.
    pub fn worst(&self, values: impl IntoIterator<Item = f64>) -> Option<f64> {
        let values = values.into_iter().filter(|value| !value.is_nan());
        match self.op {
            Op::AtMost | Op::Below => values.max_by(f64::total_cmp),
            Op::AtLeast | Op::Above => values.min_by(f64::total_cmp),
        }
    }

    /// `<= 5`
    pub fn expected(&self) -> String {
        let word = OPS.iter().find(|(_, op)| *op == self.op).map_or("", |(word, _)| word);
        format!("{word} {}", self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<Condition> {
        Condition::read(Role::Guardrail, text)
    }

    #[test]
    fn a_condition_is_a_name_a_query_and_a_limit() {
        let found =
            read("checkout errors: sum(rate(x{code=~\"5..\"}[1m])) / y > bool 0 <= 0.05").expect("one");
        assert_eq!(found.name, "checkout errors");
        assert_eq!(found.expression, "sum(rate(x{code=~\"5..\"}[1m])) / y > bool 0");
        assert_eq!(found.expected(), "<= 0.05");
        for (text, holds, fails) in [
            ("a: b <= 2", 2.0, 2.1),
            ("a: b<2", 1.9, 2.0),
            ("a: b >= -1e3", -1000.0, -1001.0),
            ("a: b:c > 2", 2.1, 2.0),
        ] {
            let found = read(text).expect(text);
            assert!(found.holds(holds) && !found.holds(fails), "{text}");
        }
    }

    #[test]
    fn the_worst_series_counts_and_what_is_no_number_is_no_data() {
        let (most, least) = (read("a: b <= 2").expect("one"), read("a: b >= 2").expect("one"));
        assert_eq!(most.worst([1.0, f64::NAN, 3.0]), Some(3.0));
        assert_eq!(least.worst([1.0, f64::NAN, 3.0]), Some(1.0));
        assert_eq!(most.worst([f64::NAN]), None);
        assert!(!most.holds(f64::INFINITY));
    }

    #[test]
    fn mistakes_are_told_with_an_example() {
        for (text, told) in [
            ("up <= 1", "has no name"),
            ("job:errors:rate <= 1", "has no name"),
            (": up <= 1", "name"),
            ("a: up", "compares with no number"),
            ("a: up == 1", "none of <=, <, >= and >"),
            ("a: up <= many", "does not end with a number"),
            ("a: up <= NaN", "does not end with a number"),
            ("a: <= 1", "has no expression"),
        ] {
            let error = read(text).expect_err(text).to_string();
            assert!(error.contains(told) && error.contains("--guardrail"), "{text}: {error}");
        }
    }
}
