//! The configuration: defaults, then a file, then `RINGSIDE__SECTION__KEY` in the environment, then
//! flags. Every limit of the venue is named here and checked against the others at the start.

mod clock;
mod cluster;
mod log;
mod network;
mod partition;
mod schedule;

pub use clock::ClockSection;
pub use cluster::ClusterSection;
pub use log::LogSection;
pub use network::{FeedSection, GatewaySection, SessionSection, SymbolSection};
pub use partition::PartitionSection;
pub use schedule::{EventSection, ScheduleSection};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use ringside_core::pipeline::plan::{StageSet, ThreadPlan, allowed_cores};
use ringside_core::pipeline::{Idle, Layout};
use ringside_core::recovery::replay::Shape;
use ringside_core::recovery::snapshotter::{Policy, Sizes};
use ringside_core::venue;
use ringside_edge::schedule::Part;
use ringside_journal::{Kernel, Options, SEGMENT_BYTES_MIN, access};
use ringside_model::domain::SymbolId;
use ringside_model::durability::Durability;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// File of the system with the names and numbers of its groups.
const GROUPS: &str = "/etc/group";

/// Complete configuration of the program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Name of the venue.
    pub venue: VenueSection,
    /// Files and durability of the journal.
    pub journal: JournalSection,
    /// Snapshots and the restart time that they must allow.
    pub snapshots: SnapshotsSection,
    /// Threads and rings of the stages.
    pub pipeline: PipelineSection,
    /// Sizes of the engines.
    pub engine: EngineSection,
    /// Order entry: addresses and limits.
    pub gateway: GatewaySection,
    /// Market data: lines and servers.
    pub feed: FeedSection,
    /// Cluster that this node belongs to: other machines with the same journal.
    pub cluster: ClusterSection,
    /// Official time of a network venue.
    pub clock: ClockSection,
    /// Log of a network venue.
    pub log: LogSection,
    /// Section `[partition]`: the part of the venue's symbols that is traded here.
    pub partition: PartitionSection,
    /// Symbols that a network venue begins with.
    pub instruments: Vec<SymbolSection>,
    /// Sessions that a network venue begins with.
    pub sessions: Vec<SessionSection>,
    /// Times of the trading states of a network venue's symbols.
    pub schedule: Vec<ScheduleSection>,
}

/// Section `[venue]`: identity of the venue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VenueSection {
    /// Name of the venue. A journal of another venue is refused.
    pub name: String,
}

/// Section `[journal]`: files and durability of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalSection {
    /// Folder of the journal. Empty: `exec` and `bench` use a temporary folder that is removed at
    /// the end; all other commands refuse to start.
    pub dir: PathBuf,
    /// Durability mode: `volatile`, `pagecache` or `fsync`.
    pub durability: String,
    /// Length of a segment file, in bytes; a multiple of 4096.
    pub segment_bytes: u64,
    /// Number of segments that are prepared ahead.
    pub segments_ready: usize,
    /// Accepts `fsync` on a file system that is known to lose synced data.
    pub any_filesystem: bool,
    /// Group that may read the files and folders that are made, by its name in `/etc/group` or its
    /// number. Empty: only the user who runs the venue.
    pub group: String,
}

/// Section `[snapshots]`: restart time and old segments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SnapshotsSection {
    /// Longest restart time, in seconds; snapshots are taken often enough to keep it. Zero: no
    /// snapshots, a restart replays the whole journal.
    pub max_restart_seconds: f64,
    /// True if segments are removed once two snapshots are newer. Otherwise they stay, and every
    /// past state can be rebuilt.
    pub retire_segments: bool,
}

/// Section `[pipeline]`: threads and rings of the stages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PipelineSection {
    /// Number of matching shards.
    pub shards: u32,
    /// Threads of the stages: `auto`, `single`, `two`, or the threads as text.
    pub plan: String,
    /// Idle strategy of the stages: `spin`, `spin-hint`, `yield` or `backoff`.
    pub idle: String,
    /// Slots of the input ring, a power of two; 256 bytes each.
    pub ring_slots: usize,
    /// Slots of each shard's report ring, a power of two; 64 bytes each.
    pub report_slots: usize,
    /// Largest number of items that a stage takes in one step. A matcher takes at most 64. In a
    /// venue that is started under `fsync` journaler and replicator ignore it.
    pub batch_max: usize,
}

/// Section `[engine]`: sizes of the engines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSection {
    /// Number of live orders that each shard has room for before its memory grows; about 110 bytes
    /// each.
    pub orders: usize,
    /// Number of commands between two hash probes in the journal.
    pub hash_probe_interval: u64,
}

impl Default for VenueSection {
    fn default() -> Self {
        VenueSection { name: "ringside".into() }
    }
}

impl Default for JournalSection {
    fn default() -> Self {
        JournalSection {
            dir: PathBuf::new(),
            durability: Durability::Pagecache.name().into(),
            segment_bytes: 64 << 20,
            segments_ready: 2,
            any_filesystem: false,
            group: String::new(),
        }
    }
}

