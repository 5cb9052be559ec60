//! The variants of the cost table: which filter stands in the listener, and what it does to a request.

use serde::Serialize;
use serde_json::{Value, json};
use squall_envoy_tests::{HttpFilter, Listener, Route, VirtualHost};

use crate::module::Modules;

/// The delay of the delaying variants, and of the lateness table.
pub const DELAY_MS: u64 = 20;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// Envoy without a filter.
    Bare,
    /// Envoy's C++ fault filter, whose header condition does not hold.
    NativeNoMatch,
    /// The SDK's empty filter.
    Empty,
    /// The SDK's empty filter without unneeded exports.
    EmptyStripped,
    /// Squall without a mission.
    SquallIdle,
    /// Squall with a mission of `enable: false`.
    SquallDisabled,
    /// Squall with one armed scenario that does not match.
    SquallArmed1,
    /// Squall with 1,000 armed scenarios that do not match.
    SquallArmed1000,
    /// The C++ fault filter, aborting.
    NativeAbort,
    /// Squall, aborting.
    SquallAbort,
    /// The C++ fault filter, delaying.
    NativeDelay,
    /// Squall, delaying.
    SquallDelay,
}

impl Variant {
    /// In the order of the table; bare Envoy, the base of all comparisons, is the first.
    pub const ALL: [Self; 12] = [
        Self::Bare,
        Self::NativeNoMatch,
        Self::Empty,
        Self::EmptyStripped,
        Self::SquallIdle,
        Self::SquallDisabled,
        Self::SquallArmed1,
        Self::SquallArmed1000,
        Self::NativeAbort,
        Self::SquallAbort,
        Self::NativeDelay,
        Self::SquallDelay,
    ];

    /// Its name for `--only`, its listener and its VM.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::NativeNoMatch => "native-no-match",
            Self::Empty => "empty",
            Self::EmptyStripped => "empty-stripped",
            Self::SquallIdle => "squall-idle",
            Self::SquallDisabled => "squall-disabled",
            Self::SquallArmed1 => "squall-armed-1",
            Self::SquallArmed1000 => "squall-armed-1000",
            Self::NativeAbort => "native-abort",
            Self::SquallAbort => "squall-abort",
            Self::NativeDelay => "native-delay",
            Self::SquallDelay => "squall-delay",
        }
    }

    /// Its name in the table.
    pub fn title(self) -> &'static str {
        match self {
            Self::Bare => "bare Envoy",
            Self::NativeNoMatch => "C++ fault filter, no match",
            Self::Empty => "empty SDK filter",
            Self::EmptyStripped => "empty SDK filter, exports stripped",
            Self::SquallIdle => "Squall idle, no mission",
            Self::SquallDisabled => "Squall idle, enable: false",
            Self::SquallArmed1 => "Squall armed, 1 scenario, no match",
            Self::SquallArmed1000 => "Squall armed, 1,000 scenarios, no match",
            Self::NativeAbort => "C++ fault filter, abort",
            Self::SquallAbort => "Squall, abort",
            Self::NativeDelay => "C++ fault filter, delay",
            Self::SquallDelay => "Squall, delay",
        }
    }

    /// The status of every answer.
    pub fn status(self) -> u16 {
        if matches!(self, Self::NativeAbort | Self::SquallAbort) { 503 } else { 200 }
    }

    /// Whether a mission of Squall runs in it.
    pub fn armed(self) -> bool {
        use Variant::{SquallAbort, SquallArmed1, SquallArmed1000, SquallDelay};
        matches!(self, SquallArmed1 | SquallArmed1000 | SquallAbort | SquallDelay)
    }

    /// The connections that carry the load: a delay needs more of them to keep the worker busy.
    pub fn connections(self) -> usize {
        if matches!(self, Self::NativeDelay | Self::SquallDelay) { 256 } else { 16 }
    }

    /// Its filter; `None` for bare Envoy, and for a module that was not built.
    fn filter(self, modules: &Modules) -> Option<HttpFilter> {
        let squall =
            |plugin: Value| Some(HttpFilter::wasm(self.name(), &modules.squall, &plugin.to_string()));
        match self {
            Self::Bare => None,
            Self::NativeNoMatch => Some(HttpFilter::native_fault(json!({
                "abort": native_abort(),
                "headers": [{"name": "x-absent", "string_match": {"exact": "never"}}]
            }))),
            Self::NativeAbort => Some(HttpFilter::native_fault(json!({"abort": native_abort()}))),
            Self::NativeDelay => Some(native_delay(DELAY_MS, None)),
            Self::Empty => Some(HttpFilter::wasm(self.name(), &modules.empty, "")),
            Self::EmptyStripped => {
                modules.stripped.as_ref().map(|module| HttpFilter::wasm(self.name(), module, ""))
            }
            Self::SquallIdle => squall(idle_plugin()),
            Self::SquallDisabled => {
                let mut plugin = plugin(self.name(), &elsewhere(1));
                plugin["mission"]["enable"] = json!(false);
                squall(plugin)
            }
            Self::SquallArmed1 => squall(plugin(self.name(), &elsewhere(1))),
            Self::SquallArmed1000 => squall(plugin(self.name(), &elsewhere(1_000))),
            Self::SquallAbort => squall(plugin(self.name(), &[everywhere(abort())])),
            Self::SquallDelay => squall(plugin(self.name(), &[everywhere(delay(DELAY_MS))])),
        }
    }

    /// Its listener; `None` when its module was not built.
    pub fn listener(self, modules: &Modules) -> Option<Listener> {
        let filter = self.filter(modules);
        (self == Self::Bare || filter.is_some()).then(|| listener(self.name(), filter))
    }
}

