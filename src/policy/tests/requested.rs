//! Faults that callers ask for: what is granted, and what is ignored with which cause.

mod request;

use proptest::prelude::*;
use request::{Request, load, plan, plugin, request_id};
use serde_json::{Value, json};
use squall_policy::{
    Asked, Callers, Direction, Fact, Facts, Ignored, Injected, Minted, Moment, Plan, Report, Seed, Spared,
    Verdict, base64, load_plugin, mint,
};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const NOW: u64 = 1_764_000_000;

/// A request that comes at a moment.
#[derive(Clone)]
struct At(Request, u64);

impl Facts for At {
    fn fact(&mut self, fact: &Fact) -> Option<&[u8]> {
        self.0.fact(fact)
    }

    fn direction(&mut self) -> Direction {
        Direction::Unspecified
    }

    fn moment(&mut self) -> Option<Moment> {
        Some(Moment { wall_ms: self.1 * 1000 + 999, running_ns: 0 })
    }
}

fn scenario(limits: Value) -> Value {
    json!({"name": "asked", "faults": [{"requested": limits}]})
}

fn asked_plan(limits: Value) -> Plan {
    let mut configuration = plugin("first_match", &[scenario(limits)]);
    configuration["caller_keys"] = json!([
        {"name": "team-a", "secret": base64(SECRET)},
        {"name": "team-b", "secret": base64(b"another secret of this test")},
    ]);
    load(&configuration).plan.expect("a mission")
}

fn minted(fault: &str) -> Minted {
    mint("team-a", SECRET, NOW + 600, fault).expect("a fault")
}

fn carrying(minted: &Minted) -> Request {
    Request::with_id("r").header("x-chaos-fault", &minted.fault).header("x-chaos-token", &minted.token)
}

fn decide(plan: &Plan, request: Request) -> Verdict {
    plan.decide(&Seed::from_text("s"), &mut At(request, NOW))
}

fn spared(plan: &Plan, request: Request) -> Option<Spared> {
    decide(plan, request).outcomes.first().expect("it matches").spared
}

fn ignored(plan: &Plan, request: Request) -> Option<Ignored> {
    match spared(plan, request) {
        Some(Spared::Ignored(why)) => Some(why),
        Some(other) => panic!("{other:?}"),
        None => None,
    }
}

/// Delay, HTTP status, gRPC status, rate.
fn granted(plan: &Plan, fault: &str) -> (u64, Option<u16>, Option<u32>, Option<u64>) {
    let injection = decide(plan, carrying(&minted(fault))).injection.unwrap_or_default();
    let answer = injection.answer.as_ref();
    let grpc = answer.and_then(|a| a.grpc.as_ref()).map(|g| g.status);
    (injection.request_delay_us, answer.map(|a| a.status), grpc, injection.throttle.response)
}

#[test]
fn what_is_signed_and_within_the_limits_is_granted() {
    let plan = asked_plan(json!({"allow": ["delay", "abort", "throttle"]}));
    assert_eq!(granted(&plan, "delay=100ms"), (100_000, None, None, None));
    assert_eq!(granted(&plan, "delay=100ms;abort=503"), (100_000, Some(503), None, None));
    assert_eq!(granted(&plan, " delay = 1s ; throttle = 64KiB/s "), (1_000_000, None, None, Some(65_536)));
    // A gRPC status alone: an HTTP client sees what it maps to.
    assert_eq!(granted(&plan, "abort-grpc=5"), (0, Some(404), Some(5), None));
    assert_eq!(granted(&plan, "abort-grpc=UNAVAILABLE"), (0, Some(503), Some(14), None));
    // The HTTP status wins, as in Envoy's own filter.
    assert_eq!(granted(&plan, "abort=429;abort-grpc=5"), (0, Some(429), None, None));
    // A percentage without its fault says nothing.
    assert_eq!(granted(&plan, "delay=5ms;abort-percent=100"), (5000, None, None, None));
}

