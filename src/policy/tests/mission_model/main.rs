//! The protocol between the workers of a proxy, explored to the end: every interleaving of every read and every write of two
//! workers, a configuration update, a halt, its release by a person and by a configuration, a renewal, a stop and steps of the
//! wall clock either way.
//! The machine is the real one (`squall_policy::mission`); the model is what lies around it: shared data, clocks, and when who
//! looks. That the exploration can fail is shown by machines with a fault in them.

mod explore;
mod world;

use explore::explore;
use world::{Model, Mutant, Update};

/// What has to be found out of a model without faults; gives the number of its states.
fn holds(update: Update) -> usize {
    let explored = explore(&Model::new(update, Mutant::None));
    assert_eq!(explored.violation, None, "after {} states", explored.states);
    assert!(explored.injected, "no fault was injected at all: nothing is shown");
    explored.states
}

fn violation(update: Update, mutant: Mutant) -> String {
    let explored = explore(&Model::new(update, mutant));
    explored.violation.unwrap_or_else(|| panic!("{mutant:?} is not found in {} states", explored.states))
}

/// The same mission with another start.
#[test]
fn p1_p2_p6_hold_in_every_interleaving_with_an_update_of_the_mission() {
    let states = holds(Update::OtherStart);
    assert!(states > 50_000, "{states} states: the model has shrunk");
}

/// Another mission takes the first one's place.
#[test]
fn p1_p2_p6_hold_in_every_interleaving_with_another_mission() {
    let states = holds(Update::OtherMission);
    assert!(states > 50_000, "{states} states: the model has shrunk");
}

/// Somebody stops the mission.
#[test]
fn p1_p2_p6_hold_in_every_interleaving_with_a_stop() {
    let states = holds(Update::Stop);
    assert!(states > 20_000, "{states} states: the model has shrunk");
}

/// The configuration has a `release`, and Envoy reads it again.
#[test]
fn p1_p2_p6_hold_in_every_interleaving_with_a_release_by_configuration() {
    let states = holds(Update::Release);
    assert!(states > 5_000, "{states} states: the model has shrunk");
}

#[test]
fn p2_a_release_that_is_forgotten_where_nothing_blocks_is_found() {
    let found = violation(Update::Release, Mutant::ForgetsReleases);
    assert!(found.contains("P2"), "{found}");
}

#[test]
fn p6_a_write_without_compare_is_found() {
    let found = violation(Update::Stop, Mutant::BlindWrite);
    assert!(found.contains("P6") || found.contains("P1"), "{found}");
}

#[test]
fn p2_a_halt_that_is_a_flag_instead_of_a_number_is_found() {
    let found = violation(Update::OtherStart, Mutant::HaltIsAFlag);
    assert!(found.contains("P2"), "{found}");
}

#[test]
fn p2_a_join_that_does_not_ask_for_halts_is_found() {
    let found = violation(Update::OtherMission, Mutant::JoinIgnoresHalts);
    assert!(found.contains("P2"), "{found}");
}

#[test]
fn p1_a_renewal_that_moves_the_deadline_is_found() {
    let found = violation(Update::OtherStart, Mutant::RenewalMovesDeadline);
    assert!(found.contains("P1"), "{found}");
}

#[test]
fn p1_a_worker_that_looks_too_rarely_is_found() {
    let found = violation(Update::OtherStart, Mutant::LooksRarely);
    assert!(found.contains("P1") || found.contains("P2"), "{found}");
}

#[test]
fn p6_a_start_that_begins_anew_is_found() {
    let found = violation(Update::OtherStart, Mutant::StartBeginsAnew);
    assert!(found.contains("P6") || found.contains("P1"), "{found}");
}
