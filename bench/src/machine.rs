//! The machine: which CPU Envoy gets and which the load, and what a reader must know to compare numbers.

use std::fs;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Serialize;

use crate::error::Result;

/// One CPU for Envoy, one for everything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cpus {
    /// Envoy's, all its threads.
    pub envoy: usize,
    /// This process: the load.
    pub load: usize,
}

impl Cpus {
    /// Takes the first two CPUs that this process may use, and binds this process to the second.
    ///
    /// Call it before any thread is started; on a machine with one CPU both share it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn claim() -> Result<Self> {
        let allowed = sched_getaffinity(None).map_err(std::io::Error::from)?;
        let cpus = Self::choose((0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)));
        let mut own = CpuSet::new();
        own.set(cpus.load);
        sched_setaffinity(None, &own).map_err(std::io::Error::from)?;
        Ok(cpus)
    }

    fn choose(mut allowed: impl Iterator<Item = usize>) -> Self {
        let envoy = allowed.next().unwrap_or(0);
        Self { envoy, load: allowed.next().unwrap_or(envoy) }
    }

    /// Whether the load runs beside Envoy and not in its way.
    pub fn separate(&self) -> bool {
        self.envoy != self.load
    }
}

/// Where a run took place.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The processor's own name.
    pub processor: String,
    /// Number of CPUs.
    pub cpus: usize,
    /// Kernel release.
    pub kernel: String,
    /// Memory in GiB.
    pub memory_gib: f64,
    /// What `envoy --version` says.
    pub envoy: String,
    /// Mean number of runnable threads in the minute before the run: a busy machine gives bad numbers.
    pub load_before: f64,
}

impl Machine {
    /// Asks the kernel and Envoy; what they do not tell is empty or 0.
    pub fn describe() -> Self {
        let field = |file: &str, key: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned();
            line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let first = |text: String| text.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
        Self {
            processor: field("/proc/cpuinfo", "model name"),
            cpus: fs::read_to_string("/proc/cpuinfo")
                .map_or(0, |text| text.lines().filter(|line| line.starts_with("processor")).count()),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            memory_gib: first(field("/proc/meminfo", "MemTotal")).unwrap_or(0.0) / (1 << 20) as f64,
            envoy: envoy_version(),
            load_before: first(fs::read_to_string("/proc/loadavg").unwrap_or_default()).unwrap_or(0.0),
        }
    }
}

/// CPU time of the whole machine since it started, and how much of it the host of a virtual machine took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTotals {
    all: u64,
    stolen: u64,
}

impl CpuTotals {
    /// The totals now; zero where the kernel does not tell.
    pub fn now() -> Self {
        Self::parse(&fs::read_to_string("/proc/stat").unwrap_or_default())
    }

    /// The first line: user, nice, system, idle, iowait, irq, softirq, steal, and guest times that user holds already.
    fn parse(stat: &str) -> Self {
        let line = stat.lines().next().unwrap_or_default();
        let fields: Vec<u64> =
            line.split_whitespace().skip(1).take(8).filter_map(|field| field.parse().ok()).collect();
        Self { all: fields.iter().sum(), stolen: fields.get(7).copied().unwrap_or(0) }
    }

    /// The share in percent that was taken away since `before`.
    pub fn stolen_percent_since(self, before: Self) -> f64 {
        let all = self.all.saturating_sub(before.all).max(1);
        self.stolen.saturating_sub(before.stolen) as f64 * 100.0 / all as f64
    }
}

fn envoy_version() -> String {
    let Ok(binary) = squall_envoy_tests::EnvoyBinary::find() else { return String::new() };
    let Ok(output) = std::process::Command::new(binary.path()).arg("--version").output() else {
        return String::new();
    };
    version_of(&String::from_utf8_lossy(&output.stdout))
}

/// `envoy  version: COMMIT/1.40.0/Clean/RELEASE/BoringSSL` has the version in its second part.
fn version_of(text: &str) -> String {
    let line = text.lines().find(|line| line.contains("version:")).unwrap_or_default();
    let build = line.split_once("version:").map_or("", |(_, build)| build);
    build.split('/').nth(1).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envoy_gets_the_first_allowed_cpu_and_the_load_the_second() {
        assert_eq!(Cpus::choose([2, 5, 7].into_iter()), Cpus { envoy: 2, load: 5 });
        let alone = Cpus::choose([3].into_iter());
        assert_eq!(alone, Cpus { envoy: 3, load: 3 });
        assert!(!alone.separate());
    }

    #[test]
    fn stolen_time_is_a_share_of_all_time_between_two_readings() {
        let before = CpuTotals::parse("cpu  100 0 50 800 10 0 20 20 7 7\ncpu0 1\n");
        let after = CpuTotals::parse("cpu  150 0 70 820 10 0 20 30 9 9\n");
        assert_eq!(after.stolen_percent_since(before), 10.0);
        assert_eq!(after.stolen_percent_since(after), 0.0);
    }

    #[test]
    fn the_version_is_taken_out_of_envoys_line() {
        assert_eq!(version_of("\n/x/envoy  version: ab12/1.40.0/Clean/RELEASE/BoringSSL\n"), "1.40.0");
        assert_eq!(version_of("no such line"), "");
    }
}
