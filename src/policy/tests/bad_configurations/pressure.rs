//! The pressure fault.

use crate::{Mistake, check, mistake_in};
use squall_policy::Code::{
    BadFormat, Conflict, ExactlyOne, MissingKey, NothingGiven, OutOfRange, UnknownKey, WrongType,
};

const FAULT: &str = "/catalog/scenarios/0/faults/0";

#[test]
fn pressure() {
    const PRESSURE: &str = "catalog.scenarios[0].faults[0].pressure";
    const BURN: &str = "catalog.scenarios[0].faults[0].pressure.cpu.burn";
    const SHARE: &str = "catalog.scenarios[0].faults[0].pressure.cpu.max_share";
    const HOLD: &str = "catalog.scenarios[0].faults[0].pressure.memory.hold";
    const MISTAKES: &[Mistake] = &[
        mistake_in(
            "/catalog/scenarios/0/faults",
            "[{\"pressure\": {\"concurrency\": {\"limit\": 8}}}, {\"pressure\": {\"concurrency\": {\"limit\": 4}}}]",
            Conflict,
            "catalog.scenarios[0].faults[1]",
        ),
        mistake_in(FAULT, "{\"pressure\": {}}", NothingGiven, PRESSURE),
        mistake_in(FAULT, "{\"pressure\": \"much\"}", WrongType, PRESSURE),
        mistake_in(
            FAULT,
            "{\"pressure\": {\"cpu\": {\"burn\": \"2ms\"}}, \"abort\": {\"status\": 503}}",
            ExactlyOne,
            "catalog.scenarios[0].faults[0]",
        ),
        mistake_in(
            FAULT,
            "{\"pressure\": {\"cup\": {}}}",
            UnknownKey,
            "catalog.scenarios[0].faults[0].pressure.cup",
        ),
        mistake_in(FAULT, "{\"pressure\": {\"cpu\": {}}}", MissingKey, BURN),
        mistake_in(FAULT, "{\"pressure\": {\"cpu\": {\"burn\": 2}}}", WrongType, BURN),
        mistake_in(FAULT, "{\"pressure\": {\"cpu\": {\"burn\": \"999us\"}}}", OutOfRange, BURN),
        mistake_in(FAULT, "{\"pressure\": {\"cpu\": {\"burn\": \"101ms\"}}}", OutOfRange, BURN),
        mistake_in(
            FAULT,
            "{\"pressure\": {\"cpu\": {\"burn\": \"11ms\", \"max_share\": \"1%\"}}}",
            Conflict,
            BURN,
        ),
        mistake_in(
            FAULT,
            "{\"pressure\": {\"cpu\": {\"burn\": \"2ms\", \"max_share\": 25}}}",
            WrongType,
            SHARE,
        ),
        mistake_in(
            FAULT,
            "{\"pressure\": {\"cpu\": {\"burn\": \"2ms\", \"max_share\": \"25\"}}}",
            BadFormat,
            SHARE,
        ),
        mistake_in(
            FAULT,
            "{\"pressure\": {\"cpu\": {\"burn\": \"2ms\", \"max_share\": \"2.5%\"}}}",
            BadFormat,
            SHARE,
        ),
        mistake_in(
            FAULT,
            "{\"pressure\": {\"cpu\": {\"burn\": \"2ms\", \"max_share\": \"51%\"}}}",
            OutOfRange,
            SHARE,
        ),
        mistake_in(
            FAULT,
            "{\"pressure\": {\"cpu\": {\"burn\": \"2ms\", \"max_share\": \"0%\"}}}",
            OutOfRange,
            SHARE,
        ),
        mistake_in(FAULT, "{\"pressure\": {\"memory\": {}}}", MissingKey, HOLD),
        mistake_in(FAULT, "{\"pressure\": {\"memory\": {\"hold\": 16}}}", WrongType, HOLD),
        mistake_in(FAULT, "{\"pressure\": {\"memory\": {\"hold\": \"16\"}}}", BadFormat, HOLD),
        mistake_in(FAULT, "{\"pressure\": {\"memory\": {\"hold\": \"16MB\"}}}", BadFormat, HOLD),
        mistake_in(FAULT, "{\"pressure\": {\"memory\": {\"hold\": \"-1MiB\"}}}", BadFormat, HOLD),
        mistake_in(FAULT, "{\"pressure\": {\"memory\": {\"hold\": \"3KiB\"}}}", OutOfRange, HOLD),
        mistake_in(FAULT, "{\"pressure\": {\"memory\": {\"hold\": \"257MiB\"}}}", OutOfRange, HOLD),
        mistake_in(
            FAULT,
            "{\"pressure\": {\"memory\": {\"hold\": \"99999999999999999MiB\"}}}",
            BadFormat,
            HOLD,
        ),
    ];
    check(MISTAKES);
}

#[test]
fn concurrency() {
    const POOL: &str = "catalog.scenarios[0].faults[0].pressure.concurrency";
    const LIMIT: &str = "catalog.scenarios[0].faults[0].pressure.concurrency.limit";
    const QUEUE: &str = "catalog.scenarios[0].faults[0].pressure.concurrency.queue";
    const TIMEOUT: &str = "catalog.scenarios[0].faults[0].pressure.concurrency.queue_timeout";
    const STATUS: &str = "catalog.scenarios[0].faults[0].pressure.concurrency.status";
    macro_rules! pool {
        ($keys:literal) => {
            concat!("{\"pressure\": {\"concurrency\": {", $keys, "}}}")
        };
    }
    const MISTAKES: &[Mistake] = &[
        mistake_in(FAULT, "{\"pressure\": {\"concurrency\": 8}}", WrongType, POOL),
        mistake_in(FAULT, pool!(""), MissingKey, LIMIT),
        mistake_in(FAULT, pool!("\"limit\": \"8\""), WrongType, LIMIT),
        mistake_in(FAULT, pool!("\"limit\": 0"), OutOfRange, LIMIT),
        mistake_in(FAULT, pool!("\"limit\": 1.5"), OutOfRange, LIMIT),
        mistake_in(FAULT, pool!("\"limit\": 10001"), OutOfRange, LIMIT),
        mistake_in(FAULT, pool!("\"limit\": 8, \"queue\": 1025"), OutOfRange, QUEUE),
        mistake_in(FAULT, pool!("\"limit\": 8, \"queue\": -1"), OutOfRange, QUEUE),
        mistake_in(FAULT, pool!("\"limit\": 8, \"queue\": 4, \"queue_timeout\": 2"), WrongType, TIMEOUT),
        mistake_in(
            FAULT,
            pool!("\"limit\": 8, \"queue\": 4, \"queue_timeout\": \"61m\""),
            OutOfRange,
            TIMEOUT,
        ),
        mistake_in(FAULT, pool!("\"limit\": 8, \"queue_timeout\": \"2s\""), Conflict, TIMEOUT),
        mistake_in(FAULT, pool!("\"limit\": 8, \"queue\": 0, \"queue_timeout\": \"2s\""), Conflict, TIMEOUT),
        mistake_in(FAULT, pool!("\"limit\": 8, \"status\": 100"), OutOfRange, STATUS),
        mistake_in(
            FAULT,
            pool!("\"limit\": 8, \"wait\": 1"),
            UnknownKey,
            "catalog.scenarios[0].faults[0].pressure.concurrency.wait",
        ),
    ];
    check(MISTAKES);
}
