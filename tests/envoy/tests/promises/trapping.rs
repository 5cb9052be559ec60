//! A module that traps on every request, in the configuration that is shipped: all traffic passes, without faults, but for the one request
//! of each worker in which its VM died.

use std::path::{Path, PathBuf};
use std::time::Duration;

use squall_envoy_tests::{
    Envoy, EnvoyOptions, HttpUpstream, Load, LoadReport, Sample, repo_root, squall_wasm,
};
use walrus::{ExportItem, FunctionBuilder, Module};

use crate::alone;

/// Half of these are 100 ms late.
const PATH: &str = "/profiles/size/1";
const LATE: Duration = Duration::from_millis(100);
const REQUESTS: u64 = 60;
const WORKERS: u32 = 2;
const CALLBACK: &str = "proxy_on_request_headers";

/// The module as it is built, but for one callback, which does nothing but trap.
fn trapping(folder: &Path) -> PathBuf {
    let mut module = Module::from_file(squall_wasm().unwrap()).unwrap();
    let export = module.exports.iter().find(|export| export.name == CALLBACK).expect("the callback");
    let (export, ExportItem::Function(sound)) = (export.id(), export.item) else { panic!("{CALLBACK}") };
    let ty = module.types.get(module.funcs.get(sound).ty());
    let (params, results) = (ty.params().to_vec(), ty.results().to_vec());
    let mut builder = FunctionBuilder::new(&mut module.types, &params, &results);
    builder.func_body().unreachable();
    let args = params.iter().map(|param| module.locals.add(*param)).collect();
    let trap = builder.finish(args, &mut module.funcs);
    module.exports.get_mut(export).item = ExportItem::Function(trap);
    let file = folder.join("trapping.wasm");
    module.emit_wasm_file(&file).unwrap();
    file
}

/// `envoy/envoy.yaml` with free ports, this upstream and this module.
fn shipped(upstream: &HttpUpstream, module: &Path) -> String {
    let text = std::fs::read_to_string(repo_root().join("envoy/envoy.yaml")).unwrap();
    let mut replaced = text;
    for (from, to) in [
        ("port_value: 10000", "port_value: 0".to_owned()),
        ("port_value: 8080", format!("port_value: {}", upstream.addr().port())),
        ("filename: target/squall.wasm", format!("filename: {}", module.display())),
    ] {
        assert_eq!(replaced.matches(from).count(), 1, "{from}");
        replaced = replaced.replace(from, &to);
    }
    replaced
}

async fn start(bootstrap: String) -> Envoy {
    EnvoyOptions::default().concurrency(WORKERS).start(bootstrap).await.unwrap()
}

async fn load(envoy: &Envoy) -> LoadReport {
    Load::http1(envoy.addr("squall")).path(PATH).connections(8).requests(REQUESTS).await.unwrap()
}

fn late(report: &LoadReport) -> usize {
    report.latencies().iter().filter(|latency| **latency >= LATE).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p8_a_module_that_traps_lets_all_traffic_pass_as_it_is_shipped() {
    let _turn = alone().await;
    let folder = tempfile::tempdir().unwrap();
    let module = trapping(folder.path());
    let upstream = HttpUpstream::start().await.unwrap();

    let envoy = start(shipped(&upstream, &squall_wasm().unwrap())).await;
    let report = load(&envoy).await;
    assert_eq!(report.count(200), REQUESTS);
    assert!(late(&report) >= 10, "the sound module delays half of them: {}", late(&report));
    assert!(!envoy.log().contains("Function: proxy_"), "{}", envoy.log());

    let before = upstream.requests();
    let envoy = start(shipped(&upstream, &module)).await;
    let (first, then) = (load(&envoy).await, load(&envoy).await);
    let log = envoy.log();
    assert!(log.contains(&format!("Function: {CALLBACK} failed")), "it traps: {log}");
    // Envoy answers the request in which a VM dies with 503: one for each worker, and the first of its connection.
    let died: Vec<&Sample> = first.samples.iter().filter(|sample| sample.status() != Some(200)).collect();
    println!("{} of {REQUESTS} requests died with their VM", died.len());
    assert!(died.len() <= WORKERS as usize, "{died:?}");
    assert!(died.iter().all(|sample| sample.status() == Some(503) && sample.index < 8), "{died:?}");
    assert_eq!(then.count(200), REQUESTS, "{:?}", then.samples);
    let passed = first.count(200) + then.count(200);
    assert_eq!(upstream.requests() - before, passed, "the upstream has answered each");
    assert!(envoy.alive());
    assert_eq!(envoy.prometheus().await.unwrap().sum("chaos_faults_injected_total", &[]), 0.0);

    // What it would be otherwise: the trap is one, and it is the policy that lets traffic pass.
    let closed = shipped(&upstream, &module).replace("FAIL_OPEN", "FAIL_CLOSED");
    let report = load(&start(closed).await).await;
    assert_eq!(report.count(200), 0, "{:?}", report.samples);
}
