//! What the machine says of itself: no figure means anything without it.

use crate::pipeline::plan::allowed_cores;
use serde::Serialize;
use std::fs::read_to_string;

/// The machine, as far as a figure depends on it.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The model of the processor.
    pub cpu: String,
    /// Cores that the process may use.
    pub cores: Vec<usize>,
    /// Whether a hypervisor stands between.
    pub virtual_machine: bool,
    /// Name and release of the kernel.
    pub kernel: String,
    /// Work that waited for a core in the last minute, before the run.
    pub load_average: String,
}

impl Machine {
    /// Asks the machine that this runs on.
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
        Machine {
            cpu: field("model name").unwrap_or("unknown").to_string(),
            cores: allowed_cores(),
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
        )
    }
}
