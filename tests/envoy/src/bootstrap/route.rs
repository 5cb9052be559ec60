//! Routes and virtual hosts.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::seconds;

/// One route: what it matches and what it does.
#[derive(Clone, Debug)]
pub struct Route {
    json: Value,
}

impl Route {
    /// Matches every path that starts with `prefix`. Without [`Route::to`] it answers 200 itself.
    pub fn prefix(prefix: &str) -> Self {
        Self::matching(json!({"prefix": prefix}))
    }

    /// Matches exactly `path` (the query is not looked at).
    pub fn path(path: &str) -> Self {
        Self::matching(json!({"path": path}))
    }

    /// Any `RouteMatch`.
    pub fn matching(route_match: Value) -> Self {
        Self { json: json!({"match": route_match}) }.answer(200, "ok")
    }

    /// The route's name, which a scenario may match.
    pub fn name(self, name: &str) -> Self {
        self.set("name", json!(name))
    }

    /// Sends requests to `cluster`. There is no timeout unless [`Route::timeout`] sets one.
    pub fn to(mut self, cluster: &str) -> Self {
        self.remove("direct_response");
        self.set("route", json!({"cluster": cluster, "timeout": "0s"}))
    }

    /// Answers in Envoy, without an upstream.
    pub fn answer(mut self, status: u16, body: &str) -> Self {
        self.remove("route");
        self.set("direct_response", json!({"status": status, "body": {"inline_string": body}}))
    }

    /// The route's timeout; call after [`Route::to`].
    pub fn timeout(self, timeout: Duration) -> Self {
        self.set_action("timeout", seconds(timeout))
    }

    /// Retries on `conditions` (such as `5xx,connect-failure`) up to `retries` times; call after [`Route::to`].
    pub fn retry(self, conditions: &str, retries: u32) -> Self {
        self.set_action("retry_policy", json!({"retry_on": conditions, "num_retries": retries}))
    }

    /// Sets any other key of the route.
    pub fn set(mut self, key: &str, value: Value) -> Self {
        self.json[key] = value;
        self
    }

    /// Sets any other key of the route's action (`route`); call after [`Route::to`].
    pub fn set_action(mut self, key: &str, value: Value) -> Self {
        self.json["route"][key] = value;
        self
    }

    fn remove(&mut self, key: &str) {
        if let Some(fields) = self.json.as_object_mut() {
            fields.remove(key);
        }
    }
}

/// A virtual host: domains and their routes, first match first.
#[derive(Clone, Debug)]
pub struct VirtualHost {
    name: String,
    domains: Vec<String>,
    routes: Vec<Route>,
    options: Map<String, Value>,
}

impl VirtualHost {
    /// A virtual host for `domains`, such as `shop.test` or `*`.
    pub fn new<'a>(name: &str, domains: impl IntoIterator<Item = &'a str>) -> Self {
        let domains = domains.into_iter().map(str::to_owned).collect();
        Self { name: name.to_owned(), domains, routes: Vec::new(), options: Map::new() }
    }

    /// A virtual host for every domain that has no other.
    pub fn any(name: &str) -> Self {
        Self::new(name, ["*"])
    }

    /// Adds a route.
    pub fn route(mut self, route: Route) -> Self {
        self.routes.push(route);
        self
    }

    /// Sets any other key of the virtual host.
    pub fn set(mut self, key: &str, value: Value) -> Self {
        self.options.insert(key.to_owned(), value);
        self
    }

    pub(crate) fn to_json(&self) -> Value {
        let routes: Vec<&Value> = self.routes.iter().map(|route| &route.json).collect();
        let mut host = json!({"name": self.name, "domains": self.domains, "routes": routes});
        for (key, value) in &self.options {
            host[key] = value.clone();
        }
        host
    }
}
