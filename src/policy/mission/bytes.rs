//! The form of records in shared data: words of eight bytes, and texts with their length before them.

/// Longest text in a record, bytes: whoever writes cuts it, whoever reads refuses more.
const LONGEST: usize = 1024;

#[derive(Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    pub fn word(&mut self, word: u64) -> &mut Self {
        self.0.extend_from_slice(&word.to_le_bytes());
        self
    }

    pub fn signed(&mut self, word: i64) -> &mut Self {
        self.word(word.cast_unsigned())
    }

    pub fn text(&mut self, text: &str) -> &mut Self {
        let text = cut(text);
        self.word(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// The rest of the record.
    pub fn rest(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub fn done(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

/// The beginning of a text that a record has room for.
pub fn cut(text: &str) -> &str {
    let end = (0..=LONGEST.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// Reads what [`Writer`] wrote; `None` from the first thing on that is not so.
pub struct Reader<'b>(pub &'b [u8]);

impl<'b> Reader<'b> {
    pub fn word(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }

    pub fn signed(&mut self) -> Option<i64> {
        self.word().map(u64::cast_signed)
    }

    pub fn text(&mut self) -> Option<String> {
        let length = self.length(LONGEST)?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(std::str::from_utf8(text).ok()?.to_owned())
    }

    /// A number of things of which there are at most so many.
    pub fn length(&mut self, most: usize) -> Option<usize> {
        usize::try_from(self.word()?).ok().filter(|length| *length <= most)
    }

    pub fn form(&mut self, form: u64) -> Option<()> {
        (self.word()? == form).then_some(())
    }

    pub fn rest(self) -> &'b [u8] {
        self.0
    }

    /// Gives the value when nothing is left over.
    pub fn end<T>(self, value: T) -> Option<T> {
        self.0.is_empty().then_some(value)
    }
}
