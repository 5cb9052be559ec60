//! Streams of messages that break off: where messages end, and that nothing passes twice, out of order or not at all.

mod request;

use proptest::collection::vec;
use proptest::prelude::*;
use request::{Request, plan};
use serde_json::{Value, json};
use squall_policy::{
    Breakoff, Fault, Framing, Injected, Messages, Plan, Put, Seed, Spared, StreamEnd, StreamFault, Woken,
};

const ENDS: u64 = 9_000_000_000;

/// Message ends of a body, found by looking at all of it at once.
fn ends(framing: Framing, body: &[u8]) -> Vec<usize> {
    match framing {
        Framing::Grpc => {
            let mut ends = vec![];
            let mut at = 0;
            while let Some(prefix) = body.get(at..at + 5) {
                at += 5 + u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
                ends.extend((at <= body.len()).then_some(at));
            }
            ends
        }
        Framing::Events => {
            let mut lines = vec![];
            let mut from = usize::from(body.starts_with(b"\xEF\xBB\xBF")) * 3;
            let mut at = from;
            while at < body.len() {
                let end = match &body[at..] {
                    [b'\r', b'\n', ..] => 2,
                    [b'\r' | b'\n', ..] => 1,
                    _ => 0,
                };
                if end > 0 {
                    lines.push((&body[from..at], at + end));
                    from = at + end;
                }
                at += end.max(1);
            }
            let (mut ends, mut has_data) = (vec![], false);
            for (line, end) in lines {
                if line.is_empty() && std::mem::take(&mut has_data) {
                    ends.push(end);
                }
                has_data |= line.split(|b| *b == b':').next() == Some(b"data");
            }
            ends
        }
    }
}

fn grpc_body() -> impl Strategy<Value = Vec<u8>> {
    let frame = (any::<u8>(), vec(any::<u8>(), 0..20))
        .prop_map(|(flag, message)| [&[flag][..], &(message.len() as u32).to_be_bytes(), &message].concat());
    vec(frame, 0..8).prop_map(|frames| frames.concat())
}

const WORDS: &[&str] =
    &["data", "data: x", "data:", "dat: a", "datax: a", ": ping", "id: 7", "event: data", "", "", " data: x"];

fn event_body() -> impl Strategy<Value = Vec<u8>> {
    let line = (prop::sample::select(WORDS), prop::sample::select(&["\n", "\r", "\r\n"][..]));
    let marks = prop::sample::select(&["", "\u{FEFF}"][..]);
    (marks, vec(line, 0..30)).prop_map(|(mark, lines)| {
        let lines: String = lines.into_iter().flat_map(|(word, end)| [word, end]).collect();
        format!("{mark}{lines}").into_bytes()
    })
}

fn bodies() -> impl Strategy<Value = (Framing, Vec<u8>)> {
    prop_oneof![
        grpc_body().prop_map(|body| (Framing::Grpc, body)),
        event_body().prop_map(|body| (Framing::Events, body)),
    ]
}

/// The body in pieces of these sizes, and the rest.
fn pieces<'b>(mut body: &'b [u8], sizes: &[usize]) -> Vec<&'b [u8]> {
    let mut pieces = vec![];
    for size in sizes {
        let (piece, rest) = body.split_at((*size).min(body.len()));
        pieces.push(piece);
        body = rest;
    }
    pieces.push(body);
    pieces
}

/// Where the count says that nothing more may pass.
fn cut(framing: Framing, wanted: u64, pieces: &[&[u8]]) -> Option<usize> {
    let mut messages = Messages::new(framing, wanted);
    let mut before = 0;
    for piece in pieces {
        if let Some(at) = messages.piece(piece) {
            return Some(before + at);
        }
        before += piece.len();
    }
    messages.is_reached_at_end().then_some(before)
}

