//! The three services and the Envoy between them: `client -> ingress -> user-service -> egress -> auth-service
//! and profile-db`. Squall sits in egress.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use squall_envoy_tests::{Envoy, EnvoyOptions, HttpClient, Metrics, eventually, squall_wasm};
use user_service_example::{auth_api::DEMO_TOKEN, call_stats::CallStats, child::Service};

const TEMPLATE: &str = include_str!("../../../envoy.yaml.in");
const FIRST_PAGE_WITHIN: Duration = Duration::from_secs(5);

/// Everything that runs; ended when dropped.
pub struct Mesh {
    envoy: Envoy,
    user_service: Service,
    auth_service: Service,
    profile_db: Service,
}

impl Mesh {
    /// Starts everything and waits until a page comes through.
    ///
    /// # Errors
    /// When something is missing or not ready in time, or when the filter refuses its configuration.
    pub async fn start(plugin: &Value, auth_retries: u32) -> anyhow::Result<Self> {
        let auth_service = Service::start(&program("auth-service")?, &[""; 0]).await?;
        let profile_db = Service::start(&program("profile-db")?, &[""; 0]).await?;
        // Envoy needs the port of the user-service and the user-service that of Envoy's egress: this port is
        // held until just before the user-service takes it.
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let user_address = held.local_addr()?;
        let bootstrap = TEMPLATE
            .replace("@USER_SERVICE_PORT@", &user_address.port().to_string())
            .replace("@AUTH_SERVICE_PORT@", &auth_service.address.port().to_string())
            .replace("@PROFILE_DB_PORT@", &profile_db.address.port().to_string())
            .replace("@MODULE@", &json!(squall_wasm()?).to_string())
            .replace("@PLUGIN@", &json!(plugin.to_string()).to_string());
        let envoy = EnvoyOptions::default().concurrency(2).start(bootstrap).await?;
        let egress = envoy.addr("egress");
        drop(held);
        let arguments = [
            format!("--listen={user_address}"),
            format!("--auth={egress}"),
            format!("--profile-db={egress}"),
            format!("--auth-retries={auth_retries}"),
        ];
        let user_service = Service::start(&program("user-service")?, &arguments).await?;
        let mesh = Self { envoy, user_service, auth_service, profile_db };
        mesh.check_readiness().await?;
        Ok(mesh)
    }

    async fn check_readiness(&self) -> anyhow::Result<()> {
        let client = HttpClient::http1(self.ingress()).deadline(Duration::from_secs(1));
        let token = format!("Bearer {DEMO_TOKEN}");
        eventually("the first page", FIRST_PAGE_WITHIN, async || {
            let page = client.get_with("/users/7", &[("authorization", &token)]).await.ok()?;
            (page.status == 200).then_some(())
        })
        .await?;
        let rejected = self.metrics().await?.sum("chaos_config_rejected", &[]);
        ensure!(rejected == 0.0, "the filter refuses its configuration:\n{}", self.envoy.log());
        Ok(())
    }

    /// Where clients request pages.
    pub fn ingress(&self) -> SocketAddr {
        self.envoy.addr("ingress")
    }

    /// The admin interface of Envoy.
    pub fn admin(&self) -> String {
        let file = self.envoy.folder().join("admin-address");
        std::fs::read_to_string(file).unwrap_or_default()
    }

    /// The user-service itself.
    pub fn user_service(&self) -> SocketAddr {
        self.user_service.address
    }

    /// What Squall counts, from Envoy's `/stats/prometheus`.
    pub async fn metrics(&self) -> anyhow::Result<Metrics> {
        Ok(self.envoy.prometheus().await?)
    }

    /// What the user-service counts, since its start.
    pub async fn call_stats(&self) -> anyhow::Result<CallStats> {
        let reply = HttpClient::http1(self.user_service.address).get("/stats").await?;
        Ok(serde_json::from_value(reply.json())?)
    }

    /// Ends the services by SIGTERM, and Envoy.
    ///
    /// # Errors
    /// When one does not end in time; it is killed then.
    pub async fn stop(self) -> anyhow::Result<()> {
        for service in [self.user_service, self.auth_service, self.profile_db] {
            service.stop().await?;
        }
        Ok(())
    }
}

/// The services are built beside the demo.
fn program(name: &str) -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("where is this program?")?.with_file_name(name);
    ensure!(
        program.is_file(),
        "{} is missing: run `cargo build --release -p user-service-example`",
        program.display()
    );
    Ok(program)
}
