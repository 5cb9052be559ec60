//! The `log` facade on Envoy's log. A line that the host refuses is lost.

use super::abi;
use log::{Level, LevelFilter, Log, Metadata, Record};
use proxy_wasm::types::LogLevel;

struct HostLogger;

static LOGGER: HostLogger = HostLogger;

fn write(level: LogLevel, message: &str) {
    // SAFETY: the pointer is valid for the duration of the call. A line that the host refuses is lost.
    let _ = unsafe { abi::proxy_log(level as u32, message.as_ptr(), message.len()) };
}

/// Sends the `log` facade, and the message of a panic should there ever be one, to Envoy's log.
pub fn install() {
    // A second VM start in one module would find the logger in place, which is as good.
    let _ = log::set_logger(&LOGGER);
    log::set_max_level(LevelFilter::Info);
    std::panic::set_hook(Box::new(|info| write(LogLevel::Critical, &info.to_string())));
}

impl Log for HostLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = match record.level() {
                Level::Error => LogLevel::Error,
                Level::Warn => LogLevel::Warn,
                Level::Info => LogLevel::Info,
                Level::Debug => LogLevel::Debug,
                Level::Trace => LogLevel::Trace,
            };
            write(level, &record.args().to_string());
        }
    }

    fn flush(&self) {}
}
