//! Facts about the machine: a figure means nothing without them.

use super::figures::duration;
use ringside_core::pipeline::plan::{allowed_cores, pin};
use serde::Serialize;
use std::fs::read_to_string;
use std::time::{Duration, Instant};

/// Properties of the machine that a figure depends on.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Model name of the processor.
    pub cpu: String,
    /// Ids of the cores that the process may use.
    pub cores: Vec<usize>,
    /// True if a hypervisor is present.
    pub virtual_machine: bool,
    /// Name and release of the kernel.
    pub kernel: String,
    /// Load average of the last minute, before the run.
    pub load_average: String,
    /// Gaps of an idle loop on each core: no measured latency can be better than they are.
    pub gaps: Vec<Gaps>,
}

/// Gaps of more than 10 µs in a loop that only reads the clock.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Gaps {
    /// Share of the time that is lost in gaps, in percent.
    pub lost_percent: f64,
    /// Longest gap, in ns.
    pub longest_ns: u64,
}

impl Gaps {
    fn on_core(id: usize) -> Self {
        const LOOK: Duration = Duration::from_millis(250);
        const GAP: Duration = Duration::from_micros(10);
        pin(id);
        let began = Instant::now();
        let (mut at, mut lost, mut longest) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        while at < LOOK {
            let now = began.elapsed();
            let gap = now - at;
            if gap > GAP {
                lost += gap;
                longest = longest.max(gap);
            }
            at = now;
        }
        let lost_percent = 100.0 * lost.as_secs_f64() / at.as_secs_f64();
        Gaps { lost_percent, longest_ns: longest.as_nanos() as u64 }
    }

    /// Measures all cores at once, each from a thread of its own, as the pipeline uses them.
    fn on_cores(cores: &[usize]) -> Vec<Self> {
        std::thread::scope(|scope| {
            let look = |&core| scope.spawn(move || Self::on_core(core));
            let looking: Vec<_> = cores.iter().map(look).collect();
            looking.into_iter().map(|core| core.join().expect("it only looks")).collect()
        })
    }
}

impl Machine {
    /// Reads the properties of this machine.
    pub fn this() -> Self {
        let cpuinfo = read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let line = cpuinfo.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim())
        };
        let uname = rustix::system::uname();
        let [name, release] = [uname.sysname(), uname.release()].map(|text| text.to_string_lossy());
        let load = read_to_string("/proc/loadavg").unwrap_or_default();
        let first = load.split_ascii_whitespace().next();
        let cores = allowed_cores();
        Machine {
            gaps: Gaps::on_cores(&cores),
            cpu: field("model name").unwrap_or("unknown").to_string(),
            cores,
            virtual_machine: field("flags")
                .is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor")),
            kernel: format!("{name} {release}"),
            load_average: first.unwrap_or("unknown").to_string(),
        }
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.virtual_machine { ", virtual: the host may take them away" } else { "" };
        write!(
            f,
            "{}, {} cores{kind}, {}, load average {} before the run",
            self.cpu,
            self.cores.len(),
            self.kernel,
            self.load_average
        )?;
        for (core, gaps) in self.cores.iter().zip(&self.gaps) {
            let (lost, longest) = (gaps.lost_percent, duration(gaps.longest_ns));
            write!(
                f,
                "\n            an empty loop on core {core} lost {lost:.2} % to gaps over 10 µs, the \
                 longest {longest}"
            )?;
        }
        Ok(())
    }
}
