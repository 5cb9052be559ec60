//! Numbers as bytes: seven bits each, the last byte without the eighth (LEB128). Small counts stay small.

/// Writes numbers.
#[derive(Debug, Default)]
pub struct Writer(pub Vec<u8>);

impl Writer {
    pub fn number(&mut self, mut number: u64) {
        while number > 0x7f {
            self.0.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    pub fn numbers(&mut self, numbers: &[u64]) {
        numbers.iter().for_each(|number| self.number(*number));
    }

    pub fn length(&mut self, length: usize) {
        self.number(u64::try_from(length).unwrap_or(u64::MAX));
    }

    /// Only those that are not 0, each with its place.
    pub fn sparse(&mut self, numbers: &[u64]) {
        let in_use = numbers.iter().enumerate().filter(|(_, number)| **number > 0);
        self.length(in_use.clone().count());
        for (place, number) in in_use {
            self.length(place);
            self.number(*number);
        }
    }
}

/// Reads what [`Writer`] wrote; `None` for anything else.
#[derive(Debug)]
pub struct Reader<'b>(pub &'b [u8]);

impl Reader<'_> {
    pub fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let part = u64::from(byte & 0x7f);
            // What does not fit is no number of ours.
            number |= part.checked_shl(shift).filter(|shifted| shifted >> shift == part)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// Reads as many numbers as there is room for.
    pub fn numbers(&mut self, into: &mut [u64]) -> Option<()> {
        into.iter_mut().try_for_each(|number| {
            *number = self.number()?;
            Some(())
        })
    }

    /// How many things follow; `None` when there are more than can be.
    pub fn length(&mut self, most: usize) -> Option<usize> {
        usize::try_from(self.number()?).ok().filter(|length| *length <= most)
    }

    pub fn sparse(&mut self, into: &mut [u64]) -> Option<()> {
        for _ in 0..self.length(into.len())? {
            let place = self.length(into.len())?;
            *into.get_mut(place)? = self.number()?;
        }
        Some(())
    }
}
