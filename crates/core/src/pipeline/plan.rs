//! The thread plan: the stages of each thread, its core, and its idle strategy.
//!
//! As text: threads separated by commas, the stages of a thread joined by plus signs, then
//! optionally the core and the idle strategy: `sequencer@2:spin, journaler+replicator@3:spin,
//! matchers@4:spin, publisher@5:yield`.

use super::runner::Idle;
use ringside_model::durability::Durability;
use std::fmt;

/// Name of a stage, as a thread plan lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageName {
    /// Sockets of the sessions. Only in a venue that serves a network.
    Gateway,
    /// Source of commands and the sequencer.
    Sequencer,
    /// Stage that appends to the journal.
    Journaler,
    /// Stage that waits for the standbys.
    Replicator,
    /// Matcher of one shard, by index.
    Matcher(u32),
    /// Publisher and its subscriber.
    Publisher,
    /// Sender of market data. Only in a venue that serves a network.
    Feed,
}

/// Stages that a plan has to assign to threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StageSet {
    /// Number of shards, each with a matcher.
    pub shards: u32,
    /// True if the venue serves a network.
    pub network: bool,
}

/// Stages, core and idle strategy of one thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadSpec {
    /// Stages of the thread, in the order in which the thread steps them.
    pub stages: Vec<StageName>,
    /// Core that the thread is pinned to; `None` if the system may move it.
    pub core: Option<usize>,
    /// Idle strategy: used when no stage has work.
    pub idle: Idle,
}

/// Threads of the pipeline. Every stage is on exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadPlan {
    /// Threads in the order of their cores or of the text.
    pub threads: Vec<ThreadSpec>,
}

/// Returns the cores that the calling thread may use. Call this before any thread is pinned.
pub fn allowed_cores() -> Vec<usize> {
    core_affinity::get_core_ids().unwrap_or_default().iter().map(|core| core.id).collect()
}

/// Pins the calling thread to a core. If the system refuses, the thread stays unpinned.
pub fn pin(id: usize) {
    core_affinity::set_for_current(core_affinity::CoreId { id });
}

impl ThreadPlan {
    /// Parses a plan: `auto`, `single`, `two`, or the threads as text.
    ///
    /// # Errors
    /// Text that is no plan, or a plan that has not every stage once, names a core that may not be
    /// used, or lets spinning threads share cores.
    pub fn parse(
        text: &str,
        stages: StageSet,
        idle: Idle,
        durability: Durability,
        cores: &[usize],
    ) -> Result<Self, String> {
        let groups = match text.trim() {
            "auto" => groups_for(cores.len(), stages, durability),
            "single" => groups_for(1, stages, durability),
            "two" => groups_for(2, stages, durability),
            text => return Self::parse_threads(text, stages, idle, cores),
        };
        let pinned = groups.len() <= cores.len();
        let core_of = |thread: usize| if pinned { cores.get(thread).copied() } else { None };
        let threads = groups
            .into_iter()
            .enumerate()
            .map(|(thread, stages)| ThreadSpec { stages, core: core_of(thread), idle })
            .collect();
        ThreadPlan { threads }.checked(stages, cores)
    }

    fn parse_threads(
        text: &str,
        stages: StageSet,
        idle: Idle,
        cores: &[usize],
    ) -> Result<Self, String> {
        let threads = text.split(',').map(|thread| parse_thread(thread, stages.shards, idle));
        ThreadPlan { threads: threads.collect::<Result<_, _>>()? }.checked(stages, cores)
    }

    /// Checks that every stage is there once, every core may be used, and no two spinning threads
    /// share a core.
    fn checked(self, stages: StageSet, cores: &[usize]) -> Result<Self, String> {
        for stage in all_stages(stages) {
            let times =
                self.threads.iter().flat_map(|t| &t.stages).filter(|&&s| s == stage).count();
            if times != 1 {
                return Err(format!("the thread plan has {stage} {times} times, it needs it once"));
            }
        }
        let count: usize = self.threads.iter().map(|thread| thread.stages.len()).sum();
        if count != all_stages(stages).count() {
            let StageSet { shards, .. } = stages;
            return Err(format!(
                "the thread plan has a matcher beyond the {shards} shards, or a gateway or feed without a network"
            ));
        }
        let spins = |thread: &&ThreadSpec| matches!(thread.idle, Idle::Spin | Idle::SpinHint);
        for thread in &self.threads {
            let Some(core) = thread.core else { continue };
            if !cores.contains(&core) {
                return Err(format!("core {core} is not one that may be used: {cores:?}"));
            }
            if self.threads.iter().filter(|t| t.core == Some(core)).filter(spins).count() > 1 {
                return Err(format!("two spinning threads on core {core} would starve each other"));
            }
        }
        if self.threads.iter().filter(spins).count() > cores.len() {
            return Err(format!("more spinning threads than the {} usable cores", cores.len()));
        }
        Ok(self)
    }
}

