//! docs/openapi.yaml: what it says of an answer, and that it covers what there is.

use jsonschema::Validator;
use serde_json::{Value, json};
use squall_envoy_tests::{Reply, repo_root};
use squall_policy::Report;
use squall_policy::events::Name;

/// The document as a tree.
pub struct Document(Value);

impl Document {
    pub fn load() -> Self {
        let text = std::fs::read_to_string(repo_root().join("docs/openapi.yaml")).unwrap();
        let mut report = Report::default();
        let tree = crate::reader::read(&text, &mut report);
        assert!(!report.has_errors(), "{:?}", report.findings);
        Self(serde_json::to_value(tree.expect("a tree")).unwrap())
    }

    /// Panics when an answer is not as the document says of its path, method and status.
    pub fn check(&self, method: &str, path: &str, reply: &Reply) {
        if let Err(reason) =
            self.verdict(method, path, reply.status, reply.header("content-type"), &reply.json())
        {
            panic!("{method} {path}: {} {}: {reason}", reply.status, reply.text());
        }
    }

    fn verdict(
        &self,
        method: &str,
        path: &str,
        status: u16,
        content_type: Option<&str>,
        body: &Value,
    ) -> Result<(), String> {
        let path = path.split('?').next().unwrap_or_default();
        let problem = &self.0["components"]["responses"]["Problem"];
        let said = self.path(path).map(|item| &item[method]["responses"]);
        let response = said.and_then(|said| said.get(status.to_string())).unwrap_or(problem);
        if status < 400 && response == problem {
            return Err("the document has no such answer".to_owned());
        }
        let content = response["content"].as_object().ok_or("no content")?;
        let (media, said) = content.iter().next().ok_or("no content")?;
        let found = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
        if found != media {
            return Err(format!("content-type {found}, and not {media}"));
        }
        if media == "text/html" {
            return Ok(());
        }
        if body["status"] != json!(status) && media == "application/problem+json" {
            return Err("the status in the body is another".to_owned());
        }
        let errors: Vec<String> =
            self.validator(&said["schema"]).iter_errors(body).map(|e| e.to_string()).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors.join("; ")) }
    }

    /// The entry of a path, with the names of its parameters.
    fn path(&self, path: &str) -> Option<&Value> {
        let same = |template: &str| {
            let (template, path): (Vec<&str>, Vec<&str>) =
                (template.split('/').collect(), path.split('/').collect());
            template.len() == path.len()
                && template.iter().zip(path).all(|(t, p)| t.starts_with('{') || *t == p)
        };
        self.0["paths"].as_object()?.iter().find(|(template, _)| same(template)).map(|(_, item)| item)
    }

    fn validator(&self, schema: &Value) -> Validator {
        let mut whole = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "components": self.0["components"]});
        whole["allOf"] = json!([schema]);
        jsonschema::validator_for(&whole).unwrap()
    }
}

fn good() -> Value {
    json!({"last": 1, "events": [{"number": 1, "event": "mission.done", "at": "2026-12-01T09:00:00.000Z", "mission": "m"}]})
}

#[test]
fn the_check_of_answers_can_fail() {
    let document = Document::load();
    let check = |status, media: &str, body: &Value| {
        document.verdict("get", "/v1/events?since=3", status, Some(media), body)
    };
    assert_eq!(check(200, "application/json", &good()), Ok(()));
    assert!(check(200, "text/plain", &good()).is_err());
    assert!(check(201, "application/json", &good()).is_err(), "no such answer");
    let changes: [(&str, Value); 5] = [
        ("/last", json!(-1)),
        ("/last", json!("1")),
        ("/events/0/event", json!("mission.invented")),
        ("/events/0/at", json!("yesterday")),
        ("/events/0", json!({"number": 1})),
    ];
    for (place, value) in changes {
        let mut body = good();
        *body.pointer_mut(place).unwrap() = value;
        assert!(check(200, "application/json", &body).is_err(), "{body}");
    }
    let mut more = good();
    more["more"] = json!(1);
    assert!(check(200, "application/json", &more).is_err());
    let problem = json!({"type": "urn:squall:problem:not-found", "title": "t", "status": 404, "detail": "", "code": "not-found"});
    assert_eq!(check(404, "application/problem+json", &problem), Ok(()));
    assert!(check(404, "application/json", &problem).is_err());
    assert!(check(403, "application/problem+json", &problem).is_err(), "another status in the body");
}

#[test]
fn the_document_names_every_event_and_every_schema_that_it_refers_to() {
    let document = Document::load();
    let schemas = &document.0["components"]["schemas"];
    let names: Vec<&str> = Name::ALL.iter().map(|name| name.word()).collect();
    assert_eq!(
        schemas["Events"]["properties"]["events"]["items"]["properties"]["event"]["enum"],
        json!(names)
    );
    let text = document.0.to_string();
    for reference in text.split("\"$ref\":\"").skip(1) {
        let pointer = reference.split('"').next().unwrap().trim_start_matches('#');
        assert!(document.0.pointer(pointer).is_some(), "{pointer}");
    }
    for name in schemas.as_object().unwrap().keys() {
        assert!(text.contains(&format!("#/components/schemas/{name}\"")), "nobody refers to {name}");
        document.validator(&json!({"$ref": format!("#/components/schemas/{name}")}));
    }
}
