//! A screen: characters at places, as escape sequences move the cursor about. Colours are left out.

pub struct Screen {
    cells: Vec<Vec<char>>,
    row: usize,
    column: usize,
    /// The alternate screen is on.
    pub other: bool,
    /// Bytes that are not yet a whole character or sequence.
    rest: Vec<u8>,
}

impl Screen {
    pub fn new(columns: usize, rows: usize) -> Self {
        Self { cells: vec![vec![' '; columns]; rows], row: 0, column: 0, other: false, rest: Vec::new() }
    }

    pub fn text(&self) -> String {
        let lines = self.cells.iter().map(|row| row.iter().collect::<String>().trim_end().to_owned() + "\n");
        lines.collect()
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let all = std::mem::take(&mut self.rest);
        let mut at = 0;
        while let Some(left) = all.get(at..).filter(|left| !left.is_empty()) {
            match self.take(left) {
                Some(taken) => at += taken,
                None => {
                    self.rest = left.to_vec();
                    return;
                }
            }
        }
    }

    /// Does what comes next, and says how many bytes that were; `None` when they are not all there yet.
    fn take(&mut self, bytes: &[u8]) -> Option<usize> {
        match bytes {
            [0x1b] => None,
            [0x1b, b'[', rest @ ..] => {
                let end = rest.iter().position(|byte| (0x40..=0x7e).contains(byte))?;
                let parameters = String::from_utf8_lossy(rest.get(..end)?).into_owned();
                self.control(&parameters, char::from(*rest.get(end)?));
                Some(end + 3)
            }
            [0x1b, _, ..] => Some(2),
            [b'\r', ..] => {
                self.column = 0;
                Some(1)
            }
            [b'\n', ..] => {
                self.row = (self.row + 1).min(self.cells.len().saturating_sub(1));
                Some(1)
            }
            [byte, ..] if *byte < 0x20 => Some(1),
            [first, ..] => {
                let length = match first {
                    0xc0..=0xdf => 2,
                    0xe0..=0xef => 3,
                    0xf0..=0xff => 4,
                    _ => 1,
                };
                let text = String::from_utf8_lossy(bytes.get(..length)?).into_owned();
                self.put(text.chars().next()?);
                Some(length)
            }
            [] => None,
        }
    }

    fn put(&mut self, c: char) {
        if let Some(cell) = self.cells.get_mut(self.row).and_then(|row| row.get_mut(self.column)) {
            *cell = c;
        }
        self.column += 1;
    }

    fn control(&mut self, parameters: &str, what: char) {
        match (what, parameters) {
            ('H' | 'f', _) => {
                let mut numbers = parameters.split(';').map(|number| number.parse::<usize>().unwrap_or(1));
                self.row = numbers.next().unwrap_or(1).saturating_sub(1);
                self.column = numbers.next().unwrap_or(1).saturating_sub(1);
            }
            ('J', _) => self.cells.iter_mut().for_each(|row| row.fill(' ')),
            ('K', _) => {
                let Some(row) = self.cells.get_mut(self.row) else { return };
                let erased = match parameters {
                    "1" => row.get_mut(..=self.column),
                    "2" => Some(row.as_mut_slice()),
                    _ => row.get_mut(self.column..),
                };
                erased.into_iter().for_each(|cells| cells.fill(' '));
            }
            ('h', "?1049") => self.other = true,
            // The lines and the cursor of before come back; none were there.
            ('l', "?1049") => {
                self.other = false;
                self.cells.iter_mut().for_each(|row| row.fill(' '));
                (self.row, self.column) = (0, 0);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Screen;

    #[test]
    fn what_is_written_stands_where_the_cursor_is_even_when_it_comes_in_pieces() {
        let mut screen = Screen::new(6, 2);
        for piece in [&b"\x1b[?1049h\x1b[2J\x1b[1;2H\x1b[1mab\x1b["[..], b"2;1H\xe2\x94", b"\x80x"] {
            screen.write(piece);
        }
        assert_eq!((screen.text().as_str(), screen.other), (" ab\n─x\n", true));
        screen.write(b"\x1b[?1049lleft");
        assert_eq!((screen.text().as_str(), screen.other), ("left\n\n", false));
    }

    #[test]
    fn a_line_is_erased_from_the_cursor_up_to_it_or_as_a_whole() {
        for (erases, left) in [("\x1b[K", "ab"), ("\x1b[1K", "   d"), ("\x1b[2K", "")] {
            let mut screen = Screen::new(4, 1);
            screen.write(format!("abcd\x1b[1;3H{erases}").as_bytes());
            assert_eq!(screen.text(), format!("{left}\n"));
        }
    }
}
