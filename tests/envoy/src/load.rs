//! A bounded load generator. Request ids are a prefix and a counter, so a run can be repeated exactly.

mod report;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Request};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::client::{Connection, Protocol, RequestBody, request};
use crate::{Error, Result};

pub use report::{LoadReport, Outcome, Sample};

type Build = dyn Fn(u64) -> Request<RequestBody> + Send + Sync;
type Patience = dyn Fn(u64) -> Duration + Send + Sync;

/// What is sent, to whom, over how many connections.
///
/// ```no_run
/// # async fn example(address: std::net::SocketAddr) -> squall_envoy_tests::Result<()> {
/// use squall_envoy_tests::Load;
/// let report = Load::http1(address).path("/users/7").connections(16).requests(20_000).await?;
/// println!("{} rps, p99 {:?}, {} times 503", report.rps(), report.percentile(0.99), report.count(503));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Load {
    address: SocketAddr,
    protocol: Protocol,
    connections: usize,
    streams: usize,
    id_prefix: String,
    build: Arc<Build>,
    patience: Arc<Patience>,
}

impl Load {
    /// GET `/` in HTTP/1.1 over 8 connections, ids `load-0`, `load-1` and so on, 30 s of patience.
    pub fn http1(address: SocketAddr) -> Self {
        Self {
            address,
            protocol: Protocol::Http1,
            connections: 8,
            streams: 1,
            id_prefix: "load".to_owned(),
            build: Arc::new(|_| request("GET", "/", &[], Bytes::new())),
            patience: Arc::new(|_| crate::client::DEFAULT_DEADLINE),
        }
    }

    /// As [`Load::http1`], in HTTP/2: one connection with 8 streams at a time.
    pub fn http2(address: SocketAddr) -> Self {
        Self { protocol: Protocol::Http2, connections: 1, streams: 8, ..Self::http1(address) }
    }

    /// The number of connections (1 to 2,000).
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.clamp(1, 2_000);
        self
    }

    /// The number of requests under way on each HTTP/2 connection (1 to 1,000); HTTP/1.1 has always one.
    pub fn streams(mut self, streams: usize) -> Self {
        if self.protocol == Protocol::Http2 {
            self.streams = streams.clamp(1, 1_000);
        }
        self
    }

    /// The text in front of the counter in `x-request-id`.
    pub fn id_prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.id_prefix);
        self
    }

    /// Sends GET `path`.
    pub fn path(self, path: &str) -> Self {
        self.get_with(path, &[])
    }

    /// Sends GET `path` with headers.
    pub fn get_with(self, path: &str, headers: &[(&str, &str)]) -> Self {
        let template = request("GET", path, headers, Bytes::new());
        let (head, _) = template.into_parts();
        self.build(move |_| Request::from_parts(head.clone(), Default::default()))
    }

    /// Builds request number `index` (from 0); see [`request`]. The generator adds `x-request-id` unless it is there.
    pub fn build(mut self, build: impl Fn(u64) -> Request<RequestBody> + Send + Sync + 'static) -> Self {
        self.build = Arc::new(build);
        self
    }

    /// After how long the client leaves request number `index`: the HTTP/1.1 connection is closed, the HTTP/2 stream reset.
    pub fn patience(mut self, patience: impl Fn(u64) -> Duration + Send + Sync + 'static) -> Self {
        self.patience = Arc::new(patience);
        self
    }

    /// Closed loop: every connection sends its next request after its last answer, `total` requests altogether.
    ///
    /// # Errors
    /// When the first connections are refused; later failures are counted in the report.
    pub async fn requests(&self, total: u64) -> Result<LoadReport> {
        self.closed_loop(total, None).await
    }

    /// Closed loop until `time` is over.
    ///
    /// # Errors
    /// As [`Load::requests`].
    pub async fn for_time(&self, time: Duration) -> Result<LoadReport> {
        self.closed_loop(u64::MAX, Some(time)).await
    }

    async fn closed_loop(&self, total: u64, time: Option<Duration>) -> Result<LoadReport> {
        let workers = self.workers().await?;
        let next = Arc::new(AtomicU64::new(0));
        let start = Instant::now();
        let end = time.map(|time| start + time);
        let mut tasks = JoinSet::new();
        for mut worker in workers {
            let next = Arc::clone(&next);
            tasks.spawn(async move {
                let mut samples = Vec::new();
                while end.is_none_or(|end| Instant::now() < end) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= total {
                        break;
                    }
                    samples.push(worker.send(index, Instant::now(), start).await);
                }
                samples
            });
        }
        Ok(LoadReport::new(self.id_prefix.clone(), tasks.join_all().await, start))
    }

    /// Open loop: `rate` requests per second for `time`, whether or not earlier ones were answered.
    ///
    /// Latency counts from the moment the request was due, so it includes waiting for a free connection; give
    /// enough [`Load::connections`]. Due requests are released once per millisecond.
    ///
    /// # Errors
    /// As [`Load::requests`].
    pub async fn open_loop(&self, rate: f64, time: Duration) -> Result<LoadReport> {
        self.open_loop_until(rate, time, std::future::pending::<()>()).await
    }

    /// As [`Load::open_loop`], until `stop` is there too; what is under way then comes to its end.
    ///
    /// # Errors
    /// As [`Load::requests`].
    pub async fn open_loop_until(&self, rate: f64, time: Duration, stop: impl Future) -> Result<LoadReport> {
        let workers = self.workers().await?;
        let (due, inbox) = mpsc::unbounded_channel::<(u64, Instant)>();
        let inbox = Arc::new(Mutex::new(inbox));
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for mut worker in workers {
            let inbox = Arc::clone(&inbox);
            tasks.spawn(async move {
                let mut samples = Vec::new();
                loop {
                    let received = inbox.lock().await.recv().await;
                    let Some((index, released)) = received else { break };
                    samples.push(worker.send(index, released, start).await);
                }
                samples
            });
        }
        tokio::select! {
            () = release(&due, rate, time, start) => {}
            _ = stop => {}
        }
        drop(due);
        Ok(LoadReport::new(self.id_prefix.clone(), tasks.join_all().await, start))
    }

    async fn workers(&self) -> Result<Vec<Worker>> {
        let mut workers = Vec::with_capacity(self.connections * self.streams);
        for number in 0..self.connections {
            let connection = Arc::new(Mutex::new(Some(Connection::open(self.address, self.protocol).await?)));
            workers.extend((0..self.streams).map(|_| Worker {
                load: self.clone(),
                number,
                connection: Arc::clone(&connection),
            }));
        }
        Ok(workers)
    }
}

