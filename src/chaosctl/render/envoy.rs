//! `render envoy`: a complete bootstrap of a standalone Envoy with Squall in front of its upstreams.

use super::control;
use super::template::{self, list, number, object, text};
use super::tracing;
use crate::arguments::{RenderEnvoy, Side};
use crate::emit::Comments;
use crate::keys::{self, Key};
use crate::terminal::{self, Paint, complain};
use crate::{Outcome, access_log, emit};
use anyhow::{Context, bail, ensure};
use squall_policy::{Entry, Node, Value, wire};
use std::net::IpAddr;
use std::path::Path;

const TEMPLATE: &str = include_str!("envoy.yaml.in");

const HTTP_FILTER: &str = "static_resources.listeners.filter_chains.filters.typed_config.http_filters";

const COMMENTS: &Comments<'_> = &[
    control::COMMENTS[0],
    control::COMMENTS[1],
    control::COMMENTS[2],
    (
        "",
        "A standalone Envoy with Squall. Written by `chaosctl render envoy`: change the catalog or the mission and\n\
         write it again. Start it with `envoy -c FILE`; the metrics are at /stats/prometheus of the admin interface.",
    ),
    (
        "stats_config",
        "The filter writes its labels into the names of its stats; these rules make labels of them again.",
    ),
    (
        "static_resources.listeners.filter_chains.filters.typed_config.preserve_external_request_id",
        "Draws depend on x-request-id: a client that sends its own can replay a run.",
    ),
    (
        "static_resources.listeners.filter_chains.filters.typed_config.tracing",
        "A faulted request's span has attributes `chaos.*`; others have none.",
    ),
    (
        "static_resources.listeners.filter_chains.filters.typed_config.access_log",
        "`chaosctl simulate` reads this log, and more keys where a scenario asks for more.",
    ),
    (
        HTTP_FILTER,
        "Squall stands right before the router: what other filters refuse is neither faulted nor counted.",
    ),
];

/// Where requests with an authority go, or all other requests.
struct Upstream {
    /// `None`: requests whose authority no other upstream has.
    name: Option<String>,
    host: String,
    port: u16,
}

/// # Errors
/// When a file cannot be read or an upstream is not HOST:PORT.
pub fn run(arguments: &RenderEnvoy, paint: Paint) -> anyhow::Result<Outcome> {
    let upstreams = arguments.upstream.iter().map(|u| upstream(u)).collect::<anyhow::Result<Vec<_>>>()?;
    for (index, upstream) in upstreams.iter().enumerate() {
        // Envoy's virtual hosts know no case.
        let same = |earlier: &Upstream| earlier.cluster().eq_ignore_ascii_case(upstream.cluster());
        let twice = upstreams.iter().take(index).any(same);
        ensure!(!twice, "--upstream {} is given twice", upstream.cluster());
    }
    let collector = arguments.otlp.as_deref().map(collector).transpose()?;
    let tracing = collector.as_ref().map(|_| {
        ensure!(
            upstreams.iter().all(|u| u.cluster() != tracing::CLUSTER),
            "--upstream {} is the collector's name",
            tracing::CLUSTER
        );
        Ok(tracing::provider(arguments.identity.service.as_deref().unwrap_or("squall")))
    });
    let tracing = tracing.transpose()?;
    let identity = arguments.identity.identity();
    let Some((inputs, plugin)) = super::plugin::build(&arguments.inputs, &identity, paint)? else {
        return Ok(Outcome::Finding);
    };
    let direction = arguments.direction.map(|side| match side {
        Side::Inbound => text("INBOUND"),
        Side::Outbound => text("OUTBOUND"),
    });
    let keys = keys::read(&arguments.inputs.caller_key)?;
    let variables: Vec<Node> = keys.iter().filter_map(Key::variable).map(text).collect();
    let environment = (!variables.is_empty()).then(|| object([("host_env_keys", list(variables))]));
    let control = match arguments.control {
        Some(at) => Some(control::listener(arguments, at, &plugin, environment.clone())?),
        None => None,
    };
    let bootstrap = template::render(
        TEMPLATE,
        &[
            ("ADMIN_ADDRESS", Some(text(arguments.admin.ip().to_string()))),
            ("ADMIN_PORT", Some(number(arguments.admin.port()))),
            ("LISTEN_ADDRESS", Some(text(arguments.listen.ip().to_string()))),
            ("LISTEN_PORT", Some(number(arguments.listen.port()))),
            ("DIRECTION", direction),
            ("LOG_FORMAT", Some(log_format(&inputs.catalog))),
            ("VIRTUAL_HOSTS", Some(list(upstreams.iter().map(Upstream::virtual_host)))),
            ("CLUSTERS", Some(list(upstreams.iter().map(Upstream::as_cluster).chain(collector)))),
            ("TRACING", tracing),
            ("CONTROL", control),
            ("ENVIRONMENT", environment),
            ("PLUGIN", Some(text(serde_json::to_string_pretty(&plugin)?))),
            ("MODULE", Some(text(&arguments.module))),
        ],
    )?;
    note_missing(&arguments.module, "--module");
    if let Some(at) = arguments.control {
        note_missing(&arguments.control_module, "--control-module");
        if !at.ip().is_loopback() {
            complain(
                "note: whoever reaches the control listener may look and halt, and may start missions where no operators are configured\n",
            );
        }
    }
    terminal::print(&emit::file(&bootstrap, arguments.output, COMMENTS)?)?;
    Ok(Outcome::Fine)
}

