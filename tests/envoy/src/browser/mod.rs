//! A headless Chromium for the tests of the cockpit: started with a profile of its own, spoken to over pipes, killed with its owner.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{ChromiumBinary, Error, Result, process};

mod page;
mod pipe;

pub use page::Page;
use pipe::Pipe;

/// A running browser.
pub struct Browser {
    process: Child,
    pipe: Arc<Pipe>,
    _profile: TempDir,
}

/// How a page is shown.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Width in CSS pixels.
    pub width: u32,
    /// Height in CSS pixels.
    pub height: u32,
    /// `prefers-color-scheme: dark`.
    pub dark: bool,
    /// A touch screen, as a phone has.
    pub phone: bool,
}

impl View {
    /// 1280 by 900, light.
    pub const DESK: Self = Self { width: 1280, height: 900, dark: false, phone: false };
    /// 360 by 740, light.
    pub const PHONE: Self = Self { width: 360, height: 740, dark: false, phone: true };

    /// The same in dark colours.
    pub fn dark(self) -> Self {
        Self { dark: true, ..self }
    }
}

impl Browser {
    /// Starts Chromium.
    ///
    /// # Errors
    /// [`Error::Missing`] without one; [`Error::Browser`] when it does not come up.
    pub async fn start() -> Result<Self> {
        let binary = ChromiumBinary::find()?;
        let profile = tempfile::Builder::new().prefix("squall-chromium-").tempdir()?;
        let mut process = process::spawn(command(binary.path(), profile.path())?)?;
        let (Some(commands), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(Error::Browser("no pipes".to_owned()));
        };
        let pipe = Arc::new(Pipe::new(commands, answers));
        let browser = Self { process, pipe, _profile: profile };
        browser.pipe.call(None, "Browser.getVersion", json!({})).await?;
        Ok(browser)
    }

    /// Opens an empty page that shares nothing with the others.
    ///
    /// # Errors
    /// [`Error::Browser`].
    pub async fn page(&self, view: View) -> Result<Page> {
        let context = self.pipe.call(None, "Target.createBrowserContext", json!({})).await?;
        let context = context["browserContextId"].clone();
        let target = json!({"url": "about:blank", "browserContextId": context});
        let target = self.pipe.call(None, "Target.createTarget", target).await?["targetId"].clone();
        let attach = json!({"targetId": target, "flatten": true});
        let session = self.pipe.call(None, "Target.attachToTarget", attach).await?;
        let session = session["sessionId"].as_str().unwrap_or_default().to_owned();
        Page::open(Arc::clone(&self.pipe), session, view).await
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Both fail only when the process has already ended. Its own children end when their pipes to it close.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn command(binary: &Path, profile: &Path) -> Result<Command> {
    let mut command = Command::new("sh");
    let log = std::fs::File::create(profile.join("chromium.log"))?;
    // Chromium reads its commands from descriptor 3 and answers on 4.
    command
        .arg("-c")
        .arg(r#"exec nice -n 10 "$0" "$@" 3<&0 4>&1 </dev/null >&2"#)
        .arg(binary)
        .args(["--headless=new", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check"])
        .args(["--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"])
        .args(["--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-breakpad"])
        .args(["--no-proxy-server", "--hide-scrollbars", "--force-color-profile=srgb", "--lang=en-GB"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log);
    // Chromium's sandbox refuses to work for root.
    if rustix::process::getuid().is_root() {
        command.arg("--no-sandbox");
    }
    Ok(command)
}

/// What `Runtime.evaluate` answered.
fn evaluated(answer: &Value) -> Result<Value> {
    match answer.get("exceptionDetails") {
        Some(details) => Err(Error::Browser(format!("the script failed: {details}"))),
        None => Ok(answer["result"]["value"].clone()),
    }
}
