//! What an answer becomes when a catalog leaves things out.

mod request;

use request::plan;
use serde_json::json;
use squall_policy::Fault;

/// A header of 16 KiB that is percent-encoded on its way is more metadata than gRPC clients take: they would see
/// RESOURCE_EXHAUSTED in place of the status.
#[test]
fn the_message_that_a_long_body_becomes_is_cut_at_a_character() {
    for (body, wanted) in
        [("x".repeat(16_384), 1024), ("\u{20ac}".repeat(5000), 1023), ("short".to_owned(), 5)]
    {
        let abort = json!({"abort": {"grpc_status": "UNAVAILABLE", "body": body}});
        let plan = plan("first_match", &[json!({"name": "a", "faults": [abort]})]);
        let Some(Fault::Abort(abort)) = plan.scenarios()[0].fault(0) else { panic!("an abort") };
        assert_eq!(abort.body, body);
        let message = &abort.grpc.as_ref().unwrap().message;
        assert!(message.len() == wanted && body.starts_with(message), "{} bytes", message.len());
    }
}
