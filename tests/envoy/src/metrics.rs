//! Reads the Prometheus text that Envoy's admin interface prints. It keeps samples only, no types and no help.

use std::collections::BTreeMap;

/// One snapshot of `/stats/prometheus`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metrics {
    samples: Vec<MetricSample>,
}

/// One line of the snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricSample {
    /// Family name; histograms appear as `_bucket`, `_sum` and `_count`.
    pub name: String,
    /// Every label with its value.
    pub labels: BTreeMap<String, String>,
    /// The sample's value.
    pub value: f64,
}

impl Metrics {
    /// Parses the text format; lines that are no sample are left out.
    pub fn parse(text: &str) -> Self {
        Self { samples: text.lines().filter_map(parse_line).collect() }
    }

    /// The value of the one sample called `name` that carries exactly `labels` (in any order).
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.matching(name, labels)
            .find(|sample| sample.labels.len() == labels.len())
            .map(|sample| sample.value)
    }

    /// The sum over every sample called `name` that carries at least `labels`; 0 when there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        // fold, because the sum of no floats is -0.0
        self.matching(name, labels).fold(0.0, |sum, sample| sum + sample.value)
    }

    /// Every sample called `name`.
    pub fn family<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a MetricSample> {
        self.matching(name, &[])
    }

    /// Every sample of the snapshot.
    pub fn samples(&self) -> &[MetricSample] {
        &self.samples
    }

    fn matching<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a MetricSample> {
        self.samples.iter().filter(move |sample| {
            sample.name == name
                && labels.iter().all(|(key, value)| sample.labels.get(*key).is_some_and(|have| have == value))
        })
    }
}

fn parse_line(line: &str) -> Option<MetricSample> {
    if line.starts_with('#') || line.is_empty() {
        return None;
    }
    let name_end = line.find(['{', ' '])?;
    let (labels, rest) = match line[name_end..].strip_prefix('{') {
        Some(inside) => parse_labels(inside)?,
        None => (BTreeMap::new(), &line[name_end..]),
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(MetricSample { name: line[..name_end].to_owned(), labels, value })
}

/// Parses `a="x",b="y"} ...` and returns what follows the brace.
fn parse_labels(mut text: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        text = text.trim_start_matches(',');
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (key, rest) = text.split_once("=\"")?;
        let (value, rest) = parse_quoted(rest)?;
        labels.insert(key.to_owned(), value);
        text = rest;
    }
}

/// Reads up to the closing quote and undoes the escapes of the format.
fn parse_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            plain => value.push(plain),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# TYPE chaos_requests_total counter\n\
        chaos_requests_total{scenario=\"db\",group=\"treatment\"} 3\n\
        chaos_requests_total{scenario=\"db\",group=\"control\"} 4\n\
        chaos_active{} 1\n\
        plain 2.5\n\
        quoted{text=\"a\\\"b,c}\\\\\"} 9\n";

    #[test]
    fn a_value_needs_exactly_its_labels_and_a_sum_at_least_them() {
        let metrics = Metrics::parse(TEXT);
        assert_eq!(
            metrics.value("chaos_requests_total", &[("group", "control"), ("scenario", "db")]),
            Some(4.0)
        );
        assert_eq!(metrics.value("chaos_requests_total", &[("scenario", "db")]), None);
        assert_eq!(metrics.sum("chaos_requests_total", &[("scenario", "db")]), 7.0);
        assert_eq!(metrics.sum("chaos_requests_total", &[("scenario", "other")]), 0.0);
        assert_eq!((metrics.value("chaos_active", &[]), metrics.value("plain", &[])), (Some(1.0), Some(2.5)));
    }

    #[test]
    fn escapes_and_brackets_inside_a_label_are_kept() {
        assert_eq!(Metrics::parse(TEXT).value("quoted", &[("text", "a\"b,c}\\")]), Some(9.0));
    }
}
