//! What is sent while a request or its response waits: bodies, trailers, 100-continue, websockets.

use std::time::{Duration, Instant};

use serde_json::json;
use squall_envoy_tests::{
    Cluster, Envoy, EnvoyConfig, HttpClient, HttpUpstream, Listener, Route, VirtualHost,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{BOTH, PATIENCE, at_least, everywhere, fixed, start, until};

/// Case 33's sibling for requests: what comes during the delay waits under back-pressure and arrives whole.
#[tokio::test]
async fn bodies_sent_during_a_request_delay_arrive_whole() {
    let (upstream, envoy) = start(&everywhere(json!([fixed("100ms", "request")]))).await;
    let mut total = 0;
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        for size in [0, 1, 64 << 10, 5 << 20] {
            let body = patterned(size);
            let reply = client.post("/echo", &[], body.clone()).await.unwrap();
            assert_eq!(reply.status, 200, "{size} bytes: {}", reply.text());
            assert!(
                reply.body == body,
                "{protocol:?}: {size} bytes came back as {} others",
                reply.body.len()
            );
            assert!(
                reply.head_after >= at_least(100),
                "{protocol:?}: {size} bytes after {:?}",
                reply.head_after
            );
            total += size as u64;
        }
    }
    assert_eq!((upstream.requests(), upstream.body_bytes()), (8, total));
}

#[tokio::test]
async fn bodies_and_trailers_of_a_delayed_response_arrive_whole() {
    let (upstream, envoy) = {
        let upstream = HttpUpstream::start().await.unwrap();
        let experiment = everywhere(json!([fixed("100ms", "response")]));
        let config = EnvoyConfig::proxy_http2(upstream.addr(), experiment.filter().unwrap());
        (upstream, Envoy::start(config).await.unwrap())
    };
    for protocol in BOTH {
        let client = HttpClient::new(envoy.addr("ingress"), protocol);
        for size in [0, 1, 5 << 20] {
            let reply = client.post("/echo", &[], patterned(size)).await.unwrap();
            assert!(reply.status == 200 && reply.body == patterned(size), "{protocol:?} {size}");
            assert!(reply.head_after >= at_least(100), "{:?}", reply.head_after);
        }
    }
    let reply = HttpClient::http2(envoy.addr("ingress")).get("/trailers").await.unwrap();
    assert_eq!(
        (reply.text().as_str(), &reply.trailers.unwrap()["x-trailer"]),
        ("with trailers", &"sent".parse().unwrap())
    );
    assert_eq!(upstream.requests(), 7);
}

/// Envoy stops reading an upload at its buffer limit while the request waits, instead of keeping all of it.
#[tokio::test]
async fn an_upload_during_a_delay_does_not_grow_envoys_memory() {
    const LIMIT: u64 = 64 << 10;
    const UPLOADS: u64 = 8;
    let upstream = HttpUpstream::start().await.unwrap();
    let host = VirtualHost::any("any").route(Route::prefix("/").to("upstream"));
    let listener = Listener::new("ingress")
        .filters(everywhere(json!([fixed("800ms", "request")])).filter().unwrap())
        .set("per_connection_buffer_limit_bytes", json!(LIMIT))
        .virtual_host(host);
    let cluster =
        Cluster::http1("upstream", upstream.addr()).set("per_connection_buffer_limit_bytes", json!(LIMIT));
    let envoy = Envoy::start(EnvoyConfig::new().listener(listener).cluster(cluster)).await.unwrap();
    let address = envoy.addr("ingress");
    HttpClient::http1(address).post("/echo", &[], "warm").await.unwrap();

    let before = envoy.rss().unwrap();
    let uploads: Vec<_> = (0..UPLOADS)
        .map(|_| {
            tokio::spawn(async move {
                HttpClient::http1(address).post("/status/200", &[], patterned(5 << 20)).await
            })
        })
        .collect();
    until(&envoy, "waiting uploads", |m| m.in_flight() == UPLOADS).await;
    // Time enough for 40 MiB to come in over loopback, if anybody read them.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let metrics = envoy.prometheus().await.unwrap();
    assert_eq!(metrics.in_flight(), UPLOADS, "measured while all of them wait");
    let grown = envoy.rss().unwrap().saturating_sub(before);
    assert!(grown < 8 << 20, "{grown} bytes for {UPLOADS} waiting uploads of 5 MiB");
    for upload in uploads {
        assert_eq!(upload.await.unwrap().unwrap().status, 200);
    }
    assert_eq!(upstream.body_bytes(), UPLOADS * (5 << 20) + 4);
}

