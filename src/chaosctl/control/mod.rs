//! Verbs that ask the control listeners of proxies: `start`, `status`, `renew`, `stop`, `halt`, `release`.

pub mod act;
pub mod address;
pub mod client;
pub mod halt;
mod listed;
pub mod mission;
mod problem;
pub mod request;
pub mod start;
mod status;
pub mod told;

pub use act::{release, renew, stop};
pub use client::{Answer, Client};
pub use halt::{body as halt_body, run as halt, said as halt_said};
pub use start::run as start;
pub use status::run as status;
pub use told::{Told, complain_of, outcome};

use crate::arguments::Proxies;
pub use address::Address;
use std::future::Future;
use tokio::task::JoinSet;

/// The proxies of a command line.
pub fn clients(proxies: &Proxies) -> anyhow::Result<Vec<Client>> {
    Ok(clients_of(listed::addresses(proxies)?, proxies))
}

/// Those proxies of a command line that are known, and what is wrong with the others.
pub fn known_clients(proxies: &Proxies) -> anyhow::Result<(Vec<Client>, Vec<String>)> {
    let (addresses, wrong) = listed::known(proxies)?;
    Ok((clients_of(addresses, proxies), wrong))
}

fn clients_of(addresses: Vec<Address>, proxies: &Proxies) -> Vec<Client> {
    addresses.into_iter().map(|address| Client::new(address, proxies.timeout.into())).collect()
}

/// Runs to the end, and leaves behind what hangs, such as a slow resolver of names.
pub fn block_on<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(future);
    runtime.shutdown_background();
    Ok(result)
}

/// Asks all at the same time; the answers come in the order of the askers.
pub async fn all<I, T, F>(items: impl IntoIterator<Item = I>, ask: impl Fn(I) -> F) -> Vec<T>
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
