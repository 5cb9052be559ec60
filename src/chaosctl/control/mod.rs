//! Verbs that ask the control listeners of proxies: `start`, `status`, `renew`, `stop`, `halt`, `release`.

mod act;
mod address;
mod client;
mod halt;
mod listed;
mod mission;
mod problem;
mod request;
mod start;
mod status;
mod told;

pub use act::{release, renew, stop};
pub use halt::run as halt;
pub use start::run as start;
pub use status::run as status;

use crate::arguments::Proxies;
pub use address::Address;
use client::Client;
use std::future::Future;
use tokio::task::JoinSet;

/// The proxies of a command line.
fn clients(proxies: &Proxies) -> anyhow::Result<Vec<Client>> {
    let addresses = listed::addresses(proxies)?;
    Ok(addresses.into_iter().map(|address| Client::new(address, proxies.timeout.into())).collect())
}

/// Runs to the end, and leaves behind what hangs, such as a slow resolver of names.
fn block_on<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(future);
    runtime.shutdown_background();
    Ok(result)
}

/// Asks all at the same time; the answers come in the order of the askers.
async fn all<I, T, F>(items: impl IntoIterator<Item = I>, ask: impl Fn(I) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for (number, item) in items.into_iter().enumerate() {
        let task = ask(item);
        tasks.spawn(async move { (number, task.await) });
    }
    let mut answers = tasks.join_all().await;
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}
