//! HTTP/2 frames of our own, to see an answer as it is on the wire.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// Sends one POST without a body in frames of our own, and gives type and flags of every frame that answers it
/// (RFC 9113 section 4.1).
pub async fn frames_of_post(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Vec<(u8, u8)> {
    let authority = address.to_string();
    let pseudo =
        [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", authority.as_str())];
    // Literals without indexing (RFC 7541 section 6.2.2); all texts are shorter than 127 bytes.
    let mut block = Vec::new();
    for (name, value) in pseudo.iter().chain(headers) {
        block.push(0);
        for text in [name, value] {
            block.push(text.len() as u8);
            block.extend_from_slice(text.as_bytes());
        }
    }
    let mut sent = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    sent.extend_from_slice(&[0, 0, 0, SETTINGS, 0, 0, 0, 0, 0]);
    sent.extend_from_slice(&[0, (block.len() >> 8) as u8, block.len() as u8, HEADERS]);
    sent.extend_from_slice(&[END_STREAM | END_HEADERS, 0, 0, 0, 1]);
    sent.extend_from_slice(&block);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&sent).await.unwrap();
    let frames = async {
        let mut frames = Vec::new();
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head).await.unwrap();
            let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            stream.read_exact(&mut vec![0; length]).await.unwrap();
            let (kind, flags) = (head[3], head[4]);
            if head[5..] == [0, 0, 0, 1] {
                frames.push((kind, flags));
                let ends = matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0;
                if ends || kind == RST_STREAM {
                    return frames;
                }
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), frames).await.expect("an answer within 10 s")
}
