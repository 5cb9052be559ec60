//! The root contexts of a VM by their ids: a few, asked for at every callback, so a short list is searched instead of a
//! table with hashes.

use crate::root::Root;

#[derive(Default)]
pub struct Roots(Vec<(u32, Root)>);

impl Roots {
    #[inline]
    pub fn get_mut(&mut self, id: &u32) -> Option<&mut Root> {
        self.0.iter_mut().find(|(known, _)| known == id).map(|(_, root)| root)
    }

    /// Takes the place of an earlier one of the same id.
    pub fn insert(&mut self, id: u32, root: Root) {
        match self.get_mut(&id) {
            Some(place) => *place = root,
            None => self.0.push((id, root)),
        }
    }

    #[inline]
    pub fn remove(&mut self, id: &u32) -> Option<Root> {
        let place = self.0.iter().position(|(known, _)| known == id)?;
        Some(self.0.swap_remove(place).1)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Root)> {
        self.0.iter_mut().map(|(id, root)| (*id, root))
    }
}
