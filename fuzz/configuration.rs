//! What holds for any bytes as a plugin configuration and any request: nothing panics, a configuration is loaded exactly
//! when nothing is wrong with it, and every decision is whole. Shared by the fuzz target and a test of ring 1.

use squall_policy::{Asked, Direction, Fact, Facts, Injected, Plan, Report, Seed, load_plugin, mint};

/// One hour in microseconds: no delay is longer.
const LONGEST_DELAY_US: u64 = 3_600_000_000;

/// A request whose every fact is one of some texts, the same one each time.
struct Request<'r> {
    values: Vec<&'r [u8]>,
    turn: usize,
}

impl Facts for Request<'_> {
    fn fact(&mut self, fact: &Fact) -> Option<&[u8]> {
        let kind: usize = format!("{fact:?}").bytes().map(usize::from).sum();
        // The last turn knows nothing at all.
        self.values.get((kind + self.turn) % (self.values.len() + 1)).copied()
    }

    fn direction(&mut self) -> Direction {
        [Direction::Inbound, Direction::Outbound, Direction::Unspecified][self.turn % 3]
    }
}

/// Runs one input; panics when something does not hold. Says whether a mission was loaded.
pub fn check(input: &[u8]) -> bool {
    let (configuration, request) = match input.iter().position(|byte| *byte == 0) {
        Some(end) => (&input[..end], &input[end + 1..]),
        None => (input, &[][..]),
    };
    let mut report = Report::default();
    let loaded = load_plugin(configuration, Some("shop"), &mut report);
    assert_eq!(
        loaded.is_some(),
        !report.has_errors(),
        "loaded or refused with errors: {:?}",
        report.findings
    );
    for finding in &report.findings {
        assert!(!finding.message.is_empty() && !finding.hint.is_empty(), "{finding:?}");
        assert!(!finding.to_string().is_empty());
    }
    let Some(plan) = loaded.and_then(|loaded| loaded.plan) else { return false };
    assert!(!plan.scenarios().is_empty() && plan.union_ppm() <= squall_policy::PPM);
    let values: Vec<&[u8]> =
        request.split(|byte| *byte == b'\n').chain([&b"/users/7?x=1"[..], b"GET"]).collect();
    let seed = Seed::from_text(&String::from_utf8_lossy(request));
    values.iter().for_each(|value| ask(value));
    for turn in 0..=values.len().min(8) {
        decide(&plan, &seed, &mut Request { values: values.clone(), turn });
    }
    true
}

/// A text is signed exactly when it is one that is read.
fn ask(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return assert_eq!(Asked::parse(text), None) };
    let text = text.trim_ascii();
    let read = text.len() <= 512 && Asked::parse(text.as_bytes()).is_some();
    let minted = mint("team-a", b"0123456789abcdef", 10, text);
    assert_eq!(minted.is_ok(), read, "{text:?}");
    assert!(minted.is_ok_and(|minted| minted.baggage().is_ascii()) || !read);
}

fn decide(plan: &Plan, seed: &Seed, request: &mut Request<'_>) {
    let verdict = plan.decide(seed, request);
    assert_eq!(verdict, plan.decide(seed, request), "the same request is decided alike");
    let ordered = verdict.outcomes.windows(2).all(|pair| pair[0].scenario < pair[1].scenario);
    assert!(ordered, "each scenario once, in the mission's order: {verdict:?}");
    assert!(verdict.outcomes.iter().all(|outcome| plan.scenario(outcome.scenario).is_some()));
    let hit = |scenario: usize| verdict.outcomes.iter().any(|o| o.scenario == scenario && o.spared.is_none());
    for explanation in plan.explain(seed, request) {
        let matched = explanation.mismatches.is_empty() && !explanation.wrong_direction;
        let decided = verdict.outcomes.iter().any(|outcome| outcome.scenario == explanation.scenario);
        assert_eq!(matched, decided, "explained as it is decided: {explanation:?}, {verdict:?}");
    }
    let faults: &[Injected] = verdict.injection.as_ref().map_or(&[], |injection| &injection.faults);
    assert_eq!(
        verdict.injection.is_some(),
        verdict.outcomes.iter().any(|o| o.spared.is_none()),
        "{verdict:?}"
    );
    for fault in faults {
        assert!(hit(fault.scenario()), "a fault of a scenario that spared the request: {verdict:?}");
        if let Injected::Delay { us, .. } = fault {
            assert!((1..=LONGEST_DELAY_US).contains(us), "{verdict:?}");
        }
    }
    for outcome in verdict.outcomes.iter().filter(|outcome| outcome.spared.is_none()) {
        assert!(faults.iter().any(|fault| fault.scenario() == outcome.scenario), "{verdict:?}");
    }
}