/// Groups the stages into threads for a number of cores.
fn groups_for(cores: usize, stages: StageSet, durability: Durability) -> Vec<Vec<StageName>> {
    use StageName::{Feed, Gateway, Journaler, Publisher, Replicator, Sequencer};
    let StageSet { shards, network } = stages;
    let matchers = |threads: usize| -> Vec<Vec<StageName>> {
        let on = |thread| (0..shards).skip(thread).step_by(threads).map(StageName::Matcher);
        (0..threads).map(|thread| on(thread).collect()).collect()
    };
    let entry = if network { vec![Gateway, Sequencer] } else { vec![Sequencer] };
    let exit = if network { vec![Publisher, Feed] } else { vec![Publisher] };
    let storing = vec![Journaler, Replicator];
    match cores {
        0 | 1 => vec![all_stages(stages).collect()],
        // A sync takes as long as thousands of commands, so the journaler gets the second core.
        2 if durability == Durability::Fsync => {
            vec![[entry, matchers(1).concat(), exit].concat(), storing]
        }
        2 => vec![[entry, storing].concat(), [matchers(1).concat(), exit].concat()],
        3 => vec![entry, storing, [matchers(1).concat(), exit].concat()],
        _ => {
            // A thread of its own for the gateway helps more than a second matcher.
            let apart = network && cores > 4;
            let front = if apart { vec![vec![Gateway], vec![Sequencer]] } else { vec![entry] };
            let left = cores - front.len() - 2;
            let mut groups = [front, vec![storing]].concat();
            groups.extend(matchers(left.min(shards as usize)));
            groups.push(exit);
            groups
        }
    }
}

fn all_stages(StageSet { shards, network }: StageSet) -> impl Iterator<Item = StageName> {
    let of_network = |stage| network.then_some(stage).into_iter();
    of_network(StageName::Gateway)
        .chain([StageName::Sequencer, StageName::Journaler, StageName::Replicator])
        .chain((0..shards).map(StageName::Matcher))
        .chain([StageName::Publisher])
        .chain(of_network(StageName::Feed))
}

fn parse_thread(text: &str, shards: u32, idle: Idle) -> Result<ThreadSpec, String> {
    let (text, idle) = match text.split_once(':') {
        Some((rest, word)) => (rest, word.trim().parse()?),
        None => (text, idle),
    };
    let (text, core) = match text.split_once('@') {
        Some((rest, core)) => {
            let core = core.trim().parse();
            (rest, Some(core.map_err(|_| "expected a core number behind @".to_string())?))
        }
        None => (text, None),
    };
    let mut stages = vec![];
    for word in text.split('+').map(str::trim) {
        match word {
            "sequencer" => stages.push(StageName::Sequencer),
            "journaler" => stages.push(StageName::Journaler),
            "replicator" => stages.push(StageName::Replicator),
            "publisher" => stages.push(StageName::Publisher),
            "gateway" => stages.push(StageName::Gateway),
            "feed" => stages.push(StageName::Feed),
            "matchers" => stages.extend((0..shards).map(StageName::Matcher)),
            _ => {
                let shard = word.strip_prefix("matcher.").and_then(|number| number.parse().ok());
                let unknown = || {
                    format!(
                        "unknown stage {word:?} in the thread plan, expected gateway, sequencer, \
                         journaler, replicator, matchers, matcher.N, publisher or feed"
                    )
                };
                stages.push(StageName::Matcher(shard.ok_or_else(unknown)?));
            }
        }
    }
    Ok(ThreadSpec { stages, core, idle })
}

