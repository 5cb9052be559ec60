//! The `log` facade on Envoy's log. A line that the host refuses is lost.

use super::abi;
use log::{Level, LevelFilter, Log, Metadata, Record};

struct HostLogger;

static LOGGER: HostLogger = HostLogger;

/// Number of the ABI's critical level.
const CRITICAL: u32 = 5;

fn write(level: u32, message: &str) {
    // SAFETY: the pointer is valid for the duration of the call. A line that the host refuses is lost.
    let _ = unsafe { abi::proxy_log(level, message.as_ptr(), message.len()) };
}

/// Sends the `log` facade, and the message of a panic should there ever be one, to Envoy's log.
pub fn install() {
    // A second VM start in one module would find the logger in place, which is as good.
    let _ = log::set_logger(&LOGGER);
    log::set_max_level(LevelFilter::Info);
    std::panic::set_hook(Box::new(|info| write(CRITICAL, &info.to_string())));
}

impl Log for HostLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = match record.level() {
                Level::Error => 4,
                Level::Warn => 3,
                Level::Info => 2,
                Level::Debug => 1,
                Level::Trace => 0,
            };
            write(level, &record.args().to_string());
        }
    }

    fn flush(&self) {}
}
