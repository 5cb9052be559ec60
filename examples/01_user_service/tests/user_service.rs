//! The user-service with the real auth-service and profile-db, without Envoy: what it does when one of
//! them is slow, unavailable or away. The demo shows the same with injected faults.

use std::{net::SocketAddr, path::Path};

use serde_json::{Value, json};
use squall_envoy_tests::HttpClient;
use tokio::time::Instant;
use user_service_example::{auth_api::DEMO_TOKEN, child::Service};

const AUTH_SERVICE: &str = env!("CARGO_BIN_EXE_auth-service");
const PROFILE_DB: &str = env!("CARGO_BIN_EXE_profile-db");
const USER_SERVICE: &str = env!("CARGO_BIN_EXE_user-service");

/// Longer than the timeouts of the user-service (200 and 150 ms).
const TOO_SLOW: &str = "--latency=2s";

struct Services {
    auth: Service,
    profile_db: Service,
    user: Service,
}

impl Services {
    async fn start(auth: &[&str], profile_db: &[&str], user: &[&str]) -> Self {
        let auth = start(AUTH_SERVICE, auth).await;
        let profile_db = start(PROFILE_DB, profile_db).await;
        let user = start_user_service(auth.address, profile_db.address, user).await;
        Self { auth, profile_db, user }
    }

    async fn page(&self, id: u64, token: &str) -> (u16, Value) {
        self.get(&format!("/users/{id}"), token).await
    }

    async fn stat(&self, name: &str) -> u64 {
        let (_, stats) = self.get("/stats", "").await;
        stats[name].as_u64().expect("a counter of that name")
    }

    async fn get(&self, path: &str, token: &str) -> (u16, Value) {
        let headers = [("authorization", &*format!("Bearer {token}"))];
        let reply = HttpClient::http1(self.user.address).get_with(path, &headers).await.expect("an answer");
        (reply.status, reply.json())
    }
}

async fn start_user_service(auth: SocketAddr, profile_db: SocketAddr, arguments: &[&str]) -> Service {
    let upstreams = [format!("--auth={auth}"), format!("--profile-db={profile_db}")];
    let upstreams = upstreams.iter().map(String::as_str);
    start(USER_SERVICE, &upstreams.chain(arguments.iter().copied()).collect::<Vec<_>>()).await
}

/// An address at which nobody listens any more.
async fn deserted_address() -> SocketAddr {
    let service = start(PROFILE_DB, &[]).await;
    let address = service.address;
    service.stop().await.expect("profile-db stops");
    address
}

async fn start(program: &str, arguments: &[&str]) -> Service {
    Service::start(Path::new(program), arguments).await.expect("a service that starts")
}

#[tokio::test]
async fn a_page_has_the_profile_of_the_user() {
    let services = Services::start(&[], &[], &[]).await;
    let profile = json!({"id": 7, "name": "User 7", "plan": "team"});
    let page = services.page(7, DEMO_TOKEN).await;
    assert_eq!(page, (200, json!({"user": 7, "profile": profile})));
    assert_eq!(services.page(1001, DEMO_TOKEN).await.0, 404);
}

#[tokio::test]
async fn an_invalid_token_is_refused_and_not_retried() {
    let services = Services::start(&[], &[], &[]).await;
    assert_eq!(services.page(7, "stolen").await.0, 401);
    assert_eq!(services.stat("auth_tries").await, 1);
}

#[tokio::test]
async fn a_retry_hides_one_unavailable_answer() {
    let services = Services::start(&["--unavailable-first=1"], &[], &[]).await;
    assert_eq!(services.page(7, DEMO_TOKEN).await.0, 200);
    assert_eq!(services.stat("auth_tries").await, 2);
    assert_eq!(services.stat("auth_unavailable").await, 1);
    assert_eq!(services.stat("auth_recovered").await, 1);
}

#[tokio::test]
async fn two_unavailable_answers_are_a_503() {
    let services = Services::start(&["--unavailable-first=2"], &[], &[]).await;
    assert_eq!(services.page(7, DEMO_TOKEN).await.0, 503);
    assert_eq!(services.stat("auth_recovered").await, 0);
    assert_eq!(services.page(7, DEMO_TOKEN).await.0, 200);
}

#[tokio::test]
async fn without_retries_one_unavailable_answer_is_a_503() {
    let services = Services::start(&["--unavailable-first=1"], &[], &["--auth-retries=0"]).await;
    assert_eq!(services.page(7, DEMO_TOKEN).await.0, 503);
    assert_eq!(services.stat("auth_tries").await, 1);
}

#[tokio::test]
async fn a_slow_auth_service_is_a_503_after_one_timeout() {
    let services = Services::start(&[TOO_SLOW], &[], &[]).await;
    let start = Instant::now();
    assert_eq!(services.page(7, DEMO_TOKEN).await.0, 503);
    let took = start.elapsed();
    assert!((200..1500).contains(&took.as_millis()), "answered after {took:?}");
    assert_eq!(services.stat("auth_tries").await, 1);
    assert_eq!(services.stat("auth_timeouts").await, 1);
}

#[tokio::test]
async fn a_slow_profile_db_costs_the_profile_and_not_the_page() {
    let services = Services::start(&[], &[TOO_SLOW], &[]).await;
    let start = Instant::now();
    let page = services.page(7, DEMO_TOKEN).await;
    assert_eq!(page, (200, json!({"user": 7, "profile": null})));
    let took = start.elapsed();
    assert!((150..1500).contains(&took.as_millis()), "answered after {took:?}");
    assert_eq!(services.stat("profile_timeouts").await, 1);
    assert_eq!(services.stat("pages_without_profile").await, 1);
}

#[tokio::test]
async fn without_the_profile_db_the_page_has_no_profile() {
    let mut services = Services::start(&[], &[], &[]).await;
    services.user = start_user_service(services.auth.address, deserted_address().await, &[]).await;
    let page = services.page(7, DEMO_TOKEN).await;
    assert_eq!(page, (200, json!({"user": 7, "profile": null})));
}

#[tokio::test]
async fn without_the_auth_service_the_page_is_a_503() {
    let mut services = Services::start(&[], &[], &[]).await;
    services.user = start_user_service(deserted_address().await, services.profile_db.address, &[]).await;
    assert_eq!(services.page(7, DEMO_TOKEN).await.0, 503);
}

#[tokio::test]
async fn sigterm_ends_each_service_with_success() {
    let services = Services::start(&[], &[], &[]).await;
    assert_eq!(services.page(7, DEMO_TOKEN).await.0, 200);
    for service in [services.user, services.auth, services.profile_db] {
        assert!(service.stop().await.expect("it stops in time").success());
    }
}