proptest! {
    #[test]
    fn messages_end_where_they_end_however_the_body_is_split(
        (framing, body) in bodies(), wanted in 1_u64..8, sizes in vec(0_usize..9, 0..40),
    ) {
        let all = ends(framing, &body);
        let expected = all.get(wanted as usize - 1).copied();
        prop_assert_eq!(cut(framing, wanted, &[&body]), expected);
        prop_assert_eq!(cut(framing, wanted, &pieces(&body, &sizes)), expected);
    }

    /// Nothing is lost of a stall, and nothing changes places: before it is released just the messages, afterwards all.
    #[test]
    fn a_stall_passes_its_messages_and_then_the_rest(
        (framing, body) in bodies(), wanted in 0_u64..6, sizes in vec(0_usize..40, 0..12), release in 0_usize..14,
    ) {
        let fault = stream(&json!({"after": {"messages": wanted}, "then": "stall"}));
        let mut breakoff = Breakoff::new(&fault, framing);
        breakoff.begin(0, ENDS);
        let all = ends(framing, &body);
        let allowed = if wanted == 0 { Some(0) } else { all.get(wanted as usize - 1).copied() };
        let (mut passed, mut held, mut holds, mut over, mut released) = (vec![], vec![], false, false, false);
        let pieces = pieces(&body, &sizes);
        for (number, piece) in pieces.iter().enumerate() {
            if number == release && !breakoff.is_counting() {
                released = true;
                let come: usize = pieces.iter().take(number).map(|piece| piece.len()).sum();
                let woken = match holds {
                    true => Woken::Continues,
                    false if come > passed.len() => Woken::Waits(ENDS + 1_000_000_000),
                    false => Woken::Nothing,
                };
                prop_assert_eq!(breakoff.wake(ENDS, None), woken);
                passed.append(&mut held);
                breakoff.go_on();
            }
            if over {
                passed.extend_from_slice(piece);
                continue;
            }
            let step = breakoff.piece(piece, false, 0, ENDS);
            let bytes = match step.put {
                Put::Nothing => piece.to_vec(),
                Put::Instead(bytes) => bytes,
                Put::Before(bytes) => [&bytes[..], piece].concat(),
            };
            holds |= step.holds;
            over = step.is_over;
            if step.holds { &mut held } else { &mut passed }.extend(bytes);
            if !released {
                prop_assert!(allowed.is_none_or(|allowed| passed.len() <= allowed));
                let complete = body.len() - pieces[number + 1..].concat().len();
                prop_assert_eq!(passed.len(), allowed.map_or(complete, |allowed| allowed.min(complete)));
            }
            prop_assert_eq!(&passed[..], &body[..passed.len()]);
        }
        if released {
            prop_assert_eq!(passed, body);
        }
    }
}