async fn release(due: &mpsc::UnboundedSender<(u64, Instant)>, rate: f64, time: Duration, start: Instant) {
    let total = (rate * time.as_secs_f64()).round() as u64;
    let mut released = 0;
    while released < total {
        let now = Instant::now();
        let reached = ((now - start).as_secs_f64() * rate) as u64 + 1;
        for index in released..reached.min(total) {
            // The workers hold the other end until this one is dropped.
            let _ = due.send((index, now));
        }
        released = released.max(reached.min(total));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Sends one request at a time, over a connection that it shares with the other streams of an HTTP/2 connection.
struct Worker {
    load: Load,
    number: usize,
    connection: Arc<Mutex<Option<Connection>>>,
}

impl Worker {
    async fn send(&mut self, index: u64, released: Instant, start: Instant) -> Sample {
        let begun_after = start.elapsed();
        let mut request = (self.load.build)(index);
        if !request.headers().contains_key("x-request-id") {
            let id = HeaderValue::try_from(format!("{}-{index}", self.load.id_prefix))
                .expect("the prefix is a valid header value");
            request.headers_mut().insert("x-request-id", id);
        }
        let exchange = self.exchange(request);
        let outcome = match tokio::time::timeout((self.load.patience)(index), exchange).await {
            Ok(Ok(status)) => Outcome::Answered(status),
            Ok(Err(error)) => Outcome::Broken(error.to_string()),
            Err(_) => Outcome::Left,
        };
        let (sent_after, latency) = (released - start, released.elapsed());
        Sample { index, connection: self.number, sent_after, begun_after, latency, outcome }
    }

    async fn exchange(&self, request: Request<RequestBody>) -> Result<u16> {
        let mut slot = self.connection.lock().await;
        if slot.as_ref().is_none_or(Connection::is_closed) {
            *slot = Some(Connection::open(self.load.address, self.load.protocol).await?);
        }
        let shared = slot.as_ref().and_then(Connection::share);
        if let Some(mut stream) = shared {
            drop(slot);
            return Ok(stream.exchange(request, self.load.address).await?.status);
        }
        // Taken out, so that leaving in the middle closes the connection.
        let mut connection = slot.take().ok_or_else(|| Error::Malformed("connection slot".to_owned()))?;
        let status = connection.exchange(request, self.load.address).await?.status;
        *slot = Some(connection);
        Ok(status)
    }
}
