//! Serves the page as the control listener does, with answers that the test chooses.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use squall_envoy_tests::repo_root;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A running server; dropping it ends it.
pub struct Site {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    _acceptor: JoinSet<()>,
}

struct State {
    page: String,
    status: Value,
    events: Vec<Value>,
    /// What `POST /v1/halt` answers.
    halt: (u16, Value),
    posted: Vec<(String, String, Value)>,
    /// Answers nothing but the page.
    silent: bool,
}

impl Site {
    pub async fn start(status: Value, events: Vec<Value>) -> Self {
        let page = std::fs::read_to_string(repo_root().join("src/control/cockpit.html")).unwrap();
        let halt = (200, json!({"state": "halted"}));
        let state = State { page, status, events, halt, posted: Vec::new(), silent: false };
        let state = Arc::new(Mutex::new(state));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut acceptor = JoinSet::new();
        acceptor.spawn(accept(listener, Arc::clone(&state)));
        Self { address, state, _acceptor: acceptor }
    }

    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub fn set_status(&self, status: Value) {
        self.state.lock().unwrap().status = status;
    }

    /// As after a restart of Envoy: another status, and no events.
    pub fn restart(&self, status: Value) {
        let mut state = self.state.lock().unwrap();
        state.status = status;
        state.events.clear();
    }

    pub fn add_event(&self, event: Value) {
        let mut state = self.state.lock().unwrap();
        state.events.push(event);
        state.status["events"]["last"] = state.events.len().into();
    }

    pub fn halt_answers(&self, status: u16, body: Value) {
        self.state.lock().unwrap().halt = (status, body);
    }

    pub fn set_silent(&self, silent: bool) {
        self.state.lock().unwrap().silent = silent;
    }

    /// Path, content type and body of each POST.
    pub fn posted(&self) -> Vec<(String, String, Value)> {
        self.state.lock().unwrap().posted.clone()
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        let service = service_fn(move |request| {
            let state = Arc::clone(&state);
            async move { answer(request, &state).await }
        });
        connections.spawn(async move {
            // A browser that leaves ends the connection with an error.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    state: &Mutex<State>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let path = head.uri.path();
    let mut state = state.lock().unwrap();
    if state.silent && path != "/" {
        // hyper closes the connection without an answer.
        return Err(std::io::Error::other("silent"));
    }
    Ok(match (head.method.as_str(), path) {
        ("GET", "/") => page(&state.page),
        ("GET", "/v1/status") => document(200, &state.status),
        ("GET", "/v1/events") => document(200, &events(&state.events, head.uri.query().unwrap_or_default())),
        ("POST", "/v1/halt") => {
            let kind = head.headers[header::CONTENT_TYPE].to_str().unwrap_or_default().to_owned();
            let said = serde_json::from_slice(&body).unwrap_or(Value::Null);
            state.posted.push((path.to_owned(), kind, said));
            let (status, body) = state.halt.clone();
            document(status, &body)
        }
        _ => document(404, &json!({"title": "not found"})),
    })
}

fn events(all: &[Value], query: &str) -> Value {
    let since: u64 = query.strip_prefix("since=").and_then(|number| number.parse().ok()).unwrap_or(0);
    let new: Vec<&Value> = all.iter().filter(|event| event["number"].as_u64() > Some(since)).collect();
    json!({"last": all.len(), "events": new})
}

fn document(status: u16, body: &Value) -> Response<Full<Bytes>> {
    let kind = if status < 400 { "application/json" } else { "application/problem+json" };
    let response = Response::builder().status(status).header(header::CONTENT_TYPE, kind);
    response.body(Full::from(body.to_string())).unwrap()
}

fn page(text: &str) -> Response<Full<Bytes>> {
    let hash = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>")).unwrap();
        let (inner, _) = rest.split_once(&format!("</{name}>")).unwrap();
        STANDARD.encode(Sha256::digest(inner))
    };
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        hash("script"),
        hash("style")
    );
    Response::builder()
        .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .header("content-security-policy", policy)
        .header("x-content-type-options", "nosniff")
        .body(Full::from(text.to_owned()))
        .unwrap()
}
