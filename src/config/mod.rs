//! The configuration: defaults, then a file, then `RINGSIDE__SECTION__KEY` in the environment, then
//! flags. Every limit of the venue is named here and checked against the others at the start.

mod cluster;
mod network;
mod partition;
mod schedule;

pub use cluster::ClusterSection;
pub use network::{FeedSection, GatewaySection, InstrumentSection, SessionSection};
pub use partition::PartitionSection;
pub use schedule::{EventSection, ScheduleSection};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use ringside_core::pipeline::plan::{Stages, ThreadPlan, allowed_cores};
use ringside_core::pipeline::{Idle, Layout};
use ringside_core::recovery::replay::Shape;
use ringside_core::recovery::snapshotter::{Policy, Sizes};
use ringside_core::venue;
use ringside_edge::schedule::Part;
use ringside_journal::{Kernel, Options, SEGMENT_BYTES_MIN};
use ringside_model::domain::SymbolId;
use ringside_model::durability::Durability;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Everything that can be configured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Who the venue is.
    pub venue: VenueSection,
    /// How the journal is kept.
    pub journal: JournalSection,
    /// How long a restart may take, and what follows from it.
    pub snapshots: SnapshotsSection,
    /// How the stages run.
    pub pipeline: PipelineSection,
    /// How the engines are sized.
    pub engine: EngineSection,
    /// Where sessions connect, and their limits.
    pub gateway: GatewaySection,
    /// Where market data goes.
    pub feed: FeedSection,
    /// Which other machines have the journal, too.
    pub cluster: ClusterSection,
    /// Which part of the venue's instruments is traded here.
    pub partition: PartitionSection,
    /// The instruments that a network venue begins with.
    pub instruments: Vec<InstrumentSection>,
    /// The sessions that a network venue begins with.
    pub sessions: Vec<SessionSection>,
    /// Which state the instruments of a network venue have when.
    pub schedule: Vec<ScheduleSection>,
}

/// `[venue]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VenueSection {
    /// The name of the venue. A journal of another venue is refused.
    pub name: String,
}

/// `[journal]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalSection {
    /// The folder; empty: a temporary one that is removed at the end.
    pub dir: PathBuf,
    /// `volatile`, `pagecache` or `fsync`.
    pub durability: String,
    /// Length of a segment file, in bytes; a multiple of 4096.
    pub segment_bytes: u64,
    /// Segments that are prepared ahead.
    pub segments_ready: usize,
    /// Accept `fsync` on a file system that is known not to keep what it syncs.
    pub any_filesystem: bool,
}

/// `[snapshots]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SnapshotsSection {
    /// How long a restart may take, in seconds: snapshots are taken so often that it does not. Zero: none
    /// are taken, a restart replays the whole journal.
    pub max_restart_seconds: f64,
    /// Whether segments are removed when two snapshots are newer. Otherwise they stay, and every moment of
    /// the past can be looked at.
    pub retire_segments: bool,
}

/// `[pipeline]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PipelineSection {
    /// Matching shards.
    pub shards: u32,
    /// `auto`, `single`, `two`, or the threads as text.
    pub plan: String,
    /// `spin`, `spin-hint`, `yield` or `backoff`.
    pub idle: String,
    /// Slots of the input ring, a power of two; 128 bytes each.
    pub ring_slots: usize,
    /// Slots of each shard's report ring, a power of two; 64 bytes each.
    pub report_slots: usize,
    /// The most items that a stage takes in one step.
    pub batch_max: usize,
}

/// `[engine]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineSection {
    /// Live orders that each shard has room for before it grows; about 110 bytes each.
    pub orders: usize,
    /// Commands from one hash probe in the journal to the next.
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

/// What is wrong with a configuration, with the key and the remedy.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

impl Config {
    /// Reads a configuration; `file` is none for the defaults, `base` is what they are.
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
        network::check(&self.instruments, &self.sessions, &self.gateway)?;
        schedule::check(&self.schedule)?;
        self.cluster.check(self.durability()?)?;
        self.partition.check(&self.cluster, self.gateway.admin.is_some())?;
        // A plan is for a network or for none: one of them must be right.
        let cores = allowed_cores();
        self.layout(&cores).or_else(|_| self.network_layout(&cores)).map(|_| ())
    }

    /// The durability mode.
    pub fn durability(&self) -> Result<Durability, ConfigError> {
        let parsed = self.journal.durability.parse();
        parsed.map_err(|error| ConfigError(format!("config: journal.durability: {error}")))
    }

    /// The schedules, ready to run.
    pub fn schedule_parts(&self) -> Result<Vec<Part>, ConfigError> {
        schedule::parts(&self.schedule)
    }

    /// What a snapshotter must have room for.
    pub fn sizes(&self) -> Sizes {
        Sizes { orders: self.engine.orders, sessions: self.gateway.sessions_max as u32 }
    }

    /// How the pipeline is laid out on these cores.
    pub fn layout(&self, cores: &[usize]) -> Result<Layout, ConfigError> {
        self.layout_with(cores, false)
    }

    /// The same with the stages of a network.
    pub fn network_layout(&self, cores: &[usize]) -> Result<Layout, ConfigError> {
        self.layout_with(cores, true)
    }

    fn layout_with(&self, cores: &[usize], network: bool) -> Result<Layout, ConfigError> {
        let stages = Stages { shards: self.pipeline.shards, network };
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

    /// How often snapshots are taken; `None`: never.
    pub fn snapshots(&self) -> Option<Policy> {
        let SnapshotsSection { max_restart_seconds: seconds, retire_segments } = self.snapshots;
        let restart_max = Duration::from_secs_f64(seconds);
        (seconds > 0.0).then_some(Policy { restart_max, retire_segments })
    }

    /// How the engines are laid out.
    pub fn shape(&self) -> Shape {
        Shape { shards: self.pipeline.shards, orders: self.engine.orders }
    }

    /// How the journal in `dir` is kept.
    pub fn journal_options(&self, dir: &Path) -> Result<Options, ConfigError> {
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

    /// The hash of all that matching depends on but the journal does not hold. Instruments, their
    /// collars and lots are commands; what is left is whose journal it is.
    pub fn matching_hash(&self) -> u64 {
        let mut text = format!("venue.name={}\nsymbol.none={}\n", self.venue.name, SymbolId::NONE);
        if self.partition.is_given() {
            text += &format!("partition.id={}\n", self.partition.id);
        }
        u64::from(crc32c::crc32c(text.as_bytes()))
    }

    /// The configuration as a file.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("a config can be written")
    }
}

/// The key, the fault and where it was set.
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
