//! Planted bugs: each test must be able to fail.
//!
//! A program with debug assertions has the bug that `RINGSIDE_PLANT` names, and the test named
//! beside the bug in the table must then fail. `scripts/planted-bugs` tries all of them. A release
//! program has none.
//!
//! A bug is listed only if no faulty device, source or sink in a test can have the same effect.

#![deny(clippy::print_stdout, clippy::print_stderr)]

macro_rules! bugs {
    ($(
        $(#[doc = $does:literal])+
        $name:ident in $binary:literal by $test:literal $(seed $seed:literal)?,
    )+) => {
        /// A bug, the test binary as `package` or `package::target`, and the test that finds it. A
        /// random test finds it with the seed, which is tried first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bug {
            $(
                $(#[doc = $does])+
                #[doc = concat!("\n\nFound in `", $binary, "` by `", $test, "`" $(, " with seed ", $seed)?, ".")]
                $name,
            )+
        }

        impl Bug {
            /// All bugs of the table.
            pub const ALL: &[Bug] = &[$(Bug::$name),+];
        }
    };
}

bugs! {
    /// Recovery drops the last frame.
    LastFrameDropped in "ringside-journal::journal" by "crash_images::what_was_promised_survives_every_crash_under_fsync",
    /// Recovery leaves the torn tail in the segment.
    TailNotCleared in "ringside-journal::journal" by "crash_images::what_was_promised_survives_every_crash_under_fsync",
    /// A writer continues in the epoch of the run before.
    EpochNotRaised in "ringside-journal::journal" by "crash_images::what_was_promised_survives_every_crash_under_fsync",
    /// Recovery does not report the loss of committed commands.
    LossNotTold in "ringside-journal::journal" by "crash_images::what_was_promised_survives_every_crash_in_changing_modes",
    /// Recovery takes any damage for a torn tail.
    DamageCutOff in "ringside-journal::journal" by "recovery_table::committed_gone",
    /// A segment is read although it does not continue the one before.
    BoundaryNotChecked in "ringside-journal::journal" by "recovery_table::header",
    /// A writer continues after a failed sync.
    FailedSyncForgotten in "ringside-journal::journal" by "segments::after_a_failed_sync_nothing_counts_any_more",
    /// The mode becomes `fsync` before the journal up to that point is synced.
    ModeBeforeSynced in "ringside-journal::journal" by "segments::nothing_counts_under_fsync_before_all_before_it_is_on_the_device",
    /// The end of the journal of a killed run is not synced again.
    TailNotSyncedAgain in "ringside-journal::journal" by "segments::after_an_unclean_exit_the_end_is_synced_in_every_mode",
    /// The checksum of a frame does not depend on the frame before.
    ChecksumNotChained in "ringside-model" by "frame::tests::every_bit_counts_for_the_checksum",
    /// A commit mark names commands that are not released.
    MarkAhead in "ringside-core" by "pipeline::sequencer::tests::commit_marks_come_after_many_commands_and_after_a_pause",
    /// A command that finds the ring full is dropped.
    HeldCommandDropped in "ringside-core" by "pipeline::sequencer::tests::a_full_ring_holds_a_command_back_and_loses_none",
    /// Sequence numbers begin again after a restart.
    SeqNoStartsAgain in "ringside::ringside" by "promises::numbers_and_official_time_go_on_after_a_restart",
    /// Official time falls back after a restart.
    TimeFallsBack in "ringside::ringside" by "promises::numbers_and_official_time_go_on_after_a_restart",
    /// A snapshot gets its name without a check that it restores to its state.
    SnapshotNotProven in "ringside-core::core" by "snapshot_file::a_lie_with_correct_checksums_is_refused",
    /// A restored order has no executed quantity.
    ExecutedForgotten in "ringside-engine::engine" by "engine_image::a_restored_engine_goes_on_as_if_it_had_never_stopped",
    /// A snapshot states a place one frame too late in the journal.
    SnapshotPlaceLate in "ringside::ringside" by "snapshots::a_venue_that_goes_on_from_a_snapshot_says_what_one_that_replayed_everything_says",
    /// A snapshot omits the used ids.
    UsedIdsForgotten in "ringside::ringside" by "snapshots::a_venue_that_goes_on_from_a_snapshot_says_what_one_that_replayed_everything_says",
    /// A node whose machine may have lost memory keeps its vote.
    ForgetfulCounts in "ringside-cluster" by "membership::node_file::tests::a_node_remembers_unless_its_machine_may_have_forgotten",
    /// A leader publishes with one voter too few.
    ToldTooEarly in "ringside-cluster::cluster" by "cluster_sim::whatever_happens_there_is_one_history_and_it_goes_on" seed 1,
    /// A restarted node continues in the epoch that it led before.
    LedTwice in "ringside-cluster::cluster" by "cluster_sim::whatever_happens_there_is_one_history_and_it_goes_on",
    /// A node leads although a voter that promised has a longer journal.
    BestNotChosen in "ringside-cluster::cluster" by "cluster_sim::whatever_happens_there_is_one_history_and_it_goes_on" seed 87,
    /// A standby accepts frames from a leader whose epoch is over.
    OldLeaderHeard in "ringside-cluster" by "membership::member::tests::who_has_promised_an_epoch_hears_no_leader_of_an_earlier_one",
    /// New voters count alone before the record has them.
    VotersNotJoint in "ringside-cluster::cluster" by "cluster_sim::whatever_happens_there_is_one_history_and_it_goes_on" seed 397,
    /// A standby stores a commit mark before its own device has the commands that the mark covers.
    VouchedBeforeSynced in "ringside-cluster::cluster" by "cluster_sim::whatever_happens_there_is_one_history_and_it_goes_on" seed 298,
    /// A symbol trades before all of its orders have arrived.
    ArrivedTooEarly in "ringside-engine::engine" by "engine_oracle::moving" seed 2,
    /// A partition asks for the next step of a move although the last one may have been carried
    /// out.
    LostAnswerIgnored in "ringside-cluster::cluster" by "partitions_sim::no_order_is_lost_or_doubled_while_symbols_move" seed 11,
    /// Orders are imported under another move than the one that exported them.
    OldExportTaken in "ringside-engine::engine" by "engine_oracle::moving",
    /// An auction ignores the side of the surplus.
    PressureIgnored in "ringside-engine::engine" by "semantics::auctions::v2_pressure_of_buyers_takes_the_highest_price",
    /// Orders that an auction leaves over stay in the book.
    LeftoversKept in "ringside-engine::engine" by "engine_oracle::tiny",
    /// Trades do not elect the stops that they reach.
    StopsNotElected in "ringside-engine::engine" by "engine_oracle::tiny",
    /// A stop that an auction reaches while nothing trades is forgotten.
    ReachedForgotten in "ringside-engine::engine" by "semantics::stops::a_stop_that_an_auction_reaches_waits_and_enters_when_its_symbol_trades_again",
    /// A hidden order with a minimum gets no turn when its symbol opens.
    MinimumsLeftOut in "ringside-engine::engine" by "semantics::special::a_minimum_that_sat_the_auction_out_trades_when_its_symbol_opens_before_anybody_else",
    /// A call goes on over the end of the trading day.
    CallsOutliveTheDay in "ringside-engine::engine" by "semantics::trading_day::the_end_of_the_day_ends_calls_without_an_auction_and_plans",
    /// Pegs come back in the order of their present numbers.
    PegsBackByNumber in "ringside-engine::engine" by "semantics::pegs::pegs_are_parked_while_the_quote_is_crossed_and_come_back_in_the_order_of_their_entry",
    /// The reserve of an iceberg is gone when its slice has traded.
    ReserveForgotten in "ringside-engine::engine" by "engine_oracle::tiny",
    /// The trial of an incoming order takes the reserve of an iceberg at the place of its slice.
    ReserveAheadOfOthers in "ringside-engine::engine" by "semantics::trial::a_fill_or_kill_order_behind_an_own_order_and_a_slice_is_not_filled_in_part",
    /// An expired order trades until the next tick.
    ExpiryWaitsForATick in "ringside-engine::engine" by "semantics::special::no_order_trades_after_its_expiry_whether_a_tick_came_or_not",
    /// A hidden order trades by its time among the displayed ones at its price.
    HiddenNotLast in "ringside-engine::engine" by "semantics::special::a_hidden_order_trades_after_all_that_is_displayed_at_its_price",
    /// An order takes the fast path into a closed book.
    ShortWayLeftOpen in "ringside-engine::engine" by "engine_oracle::tiny",
    /// An order beyond a price band keeps its limit.
    BandsIgnored in "ringside-engine::engine" by "semantics::bands::an_order_beyond_a_band_gets_the_band_as_its_limit",
    /// A short sale at the best bid is accepted while short sales are restricted.
    ShortSaleUntested in "ringside-engine::engine" by "semantics::short_sale::a_short_sale_at_or_below_the_best_bid_is_rejected",
    /// A snapshot omits the states of symbols that are not open.
    StatesForgotten in "ringside-engine::engine" by "engine_image::a_restored_engine_goes_on_as_if_it_had_never_stopped",
    /// Pegged orders stay when the quote moves.
    PegsStay in "ringside-engine::engine" by "engine_oracle::tiny",
    /// A scheduled state does not begin.
    PlanNotCarriedOut in "ringside-engine::engine" by "engine_oracle::tiny",
    /// Risk limits ignore the orders that are under way.
    UnderWayForgotten in "ringside-edge::edge" by "gateway::risk::orders_under_way_count_as_open_until_they_are_answered",
    /// A snapshot omits the quantities traded on the day.
    TradedForgotten in "ringside::ringside" by "risk::limits_and_counts_outlive_a_restart_from_a_snapshot",
    /// A timer that is due ticks again before its tick has come back.
    TickRepeated in "ringside-edge" by "timers::tests::what_is_due_is_given_once_by_time_and_then_by_symbol",
    /// A schedule forgets its boundaries at a restart.
    BoundariesForgotten in "ringside-core" by "registry::rules::tests::the_last_boundary_is_the_last_plan_that_the_schedule_sent_or_passed_over",
    /// A standby leads without the commands that it has stored but not applied.
    UnappliedForgotten in "ringside::ringside" by "standby::what_is_stored_is_applied_before_a_standby_leads",
    /// A standby acknowledges commands although their sync failed.
    AcknowledgedUnsynced in "ringside-cluster::cluster" by "cluster_sim::whatever_happens_there_is_one_history_and_it_goes_on" seed 86,
    /// A replay ignores a hash probe that differs.
    ProbeIgnored in "ringside::ringside" by "promises::a_replay_that_comes_to_something_else_says_so",
}

/// Returns true if the program runs with this bug: never in a release program.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub const fn planted(_: Bug) -> bool {
    false
}

/// Returns true if the program runs with this bug.
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
