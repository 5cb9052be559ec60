//! A request made by hand, and plans made from JSON: what all tests of the policy start from.

#![allow(dead_code, reason = "each test binary uses another part of it")]

use serde_json::{Value, json};
use squall_policy::{Direction, Fact, Facts, Loaded, Moment, Plan, Report, load_plugin};

/// A request with exactly the facts given.
#[derive(Clone, Debug)]
pub struct Request {
    pub facts: Vec<(Fact, Vec<u8>)>,
    pub direction: Direction,
}

impl Request {
    pub fn new() -> Self {
        Self { facts: Vec::new(), direction: Direction::Unspecified }
    }

    /// A request that has nothing but an id.
    pub fn with_id(id: &str) -> Self {
        Self::new().and(Fact::RequestId, id)
    }

    pub fn and(mut self, fact: Fact, value: impl AsRef<[u8]>) -> Self {
        self.facts.push((fact, value.as_ref().to_vec()));
        self
    }

    pub fn header(self, name: &str, value: &str) -> Self {
        self.and(Fact::Header(name.to_owned()), value)
    }

    pub fn get(&self, fact: &Fact) -> Option<&[u8]> {
        self.facts.iter().find(|(known, _)| known == fact).map(|(_, value)| value.as_slice())
    }
}

impl Facts for Request {
    fn fact(&mut self, fact: &Fact) -> Option<&[u8]> {
        self.get(fact)
    }

    fn direction(&mut self) -> Direction {
        self.direction
    }
}

/// A request at a moment; `None` is a request without a clock.
pub struct At(pub Option<Moment>, pub Request);

impl Facts for At {
    fn fact(&mut self, fact: &Fact) -> Option<&[u8]> {
        self.1.get(fact)
    }

    fn direction(&mut self) -> Direction {
        self.1.direction
    }

    fn moment(&mut self) -> Option<Moment> {
        self.0
    }
}

/// A configuration whose mission runs all of the given scenarios, in their order.
pub fn plugin(composition: &str, scenarios: &[Value]) -> Value {
    let names: Vec<&Value> = scenarios.iter().map(|s| &s["name"]).collect();
    json!({
        "version": 1,
        "catalog": {"version": 1, "scenarios": scenarios},
        "mission": {"version": 1, "id": "test", "scenarios": names, "namespace": "shop", "duration": "1m",
            "composition": composition},
    })
}

/// Loads a configuration that has to be free of mistakes.
pub fn load(configuration: &Value) -> Loaded {
    let mut report = Report::default();
    let loaded = load_plugin(configuration.to_string().as_bytes(), None, &mut report);
    loaded.unwrap_or_else(|| panic!("{configuration} is refused: {:#?}", report.findings))
}

/// The plan of a mission that runs all of the given scenarios.
pub fn plan(composition: &str, scenarios: &[Value]) -> Plan {
    load(&plugin(composition, scenarios)).plan.expect("a mission was given")
}

/// Request ids of the form that Envoy makes: UUIDs (version 4) in text, here of consecutive numbers.
pub fn request_id(number: u64) -> String {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{:08x}-{:04x}-4000-8000-{:012x}", mixed >> 32, mixed & 0xffff, number)
}
