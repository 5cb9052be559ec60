//! Names and where they stand: one table for all who look for twins or for a name, because each kind of table would be two
//! more KiB of the module.

use hashbrown::HashMap;

#[derive(Default)]
pub(crate) struct Names<'n>(HashMap<&'n str, usize>);

impl<'n> Names<'n> {
    /// Whether the name is new; one that stands already keeps its place.
    #[inline(never)]
    pub fn add(&mut self, name: &'n str, place: usize) -> bool {
        if self.0.contains_key(name) {
            return false;
        }
        self.0.insert(name, place);
        true
    }

    #[inline(never)]
    pub fn place(&self, name: &str) -> Option<usize> {
        self.0.get(name).copied()
    }
}

impl<'n> FromIterator<&'n str> for Names<'n> {
    fn from_iter<I: IntoIterator<Item = &'n str>>(names: I) -> Self {
        let mut all = Self::default();
        for (place, name) in names.into_iter().enumerate() {
            all.add(name, place);
        }
        all
    }
}