/// A listener that answers 200 itself, so that no upstream disturbs the measurement.
pub fn listener(name: &str, filters: impl IntoIterator<Item = HttpFilter>) -> Listener {
    let host = VirtualHost::any("any").route(Route::prefix("/").name("all").answer(200, "ok"));
    Listener::new(name).filters(filters).virtual_host(host).without_access_log()
}

fn native_abort() -> Value {
    json!({"http_status": 503, "percentage": {"numerator": 100}})
}

/// The C++ fault filter that delays every request, or those of one path.
pub fn native_delay(milliseconds: u64, path: Option<&str>) -> HttpFilter {
    let seconds = format!("{}.{:03}s", milliseconds / 1_000, milliseconds % 1_000);
    let mut fault = json!({"delay": {"fixed_delay": seconds, "percentage": {"numerator": 100}}});
    if let Some(path) = path {
        fault["headers"] = json!([{"name": ":path", "string_match": {"exact": path}}]);
    }
    HttpFilter::native_fault(fault)
}

/// The fault of a fixed delay.
pub fn delay(milliseconds: u64) -> Value {
    json!({"delay": {"fixed": format!("{milliseconds}ms")}})
}

fn abort() -> Value {
    json!({"abort": {"status": 503}})
}

/// A scenario that takes everything.
pub fn everywhere(fault: Value) -> Value {
    json!({"name": "everywhere", "faults": [fault]})
}

/// A scenario that takes one path.
pub fn on_path(name: &str, path: &str, fault: Value) -> Value {
    json!({"name": name, "scope": {"match": [{"path": {"exact": path}}]}, "faults": [fault]})
}

/// Scenarios for other paths than the load's: prefixes, exact paths and templates in turn.
fn elsewhere(count: usize) -> Vec<Value> {
    let path = |number: usize| match number % 3 {
        0 => json!({"prefix": format!("/elsewhere/{number:04}/")}),
        1 => json!({"exact": format!("/elsewhere/{number:04}")}),
        _ => json!({"template": format!("/elsewhere/{number:04}/users/{{id}}")}),
    };
    (0..count)
        .map(|number| {
            json!({"name": format!("elsewhere-{number}"), "scope": {"match": [{"path": path(number)}]}, "faults": [abort()]})
        })
        .collect()
}

fn catalog(scenarios: &[Value]) -> Value {
    json!({"version": 1, "scenarios": scenarios})
}

/// A plugin configuration without a mission.
pub fn idle_plugin() -> Value {
    json!({"version": 1, "catalog": catalog(&elsewhere(1))})
}

/// A plugin configuration whose mission runs all `scenarios` for an hour.
pub fn plugin(id: &str, scenarios: &[Value]) -> Value {
    let names: Vec<&Value> = scenarios.iter().map(|scenario| &scenario["name"]).collect();
    json!({
        "version": 1,
        "catalog": catalog(scenarios),
        "mission": {
            "version": 1, "id": id, "namespace": "bench", "scenarios": names, "duration": "1h", "seed": "bench"
        }
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_variant_has_a_name_and_a_title_of_its_own() {
        let names: BTreeSet<_> = Variant::ALL.into_iter().map(Variant::name).collect();
        let titles: BTreeSet<_> = Variant::ALL.into_iter().map(Variant::title).collect();
        assert_eq!((names.len(), titles.len()), (Variant::ALL.len(), Variant::ALL.len()));
    }

    #[test]
    fn a_mission_runs_all_its_scenarios_and_each_has_a_path_of_its_own() {
        let plugin = plugin("test", &elsewhere(1_000));
        assert_eq!(plugin["mission"]["scenarios"].as_array().map(Vec::len), Some(1_000));
        let scenarios = plugin["catalog"]["scenarios"].as_array().cloned().unwrap_or_default();
        let paths: BTreeSet<_> =
            scenarios.iter().map(|s| s["scope"]["match"][0]["path"].to_string()).collect();
        assert_eq!(paths.len(), 1_000);
    }
}