fn stream(fault: &Value) -> StreamFault {
    let plan = plan("first_match", &[json!({"name": "s", "faults": [{"stream": fault}]})]);
    match plan.scenario(0).and_then(|scenario| scenario.fault(0)) {
        Some(Fault::Stream(StreamFault { after, then })) => StreamFault { after: *after, then: then.clone() },
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_kind_of_stream_is_in_the_content_type() {
    for (content_type, framing) in [
        ("application/grpc", Some(Framing::Grpc)),
        ("application/grpc+proto", Some(Framing::Grpc)),
        ("application/grpc-web", None),
        ("application/grpc-web+proto", None),
        ("text/event-stream", Some(Framing::Events)),
        ("Text/Event-Stream; charset=utf-8", Some(Framing::Events)),
        ("text/event-stream ;x", Some(Framing::Events)),
        ("text/event-streams", None),
        ("text/event", None),
        ("application/json", None),
        ("", None),
    ] {
        assert_eq!(Framing::of(content_type.as_bytes()), framing, "{content_type}");
    }
}

/// The examples of the HTML standard, and what clients disagree about elsewhere.
#[test]
fn events_are_blocks_with_data() {
    for (body, count) in [
        ("data: one\n\n", 1),
        ("data\n\ndata\ndata\n\ndata:", 2),
        (": comment\n\nid: 1\n\nevent: a\n\nretry: 5\n\n", 0),
        (": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event", 2),
        ("data: a\r\rdata: b\r\n\r\n", 2),
        ("data: a\n\r\ndata: b\r\n\n", 2),
        ("\u{FEFF}data: a\n\n", 1),
        ("x\u{FEFF}data: a\n\n", 0),
        ("\n\n\n\ndata: a\n\n\n\n", 1),
        (" data: a\n\n", 0),
    ] {
        assert_eq!(ends(Framing::Events, body.as_bytes()).len(), count, "{body:?}, all at once");
        let reached = |wanted| cut(Framing::Events, wanted, &[body.as_bytes()]).is_some();
        assert!((1..=count as u64).all(reached) && !reached(count as u64 + 1), "{body:?}");
    }
}

/// Only the next byte tells whether an LF belongs to a CR.
#[test]
fn a_line_feed_belongs_to_its_carriage_return() {
    for (pieces, at) in [
        ([&b"data\r\n\r\nx"[..], b""], Some(8)),
        ([b"data\r\n\r", b"\nx"], Some(8)),
        ([b"data\r\r", b"x"], Some(6)),
        ([b"data\r\r", b""], Some(6)),
        ([b"data\r", b"\n"], None),
    ] {
        assert_eq!(cut(Framing::Events, 1, &pieces), at, "{pieces:?}");
    }
}

#[test]
fn a_time_lets_the_message_under_way_end() {
    let fault = stream(&json!({"after": {"time": "2s"}, "then": "reset"}));
    let mut breakoff = Breakoff::new(&fault, Framing::Grpc);
    assert_eq!(breakoff.begin(1_000, ENDS).wake_ns, Some(2_000_001_000));
    let frame = [0, 0, 0, 0, 2, 7, 7];
    assert!(!breakoff.piece(&frame[..6], false, 0, ENDS).strikes);
    assert_eq!(breakoff.wake(2_000_001_000, Some(ENDS)), Woken::Nothing);
    let step = breakoff.piece(&[frame[6], 0, 0], false, 2_000_002_000, ENDS);
    assert_eq!((step.strikes, step.put, step.holds), (true, Put::Instead(vec![7]), false));
    // Between two messages it is at once, a moment after the last.
    let mut breakoff = Breakoff::new(&fault, Framing::Grpc);
    breakoff.piece(&frame, false, 0, ENDS);
    assert_eq!(breakoff.wake(5, Some(ENDS)), Woken::Strikes(1_000_005));
    assert_eq!(breakoff.wake(1_000_005, Some(ENDS)), Woken::Closes);
    // After the mission it never comes.
    let mut breakoff = Breakoff::new(&fault, Framing::Grpc);
    assert_eq!(breakoff.wake(5, None), Woken::Nothing);
}

/// What a cut leaves of a piece cannot be put before trailers: rather no end than one with a gap before it.
#[test]
fn a_rest_that_can_go_nowhere_closes_the_stream() {
    let fault = stream(&json!({"after": {"messages": 1}, "then": "stall"}));
    let two = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for (pieces, woken) in [(&two[..], Woken::Closes), (&two[..5], Woken::Continues)] {
        let mut breakoff = Breakoff::new(&fault, Framing::Grpc);
        breakoff.piece(pieces, false, 0, ENDS);
        assert!(breakoff.trailers().holds);
        assert_eq!(breakoff.wake(ENDS, None), woken);
    }
    // The same when they come after the release.
    let mut breakoff = Breakoff::new(&fault, Framing::Grpc);
    breakoff.piece(&two, false, 0, ENDS);
    assert_eq!(breakoff.wake(ENDS, None), Woken::Waits(ENDS + 1_000_000_000));
    let step = breakoff.trailers();
    assert!(step.closes && step.holds);
}

/// The next piece takes the rest along within a second of the release, or the stream is closed.
#[test]
fn p1_a_rest_does_not_wait_for_a_quiet_upstream() {
    let fault = stream(&json!({"after": {"messages": 1}, "then": "stall"}));
    let until = ENDS + 1_000_000_000;
    for (pieces, woken) in [(1, Woken::Nothing), (0, Woken::Closes)] {
        let mut breakoff = Breakoff::new(&fault, Framing::Grpc);
        breakoff.piece(&[0; 10], false, 0, ENDS);
        assert_eq!(breakoff.wake(ENDS, None), Woken::Waits(until));
        assert_eq!(breakoff.wake(until - 1, None), Woken::Waits(until));
        for _ in 0..pieces {
            assert_eq!(breakoff.piece(&[1], false, 0, ENDS).put, Put::Before(vec![0; 5]));
        }
        assert_eq!(breakoff.wake(until, None), woken);
    }
    // Nothing was cut off: nothing has to come.
    let mut breakoff = Breakoff::new(&fault, Framing::Grpc);
    breakoff.piece(&[0; 5], false, 0, ENDS);
    assert_eq!(breakoff.wake(ENDS, None), Woken::Nothing);
}

#[test]
fn an_end_gives_its_status_to_the_trailers() {
    let fault = stream(&json!({"after": {"messages": 1}, "then": "end", "grpc_status": 10, "within": "1s",
        "message": "50 % of ü\n"}));
    let StreamEnd::Status(status) = &fault.then else { panic!("a status") };
    assert_eq!((status.code, status.encoded().as_str()), (10, "50 %25 of %C3%BC%0A"));
    let frame = [0, 0, 0, 0, 0];
    let mut breakoff = Breakoff::new(&fault, Framing::Grpc);
    let step = breakoff.piece(&frame.repeat(2), false, 5, ENDS);
    assert_eq!(
        (step.strikes, step.put, step.wake_ns),
        (true, Put::Instead(frame.to_vec()), Some(1_000_000_005))
    );
    assert_eq!(breakoff.piece(&frame, false, 5, ENDS).put, Put::Instead(vec![]));
    let step = breakoff.trailers();
    assert!(step.sets_status && step.is_over);
    // An upstream that does not end in time, and one that ends without trailers.
    let mut breakoff = Breakoff::new(&fault, Framing::Grpc);
    breakoff.piece(&frame, false, 5, ENDS);
    assert_eq!(breakoff.wake(1_000_000_005, Some(ENDS)), Woken::Closes);
    let step = Breakoff::new(&fault, Framing::Grpc).piece(&frame, true, 5, ENDS);
    assert!(step.sets_status && step.is_over && !step.holds);
}

fn decide(faults: &[Value]) -> (Plan, Vec<Option<Spared>>, Vec<Injected>) {
    let scenarios: Vec<Value> =
        faults.iter().enumerate().map(|(n, f)| json!({"name": format!("s{n}"), "faults": [f]})).collect();
    let plan = plan("independent", &scenarios);
    let verdict = plan.decide(&Seed::from_text("x"), &mut Request::with_id("1"));
    let spared = verdict.outcomes.iter().map(|o| o.spared).collect();
    (plan, spared, verdict.injection.map(|i| i.faults).unwrap_or_default())
}

#[test]
fn a_stream_breaks_off_once_and_not_when_the_request_ends_here() {
    let stall = json!({"stream": {"after": {"messages": 1}, "then": "stall"}});
    let (_, spared, faults) = decide(&[stall.clone(), stall.clone()]);
    assert_eq!(spared, [None, Some(Spared::Preempted)]);
    assert_eq!(faults, [Injected::Stream { scenario: 0, fault: 0 }]);
    let (_, spared, _) = decide(&[stall, json!({"abort": {"status": 503}})]);
    assert_eq!(spared, [Some(Spared::Preempted), None]);
}