#[test]
fn a_request_that_asks_for_nothing_is_control() {
    let plan = asked_plan(json!({}));
    assert_eq!(spared(&plan, Request::with_id("r")), Some(Spared::NotRequested));
    assert!(Spared::NotRequested.is_control());
    assert!(!Spared::Ignored(Ignored::Unsigned).is_control());
    // The mark of another Squall, and baggage about something else.
    let marked = Request::with_id("r").header("x-chaos-fault", "delay,abort");
    assert_eq!(spared(&plan, marked), Some(Spared::NotRequested));
    for baggage in ["", ",,,", "=", "a=b", "chaos", "chaosx=delay%3D1ms", "Chaos=x", "%%%=;;;=,"] {
        let request = Request::with_id("r").header("baggage", baggage);
        assert_eq!(spared(&plan, request), Some(Spared::NotRequested), "{baggage}");
    }
}

#[test]
fn baggage_says_the_same() {
    let plan = asked_plan(json!({}));
    let minted = minted("delay=100ms;abort=503");
    let baggage = minted.baggage();
    assert!(baggage.starts_with("chaos=delay%3D100ms%3Babort%3D503,chaos-token=v1.team-a."), "{baggage}");
    let (fault, token) = baggage.split_once(',').expect("two members");
    for baggage in [
        baggage.clone(),
        format!("userId=alice , {fault};p=1 ,{token};q, x=y"),
        format!("{token},{fault}"),
        baggage.replace("%3D", "%3d"),
        format!("{baggage},chaos=delay%3D1s"),
    ] {
        let verdict = decide(&plan, Request::with_id("r").header("baggage", &baggage));
        let injection = verdict.injection.unwrap_or_else(|| panic!("{baggage}: {:?}", verdict.outcomes));
        assert_eq!((injection.request_delay_us, injection.answer.map(|a| a.status)), (100_000, Some(503)));
    }
    // The header counts first.
    let both = carrying(&self::minted("delay=5ms")).header("baggage", &baggage);
    assert_eq!(decide(&plan, both).injection.expect("a fault").request_delay_us, 5000);
    // More baggage than anybody has to pass on is not read.
    let large = format!("{},{baggage}", "a=b,".repeat(2048));
    assert_eq!(spared(&plan, Request::with_id("r").header("baggage", &large)), Some(Spared::NotRequested));
    // A mark in the header hides no baggage.
    let marked = Request::with_id("r").header("x-chaos-fault", "abort").header("baggage", &baggage);
    assert!(decide(&plan, marked).injection.is_some());
}

