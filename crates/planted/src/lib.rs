//! Bugs on purpose: each of the proofs that this crate rests on must be able to fail.
//!
//! With the feature `planted-bugs` the program has the bug that `RINGSIDE_PLANT` names, and the test
//! named beside it in this table must find it. `scripts/planted-bugs` tries all. Without the feature
//! nothing of this is in the program.

macro_rules! bugs {
    ($($(#[doc = $does:literal])+ $name:ident in $binary:literal by $test:literal,)+) => {
        /// A bug, in which binary of tests it is found, and by which test.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bug {
            $(
                $(#[doc = $does])+
                #[doc = concat!("\n\nFound in `", $binary, "` by `", $test, "`.")]
                $name,
            )+
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Bug] = &[$(Bug::$name),+];
        }
    };
}

bugs! {
    /// A recovery leaves out the last frame.
    LastFrameDropped in "crash_images" by "what_was_promised_survives_every_crash_under_fsync",
    /// A recovery leaves the torn tail where it is.
    TailNotCleared in "crash_images" by "what_was_promised_survives_every_crash_under_fsync",
    /// A writer goes on in the epoch of the run before.
    EpochNotRaised in "crash_images" by "what_was_promised_survives_every_crash_under_fsync",
    /// A recovery does not tell that committed commands are gone.
    LossNotTold in "crash_images" by "what_was_promised_survives_every_crash_in_changing_modes",
    /// A recovery takes any damage for a torn tail.
    DamageCutOff in "recovery_table" by "committed_gone",
    /// A segment is read though it does not continue the one before.
    BoundaryNotChecked in "recovery_table" by "header",
    /// A writer goes on after a sync has failed.
    FailedSyncForgotten in "segments" by "after_a_failed_sync_nothing_counts_any_more",
    /// The mode becomes `fsync` while what is before it is not synced.
    ModeBeforeSynced in "segments" by "nothing_counts_under_fsync_before_all_before_it_is_on_the_device",
    /// What a killed run left is not synced again.
    TailNotSyncedAgain in "segments" by "after_an_unclean_exit_the_end_is_synced_in_every_mode",
    /// The checksum of a frame does not depend on the frame before.
    ChecksumNotChained in "lib" by "frame::tests::every_bit_counts_for_the_checksum",
    /// A commit mark speaks of what is not released.
    MarkAhead in "lib" by "pipeline::sequencer::tests::commit_marks_come_after_many_commands_and_after_a_pause",
    /// A command that finds the ring full is gone.
    HeldCommandDropped in "lib" by "pipeline::sequencer::tests::a_full_ring_holds_a_command_back_and_loses_none",
    /// Sequence numbers begin again after a restart.
    SeqNoStartsAgain in "promises" by "numbers_and_official_time_go_on_after_a_restart",
    /// Official time falls back after a restart.
    TimeFallsBack in "promises" by "numbers_and_official_time_go_on_after_a_restart",
    /// A snapshot is named though it does not restore to the state that it says.
    SnapshotNotProven in "snapshot_file" by "a_lie_with_correct_checksums_is_refused",
    /// An order comes back from a snapshot as if it had never traded.
    ExecutedForgotten in "engine_image" by "a_restored_engine_goes_on_as_if_it_had_never_stopped",
    /// A snapshot says that the journal goes on one frame further.
    SnapshotPlaceLate in "snapshots" by "a_venue_that_goes_on_from_a_snapshot_says_what_one_that_replayed_everything_says",
    /// A snapshot forgets which ids were used.
    UsedIdsForgotten in "snapshots" by "a_venue_that_goes_on_from_a_snapshot_says_what_one_that_replayed_everything_says",
    /// A node whose machine has forgotten something counts as before.
    ForgetfulCounts in "lib" by "cluster::node_file::tests::a_node_remembers_unless_its_machine_may_have_forgotten",
    /// A leader tells of what one voter too few has.
    ToldTooEarly in "cluster_sim" by "whatever_happens_there_is_one_history_and_it_goes_on",
    /// A leader tells what an earlier one left before its own epoch has begun on enough voters.
    EpochNotAwaited in "cluster_sim" by "whatever_happens_there_is_one_history_and_it_goes_on",
    /// A node that is started again goes on in the epoch that it led before.
    LedTwice in "cluster_sim" by "whatever_happens_there_is_one_history_and_it_goes_on",
    /// A node leads though a voter that promised has more.
    BestNotChosen in "cluster_sim" by "whatever_happens_there_is_one_history_and_it_goes_on",
    /// A standby takes frames of a leader whose epoch is over.
    OldLeaderHeard in "lib" by "cluster::member::tests::who_has_promised_an_epoch_hears_no_leader_of_an_earlier_one",
    /// New voters count alone before the record has them.
    VotersNotJoint in "cluster_sim" by "whatever_happens_there_is_one_history_and_it_goes_on",
    /// A node gives up what it shares with its leader, back to its last commit mark.
    CutTooFar in "cluster_sim" by "whatever_happens_there_is_one_history_and_it_goes_on",
    /// A standby stores the leader's word that something is on the device before it is.
    VouchedBeforeSynced in "cluster_sim" by "whatever_happens_there_is_one_history_and_it_goes_on",
    /// A standby tells what is not known to be committed.
    ToldUncommitted in "cluster_sim" by "whatever_happens_there_is_one_history_and_it_goes_on",
    /// An instrument is traded before all of its orders have come.
    ArrivedTooEarly in "engine_oracle" by "moving",
    /// A partition asks for the next step of a move though what it asked last may have come to pass.
    LostAnswerIgnored in "partitions_sim" by "no_order_is_lost_or_doubled_while_symbols_move",
    /// Orders go with another move than the one that they were exported for.
    OldExportTaken in "engine_oracle" by "moving",
    /// An auction does not mind on which side something is left over.
    PressureIgnored in "semantics" by "auctions::v2_pressure_of_buyers_takes_the_highest_price",
    /// What is left of orders for an auction that is over stays.
    LeftoversKept in "engine_oracle" by "tiny",
    /// Trades do not elect the stops that they reach.
    StopsNotElected in "engine_oracle" by "tiny",
    /// What an iceberg does not show is gone when its slice has traded.
    ReserveForgotten in "engine_oracle" by "tiny",
    /// An order whose time is over can trade until somebody says what time it is.
    ExpiryWaitsForATick in "semantics" by "rich::no_order_trades_after_its_expiry_whether_a_tick_came_or_not",
    /// A hidden order trades by its time with those that are displayed at its price.
    HiddenNotLast in "semantics" by "rich::a_hidden_order_trades_after_all_that_is_displayed_at_its_price",
    /// An order that a closed book should refuse takes the short way into it.
    ShortWayLeftOpen in "engine_oracle" by "tiny",
    /// An order beyond a price band keeps its limit.
    BandsIgnored in "semantics" by "bands::an_order_beyond_a_band_gets_the_band_as_its_limit",
    /// A short sale at the best bid is let in while short sales are restricted.
    ShortSaleUntested in "semantics" by "short_sale::a_short_sale_at_or_below_the_best_bid_is_rejected",
    /// A snapshot forgets which instruments are not open.
    StatesForgotten in "engine_image" by "a_restored_engine_goes_on_as_if_it_had_never_stopped",
    /// Pegs stay where they are when the quote moves.
    PegsStay in "engine_oracle" by "tiny",
    /// A state that was planned does not come.
    PlanNotCarriedOut in "engine_oracle" by "tiny",
    /// Orders that are under way count for no risk limit.
    UnderWayForgotten in "gateway" by "risk::orders_under_way_count_as_open_until_they_are_answered",
    /// A snapshot forgets what was traded on the day.
    TradedForgotten in "risk" by "limits_and_counts_outlive_a_restart_from_a_snapshot",
    /// What is due is ticked again before the tick before has come back.
    TickRepeated in "lib" by "due::tests::what_is_due_is_given_once_by_time_and_then_by_symbol",
    /// A schedule forgets at a restart which boundaries there were.
    BoundariesForgotten in "lib" by "standing::tests::the_last_boundary_is_the_last_plan_that_the_schedule_sent_or_passed_over",
    /// A standby begins to lead without what it has stored and not applied yet.
    UnappliedForgotten in "standby" by "what_is_stored_is_applied_before_a_standby_leads",
    /// A standby says that it has something though it could not sync it.
    AcknowledgedUnsynced in "cluster_sim" by "whatever_happens_there_is_one_history_and_it_goes_on",
    /// A replay does not mind that it comes to something else than the venue did.
    ProbeIgnored in "promises" by "a_replay_that_comes_to_something_else_says_so",
}

/// True if the program runs with this bug.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub const fn planted(_: Bug) -> bool {
    false
}

/// True if the program runs with this bug.
#[cfg(debug_assertions)]
#[inline]
pub fn planted(bug: Bug) -> bool {
    static PLANTED: std::sync::LazyLock<Option<Bug>> = std::sync::LazyLock::new(|| {
        let name = std::env::var("RINGSIDE_PLANT").ok()?;
        let known = Bug::ALL.iter().find(|bug| format!("{bug:?}") == name);
        Some(*known.unwrap_or_else(|| panic!("RINGSIDE_PLANT={name}: there is no such bug")))
    });
    *PLANTED == Some(bug)
}