/// Envoy itself answers `100 Continue`, during the delay; the body then arrives with the request.
#[tokio::test]
async fn a_client_that_expects_100_continue_is_served() {
    let (upstream, envoy) = start(&everywhere(json!([fixed("150ms", "request")]))).await;
    let begun = Instant::now();
    let mut stream = TcpStream::connect(envoy.addr("ingress")).await.unwrap();
    let head = "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 100 Continue\r\n"));
    stream.write_all(b"hello").await.unwrap();
    let answer = read_head(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && begun.elapsed() >= at_least(150), "{answer}");
    let mut body = String::new();
    stream.read_to_string(&mut body).await.unwrap();
    assert!(body.contains("hello"), "{body}");
    assert_eq!((upstream.requests(), upstream.body_bytes()), (1, 5));
}

/// A websocket is late in both directions of its handshake, and then a tunnel as any other.
#[tokio::test]
async fn a_websocket_upgrade_passes_both_delays() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let faults = json!([fixed("60ms", "request"), fixed("60ms", "response")]);
    let host = VirtualHost::any("any").route(Route::prefix("/").to("upstream"));
    let listener = Listener::new("ingress")
        .filters(everywhere(faults).filter().unwrap())
        .set_http("upgrade_configs", json!([{"upgrade_type": "websocket"}]))
        .virtual_host(host);
    let cluster = Cluster::http1("upstream", upstream.local_addr().unwrap());
    let envoy = Envoy::start(EnvoyConfig::new().listener(listener).cluster(cluster)).await.unwrap();
    let echo = tokio::spawn(websocket_echo(upstream));

    let begun = Instant::now();
    let mut stream = TcpStream::connect(envoy.addr("ingress")).await.unwrap();
    let head = "GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = read_head(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{answer}");
    assert!(begun.elapsed() >= at_least(120), "{:?}", begun.elapsed());
    for size in [1, 1_000, 100_000] {
        let (mut reader, mut writer) = stream.split();
        let sent = patterned(size);
        let mut echoed = vec![0; size];
        let exchange = async { tokio::try_join!(writer.write_all(&sent), reader.read_exact(&mut echoed)) };
        tokio::time::timeout(PATIENCE, exchange).await.unwrap().unwrap();
        assert!(echoed == sent, "{size} bytes");
    }
    drop(stream);
    echo.await.unwrap();
    let metrics = until(&envoy, "the end of the tunnel", |m| m.finished("slow", "treatment") == 1).await;
    assert_eq!((metrics.injected("slow", "delay"), metrics.in_flight()), (2, 0));
}

/// Accepts one connection, agrees to the upgrade and sends everything back.
async fn websocket_echo(listener: TcpListener) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("GET /chat HTTP/1.1\r\n"), "{head}");
    let answer = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    stream.write_all(answer.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    tokio::io::copy(&mut reader, &mut writer).await.unwrap();
}

/// Reads up to the empty line that ends a message's head, and not a byte more.
async fn read_head(stream: &mut TcpStream) -> String {
    let head = async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        String::from_utf8(head).unwrap()
    };
    tokio::time::timeout(PATIENCE, head).await.expect("a head within the patience")
}

/// Bytes in which a lost, doubled or swapped block shows.
fn patterned(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes()[0]).collect()
}
