//! Auction ticks of orders without a limit, and the auction collar: extensions of a call, prices
//! inside only, and the halt of a symbol that stays crossed.

use super::SymbolState::{Closed, ClosingCall, Halted, Open, PreOpen};
use super::*;
use ringside_model::command::{ChangeSymbol, PlanState, SetReference};
use ringside_model::report::{AuctionLimits, SymbolChanged};

fn reference(prior_close: i64, last: i64) -> Do {
    let (prior_close, last) = (Price(prior_close), Price(last));
    act(Action::from(SetReference { prior_close, last })).session(0)
}

fn at_open(order: Do) -> Do {
    order.tif(TimeInForce::AtOpen).market()
}

/// Sets a collar of `bps` basis points, and extensions by a second.
fn collar(bps: u32, extensions: u32) -> Do {
    let change = ChangeSymbol {
        auction_collar_bps: Some(bps),
        extension: Some(Nanos(1_000_000_000)),
        extensions: Some(extensions),
        ..ChangeSymbol::default()
    };
    act(Action::from(change)).session(0)
}

/// Returns the report of [`collar`].
fn collar_set(bps: u32, extensions: u32) -> String {
    let told = SymbolChanged {
        tick_mantissa: 1,
        tick_scale: 2,
        lot: Quantity(1),
        collar_bps: 0,
        auction: AuctionLimits { collar_bps: bps, extensions },
        extension: Nanos(1_000_000_000),
    };
    text::report(&told.about(SymbolId(1)))
}

fn open_without_collar() -> Do {
    act(Action::from(SetState { state: Open, collar_off: true })).session(0)
}

const PRE_OPEN: &[&str] = &["state_changed 0/0 buy other 2"];

#[test]
fn market_orders_of_both_sides_trade_at_the_reference_beside_a_far_limit() {
    check(
        &[
            (reference(100, 0), &["reference_set 0/0 buy 0@100"]),
            (state(PreOpen), PRE_OPEN),
            (at_open(buy(1, 10, 0)), &["accepted 1#13 buy 10@0 open 10 hidden"]),
            (
                at_open(sell(2, 10, 0)),
                &["accepted 2#14 sell 10@0 open 10 hidden", "indicative 0/0 buy 10@100 other 1"],
            ),
            (buy(3, 1, 50), &["accepted 3#15 buy 1@50 open 1"]),
            (
                state(Open),
                &[
                    "state_changed 0/0 buy other 3",
                    "crossed 0/0 buy 10@100 other 1",
                    "executed 1#13 buy 10@100 with #14 trade 1 hidden opening",
                    "executed 2#14 sell 10@100 with #13 trade 1 hidden opening younger",
                ],
            ),
        ],
        "3:1@50 |",
    );
}

#[test]
fn market_orders_without_a_reference_trade_only_at_a_limit() {
    check(
        &[
            (state(PreOpen), PRE_OPEN),
            (at_open(buy(1, 10, 0)), &["accepted 1#12 buy 10@0 open 10 hidden"]),
            (at_open(sell(2, 10, 0)), &["accepted 2#13 sell 10@0 open 10 hidden"]),
            (
                buy(3, 1, 50),
                &["accepted 3#14 buy 1@50 open 1", "indicative 0/0 buy 10@50 open 1 other 1"],
            ),
        ],
        "3:1@50 |",
    );
}

/// Orders whose auction price is 110: beyond a collar of 5 % around 100.
fn beyond() -> Vec<(Do, &'static [&'static str])> {
    vec![
        (buy(1, 10, 120), &["accepted 1#14 buy 10@120 open 10"]),
        (
            sell(2, 10, 110),
            &["accepted 2#15 sell 10@110 open 10", "indicative 0/0 buy 10@110 other 1"],
        ),
    ]
}