impl Default for SnapshotsSection {
    fn default() -> Self {
        SnapshotsSection { max_restart_seconds: 5.0, retire_segments: false }
    }
}

impl Default for PipelineSection {
    fn default() -> Self {
        PipelineSection {
            shards: 1,
            plan: "auto".into(),
            idle: Idle::Backoff.to_string(),
            ring_slots: 16 << 10,
            report_slots: 16 << 10,
            batch_max: 256,
        }
    }
}

impl Default for EngineSection {
    fn default() -> Self {
        EngineSection { orders: 64 << 10, hash_probe_interval: 1 << 20 }
    }
}

/// Fault in a configuration, with the key and the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl Config {
    /// Reads a configuration: `base` for the defaults, then `file`, if given, then the environment.
    pub fn load(base: Config, file: Option<&Path>) -> Result<Config, ConfigError> {
        let mut figment = Figment::from(Serialized::defaults(base));
        if let Some(file) = file {
            if !file.is_file() {
                return Err(ConfigError(format!("{}: no such config file", file.display())));
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        let config: Config = figment
            .merge(Env::prefixed("RINGSIDE__").split("__"))
            .extract()
            .map_err(|error| ConfigError(describe(error)))?;
        Ok(config)
    }

    /// The built-in configuration of `bench`: `configs/bench.toml`.
    pub fn for_bench() -> Config {
        toml::from_str(include_str!("../../configs/bench.toml"))
            .expect("the built-in config is valid")
    }

    /// The built-in configuration of `serve`: `configs/serve.toml`.
    pub fn for_serve() -> Config {
        toml::from_str(include_str!("../../configs/serve.toml"))
            .expect("the built-in config is valid")
    }

    /// Checks every value, alone and against the others.
    pub fn check(&self) -> Result<(), ConfigError> {
        let fail = |key: &str, what: String| Err(ConfigError(format!("config: {key}: {what}")));
        let name = &self.venue.name;
        if name.is_empty() || name.len() > 64 {
            return fail("venue.name", "must have 1 to 64 bytes".into());
        }
        let bytes = self.journal.segment_bytes;
        if bytes < SEGMENT_BYTES_MIN || !bytes.is_multiple_of(4096) {
            let what = format!("{bytes} is no multiple of 4096 of at least {SEGMENT_BYTES_MIN}");
            return fail("journal.segment_bytes", what);
        }
        if !(1..=1024).contains(&self.journal.segments_ready) {
            return fail("journal.segments_ready", "must be 1 to 1024".into());
        }
        self.durability()?;
        self.clock.check()?;
        self.group()?;
        let seconds = self.snapshots.max_restart_seconds;
        if !(seconds == 0.0 || (0.1..=86_400.0).contains(&seconds)) {
            return fail(
                "snapshots.max_restart_seconds",
                format!("{seconds} is not 0 or 0.1 to 86400"),
            );
        }
        let pipeline = &self.pipeline;
        if !(1..=64).contains(&pipeline.shards) {
            return fail("pipeline.shards", format!("{} is not 1 to 64", pipeline.shards));
        }
        for (key, slots) in [
            ("pipeline.ring_slots", pipeline.ring_slots),
            ("pipeline.report_slots", pipeline.report_slots),
        ] {
            if !slots.is_power_of_two() || !(8..=1 << 20).contains(&slots) {
                return fail(key, format!("{slots} is no power of two from 8 to 1048576"));
            }
        }
        if !(1..=pipeline.ring_slots).contains(&pipeline.batch_max) {
            let what = format!("{} is not 1 to pipeline.ring_slots", pipeline.batch_max);
            return fail("pipeline.batch_max", what);
        }
        if !(1..=1 << 30).contains(&self.engine.orders) {
            return fail("engine.orders", "must be 1 to 2^30".into());
        }
        if self.engine.hash_probe_interval == 0 {
            return fail("engine.hash_probe_interval", "must be at least 1".into());
        }
        self.log.format()?;
        self.log.level()?;
        network::check(&self.instruments, &self.sessions, &self.gateway)?;
        schedule::check(&self.schedule)?;
        self.cluster.check(self.durability()?)?;
        self.partition.check(&self.cluster)?;
        // A thread plan is either for a network venue or not: one of the two layouts must be valid.
        let cores = allowed_cores();
        self.layout(&cores).or_else(|_| self.network_layout(&cores)).map(|_| ())
    }

    /// Returns the durability mode.
    pub fn durability(&self) -> Result<Durability, ConfigError> {
        let parsed = self.journal.durability.parse();
        parsed.map_err(|error| ConfigError(format!("config: journal.durability: {error}")))
    }

    /// Returns the number of the group that may read; `None` if there is none.
    pub fn group(&self) -> Result<Option<u32>, ConfigError> {
        let name = self.journal.group.as_str();
        if name.is_empty() {
            return Ok(None);
        }
        if let Ok(number) = name.parse() {
            return Ok(Some(number));
        }
        let groups = std::fs::read_to_string(GROUPS).unwrap_or_default();
        let number_of = |line: &str| {
            let (of, rest) = line.split_once(':')?;
            (of == name).then(|| rest.split(':').nth(1)?.parse().ok())?
        };
        let found = groups.lines().find_map(number_of);
        found.map(Some).ok_or_else(|| {
            ConfigError(format!(
                "config: journal.group: {GROUPS} has no group {name:?}: make it with groupadd, or \
                 give the number of a group"
            ))
        })
    }

    /// Returns all schedules, ready to run.
    pub fn schedule_parts(&self) -> Result<Vec<Part>, ConfigError> {
        schedule::parts(&self.schedule)
    }

    /// Returns the sizes that a snapshotter must reserve.
    pub fn sizes(&self) -> Sizes {
        Sizes { orders: self.engine.orders, sessions: self.gateway.sessions_max as u32 }
    }

    /// Returns the layout of the pipeline on these cores, without the stages of a network.
    pub fn layout(&self, cores: &[usize]) -> Result<Layout, ConfigError> {
        self.layout_with(cores, false)
    }

    /// Returns the layout of the pipeline on these cores, with the stages of a network.
    pub fn network_layout(&self, cores: &[usize]) -> Result<Layout, ConfigError> {
        self.layout_with(cores, true)
    }

    fn layout_with(&self, cores: &[usize], network: bool) -> Result<Layout, ConfigError> {
        let stages = StageSet { shards: self.pipeline.shards, network };
        let pipeline = &self.pipeline;
        let idle = pipeline.idle.parse();
        let idle = idle.map_err(|error| ConfigError(format!("config: pipeline.idle: {error}")))?;
        let durability = self.durability()?;
        let plan = ThreadPlan::parse(&pipeline.plan, stages, idle, durability, cores);
        Ok(Layout {
            plan: plan.map_err(|error| ConfigError(format!("config: pipeline.plan: {error}")))?,
            ring_slots: pipeline.ring_slots,
            report_slots: pipeline.report_slots,
            batch_max: pipeline.batch_max,
            durability,
        })
    }

    /// Returns the policy for snapshots; `None`: no snapshots are taken.
    pub fn snapshots(&self) -> Option<Policy> {
        let SnapshotsSection { max_restart_seconds: seconds, retire_segments } = self.snapshots;
        let restart_max = Duration::from_secs_f64(seconds);
        (seconds > 0.0).then_some(Policy { restart_max, retire_segments })
    }

    /// Returns the number and the size of the engines.
    pub fn shape(&self) -> Shape {
        Shape { shards: self.pipeline.shards, orders: self.engine.orders }
    }

    /// Returns the options of the journal in `dir`, for a process that writes there.
    ///
    /// # Errors
    /// If the process may not give its files to the group that the config names.
    pub fn journal_options(&self, dir: &Path) -> Result<Options, ConfigError> {
        if self.group()?.is_some_and(|group| !access::is_member(group)) {
            return Err(ConfigError(format!(
                "config: journal.group: this process is no member of {:?}: add its user to the \
                 group, or SupplementaryGroups= to its unit",
                self.journal.group
            )));
        }
        Ok(Options {
            dir: dir.to_path_buf(),
            durability: self.durability()?,
            probe_interval: self.engine.hash_probe_interval,
            segment_bytes: self.journal.segment_bytes,
            segments_ready: self.journal.segments_ready,
            segments_last: u64::MAX,
            any_filesystem: self.journal.any_filesystem,
            identity: venue::identity(self.matching_hash()),
            device: Arc::new(Kernel),
        })
    }

    /// Returns the hash of all settings that matching depends on and the journal does not hold.
    /// Symbols, their collars and lots are commands in the journal; the names of venue and
    /// partition remain.
    pub fn matching_hash(&self) -> u64 {
        let mut text = format!("venue.name={}\nsymbol.none={}\n", self.venue.name, SymbolId::NONE);
        if self.partition.is_given() {
            text += &format!("partition.id={}\n", self.partition.id);
        }
        u64::from(crc32c::crc32c(text.as_bytes()))
    }

    /// Formats the configuration as a TOML file.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("a config can be written")
    }
}

/// Formats the key, the fault and the source of a bad value.
fn describe(error: figment::Error) -> String {
    let place = |error: &figment::Error| {
        let key = error.path.join(".");
        let source = error.metadata.as_ref().map(|metadata| match &metadata.source {
            Some(source) => format!(" in {source}"),
            None => format!(" in {}", metadata.name),
        });
        let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
        format!("config: {key}{}{}", error.kind, source.unwrap_or_default())
    };
    error.into_iter().map(|error| place(&error)).collect::<Vec<_>>().join("\n")
}
