//! What chaosctl asks a listener of a test for.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;

/// Method with path, and body.
pub fn read(stream: &TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while reader.read_line(&mut head).ok()? > 2 {}
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let path = head.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    Some((path, String::from_utf8(body).ok()?))
}
