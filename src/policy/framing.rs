//! Where the messages of a stream end: gRPC's length-prefixed frames, and the events of an event stream. It sees the
//! body in pieces, which may split or join them anywhere.

/// How messages follow each other in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A flag, four bytes of length, and so many bytes (gRPC over HTTP/2, "Length-Prefixed-Message").
    Grpc,
    /// `text/event-stream` (HTML standard, "Server-sent events"): blocks of lines that an empty line ends. A line ends
    /// with LF, CR or both; a block without a `data` line is no event.
    Events,
}

impl Framing {
    /// The framing that a response's `content-type` says; nothing when it is no stream of messages. gRPC-Web is none: its
    /// trailers are in its body.
    #[must_use]
    pub fn of(content_type: &[u8]) -> Option<Self> {
        if crate::is_grpc(content_type) {
            return Some(Self::Grpc);
        }
        let (name, rest) = content_type.split_at_checked(EVENT_STREAM.len())?;
        let ends = rest.first().is_none_or(|next| matches!(next, b';' | b' ' | b'\t'));
        (ends && name.eq_ignore_ascii_case(EVENT_STREAM)).then_some(Self::Events)
    }
}

const EVENT_STREAM: &[u8] = b"text/event-stream";
const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];
const DATA: [u8; 4] = *b"data";

/// Counts the messages of one body, up to the last that may pass.
#[derive(Clone, Debug)]
pub struct Messages {
    wanted: u64,
    seen: u64,
    bytes: u64,
    at: Place,
}

#[derive(Clone, Debug)]
enum Place {
    Grpc { prefix: u8, length: u32, left: u32 },
    Events(Lines),
}

/// Where in a block of lines.
#[derive(Clone, Debug, Default)]
struct Lines {
    /// Nothing of the next block has come.
    fresh: bool,
    /// The block has a `data` line.
    has_data: bool,
    line: Line,
    /// The last byte was a CR: an LF belongs to it. Then also whether that CR ended the block.
    after_cr: bool,
    ended: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Line {
    #[default]
    Empty,
    /// So many bytes of the mark that a body may begin with.
    Mark(usize),
    /// So many bytes of `data`, the name of a field.
    Name(usize),
    Other,
}

impl Messages {
    /// So many messages may pass.
    #[must_use]
    pub fn new(framing: Framing, wanted: u64) -> Self {
        let at = match framing {
            Framing::Grpc => Place::Grpc { prefix: 0, length: 0, left: 0 },
            Framing::Events => Place::Events(Lines { fresh: true, line: Line::Mark(0), ..Lines::default() }),
        };
        Self { wanted, seen: 0, bytes: 0, at }
    }

    /// No further message may pass; the one under way comes to its end.
    pub fn stop(&mut self) {
        self.wanted = 0;
    }

    /// Whether the last message that may pass is complete, and nothing of the next has come.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.seen >= self.wanted && self.is_between()
    }

    /// Whether that is so when nothing comes any more: a CR may end a block, or be half of what does.
    #[must_use]
    pub fn is_reached_at_end(&self) -> bool {
        let pending = matches!(&self.at, Place::Events(lines) if lines.after_cr && lines.ended);
        self.is_reached() || (pending && self.seen >= self.wanted)
    }

    /// How many bytes have passed.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A piece of the body has come: gives how many of its bytes may pass when nothing may after them, or nothing when all
    /// may and more.
    pub fn piece(&mut self, piece: &[u8]) -> Option<usize> {
        let mut place = 0_usize;
        while let Some(byte) = piece.get(place) {
            // An LF may belong to the CR that ended the block, so that only the next byte tells where it ends.
            if self.is_reached() || (*byte != b'\n' && self.is_reached_at_end()) {
                return Some(place);
            }
            let (step, ended) = match &mut self.at {
                Place::Grpc { prefix: 5, left, .. } if *left > 1 => {
                    let rest = u32::try_from(piece.len().saturating_sub(place)).unwrap_or(u32::MAX);
                    // All but the last byte of a message at once.
                    let step = rest.min(left.saturating_sub(1));
                    *left = left.saturating_sub(step);
                    (step, false)
                }
                Place::Grpc { prefix, length, left } => (1, frame(prefix, length, left, *byte)),
                Place::Events(lines) => (1, lines.byte(*byte)),
            };
            self.bytes = self.bytes.saturating_add(u64::from(step));
            self.seen = self.seen.saturating_add(u64::from(ended));
            place = place.saturating_add(usize::try_from(step).unwrap_or(usize::MAX));
        }
        self.is_reached().then_some(piece.len())
    }

    fn is_between(&self) -> bool {
        match &self.at {
            Place::Grpc { prefix, .. } => *prefix == 0,
            Place::Events(lines) => lines.fresh,
        }
    }
}

/// One byte of a frame. Says whether it was the last.
fn frame(prefix: &mut u8, length: &mut u32, left: &mut u32, byte: u8) -> bool {
    if *prefix < 5 {
        *length = if *prefix == 0 { 0 } else { *length << 8 | u32::from(byte) };
        *prefix = prefix.saturating_add(1);
        *left = *length;
        if *prefix < 5 || *length > 0 {
            return false;
        }
    } else {
        *left = left.saturating_sub(1);
    }
    let ended = *left == 0;
    if ended {
        *prefix = 0;
    }
    ended
}

impl Lines {
    /// One byte. Says whether an event has ended; the LF of a CRLF comes after the end that it belongs to.
    fn byte(&mut self, byte: u8) -> bool {
        if std::mem::take(&mut self.after_cr) {
            let ended = std::mem::take(&mut self.ended);
            if byte == b'\n' {
                self.fresh |= ended;
                return false;
            }
        }
        self.fresh = false;
        match byte {
            b'\n' | b'\r' => {
                let (line, cr) = (std::mem::take(&mut self.line), byte == b'\r');
                self.after_cr = cr;
                if !matches!(line, Line::Empty | Line::Mark(0 | 3)) {
                    self.has_data |= line == Line::Name(DATA.len());
                    return false;
                }
                // An empty line.
                (self.fresh, self.ended) = (!cr, cr);
                std::mem::take(&mut self.has_data)
            }
            _ => {
                self.has_data |= byte == b':' && self.line == Line::Name(DATA.len());
                self.line = self.line.then(byte);
                false
            }
        }
    }
}

impl Line {
    fn then(self, byte: u8) -> Self {
        let follows = |text: &[u8], place: usize| text.get(place) == Some(&byte);
        match self {
            Self::Mark(place) if follows(&BYTE_ORDER_MARK, place) => Self::Mark(place.saturating_add(1)),
            Self::Empty | Self::Mark(0 | 3) if follows(&DATA, 0) => Self::Name(1),
            Self::Name(place) if follows(&DATA, place) => Self::Name(place.saturating_add(1)),
            _ => Self::Other,
        }
    }
}