#[test]
fn a_call_is_extended_and_then_the_symbol_stays_halted_until_the_collar_is_off() {
    let set = collar_set(500, 2);
    let set: &[&str] = &[&set];
    let mut rows: Vec<(Do, &[&str])> = vec![
        (reference(100, 0), &["reference_set 0/0 buy 0@100"]),
        (collar(500, 2), set),
        (state(PreOpen), PRE_OPEN),
    ];
    rows.extend(beyond());
    rows.extend([
        (
            state(Open).at(1_000),
            &[
                "call_extended 0/0 buy 1@0 other 1000001000",
                "state_planned 0/0 buy 1000001000@0 other 3",
            ] as &[&str],
        ),
        (tick_after(0).at(1_000_000_999), &["ticked 0/0 buy"]),
        (
            tick_after(0).at(1_000_001_000),
            &[
                "ticked 0/0 buy",
                "call_extended 0/0 buy 2@0 other 2000001000",
                "state_planned 0/0 buy 2000001000@0 other 3",
            ],
        ),
        (
            tick_after(0).at(2_000_001_000),
            &[
                "ticked 0/0 buy",
                "state_changed 0/0 buy other 3",
                "crossed 0/0 buy other 1",
                "state_changed 0/0 buy other 4 collar",
            ],
        ),
        (tick_after(0).at(3_000_001_000), &["ticked 0/0 buy"]),
        // The same reference: it would stay crossed again.
        (
            state(Open).at(3_000_001_001),
            &[
                "state_changed 0/0 buy other 3",
                "crossed 0/0 buy other 3",
                "state_changed 0/0 buy other 4 collar",
            ],
        ),
        (
            open_without_collar().at(3_000_001_002),
            &[
                "state_changed 0/0 buy other 3",
                "crossed 0/0 buy 10@110 other 3",
                "executed 1#14 buy 10@110 with #15 trade 1 reopening",
                "executed 2#15 sell 10@110 with #14 trade 1 reopening younger",
            ],
        ),
    ]);
    check(&rows, "|");
}

#[test]
fn a_new_reference_opens_a_symbol_that_the_collar_has_halted() {
    let set = collar_set(500, 0);
    let set: &[&str] = &[&set];
    let mut rows: Vec<(Do, &[&str])> = vec![
        (reference(100, 0), &["reference_set 0/0 buy 0@100"]),
        (collar(500, 0), set),
        (state(PreOpen), PRE_OPEN),
    ];
    rows.extend(beyond());
    rows.extend([
        (
            state(Open),
            &[
                "state_changed 0/0 buy other 3",
                "crossed 0/0 buy other 1",
                "state_changed 0/0 buy other 4 collar",
            ] as &[&str],
        ),
        (reference(0, 112), &["reference_set 0/0 buy 0@100 other 112"]),
        (
            state(Open),
            &[
                "state_changed 0/0 buy other 3",
                "crossed 0/0 buy 10@112 other 3",
                "executed 1#14 buy 10@112 with #15 trade 1 reopening",
                "executed 2#15 sell 10@112 with #14 trade 1 reopening younger",
            ],
        ),
    ]);
    check(&rows, "|");
}

