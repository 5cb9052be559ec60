//! Each budget is kept at its limit and missed just beyond it.

use super::*;
use crate::cost::CostRow;
use crate::lateness::LatenessRow;
use crate::startup::StartRow;
use crate::waiting::WaitingRow;

fn cost(rows: &[(Variant, f64)]) -> Cost {
    let row = |(variant, cpu): &(Variant, f64)| CostRow {
        variant: *variant,
        cpu_us: vec![*cpu; 3],
        rps: vec![],
        p50_ms: vec![],
        p99_ms: vec![],
    };
    Cost { rows: rows.iter().map(row).collect() }
}

fn kept(budgets: &[Budget]) -> Vec<bool> {
    budgets.iter().map(|budget| budget.kept).collect()
}

fn row(clock: Clock, filter: Filter, waiting: usize, [earliest, median, p99]: [f64; 3]) -> LatenessRow {
    LatenessRow {
        clock,
        filter,
        waiting: WAITING[waiting],
        requests: 1,
        earliest_ms: earliest,
        median_ms: median,
        p99_ms: p99,
        max_ms: p99,
    }
}

#[test]
fn costs_are_kept_at_their_limits_and_missed_beyond_them() {
    let at = cost(&[
        (Variant::Bare, 16.0),
        (Variant::Empty, 20.0),
        (Variant::SquallIdle, 20.0),
        (Variant::SquallArmed1, 21.0),
        (Variant::SquallArmed1000, 21.5),
    ]);
    assert_eq!(kept(&of_cost(&at)), [true, true, true]);
    let beyond = cost(&[
        (Variant::Bare, 16.0),
        (Variant::Empty, 20.0),
        (Variant::SquallIdle, 20.5),
        (Variant::SquallDisabled, 19.5),
        (Variant::SquallArmed1, 22.0),
        (Variant::SquallArmed1000, 22.75),
    ]);
    assert_eq!(kept(&of_cost(&beyond)), [false, true, false, false]);
    assert!(failed(&of_cost(&beyond), true) && !failed(&of_cost(&beyond), false));
}

#[test]
fn a_limit_between_the_quartiles_leaves_a_doubt_and_is_still_missed() {
    let mut cost = cost(&[(Variant::Empty, 20.0), (Variant::SquallIdle, 20.5)]);
    assert_eq!(of_cost(&cost)[0].verdict(), "OVER");
    cost.rows[1].cpu_us = vec![18.0, 20.5, 23.0];
    assert_eq!(of_cost(&cost)[0].verdict(), "OVER, within the spread");
    assert!(failed(&of_cost(&cost), true));
    cost.rows[1].cpu_us = vec![18.0, 19.5, 23.0];
    assert_eq!(of_cost(&cost)[0].verdict(), "ok, within the spread");
}

#[test]
fn a_variant_that_was_not_measured_is_not_judged() {
    assert!(of_cost(&cost(&[(Variant::Bare, 16.0), (Variant::SquallAbort, 22.0)])).is_empty());
}

#[test]
fn a_delay_that_ends_too_early_fails_the_run_and_only_squalls_counts() {
    let of = |squall: f64| {
        of_lateness(&Lateness {
            rows: vec![
                row(Clock::Default, Filter::Native, 0, [-3.0, 1.0, 5.0]),
                row(Clock::Default, Filter::Squall, 0, [squall, 1.0, 5.0]),
            ],
        })
    };
    assert!(!failed(&of(-0.5), false));
    assert!(failed(&of(-0.51), false));
}

#[test]
fn lateness_is_judged_by_the_clock() {
    let of = |median, p99, behind: f64| {
        let budgets = of_lateness(&Lateness {
            rows: vec![
                row(Clock::Precise, Filter::Squall, 1, [0.0, median, p99]),
                row(Clock::Default, Filter::Native, 2, [0.0, 1.0, 5.0]),
                row(Clock::Default, Filter::Squall, 2, [0.0, 1.0, 5.0 + behind]),
                row(Clock::Default, Filter::Native, 3, [0.0, 1.0, 5.0]),
                row(Clock::Default, Filter::Squall, 3, [0.0, 100.0, 100.0]),
            ],
        });
        kept(&budgets)
    };
    assert_eq!(of(1.0, 3.0, 2.0), [true, true, true, true]);
    assert_eq!(of(1.1, 3.1, 2.1), [true, false, false, false]);
}

#[test]
fn the_module_may_have_640_kib_and_no_byte_more() {
    let of = |bytes| {
        of_startup(&Startup {
            rows: vec![StartRow { title: "Squall idle", bytes, ready_ms: vec![], resident_mib: vec![] }],
        })
    };
    assert!(!failed(&of(640 << 10), false));
    assert!(failed(&of((640 << 10) + 1), false));
}

#[test]
fn a_waiting_request_is_weighed_against_the_native_filter() {
    let of = |squall: f64| {
        let row = |filter, bytes| WaitingRow { filter, bytes: vec![bytes] };
        let rows = [row(Filter::Native, 5_000.0), row(Filter::Squall, 5_000.0 + squall)];
        kept(&of_waiting(&WaitingMemory { rows }))
    };
    assert_eq!((of(1_023.0), of(1_024.0)), (vec![true], vec![false]));
}