/// Attacks and mistakes: what is done to a good request, and the cause that it is counted with.
#[test]
fn no_attack_gets_a_fault() {
    let plan = asked_plan(json!({"keys": ["team-a"], "statuses": [503], "max_delay": "1s"}));
    let good = minted("delay=100ms;abort=503");
    assert_eq!(ignored(&plan, carrying(&good)), None, "the request that all attacks start from");
    let parts: Vec<&str> = good.token.split('.').collect();
    let token = |name: &str, expiry: &str, signature: &str| format!("v1.{name}.{expiry}.{signature}");
    let signed =
        |fault: &str| mint("team-a", SECRET, NOW + 600, fault).unwrap_or_else(|e| panic!("{fault}: {e:?}"));
    let by =
        |name: &str, secret: &[u8], expires| mint(name, secret, expires, &good.fault).expect("a token").token;
    let attack = |fault: &str, token: &str| (fault.to_owned(), token.to_owned());
    let with = |token: String| (good.fault.clone(), token);
    let flipped = |at: usize| {
        let mut signature = parts[3].as_bytes().to_vec();
        signature[at] = if signature[at] == b'A' { b'E' } else { b'A' };
        String::from_utf8(signature).expect("digits")
    };
    use Ignored::{BadSignature, Expired, Malformed, OtherTarget, OverLimit};
    let table: Vec<(&str, (String, String), Ignored)> = vec![
        ("an invented signature", with(token("team-a", parts[2], &"A".repeat(43))), BadSignature),
        ("the first digit of the signature", with(token("team-a", parts[2], &flipped(0))), BadSignature),
        ("the last but one digit of it", with(token("team-a", parts[2], &flipped(41))), BadSignature),
        ("a truncated signature", with(token("team-a", parts[2], &parts[3][..42])), Malformed),
        ("half a signature", with(token("team-a", parts[2], &parts[3][..22])), Malformed),
        ("no signature", with(token("team-a", parts[2], "")), Malformed),
        ("a signature and more", with(format!("{}A", good.token)), Malformed),
        ("a padded signature", with(format!("{}=", good.token)), Malformed),
        ("a fifth part", with(format!("{}.x", good.token)), Malformed),
        ("three parts", with(parts[..3].join(".")), Malformed),
        ("an empty token", with(String::new()), Malformed),
        ("another version", with(good.token.replacen("v1", "v2", 1)), Malformed),
        ("the version in capitals", with(good.token.replacen("v1", "V1", 1)), Malformed),
        ("the name in capitals", with(good.token.replacen("team-a", "Team-A", 1)), BadSignature),
        ("a name nobody has", with(by("team-x", SECRET, NOW + 600)), BadSignature),
        (
            "a key that is not trusted here",
            with(by("team-b", b"another secret of this test", NOW + 600)),
            BadSignature,
        ),
        (
            "another's secret under this name",
            with(by("team-a", b"another secret of this test", NOW + 600)),
            BadSignature,
        ),
        ("this secret under another's name", with(by("team-b", SECRET, NOW + 600)), BadSignature),
        ("an empty secret", with(by("team-a", b"", NOW + 600)), BadSignature),
        ("a longer life than was signed", with(token("team-a", "1764003000", parts[3])), BadSignature),
        ("an expiry with a sign", with(token("team-a", "+1764000600", parts[3])), Malformed),
        ("an expiry with a zero before", with(token("team-a", "01764000600", parts[3])), BadSignature),
        ("an expiry that is no number", with(token("team-a", "never", parts[3])), Malformed),
        ("an expiry beyond all numbers", with(token("team-a", &"9".repeat(30), parts[3])), Malformed),
        ("expired now", with(by("team-a", SECRET, NOW)), Expired),
        ("expired long ago", with(by("team-a", SECRET, 1)), Expired),
        ("good for longer than max_age", with(by("team-a", SECRET, NOW + 3601)), OverLimit),
        ("good for ever", with(by("team-a", SECRET, 999_999_999_999)), OverLimit),
        ("another fault under this token", attack("delay=900ms;abort=503", &good.token), BadSignature),
        ("a fault more", attack("delay=100ms;abort=503;throttle=1KiB/s", &good.token), BadSignature),
        ("the fault in capitals", attack("DELAY=100ms;abort=503", &good.token), BadSignature),
        ("a blank inside", attack("delay=100ms; abort=503", &good.token), BadSignature),
        ("a line feed inside", attack("delay=100ms\n;abort=503", &good.token), BadSignature),
        ("unicode that looks alike", attack("delaу=100ms;abort=503", &good.token), BadSignature),
        (
            "a fault of 5,000 bytes",
            attack(&format!("{};{}", good.fault, "a".repeat(5000)), &good.token),
            Malformed,
        ),
        ("a token of 5,000 bytes", with(format!("{}{}", good.token, "A".repeat(5000))), Malformed),
        ("another's fault first, twice", attack("delay=1s,delay=100ms;abort=503", &good.token), BadSignature),
        ("a longer delay than is allowed", carried(&signed("delay=1001ms")), OverLimit),
        ("another status than is allowed", carried(&signed("abort=500")), OverLimit),
        ("a gRPC status where only HTTP's are listed", carried(&signed("abort-grpc=14")), OverLimit),
        ("a kind that is not allowed", carried(&signed("throttle=1MiB/s")), OverLimit),
        ("another authority", carried(&signed("abort=503;authority=shop.example.com")), OtherTarget),
        ("another path", carried(&signed("abort=503;path=/admin")), OtherTarget),
        // Signed all the same: whoever has the key may write what no filter reads.
        ("a delay that is none", raw("delay=abc"), Malformed),
        ("a status below 200", raw("abort=199"), Malformed),
        ("a status of 600", raw("abort=600"), Malformed),
        ("a fault that nobody knows", raw("explode=1"), Malformed),
        ("a fault twice", raw("delay=1ms;delay=2ms"), Malformed),
        ("more than 100 %", raw("abort=503;abort-percent=101"), Malformed),
        ("nothing but a percentage", raw("abort-percent=50"), Malformed),
        ("a pace of 0", raw("throttle=0"), Malformed),
        ("nothing", raw(""), Malformed),
    ];
    assert!(table.len() >= 25);
    for (what, (fault, token), cause) in table {
        let request = Request::with_id("r").and(Fact::Authority, "a").and(Fact::Path, "/adm");
        let request = request.header("x-chaos-fault", &fault).header("x-chaos-token", &token);
        let verdict = decide(&plan, request);
        assert_eq!(verdict.outcomes[0].spared, Some(Spared::Ignored(cause)), "{what}: {fault:?} {token:?}");
        assert_eq!(verdict.injection, None, "{what}");
    }
    let unsigned = Request::with_id("r").header("x-chaos-fault", &good.fault);
    assert_eq!(ignored(&plan, unsigned), Some(Ignored::Unsigned));
    let broken = Request::with_id("r").header("baggage", "chaos=%zz,chaos-token=x");
    assert_eq!(ignored(&plan, broken), Some(Malformed));
    let unsigned = Request::with_id("r").header("baggage", "chaos=delay%3D1ms");
    assert_eq!(ignored(&plan, unsigned), Some(Ignored::Unsigned));
    let nobody = plan_without_keys();
    assert_eq!(ignored(&nobody, carrying(&good)), Some(BadSignature));
}