impl fmt::Display for StageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StageName::Gateway => f.write_str("gateway"),
            StageName::Feed => f.write_str("feed"),
            StageName::Sequencer => f.write_str("sequencer"),
            StageName::Journaler => f.write_str("journaler"),
            StageName::Replicator => f.write_str("replicator"),
            StageName::Matcher(shard) => write!(f, "matcher.{shard}"),
            StageName::Publisher => f.write_str("publisher"),
        }
    }
}

impl fmt::Display for ThreadPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, thread) in self.threads.iter().enumerate() {
            let stages: Vec<_> = thread.stages.iter().map(StageName::to_string).collect();
            f.write_str(if i > 0 { ", " } else { "" })?;
            f.write_str(&stages.join("+"))?;
            if let Some(core) = thread.core {
                write!(f, "@{core}")?;
            }
            write!(f, ":{}", thread.idle)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str, shards: u32, cores: &[usize]) -> Result<String, String> {
        let stages = StageSet { shards, network: false };
        ThreadPlan::parse(text, stages, Idle::Spin, Durability::Pagecache, cores)
            .map(|plan| plan.to_string())
    }

    #[test]
    fn the_default_follows_from_the_cores() {
        let auto = |shards, cores: &[usize]| plan("auto", shards, cores).unwrap();
        assert_eq!(auto(1, &[3]), "sequencer+journaler+replicator+matcher.0+publisher@3:spin");
        assert_eq!(
            auto(2, &[0, 1]),
            "sequencer+journaler+replicator@0:spin, matcher.0+matcher.1+publisher@1:spin"
        );
        assert_eq!(
            auto(3, &[0, 1, 2, 3, 4]),
            "sequencer@0:spin, journaler+replicator@1:spin, matcher.0+matcher.2@2:spin, \
             matcher.1@3:spin, publisher@4:spin"
        );
        let stages = StageSet { shards: 1, network: false };
        let synced = ThreadPlan::parse("auto", stages, Idle::Yield, Durability::Fsync, &[0, 1]);
        let expected = "sequencer+matcher.0+publisher@0:yield, journaler+replicator@1:yield";
        assert_eq!(synced.unwrap().to_string(), expected);
    }

    #[test]
    fn a_venue_on_a_network_has_a_gateway_and_a_feed() {
        let stages = StageSet { shards: 2, network: true };
        let plan = |cores: &[usize], durability| {
            ThreadPlan::parse("auto", stages, Idle::Spin, durability, cores).unwrap().to_string()
        };
        let two = "gateway+sequencer+journaler+replicator@0:spin, \
                   matcher.0+matcher.1+publisher+feed@1:spin";
        assert_eq!(plan(&[0, 1], Durability::Pagecache), two);
        let synced = "gateway+sequencer+matcher.0+matcher.1+publisher+feed@0:spin, \
                      journaler+replicator@1:spin";
        assert_eq!(plan(&[0, 1], Durability::Fsync), synced);
        let six = "gateway@0:spin, sequencer@1:spin, journaler+replicator@2:spin, matcher.0@3:spin, \
                   matcher.1@4:spin, publisher+feed@5:spin";
        assert_eq!(plan(&[0, 1, 2, 3, 4, 5], Durability::Pagecache), six);
    }

    #[test]
    fn a_plan_reads_back() {
        let text = "sequencer@2:spin, journaler+replicator@3:spin, matcher.0+publisher:backoff";
        assert_eq!(plan(text, 1, &[2, 3]).unwrap(), text);
    }

    #[test]
    fn impossible_plans_are_refused_with_the_reason() {
        let cases = [
            ("sequencer", "has journaler 0 times"),
            ("sequencer+sequencer,journaler+replicator+matchers+publisher", "sequencer 2 times"),
            ("sequencer+journaler+replicator+matchers+matcher.7+publisher", "beyond the 1 shards"),
            ("sequencer@9,journaler+replicator+matchers+publisher", "core 9 is not one"),
            ("sequencer@0,journaler+replicator+matchers+publisher@0", "starve each other"),
            ("sequencer,journaler,replicator+matchers+publisher", "more spinning threads"),
            ("sequencer+socket", "unknown stage \"socket\""),
            ("gateway+sequencer+journaler+replicator+matchers+publisher", "without a network"),
            ("sequencer@x", "core number"),
            ("sequencer:fast", "unknown idle strategy \"fast\""),
        ];
        for (text, reason) in cases {
            let error = plan(text, 1, &[0, 1]).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
