//! A proxy in which the control listener and the filter have different catalogs, as in the middle of a roll-out.

use crate::desk::{Desk, end, told};
use crate::proxy::{Proxy, catalog};

/// `run` binds a plain mission to its scenarios, as a signature binds a signed one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_with_an_older_catalog_than_its_control_listener_does_not_run_what_was_meant_for_the_new_one()
 {
    let (old, new) = (catalog("50ms", false), catalog("20ms", false));
    let proxy = Proxy::of_two_catalogs(&old, &new, 20.0).await;
    let desk = Desk::new(&new, "duration: 30s\n");
    let ran = end(desk.begin(&[&proxy], &[])).await;
    told(
        &ran,
        1,
        &[
            "inconclusive",
            "nothing was injected",
            "none of its filters has begun the mission",
            &format!("lost {}", proxy.url),
        ],
    );
    assert_eq!((proxy.state().await.as_str(), proxy.injected().await), ("idle", 0));
    // Envoy's log has the reason.
    let log = proxy.envoy.log();
    assert!(
        log.contains(r#""event":"mission.refused""#) && log.contains(r#""code":"digest-mismatch""#),
        "{log}"
    );
}
