//! One page: going to an address, asking the document, keys and pointer, screenshots, and what went wrong in it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::pipe::Pipe;
use super::{View, evaluated};
use crate::{Error, Result, eventually};

/// How long a page may take to show what is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A page of a [`super::Browser`].
pub struct Page {
    pipe: Arc<Pipe>,
    session: String,
}

impl Page {
    pub(super) async fn open(pipe: Arc<Pipe>, session: String, view: View) -> Result<Self> {
        let page = Self { pipe, session };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), json!({})).await?;
        }
        page.show(view).await?;
        Ok(page)
    }

    /// Changes size and colours.
    ///
    /// # Errors
    /// [`Error::Browser`], as all calls here.
    pub async fn show(&self, view: View) -> Result<()> {
        let size =
            json!({"width": view.width, "height": view.height, "deviceScaleFactor": 1, "mobile": view.phone});
        self.call("Emulation.setDeviceMetricsOverride", size).await?;
        let scheme = if view.dark { "dark" } else { "light" };
        let features = json!({"features": [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]});
        self.call("Emulation.setEmulatedMedia", features).await?;
        Ok(())
    }

    /// Goes to an address; forgets what was seen before.
    pub async fn go(&self, address: &str) -> Result<()> {
        self.pipe.forget_events(&self.session);
        let answer = self.call("Page.navigate", json!({"url": address})).await?;
        match answer.get("errorText") {
            Some(error) => Err(Error::Browser(format!("{address}: {error}"))),
            None => self.until("document.readyState === 'complete'").await.map(drop),
        }
    }

    /// Prints it on A4 as a person would, and returns how many sheets that are.
    ///
    /// # Errors
    /// [`Error::Browser`]; [`Error::Io`] when the file cannot be written.
    pub async fn print(&self, file: &Path) -> Result<usize> {
        let paper = json!({"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": true});
        let answer = self.call("Page.printToPDF", paper).await?;
        let bytes = STANDARD.decode(answer["data"].as_str().unwrap_or_default());
        let bytes = bytes.map_err(|error| Error::Browser(error.to_string()))?;
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(file, &bytes)?;
        Ok(bytes.windows(12).filter(|part| part.starts_with(b"/Type /Page") && !part.ends_with(b"s")).count())
    }

    /// The value of an expression in the page.
    pub async fn eval(&self, expression: &str) -> Result<Value> {
        let question = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        evaluated(&self.call("Runtime.evaluate", question).await?)
    }

    /// The visible text of the first element that a selector finds; empty when there is none.
    pub async fn text(&self, selector: &str) -> Result<String> {
        let expression = format!("document.querySelector({})?.innerText ?? ''", json!(selector));
        Ok(self.eval(&expression).await?.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until an expression is truthy, and returns its value.
    ///
    /// # Errors
    /// [`Error::Browser`], which names the expression and has the page's text and problems.
    pub async fn until(&self, expression: &str) -> Result<Value> {
        // The document may be changing at that moment; the next look tells.
        let probe = async || {
            let value = self.eval(expression).await.ok()?;
            let falsy = matches!(&value, Value::Null | Value::Bool(false)) || value == "" || value == 0;
            (!falsy).then_some(value)
        };
        match eventually(expression, PATIENCE, probe).await {
            Err(Error::Deadline { what, .. }) => {
                let (text, problems) = (self.text("body").await?, self.problems());
                Err(Error::Browser(format!(
                    "not within {PATIENCE:?}: {what}\nproblems: {problems:#?}\npage:\n{text}"
                )))
            }
            other => other,
        }
    }

    /// Waits until the visible text of the page contains `part`.
    pub async fn until_text(&self, part: &str) -> Result<()> {
        self.until(&format!("document.body.innerText.includes({})", json!(part))).await.map(drop)
    }

    /// Presses and releases a key: `Tab`, `Enter`, `Escape`, `ArrowLeft`, `Home` and the like.
    pub async fn press(&self, key: &str) -> Result<()> {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            "End" => 35,
            "Home" => 36,
            "ArrowLeft" => 37,
            "ArrowRight" => 39,
            _ => return Err(Error::Browser(format!("the harness does not know the key {key}"))),
        };
        let mut event = json!({"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code});
        if key == "Enter" {
            event["text"] = "\r".into();
        }
        self.call("Input.dispatchKeyEvent", event.clone()).await?;
        event["type"] = "keyUp".into();
        self.call("Input.dispatchKeyEvent", event).await.map(drop)
    }

    /// Types into whatever has the focus.
    pub async fn type_text(&self, text: &str) -> Result<()> {
        self.call("Input.insertText", json!({"text": text})).await.map(drop)
    }

    /// Moves the pointer.
    pub async fn point_at(&self, x: f64, y: f64) -> Result<()> {
        self.call("Input.dispatchMouseEvent", json!({"type": "mouseMoved", "x": x, "y": y})).await.map(drop)
    }

    /// Writes a picture of the whole page, or of the window alone (a dialog covers the window, not the page).
    pub async fn screenshot(&self, file: &Path, whole: bool) -> Result<()> {
        let mut how = json!({"format": "png"});
        if whole {
            let metrics = self.call("Page.getLayoutMetrics", json!({})).await?;
            let (width, height) =
                (&metrics["cssLayoutViewport"]["clientWidth"], &metrics["cssContentSize"]["height"]);
            how["captureBeyondViewport"] = true.into();
            how["clip"] = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": 1});
        }
        let picture = self.call("Page.captureScreenshot", how).await?;
        let bytes = STANDARD.decode(picture["data"].as_str().unwrap_or_default());
        let bytes = bytes.map_err(|error| Error::Malformed(format!("screenshot: {error}")))?;
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(std::fs::write(file, bytes)?)
    }

    /// Everything that the page reported since [`Page::go`]: exceptions, console messages, refused content (CSP), failed loads.
    pub fn problems(&self) -> Vec<String> {
        let of =
            |method: &str| self.pipe.events(&self.session, method).into_iter().map(|event| event.to_string());
        ["Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"]
            .iter()
            .flat_map(|method| of(method))
            .collect()
    }

    /// The addresses of all requests since [`Page::go`], with their methods.
    pub fn requests(&self) -> Vec<(String, String)> {
        let events = self.pipe.events(&self.session, "Network.requestWillBeSent");
        let field = |event: &Value, key: &str| event["request"][key].as_str().unwrap_or_default().to_owned();
        events.iter().map(|event| (field(event, "method"), field(event, "url"))).collect()
    }

    async fn call(&self, method: &str, params: Value) -> Result<Value> {
        self.pipe.call(Some(&self.session), method, params).await
    }
}
