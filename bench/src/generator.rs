//! A closed loop of HTTP/1.1 requests that costs little: the load must never be what Envoy waits for.
//!
//! The harness has a generator for every case; this one sends the same bytes again and again and reads no more of
//! an answer than its status and length, so that one CPU of load saturates one worker.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What an exchange may fail with: the text says what came.
pub type Failure = String;

/// When a run ends: after so many requests or so much time, whichever comes first.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Most requests.
    pub requests: u64,
    /// Longest time in which requests are begun.
    pub time: Duration,
}

/// What a run saw.
#[derive(Clone, Debug)]
pub struct Seen {
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// In milliseconds, ascending: from before a request was written until its answer was whole.
    pub latencies: Vec<f64>,
}

impl Seen {
    /// Answers per second.
    pub fn rps(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }
}

/// Open connections that send one request each at a time.
pub struct Connections {
    streams: Vec<TcpStream>,
    request: Arc<[u8]>,
    status: u16,
}

impl Connections {
    /// Opens `count` connections for GET `path`, each of whose answers must have `status`.
    ///
    /// # Errors
    /// When a connection is refused.
    pub async fn open(address: SocketAddr, count: usize, path: &str, status: u16) -> std::io::Result<Self> {
        let mut streams = Vec::with_capacity(count);
        for _ in 0..count {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        Ok(Self { streams, request: request(path).into(), status })
    }

    /// Sends requests on every connection until the limit.
    ///
    /// # Errors
    /// When a connection breaks, an answer has another status, or none comes for 30 s.
    pub async fn run(&mut self, limit: Limit) -> Result<Seen, Failure> {
        let next = Arc::new(AtomicU64::new(0));
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for stream in self.streams.drain(..) {
            let (next, request, status) = (Arc::clone(&next), Arc::clone(&self.request), self.status);
            tasks.spawn(async move {
                let mut stream = stream;
                let mut latencies = Vec::new();
                while start.elapsed() < limit.time && next.fetch_add(1, Ordering::Relaxed) < limit.requests {
                    let begun = Instant::now();
                    exchange(&mut stream, &request, status).await?;
                    latencies.push(begun.elapsed().as_secs_f64() * 1e3);
                }
                Ok::<_, Failure>((stream, latencies))
            });
        }
        let patience = limit.time + Duration::from_secs(30);
        let ended = tokio::time::timeout(patience, tasks.join_all()).await;
        let elapsed = start.elapsed();
        let mut latencies = Vec::new();
        for task in ended.map_err(|_| "no answer for 30 s".to_owned())? {
            let (stream, more) = task?;
            self.streams.push(stream);
            latencies.extend(more);
        }
        latencies.sort_unstable_by(f64::total_cmp);
        Ok(Seen { elapsed, latencies })
    }
}

/// What a browser-like client sends; the request id is given, so that Envoy need not draw one.
fn request(path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nhost: shop.test\r\nuser-agent: squall-bench\r\naccept: */*\r\n\
         x-request-id: 6f1c2b5e-8f0a-4c39-9d4e-2b7a51c0de01\r\nx-tenant: alpha\r\n\r\n"
    )
    .into_bytes()
}

async fn exchange(stream: &mut TcpStream, request: &[u8], status: u16) -> Result<(), Failure> {
    stream.write_all(request).await.map_err(|error| error.to_string())?;
    let mut buffer = [0_u8; 4096];
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await.map_err(|error| error.to_string())?;
        if read == 0 {
            return Err(format!("the connection ended after {filled} bytes of an answer"));
        }
        filled += read;
        if let Some(answer) = whole_answer(&buffer[..filled])? {
            return if answer == status { Ok(()) } else { Err(format!("an answer with status {answer}")) };
        }
    }
}

/// The status, once head and body are there: no more and no less.
fn whole_answer(bytes: &[u8]) -> Result<Option<u16>, Failure> {
    let Some(head_end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let malformed = || "a malformed answer".to_owned();
    let head = std::str::from_utf8(&bytes[..head_end]).map_err(|_| malformed())?;
    let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).ok_or_else(malformed)?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.and_then(|text| text.parse().ok()).ok_or_else(malformed)?;
    match bytes.len().cmp(&(head_end + 4 + length)) {
        std::cmp::Ordering::Less => Ok(None),
        std::cmp::Ordering::Equal => Ok(Some(status)),
        std::cmp::Ordering::Greater => Err("more than one answer".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\nserver: envoy\r\n\r\nno";

    #[test]
    fn an_answer_counts_when_its_body_is_whole() {
        for cut in 0..ANSWER.len() {
            assert_eq!(whole_answer(&ANSWER[..cut]), Ok(None), "{cut}");
        }
        assert_eq!(whole_answer(ANSWER), Ok(Some(503)));
        assert!(whole_answer(&[ANSWER, b"H"].concat()).is_err());
        assert!(whole_answer(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[tokio::test]
    async fn another_status_than_the_expected_one_ends_the_run() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 1024];
            while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                stream.write_all(ANSWER).await.unwrap();
            }
        });
        let mut connections = Connections::open(address, 1, "/", 503).await.unwrap();
        let limit = Limit { requests: 5, time: Duration::from_secs(5) };
        let seen = connections.run(limit).await.unwrap();
        assert_eq!(seen.latencies.len(), 5);
        connections.status = 200;
        assert_eq!(connections.run(limit).await.unwrap_err(), "an answer with status 503");
    }
}
