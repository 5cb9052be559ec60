//! What a JSON Schema (draft 2020-12) says of the files, from the same declarations that read them. Only the generator of
//! the documentation needs it; the filter is built without.
//!
//! A schema is looser than the reader: it knows types, keys, ranges and forms, and nothing of how values belong together.

use super::decode::Decode;
use serde_json::{Map, Value, json};

/// The objects of a file, by name.
pub type Definitions = Map<String, Value>;

/// One key of an object.
pub struct Property {
    pub key: &'static str,
    pub doc: &'static str,
    pub presence: String,
    pub schema: Value,
}

/// The schema of a whole file.
#[must_use]
pub fn of_file<T: Decode>(title: &str) -> Value {
    let mut definitions = Definitions::new();
    let root = T::schema(&mut definitions);
    complete(&mut definitions);
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "$defs": definitions,
    });
    if let (Some(schema), Value::Object(root)) = (schema.as_object_mut(), root) {
        schema.extend(root);
    }
    schema
}

/// Defines an object once and refers to it.
pub fn object(
    name: &str,
    doc: &str,
    definitions: &mut Definitions,
    properties: impl FnOnce(&mut Definitions) -> Vec<Property>,
) -> Value {
    if !definitions.contains_key(name) {
        // An object may hold itself further down.
        definitions.insert(name.to_owned(), Value::Null);
        let properties = properties(definitions);
        let required: Vec<&str> =
            properties.iter().filter(|p| p.presence == "required").map(|p| p.key).collect();
        let mut definition = json!({
            "type": "object",
            "description": sentence(doc),
            "additionalProperties": false,
            "properties": properties.iter().map(|p| (p.key.to_owned(), property(p))).collect::<Map<_, _>>(),
        });
        if let (false, Some(definition)) = (required.is_empty(), definition.as_object_mut()) {
            definition.insert("required".to_owned(), json!(required));
        }
        definitions.insert(name.to_owned(), definition);
    }
    json!({"$ref": format!("#/$defs/{name}")})
}

/// Defines an object that is another one without a key of it and with one of its own, which is required. The other one may
/// be under way still.
pub fn extended(
    name: &str,
    other: &str,
    without: &str,
    (key, schema): (&str, Value),
    definitions: &mut Definitions,
) -> Value {
    let pending = json!({"other": other, "without": without, "key": key, "schema": schema});
    definitions.insert(name.to_owned(), json!({PENDING: pending}));
    json!({"$ref": format!("#/$defs/{name}")})
}

const PENDING: &str = "pending";

fn complete(definitions: &mut Definitions) {
    let pending: Vec<(String, Value)> = definitions
        .iter()
        .filter_map(|(name, definition)| Some((name.clone(), definition.get(PENDING)?.clone())))
        .collect();
    for (name, pending) in pending {
        let text = |key: &str| pending.get(key).and_then(Value::as_str).unwrap_or_default();
        let mut definition = definitions.get(text("other")).cloned().unwrap_or_default();
        if let Some(properties) = definition.get_mut("properties").and_then(Value::as_object_mut) {
            properties.remove(text("without"));
            properties.insert(text("key").to_owned(), pending.get("schema").cloned().unwrap_or_default());
        }
        if let Some(definition) = definition.as_object_mut() {
            definition.insert("required".to_owned(), json!([text("key")]));
        }
        definitions.insert(name, definition);
    }
}

fn property(property: &Property) -> Value {
    let default = property.presence.strip_prefix("default ").map(|text| format!(" Default: {text}."));
    let mut schema = property.schema.clone();
    if let Some(schema) = schema.as_object_mut() {
        // What the key means comes before what its type is.
        let kind = schema.get("description").and_then(Value::as_str).map(|kind| format!(" ({kind})"));
        let description =
            format!("{}{}{}", sentence(property.doc), kind.unwrap_or_default(), default.unwrap_or_default());
        schema.insert("description".to_owned(), json!(description));
    }
    schema
}

/// Doc comments come line by line, each with a leading blank.
fn sentence(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text of a form, told by the type's name in the documentation.
#[must_use]
pub fn text<T: Decode>(pattern: Option<&str>, longest: usize) -> Value {
    let mut schema = json!({"type": "string", "description": label::<T>(), "maxLength": longest});
    if let (Some(pattern), Some(schema)) = (pattern, schema.as_object_mut()) {
        schema.insert("pattern".to_owned(), json!(pattern));
    }
    schema
}

/// A number between two bounds.
#[must_use]
pub fn number<T: Decode>(kind: &str, min: f64, max: f64) -> Value {
    json!({"type": kind, "description": label::<T>(), "minimum": bound(min), "maximum": bound(max)})
}

/// Whole bounds are written without a decimal point.
fn bound(number: f64) -> Value {
    if number.trunc() == number { json!(number as i64) } else { json!(number) }
}

/// The type's name as the pages have it, without their markup.
#[must_use]
pub fn label<T: Decode>() -> String {
    T::kind().label.replace(['`', '\\'], "")
}