fn note_missing(module: &str, option: &str) {
    let module = Path::new(module);
    if module.is_relative() && !module.exists() {
        complain(&format!(
            "note: there is no {} here, and Envoy looks for it from the folder where it is started: give {option} PATH, \
             absolute, or build it with `make build`\n",
            module.display()
        ));
    }
}

fn log_format(catalog: &wire::Catalog) -> Node {
    object(access_log::format(catalog).into_iter().map(|key| (key.name, text(key.operator))))
}

/// The cluster of a collector of spans.
fn collector(given: &str) -> anyhow::Result<Node> {
    let wrong = || format!("--otlp {given:?} is not HOST:PORT");
    ensure!(!given.contains('='), wrong());
    let address = upstream(given).with_context(wrong)?;
    let collector = Upstream { name: Some(tracing::CLUSTER.to_owned()), ..address };
    let mut cluster = collector.as_cluster();
    if let Value::Object(entries) = &mut cluster.value {
        let value = tracing::http2();
        entries.push(Entry { key: "typed_extension_protocol_options".to_owned(), at: None, value });
    }
    Ok(cluster)
}

fn upstream(given: &str) -> anyhow::Result<Upstream> {
    let wrong = || format!("--upstream {given:?} is not HOST:PORT or NAME=HOST:PORT");
    let (name, address) = match given.split_once('=') {
        Some((name, address)) => (Some(name), address),
        None => (None, given),
    };
    let (host, port) = address.rsplit_once(':').with_context(wrong)?;
    let port: u16 = port.parse().with_context(wrong)?;
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let word =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    if port == 0 || !(word(host) || host.parse::<IpAddr>().is_ok()) || !name.is_none_or(word) {
        bail!(wrong());
    }
    ensure!(name != Some(DEFAULT), "--upstream {given:?}: `{DEFAULT}` is the name of the one without a name");
    Ok(Upstream { name: name.map(ToOwned::to_owned), host: host.to_owned(), port })
}

/// Name of the cluster of the upstream without a name.
const DEFAULT: &str = "default";

impl Upstream {
    fn cluster(&self) -> &str {
        self.name.as_deref().unwrap_or(DEFAULT)
    }

    fn virtual_host(&self) -> Node {
        let domains = match &self.name {
            Some(name) => vec![text(name), text(format!("{name}:*"))],
            None => vec![text("*")],
        };
        let cluster = self.cluster();
        let route = object([
            ("name", text(cluster)),
            ("match", object([("prefix", text("/"))])),
            ("route", object([("cluster", text(cluster))])),
        ]);
        object([("name", text(cluster)), ("domains", list(domains)), ("routes", list([route]))])
    }

    fn as_cluster(&self) -> Node {
        let kind = if self.host.parse::<IpAddr>().is_ok() { "STATIC" } else { "STRICT_DNS" };
        let address = object([("address", text(&self.host)), ("port_value", number(self.port))]);
        let endpoint = object([("address", object([("socket_address", address)]))]);
        let endpoints = object([("lb_endpoints", list([object([("endpoint", endpoint)])]))]);
        let assignment = object([("cluster_name", text(self.cluster())), ("endpoints", list([endpoints]))]);
        object([("name", text(self.cluster())), ("type", text(kind)), ("load_assignment", assignment)])
    }
}
