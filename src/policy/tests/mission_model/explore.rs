//! Breadth first through all worlds that a model can come to.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use crate::world::{Model, World};

pub struct Explored {
    pub states: usize,
    /// Some worker injected a fault in some world.
    pub injected: bool,
    /// What is broken, and the shortest way there.
    pub violation: Option<String>,
}

pub fn explore(model: &Model) -> Explored {
    let mut worlds: Vec<(World, usize, &'static str)> = vec![(World::new(), 0, "begin")];
    let mut known: HashSet<World, BuildHasherDefault<Quick>> = HashSet::default();
    known.insert(World::new());
    let mut injected = false;
    let mut next = 0;
    let mut successors = Vec::new();
    while let Some((world, _, _)) = worlds.get(next).copied() {
        injected |= model.injects(&world);
        if let Some(broken) = model.broken(&world) {
            let violation = Some(format!("{broken}: {}", way(&worlds, next)));
            return Explored { states: worlds.len(), injected, violation };
        }
        model.successors(&world, &mut successors);
        for (successor, label) in successors.drain(..) {
            if known.insert(successor) {
                worlds.push((successor, next, label));
            }
        }
        next += 1;
    }
    Explored { states: worlds.len(), injected, violation: None }
}

fn way(worlds: &[(World, usize, &'static str)], end: usize) -> String {
    let mut labels = Vec::new();
    let mut at = end;
    while at > 0 {
        let (_, before, label) = worlds[at];
        labels.push(label);
        at = before;
    }
    labels.reverse();
    labels.join(", ")
}

/// Worlds are small and many, and nobody picks them to collide.
#[derive(Default)]
struct Quick(u64);

impl Hasher for Quick {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(u64::from(word));
    }

    fn write_u16(&mut self, word: u16) {
        self.write_u64(u64::from(word));
    }

    fn write_i16(&mut self, word: i16) {
        self.write_u64(u64::from(word.cast_unsigned()));
    }

    fn write_isize(&mut self, word: isize) {
        self.write_u64(word.cast_unsigned() as u64);
    }
}
