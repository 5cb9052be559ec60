//! Queries to Prometheus: <https://prometheus.io/docs/prometheus/latest/querying/api/>.

use super::condition::Condition;
use crate::control::address::Address;
use crate::control::client::Client;
use crate::journal::Promql;
use hyper::Method;
use hyper::body::Bytes;
use serde_json::Value;
use std::fmt::Write;
use std::time::Duration;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(4);

#[derive(Clone)]
pub struct Prometheus(Client);

/// What a query gave.
#[derive(Clone, Debug)]
pub struct Evaluated {
    pub line: Promql,
    /// Whether there was an answer, be it without data.
    pub is_answered: bool,
}

impl Prometheus {
    /// # Errors
    /// What is no `http://HOST:PORT`.
    pub fn read(url: &str) -> anyhow::Result<Self> {
        Ok(Self(Client::new(Address::of("--prometheus", url)?, PATIENCE)))
    }

    /// Asks for each.
    pub async fn evaluate(&self, conditions: &[Condition]) -> Vec<Evaluated> {
        let mut all = Vec::new();
        for condition in conditions {
            let answer = self.query(&condition.expression).await;
            all.push(evaluated(condition, answer));
        }
        all
    }

    async fn query(&self, expression: &str) -> Result<Vec<f64>, String> {
        let path = format!("/api/v1/query?query={}", encoded(expression));
        let (status, body) =
            self.0.fetch(Method::GET, &path, Bytes::new()).await.map_err(|failure| failure.why)?;
        let answer: Value = serde_json::from_slice(&body)
            .map_err(|_| format!("answers status {status} with no JSON: this is no Prometheus"))?;
        of(status, &answer)
    }
}

fn evaluated(condition: &Condition, answer: Result<Vec<f64>, String>) -> Evaluated {
    let (is_answered, value, detail) = match answer {
        Err(why) => (false, None, why),
        Ok(values) => match condition.worst(values.iter().copied()) {
            None => (true, None, "no data".to_owned()),
            Some(value) => {
                (true, Some(value), format!("{} of {} series", condition.expected(), values.len()))
            }
        },
    };
    let line = Promql {
        name: condition.name.clone(),
        role: condition.role,
        expression: condition.expression.clone(),
        // JSON has no infinity; whether it holds is told all the same.
        value: value.filter(|value| value.is_finite()),
        ok: value.map(|value| condition.holds(value)),
        detail,
    };
    Evaluated { line, is_answered }
}

/// A redirection and the like may come with anything in it.
fn of(status: u16, answer: &Value) -> Result<Vec<f64>, String> {
    let told = values(answer);
    match told {
        Ok(_) if status != 200 => Err(format!("answers status {status}, which is no answer of Prometheus")),
        told => told,
    }
}

/// The newest value of each series.
fn values(answer: &Value) -> Result<Vec<f64>, String> {
    let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    if text("/status") != "success" {
        let (kind, error) = (text("/errorType"), text("/error"));
        let kind = if kind.is_empty() { "no Prometheus" } else { kind };
        return Err(format!("{kind}: {error}"));
    }
    let number = |pair: Option<&Value>| {
        let text = pair.and_then(|pair| pair.get(1)).and_then(Value::as_str).unwrap_or_default();
        text.parse::<f64>().map_err(|_| format!("{text:?} is no number"))
    };
    let result = answer.pointer("/data/result");
    match text("/data/resultType") {
        "scalar" => Ok(vec![number(result)?]),
        "vector" => result
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(|series| number(series.get("value")))
            .collect(),
        other => Err(format!("the query gives a {other}, and a number or an instant vector is needed")),
    }
}

/// As part of a URL's query.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Role;
    use serde_json::json;

    #[test]
    fn answers_are_read_and_errors_are_told() {
        let vector =
            |values: Value| json!({"status": "success", "data": {"resultType": "vector", "result": values}});
        let series = |value: &str| json!({"metric": {}, "value": [1.5, value]});
        assert_eq!(values(&vector(json!([series("1"), series("2.5")]))), Ok(vec![1.0, 2.5]));
        assert_eq!(values(&vector(json!([series("+Inf")]))), Ok(vec![f64::INFINITY]));
        assert_eq!(values(&vector(json!([]))), Ok(vec![]));
        let scalar = json!({"status": "success", "data": {"resultType": "scalar", "result": [1, "3"]}});
        assert_eq!(values(&scalar), Ok(vec![3.0]));
        let matrix = json!({"status": "success", "data": {"resultType": "matrix", "result": []}});
        assert!(values(&matrix).expect_err("refused").contains("gives a matrix"));
        let wrong = json!({"status": "error", "errorType": "bad_data", "error": "parse error"});
        assert_eq!(values(&wrong), Err("bad_data: parse error".to_owned()));
        assert!(values(&json!({})).is_err());
    }

    #[test]
    fn only_what_comes_with_200_is_data() {
        let answer = json!({"status": "success", "data": {"resultType": "scalar", "result": [1, "2"]}});
        assert_eq!(of(200, &answer), Ok(vec![2.0]));
        for status in [201, 204, 302, 404, 503] {
            assert!(of(status, &answer).is_err_and(|why| why.contains(&status.to_string())), "{status}");
        }
        let wrong = json!({"status": "error", "errorType": "bad_data", "error": "parse error"});
        assert_eq!(of(400, &wrong), Err("bad_data: parse error".to_owned()));
    }

    #[test]
    fn a_query_survives_the_url() {
        assert_eq!(encoded("a{b=~\"c\"} + é"), "a%7Bb%3D~%22c%22%7D%20%2B%20%C3%A9");
    }

    #[test]
    fn no_data_is_neither_good_nor_bad_and_an_error_is_no_answer() {
        let condition = Condition::read(Role::Guardrail, "a: b <= 2").expect("one");
        let of = |answer| {
            let evaluated = evaluated(&condition, answer);
            (evaluated.is_answered, evaluated.line.value, evaluated.line.ok)
        };
        assert_eq!(of(Ok(vec![])), (true, None, None));
        assert_eq!(of(Ok(vec![1.0, 3.0])), (true, Some(3.0), Some(false)));
        assert_eq!(of(Ok(vec![f64::INFINITY])), (true, None, Some(false)));
        assert_eq!(of(Err("gone".to_owned())), (false, None, None));
    }
}
