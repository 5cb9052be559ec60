//! Breadth first through all worlds that a model can come to.

use std::collections::HashMap;

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
    let mut known: HashMap<World, ()> = HashMap::from([(World::new(), ())]);
    let mut injected = false;
    let mut next = 0;
    let mut successors = Vec::new();
    let began = std::time::Instant::now();
    while let Some((world, _, _)) = worlds.get(next).copied() {
        injected |= model.injects(&world);
        if let Some(broken) = model.broken(&world) {
            let violation = Some(format!("{broken}: {}", way(&worlds, next)));
            return Explored { states: worlds.len(), injected, violation };
        }
        model.successors(&world, &mut successors);
        for (successor, label) in successors.drain(..) {
            if known.insert(successor, ()).is_none() {
                worlds.push((successor, next, label));
            }
        }
        next += 1;
        if next % 500000 == 0 {
            eprintln!("{next} {} {:?}", worlds.len(), began.elapsed());
        }
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
