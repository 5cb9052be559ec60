//! A log line by line: one line in memory at a time, and never more of it than a line of Envoy can have.

use std::io::{self, BufRead};

/// Longest line that is read, in bytes; Envoy's headers are at most 96 KiB by default.
const LONGEST: u64 = 1024 * 1024;

pub struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new() }
    }

    /// The next line without its end; a longer one than is read comes cut, and so is no JSON. `None`: the end.
    ///
    /// # Errors
    /// When the reader fails.
    pub fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.buffer.clear();
        let read = io::Read::take(&mut self.reader, LONGEST).read_until(b'\n', &mut self.buffer)?;
        if read == 0 {
            return Ok(None);
        }
        if self.buffer.last() != Some(&b'\n') && read as u64 == LONGEST {
            self.skip_rest()?;
        }
        Ok(Some(self.buffer.trim_ascii()))
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        loop {
            let piece = self.reader.fill_buf()?;
            let (length, ended) = match piece.iter().position(|byte| *byte == b'\n') {
                Some(end) => (end + 1, true),
                None => (piece.len(), piece.is_empty()),
            };
            self.reader.consume(length);
            if ended {
                return Ok(());
            }
        }
    }
}