#[test]
fn inside_the_collar_limits_beyond_count_at_its_edge_and_reached_stops_wait() {
    let set = collar_set(500, 0);
    check(
        &[
            (reference(100, 0), &["reference_set 0/0 buy 0@100"]),
            (collar(500, 0), &[&set]),
            (state(PreOpen), PRE_OPEN),
            (buy(1, 10, 120), &["accepted 1#14 buy 10@120 open 10"]),
            (
                sell(2, 4, 100),
                &["accepted 2#15 sell 4@100 open 4", "indicative 0/0 buy 4@120 open 6 other 1"],
            ),
            (
                sell(3, 6, 110),
                &["accepted 3#16 sell 6@110 open 6", "indicative 0/0 buy 10@110 other 1"],
            ),
            (
                stop_order(buy(4, 1, 0).market(), 105),
                &["accepted 4#17 buy 1@105 open 1 hidden stop"],
            ),
            (
                state(Open),
                &[
                    "state_changed 0/0 buy other 3",
                    "crossed 0/0 buy 4@105 other 1",
                    "executed 1#14 buy 4@105 open 6 with #15 trade 1 opening",
                    "executed 2#15 sell 4@105 with #14 trade 1 opening younger",
                    "state_changed 0/0 buy other 4 collar",
                    "triggered 4#17 buy 1@105 open 1 was #17 hidden",
                ],
            ),
            (
                open_without_collar(),
                &[
                    "state_changed 0/0 buy other 3",
                    "crossed 0/0 buy 6@110 other 3",
                    "executed 1#14 buy 6@110 with #16 trade 1 reopening",
                    "executed 3#16 sell 6@110 with #14 trade 1 reopening younger",
                    "entered 4#19.1 buy 1@0 open 1 was #17",
                    "canceled 4#19.1 buy 1@0 no_liquidity",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn the_collar_is_a_tick_at_least_and_lies_within_the_static_bands() {
    // 1 of 10,000 of 100 is less than a tick; the bands allow 100 only.
    let (set, wider) = (collar_set(1, 0), collar_set(10_000, 0));
    check(
        &[
            (reference(100, 0), &["reference_set 0/0 buy 0@100"]),
            (collar(1, 0), &[&set]),
            (state(PreOpen), PRE_OPEN),
            (buy(1, 1, 101), &["accepted 1#14 buy 1@101 open 1"]),
            (
                sell(2, 1, 101),
                &["accepted 2#15 sell 1@101 open 1", "indicative 0/0 buy 1@101 other 1"],
            ),
            (
                state(Open),
                &[
                    "state_changed 0/0 buy other 3",
                    "crossed 0/0 buy 1@101 other 1",
                    "executed 1#14 buy 1@101 with #15 trade 1 opening",
                    "executed 2#15 sell 1@101 with #14 trade 1 opening younger",
                ],
            ),
            (bands(1, 102, 0, 0), &["bands_set 0/0 buy 0@1 other 102"]),
            (collar(10_000, 0), &[&wider]),
        ],
        "|",
    );
}

#[test]
fn a_closing_call_closes_with_what_has_traded_inside() {
    let set = collar_set(500, 0);
    check(
        &[
            (reference(100, 0), &["reference_set 0/0 buy 0@100"]),
            (collar(500, 0), &[&set]),
            (state(ClosingCall), &["state_changed 0/0 buy other 6"]),
            (buy(1, 10, 120), &["accepted 1#14 buy 10@120 open 10"]),
            (
                sell(2, 4, 100),
                &["accepted 2#15 sell 4@100 open 4", "indicative 0/0 buy 4@120 open 6 other 2"],
            ),
            (
                state(Closed),
                &[
                    "state_changed 0/0 buy other 1",
                    "crossed 0/0 buy 4@105 other 2",
                    "executed 1#14 buy 4@105 open 6 with #15 trade 1 closing",
                    "executed 2#15 sell 4@105 with #14 trade 1 closing younger",
                ],
            ),
        ],
        "1:6@120 |",
    );
}

#[test]
fn an_extension_draws_another_random_end_and_a_state_that_comes_meanwhile_takes_its_place() {
    let plan = PlanState { due: Nanos(500), random_ns: 99, seed: 7, state: Open };
    let first = plan.time().0;
    let second = PlanState { due: Nanos(1_000_000_700), seed: plan.seed_after(), ..plan };
    let set = collar_set(500, 2);
    let planned = format!("state_planned 0/0 buy {first}@0 other 3");
    let again = format!("state_planned 0/0 buy {}@0 other 3", second.time());
    assert_ne!(first - 500, second.time().0 - second.due.0);
    let (set, planned): (&[&str], &[&str]) = (&[&set], &[&planned]);
    let extended = ["ticked 0/0 buy", "call_extended 0/0 buy 1@0 other 1000000700", &again];
    let mut rows: Vec<(Do, &[&str])> = vec![
        (reference(100, 0), &["reference_set 0/0 buy 0@100"]),
        (collar(500, 2), set),
        (state(PreOpen), PRE_OPEN),
    ];
    rows.extend(beyond());
    rows.extend([
        (act(Action::from(plan)).session(0), planned),
        (tick_after(0).at(700), &extended),
        // The operator's state is extended too, and counts on.
        (
            state(Open).at(800),
            &[
                "call_extended 0/0 buy 2@0 other 1000000800",
                "state_planned 0/0 buy 1000000800@0 other 3",
            ] as &[&str],
        ),
        // Another call begins to count anew, and takes the extension's plan away.
        (state(Halted).at(900), &["state_changed 0/0 buy other 4"]),
        (
            state(PreOpen).at(901),
            &["state_changed 0/0 buy other 2", "indicative 0/0 buy 10@110 other 1"],
        ),
        (tick_after(0).at(1_000_001_000), &["ticked 0/0 buy"]),
        (
            state(Open).at(1_000_001_001),
            &[
                "call_extended 0/0 buy 1@0 other 2000001001",
                "state_planned 0/0 buy 2000001001@0 other 3",
            ],
        ),
        (
            cancel(2).at(1_000_001_002),
            &["canceled 2#15 sell 10@110 user", "indicative 0/0 buy other 1"],
        ),
        (
            state(Open).at(1_000_001_003),
            &["state_changed 0/0 buy other 3", "crossed 0/0 buy other 1"],
        ),
        (tick_after(0).at(2_000_001_001), &["ticked 0/0 buy"]),
    ]);
    check(&rows, "1:10@120 |");
}

/// Pauses the symbol for five minutes, with orders that cross beyond its collar of 1 %.
fn paused<'a>(set: &'a [&'a str]) -> Vec<(Do, &'a [&'a str])> {
    vec![
        (reference(100, 0), &["reference_set 0/0 buy 0@100"]),
        (collar(100, 1), set),
        (bands(0, 0, 500, 100), &["bands_set 0/0 buy 100@95 other 105"]),
        (
            buy(1, 5, 105),
            &["accepted 1#14 buy 5@105 open 5", "limit_state 0/0 buy 15000000014@105 other 1"],
        ),
        (
            tick_after(15),
            &[
                "ticked 0/0 buy",
                "state_changed 0/0 buy 315000000014@0 other 5 limit_state",
                "bands_set 0/0 buy 100@95 other 105",
                "limit_state 0/0 buy 0@105",
            ],
        ),
        (sell(2, 5, 105), &["accepted 2#16 sell 5@105 open 5", "indicative 0/0 buy 5@105 other 3"]),
    ]
}

/// Opening of a call that is extended no more.
const OPENED_AND_HALTED: &[&str] = &[
    "ticked 0/0 buy",
    "state_changed 0/0 buy other 3",
    "crossed 0/0 buy other 3",
    "state_changed 0/0 buy other 4 collar",
];

#[test]
fn the_call_after_a_pause_is_extended_by_a_plan() {
    let set = collar_set(100, 1);
    let set: &[&str] = &[&set];
    let mut rows = paused(set);
    rows.extend([
        (
            tick_after(300),
            &[
                "ticked 0/0 buy",
                "call_extended 0/0 buy 1@0 other 316000000017",
                "state_planned 0/0 buy 316000000017@0 other 3",
            ] as &[&str],
        ),
        (tick_after(0), &["ticked 0/0 buy"]),
        (tick_after(1), OPENED_AND_HALTED),
    ]);
    check(&rows, "1:5@105 | 2:5@105");
}

#[test]
fn an_extension_takes_the_place_of_a_plan_and_tells_its_own() {
    let set = collar_set(100, 1);
    let set: &[&str] = &[&set];
    let due = Nanos(315_500_000_000);
    let plan = PlanState { due, random_ns: 0, seed: 0, state: Halted };
    let mut rows = paused(set);
    rows.extend([
        (
            act(Action::from(plan)).session(0),
            &["state_planned 0/0 buy 315500000000@0 other 4"] as &[&str],
        ),
        (
            tick_after(300),
            &[
                "ticked 0/0 buy",
                "call_extended 0/0 buy 1@0 other 316000000018",
                "state_planned 0/0 buy 316000000018@0 other 3",
            ],
        ),
        // The plan of the operator is due.
        (tick_after(0).at(due.0), &["ticked 0/0 buy"]),
        (tick_after(1), OPENED_AND_HALTED),
    ]);
    check(&rows, "1:5@105 | 2:5@105");
}