fn carried(minted: &Minted) -> (String, String) {
    (minted.fault.clone(), minted.token.clone())
}

/// A text that `mint` refuses, signed with a longer text's help: HMAC knows nothing of faults.
fn raw(fault: &str) -> (String, String) {
    (fault.to_owned(), token_of(fault))
}

/// A token as the documentation defines it, made by a second implementation.
fn token_of(fault: &str) -> String {
    let expiry = NOW + 600;
    let text = format!("squall-fault-v1\nteam-a\n{expiry}\n{fault}");
    format!("v1.team-a.{expiry}.{}", base64(&hmac_sha256(SECRET, text.as_bytes())))
}

/// RFC 2104, from the hash alone.
fn hmac_sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let key = if key.len() > 64 { Sha256::digest(key).to_vec() } else { key.to_vec() };
    let padded = |with: u8| (0..64).map(|i| key.get(i).copied().unwrap_or(0) ^ with).collect::<Vec<_>>();
    let inner = Sha256::digest([padded(0x36), text.to_vec()].concat());
    Sha256::digest([padded(0x5c), inner.to_vec()].concat()).to_vec()
}

fn plan_without_keys() -> Plan {
    // A catalog and a mission alone: what `chaosctl explain` has without keys.
    let mut plan = asked_plan(json!({}));
    plan.trust(Callers::default());
    plan
}

#[test]
fn a_token_is_what_the_documentation_says() {
    for fault in ["delay=100ms", "abort=503", "delay=1s;abort-grpc=UNAVAILABLE;path=/a"] {
        assert_eq!(minted(fault).token, token_of(fault));
    }
}

