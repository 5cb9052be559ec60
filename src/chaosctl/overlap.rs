//! Which scenarios of a mission may meet the same request, and what they do together.

use squall_policy::wire;

/// Of so many scenarios at most, those with the greatest shares, every pair is looked at.
const MOST: usize = 64;

/// Scenarios that may all meet one request.
pub struct Group {
    /// Their places in the mission, ascending, with the share of the requests that each faults.
    pub members: Vec<(usize, f64)>,
    /// The share that gets at least one fault.
    pub union: f64,
}

impl Group {
    /// How far the whole is above the greatest of its parts.
    pub fn excess(&self) -> f64 {
        self.union - self.members.iter().fold(0.0, |most: f64, (_, share)| most.max(*share))
    }
}

/// The group whose union is furthest above what each of its scenarios says.
pub fn worst(scenarios: &[&wire::Scenario]) -> Option<Group> {
    let mut shares: Vec<(usize, f64)> = scenarios.iter().map(|s| share(s)).enumerate().collect();
    shares.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    shares.truncate(MOST);
    let meets_all = |members: &[(usize, f64)], number: usize| {
        let meets = |other: &usize| may_meet(scenarios[*other], scenarios[number]);
        members.iter().all(|(other, _)| meets(other))
    };
    let groups = shares.iter().map(|first| {
        let mut members = vec![*first];
        for next in &shares {
            if next.0 != first.0 && meets_all(&members, next.0) {
                members.push(*next);
            }
        }
        members.sort_by_key(|(number, _)| *number);
        let union = 1.0 - members.iter().fold(1.0, |spared, (_, share)| spared * (1.0 - share));
        Group { members, union }
    });
    groups.max_by(|a, b| a.excess().total_cmp(&b.excess()))
}

/// The share of its requests that a scenario faults while it is on.
fn share(scenario: &wire::Scenario) -> f64 {
    let sample =
        scenario.scope.as_ref().and_then(|s| s.sample.as_ref()).map_or(wire::Percent::ALL, |s| s.percent);
    let drawn = |f: &wire::Fault| f64::from(f.percent().0) / 1e6;
    let of = |fault: &wire::Fault| {
        fault.alternatives().into_iter().map(|(weight, alternative)| weight * drawn(alternative)).sum::<f64>()
    };
    let none: f64 = scenario.faults.iter().map(|fault| 1.0 - of(fault)).product();
    f64::from(sample.0) / 1e6 * (1.0 - none)
}

/// Whether nothing says that no request is both's.
pub fn may_meet(a: &wire::Scenario, b: &wire::Scenario) -> bool {
    let (Some(a), Some(b)) = (&a.scope, &b.scope) else { return true };
    let any = wire::DirectionWord::Any;
    let sides = a.direction != b.direction && a.direction != any && b.direction != any;
    let services = differ(a.service.as_ref().map(|s| &s.0), b.service.as_ref().map(|s| &s.0));
    let dependencies = a.dependency.as_ref().zip(b.dependency.as_ref()).is_some_and(|(a, b)| {
        // The host of a cluster may be written short.
        !a.0.contains(&b.0) && !b.0.contains(&a.0)
    });
    let attempts =
        a.attempts.as_ref().zip(b.attempts.as_ref()).is_some_and(|(a, b)| !a.iter().any(|n| b.contains(n)));
    let rules = a.any_of.as_ref().zip(b.any_of.as_ref());
    let rules = rules.is_some_and(|(a, b)| a.iter().all(|a| b.iter().all(|b| are_disjoint(a, b))));
    !(sides || services || dependencies || attempts || rules)
}

fn differ(a: Option<&String>, b: Option<&String>) -> bool {
    a.zip(b).is_some_and(|(a, b)| a != b)
}

fn are_disjoint(a: &wire::MatchRule, b: &wire::MatchRule) -> bool {
    let methods = a.methods.as_ref().zip(b.methods.as_ref());
    let methods = methods.is_some_and(|(a, b)| !a.iter().any(|a| b.iter().any(|b| a.0 == b.0)));
    let paths = path(a).zip(path(b)).is_some_and(|((a, a_ends), (b, b_ends))| match (a_ends, b_ends) {
        (true, true) => a != b,
        (true, false) => !a.starts_with(&b),
        (false, true) => !b.starts_with(&a),
        (false, false) => !a.starts_with(&b) && !b.starts_with(&a),
    });
    let names = [(&a.route, &b.route), (&a.cluster, &b.cluster), (&a.virtual_host, &b.virtual_host)];
    let names = names.iter().any(|(a, b)| differ(a.as_ref().map(|n| &n.0), b.as_ref().map(|n| &n.0)));
    let exact = |h: &wire::HeaderMatch| h.exact.as_ref().filter(|_| !h.invert).map(|text| text.0.clone());
    let headers = a.headers.iter().flatten().any(|a| {
        let same = b.headers.iter().flatten().filter(|b| a.name.0 == b.name.0);
        same.map(|b| exact(a).zip(exact(b))).any(|both| both.is_some_and(|(a, b)| a != b))
    });
    methods || paths || names || headers
}

/// The path of a rule, and whether it ends there; `None` where it is not a plain text.
fn path(rule: &wire::MatchRule) -> Option<(String, bool)> {
    if let Some(grpc) = &rule.grpc {
        let service = &grpc.service.0;
        return Some(match &grpc.method {
            Some(method) => (format!("/{service}/{}", method.0), true),
            None => (format!("/{service}/"), false),
        });
    }
    let path = rule.path.as_ref()?;
    let exact = path.exact.as_ref().map(|text| (text.0.clone(), true));
    exact.or_else(|| path.prefix.as_ref().map(|text| (text.0.clone(), false)))
}