/// RFC 4231, test cases 1 to 4, 6 and 7 (5 is about truncation).
#[test]
fn hmac_is_that_of_rfc_4231() {
    use hmac::{Hmac, Mac};
    let long = b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.";
    let cases: [(Vec<u8>, Vec<u8>, &str); 6] = [
        (
            vec![0x0b; 20],
            b"Hi There".to_vec(),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            b"Jefe".to_vec(),
            b"what do ya want for nothing?".to_vec(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (vec![0xaa; 20], vec![0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (
            (1..=25).collect(),
            vec![0xcd; 50],
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        ),
        (
            vec![0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First".to_vec(),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
        (vec![0xaa; 131], long.to_vec(), "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
    ];
    for (key, text, wanted) in cases {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).expect("any length");
        mac.update(&text);
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        assert_eq!(hex(&mac.finalize().into_bytes()), wanted);
        assert_eq!(hex(&hmac_sha256(&key, &text)), wanted);
    }
}

#[test]
fn a_token_may_be_bound_to_authority_and_path() {
    let plan = asked_plan(json!({}));
    let bound = minted("abort=503;authority=shop.example.com;path=/users");
    let sent = |authority: &str, path: &str| {
        ignored(&plan, carrying(&bound).and(Fact::Authority, authority).and(Fact::Path, path))
    };
    assert_eq!(sent("shop.example.com", "/users/7?x=1"), None);
    assert_eq!(sent("Shop.Example.COM", "/users"), None);
    assert_eq!(sent("shop.example.com:8080", "/users"), Some(Ignored::OtherTarget));
    assert_eq!(sent("example.com", "/users"), Some(Ignored::OtherTarget));
    assert_eq!(sent("shop.example.com", "/user"), Some(Ignored::OtherTarget));
    assert_eq!(sent("shop.example.com", "/?/users"), Some(Ignored::OtherTarget));
    assert_eq!(ignored(&plan, carrying(&bound)), Some(Ignored::OtherTarget));
}

#[test]
fn a_percentage_is_capped_at_the_scenarios() {
    let share = |limit: Value, fault: &str| {
        let plan = asked_plan(json!({"percent": limit}));
        let minted = minted(fault);
        let hit = |n: &u64| {
            let request = Request::with_id(&request_id(*n));
            let request =
                request.header("x-chaos-fault", &minted.fault).header("x-chaos-token", &minted.token);
            decide(&plan, request).injection.is_some()
        };
        (0..4000).filter(hit).count()
    };
    // 4.9 standard deviations of a binomial around 2,000: 155.
    assert!((1845..=2155).contains(&share(json!(50), "abort=503;abort-percent=80")));
    assert!((1845..=2155).contains(&share(json!(50), "abort=503")));
    assert!((1845..=2155).contains(&share(json!(100), "abort=503;abort-percent=50")));
    assert_eq!(share(json!(100), "delay=1ms;delay-percent=0;abort=503;abort-percent=0"), 0);
    assert_eq!(share(json!(100), "delay=1ms"), 4000);
}

#[test]
fn a_delay_of_nothing_and_a_draw_that_loses_are_control() {
    let plan = asked_plan(json!({}));
    for fault in ["delay=0s", "abort=503;abort-percent=0"] {
        assert_eq!(spared(&plan, carrying(&minted(fault))), Some(Spared::NoFaultDrawn));
    }
}

#[test]
fn scope_sample_protection_and_composition_hold() {
    let probe = carrying(&minted("abort=503")).and(Fact::Path, "/healthz");
    assert_eq!(spared(&asked_plan(json!({})), probe), Some(Spared::Protected));
    let first = json!({"name": "first", "faults": [{"abort": {"status": 500}}]});
    let both = |composition| {
        let mut configuration = plugin(composition, &[first.clone(), scenario(json!({}))]);
        configuration["caller_keys"] = json!([{"name": "team-a", "secret": base64(SECRET)}]);
        load(&configuration).plan.expect("a mission")
    };
    for (composition, fault) in [("first_match", "delay=1ms"), ("independent", "abort=503")] {
        let verdict = decide(&both(composition), carrying(&minted(fault)));
        assert_eq!(verdict.outcomes[1].spared, Some(Spared::Preempted), "{composition}");
        let injection = verdict.injection.expect("the first one's");
        assert_eq!((injection.ending, injection.answer), (Some((0, 0)), None));
    }
    let verdict = decide(&both("independent"), carrying(&minted("delay=1ms")));
    let faults = verdict.injection.expect("both").faults;
    assert!(matches!(faults[..], [Injected::Abort { scenario: 0, .. }, Injected::Delay { scenario: 1, .. }]));
}

#[test]
fn a_catalog_without_requests_reads_no_such_header() {
    struct Strict;
    impl Facts for Strict {
        fn fact(&mut self, fact: &Fact) -> Option<&[u8]> {
            assert!(!matches!(fact, Fact::Header(name) if name != "user-agent"), "{fact:?}");
            None
        }
        fn direction(&mut self) -> Direction {
            Direction::Unspecified
        }
    }
    let plan = plan("first_match", &[json!({"name": "a", "faults": [{"abort": {"status": 503}}]})]);
    assert!(!plan.takes_requests());
    plan.decide(&Seed::from_text("s"), &mut Strict);
}

/// `code path` of all findings.
fn findings(configuration: &Value) -> Vec<String> {
    let mut report = Report::default();
    load_plugin(configuration.to_string().as_bytes(), None, &mut report);
    report.findings.iter().map(|f| format!("{} {}", f.code.slug(), f.path)).collect()
}

#[test]
fn mistakes_have_a_code_and_a_place() {
    let with = |limits: Value, keys: Option<Value>| {
        let mut configuration = plugin("first_match", &[scenario(limits)]);
        if let Some(keys) = keys {
            configuration["caller_keys"] = keys;
        }
        findings(&configuration)
    };
    let key = || Some(json!([{"name": "team-a", "secret": base64(SECRET)}]));
    let at = |key: &str| format!("catalog.scenarios[0].faults[0].requested.{key}");
    assert_eq!(with(json!({}), key()), [""; 0]);
    assert_eq!(with(json!({}), None), ["unknown-caller caller_keys"]);
    assert_eq!(with(json!({"keys": ["team-c"]}), key()), ["unknown-caller caller_keys"]);
    assert_eq!(with(json!({"max_delay": "2h"}), key()), [format!("out-of-range {}", at("max_delay"))]);
    assert_eq!(with(json!({"max_age": "8days"}), key()), [format!("out-of-range {}", at("max_age"))]);
    assert_eq!(with(json!({"allow": ["drop"]}), key()), [format!("unknown-word {}", at("allow[0]"))]);
    assert_eq!(with(json!({"allow": []}), key()), [format!("out-of-range {}", at("allow"))]);
    assert_eq!(with(json!({"statuses": [199]}), key()), [format!("out-of-range {}", at("statuses[0]"))]);
    for (limits, key_of_limit) in [
        (json!({"allow": ["delay"], "statuses": [503]}), "statuses"),
        (json!({"allow": ["throttle"], "grpc_statuses": [14]}), "grpc_statuses"),
        (json!({"allow": ["abort"], "max_delay": "1s"}), "max_delay"),
        (json!({"allow": ["abort"], "min_rate": "1KiB/s"}), "min_rate"),
        (json!({"min_rate": "1KiB/s"}), "min_rate"),
    ] {
        assert_eq!(with(limits, key()), [format!("conflict {}", at(key_of_limit))]);
    }
    assert_eq!(with(json!({"percent": 0}), key()), [format!("never-fires {}", at("percent"))]);
    for (keys, wanted) in [
        (json!([{"name": "a", "secret": "c2hvcnQ="}]), "bad-format caller_keys[0].secret"),
        (json!([{"name": "a", "secret": "not base64!"}]), "bad-format caller_keys[0].secret"),
        (json!([{"name": "a"}]), "exactly-one caller_keys[0]"),
        (json!([{"name": "a", "secret_env": "A B"}]), "bad-format caller_keys[0].secret_env"),
        (json!([{"name": "A", "secret_env": "A"}]), "bad-format caller_keys[0].name"),
        (
            json!([{"name": "a", "secret_env": "A"}, {"name": "a", "secret_env": "B"}]),
            "duplicate-name caller_keys",
        ),
    ] {
        assert_eq!(with(json!({}), Some(keys.clone())), [wanted], "{keys}");
    }
    let mut two = scenario(json!({}));
    two["faults"].as_array_mut().expect("a list").push(json!({"delay": {"fixed": "1ms"}}));
    assert_eq!(findings(&plugin("first_match", &[two]))[0], "conflict catalog.scenarios[0].faults");
    let choice = json!({"name": "a", "faults": [{"one_of": [{"weight": 1, "requested": {}}, {"weight": 1, "abort": {"status": 503}}]}]});
    assert!(findings(&plugin("first_match", &[choice]))[0].starts_with("conflict"));
    let mut marked = plugin("first_match", &[scenario(json!({"forward": true}))]);
    marked["caller_keys"] = key().expect("keys");
    marked["mission"]["mark"] = json!("headers");
    assert_eq!(findings(&marked), ["conflict mission.mark"]);
}

/// No secret gets into a finding, which goes into the log.
#[test]
fn no_finding_tells_a_secret() {
    let mut configuration = plugin("first_match", &[scenario(json!({}))]);
    configuration["caller_keys"] = json!([{"name": "a", "secret": "hunter2hunter2"}]);
    let mut report = Report::default();
    load_plugin(configuration.to_string().as_bytes(), None, &mut report);
    assert!(!report.findings.is_empty());
    assert!(report.findings.iter().all(|finding| !finding.to_string().contains("hunter2")));
}

proptest! {
    #[test]
    fn nothing_unsigned_gets_a_fault_and_nothing_panics(fault in ".{0,80}", token in ".{0,80}", baggage in ".{0,200}") {
        let plan = asked_plan(json!({}));
        let request = Request::with_id("r").header("x-chaos-fault", &fault).header("x-chaos-token", &token);
        prop_assert_eq!(decide(&plan, request.header("baggage", &baggage)).injection, None);
        prop_assert_eq!(decide(&plan, Request::with_id("r").header("baggage", &baggage)).injection, None);
        let _ = Asked::parse(fault.as_bytes());
    }

    #[test]
    fn what_is_minted_is_granted_by_header_and_by_baggage(ms in 1_u64..1000, status in 200_u16..600, left in 1_u64..3600) {
        let plan = asked_plan(json!({}));
        let minted = mint("team-a", SECRET, NOW + left, &format!("delay={ms}ms;abort={status}")).expect("a fault");
        for request in [carrying(&minted), Request::with_id("r").header("baggage", &minted.baggage())] {
            let injection = decide(&plan, request).injection.expect("granted");
            prop_assert_eq!(injection.request_delay_us, ms * 1000);
            prop_assert_eq!(injection.answer.expect("an answer").status, status);
        }
    }

    #[test]
    fn one_changed_byte_of_the_token_makes_it_none(at in 0_usize..64, by in 1_u8..=255) {
        let plan = asked_plan(json!({}));
        let minted = minted("abort=503");
        let mut token = minted.token.clone().into_bytes();
        let at = at % token.len();
        token[at] ^= by;
        let request = Request::with_id("r").header("x-chaos-fault", &minted.fault);
        let request = request.and(Fact::Header("x-chaos-token".to_owned()), token);
        prop_assert_eq!(decide(&plan, request).injection, None);
    }

    #[test]
    fn a_percentage_is_read_to_a_millionth(ppm in 0_u32..=1_000_000) {
        let text = format!("abort=503;abort-percent={}.{:04}", ppm / 10_000, ppm % 10_000);
        prop_assert_eq!(Asked::parse(text.as_bytes()).and_then(|asked| asked.abort_ppm), Some(ppm));
    }
}
