//! Reference data of a symbol: prior close and last price, tick, lot and collars, the cap on waves
//! of stops, the end of a short sale restriction.

use super::SymbolState::PreOpen;
use super::*;
use ringside_model::command::{ChangeSymbol, SetReference, SetStopWaves, TradingDay};
use ringside_model::report::{AuctionLimits, SymbolChanged};

fn reference(prior_close: i64, last: i64) -> Do {
    let (prior_close, last) = (Price(prior_close), Price(last));
    act(Action::from(SetReference { prior_close, last })).session(0)
}

fn change(asked: ChangeSymbol) -> Do {
    act(Action::from(asked)).session(0)
}

fn new_tick(mantissa: u64, scale: u8) -> Do {
    change(ChangeSymbol { tick: Some(Tick { mantissa, scale }), ..Default::default() })
}

fn waves(waves_max: u32) -> Do {
    act(Action::from(SetStopWaves { waves_max })).session(0)
}

fn day(event: DayEvent) -> Do {
    act(Action::from(TradingDay { event })).session(0).symbol(0)
}

/// Returns the line of a change: tick in hundredths, lot, both collars, extensions and their time.
fn changed(tick: u64, lot: u64, collars: [u32; 2], extensions: u32, extension: u64) -> String {
    let told = SymbolChanged {
        tick_mantissa: tick,
        tick_scale: 2,
        lot: Quantity(lot),
        collar_bps: collars[0],
        auction: AuctionLimits { collar_bps: collars[1], extensions },
        extension: Nanos(extension),
    };
    text::report(&told.about(SymbolId(1)))
}

#[test]
fn a_last_price_that_is_set_reaches_no_stop_that_waits() {
    check(
        &[
            (
                stop_order(buy(1, 5, 0).market(), 105),
                &["accepted 1#11 buy 5@105 open 5 hidden stop"],
            ),
            (reference(0, 110), &["reference_set 0/0 buy other 110"]),
            (sell(2, 3, 107), &["accepted 2#13 sell 3@107 open 3"]),
            // A stop that enters compares with the last price; the older one still waits.
            (
                stop_order(buy(3, 1, 0).market(), 108),
                &[
                    "accepted 3#14 buy 1@108 open 1 hidden stop",
                    "triggered 3#14.1 buy 1@0 open 1 was #14",
                    "executed 2#13 sell 1@107 open 2 with #14.1 trade 1",
                    "executed 3#14.1 buy 1@107 with #13 trade 1 removed",
                    "triggered 1#14.2 buy 5@0 open 5 was #11",
                    "executed 2#13 sell 2@107 with #14.2 trade 2",
                    "executed 1#14.2 buy 2@107 open 3 with #13 trade 2 removed",
                    "canceled 1#14.2 buy 3@0 no_liquidity",
                ],
            ),
        ],
        "|",
    );
}

#[test]
fn collar_and_auction_use_a_reference_from_then_on() {
    check(
        &[
            (reference(0, 0), &["rejected 0/0 buy invalid_definition"]),
            (reference(-1, 5), &["rejected 0/0 buy invalid_definition"]),
            (state(PreOpen), &["state_changed 0/0 buy other 2"]),
            (buy(1, 1, 110), &["accepted 1#14 buy 1@110 open 1"]),
            (
                sell(2, 1, 100),
                &["accepted 2#15 sell 1@100 open 1", "indicative 0/0 buy 1@105 other 1"],
            ),
            (
                reference(101, 0),
                &["reference_set 0/0 buy 0@101", "indicative 0/0 buy 1@101 other 1"],
            ),
            (
                reference(0, 109),
                &["reference_set 0/0 buy 0@101 other 109", "indicative 0/0 buy 1@109 other 1"],
            ),
        ],
        "1:1@110 | 2:1@100",
    );
}

#[test]
fn a_prior_close_begins_and_ends_no_restriction_but_later_falls_are_compared_with_it() {
    check(
        &[
            (reference(100, 0), &["reference_set 0/0 buy 0@100"]),
            (short_sale(false, true), &["short_sale_set 0/0 buy other 2"]),
            (buy(1, 2, 91), &["accepted 1#13 buy 2@91 open 2"]),
            (
                sell(2, 1, 91),
                &[
                    "accepted 2#14 sell 1@91 open 1",
                    "executed 1#13 buy 1@91 open 1 with #14 trade 1",
                    "executed 2#14 sell 1@91 with #13 trade 1 removed",
                ],
            ),
            (reference(102, 0), &["reference_set 0/0 buy 0@102 other 91"]),
            (
                sell(3, 1, 91),
                &[
                    "accepted 3#16 sell 1@91 open 1",
                    "executed 1#13 buy 1@91 with #16 trade 1",
                    "executed 3#16 sell 1@91 with #13 trade 1 removed",
                    "short_sale_set 0/0 buy other 3",
                ],
            ),
            (reference(50, 0), &["reference_set 0/0 buy 0@50 other 91"]),
        ],
        "|",
    );
}

#[test]
fn an_automatic_restriction_ends_with_the_next_trading_day_and_one_of_the_operator_does_not() {
    let fall: &[(Do, &[&str])] = &[
        (reference(100, 0), &["reference_set 0/0 buy 0@100"]),
        (short_sale(false, true), &["short_sale_set 0/0 buy other 2"]),
        (buy(1, 1, 90), &["accepted 1#13 buy 1@90 open 1"]),
        (
            sell(2, 1, 90),
            &[
                "accepted 2#14 sell 1@90 open 1",
                "executed 1#13 buy 1@90 with #14 trade 1",
                "executed 2#14 sell 1@90 with #13 trade 1 removed",
                "short_sale_set 0/0 buy other 3",
            ],
        ),
        (day(DayEvent::End), &["trading_day 0/0 of 0 buy other 2"]),
        // No day has begun that could end.
        (day(DayEvent::End), &["trading_day 0/0 of 0 buy other 2"]),
        (day(DayEvent::Start), &["trading_day 0/0 of 0 buy other 1"]),
    ];
    let ends: &[(Do, &[&str])] = &[(
        day(DayEvent::End),
        &["trading_day 0/0 of 0 buy other 2", "short_sale_set 0/0 buy other 2"],
    )];
    check(&[fall, ends].concat(), "|");
    let stays: &[(Do, &[&str])] = &[
        (short_sale(true, true), &["short_sale_set 0/0 buy other 3"]),
        (day(DayEvent::End), &["trading_day 0/0 of 0 buy other 2"]),
    ];
    check(&[fall, stays].concat(), "|");
}

#[test]
fn settings_change_only_while_the_symbol_has_no_order_of_any_kind() {
    let in_use: &[&str] = &["rejected 0/0 buy in_use"];
    let waits = stop_order(buy(1, 1, 0).market(), 105);
    let changed = changed(5, 1, [0, 0], 0, 0);
    check(
        &[
            (waits, &["accepted 1#11 buy 1@105 open 1 hidden stop"]),
            (new_tick(5, 2), in_use),
            (cancel(1), &["canceled 1#11 buy 1@105 hidden user"]),
            (
                buy(2, 1, 0).tif(TimeInForce::AtClose).market(),
                &["accepted 2#14 buy 1@0 open 1 hidden"],
            ),
            (new_tick(5, 2), in_use),
            (cancel(2), &["canceled 2#14 buy 1@0 hidden user"]),
            (new_tick(0, 2), &["rejected 0/0 buy invalid_definition"]),
            (new_tick(5, 13), &["rejected 0/0 buy invalid_definition"]),
            (
                new_tick(5, 2).verdict(Reason::InvalidDefinition),
                &["rejected 0/0 buy invalid_definition"],
            ),
            (new_tick(5, 2).symbol(9), &["rejected 0/0 of 9 buy unknown_symbol"]),
            (new_tick(5, 2), &[&changed]),
        ],
        "|",
    );
}

#[test]
fn a_new_tick_takes_the_nearest_prices_and_a_new_lot_holds_at_once() {
    // Ticks of 0.01, then of 0.05: 12 is 2.4 ticks, 13 are 2.6, and 1 stays a tick.
    let lots =
        ChangeSymbol { lot: Some(Quantity(10)), collar_bps: Some(1_000), ..Default::default() };
    let (ticks, lot) = (changed(5, 1, [0, 0], 0, 0), changed(5, 10, [1_000, 0], 0, 0));
    check(
        &[
            (reference(12, 13), &["reference_set 0/0 buy 0@12 other 13"]),
            (bands(1, 998, 500, 13), &["bands_set 0/0 buy 13@12 other 14"]),
            (quote(12, 13), &["quoted 0/0 buy 0@12 other 13"]),
            (new_tick(5, 2), &[&ticks]),
            (change(lots), &[&lot]),
            (buy(1, 5, 3), &["rejected 1 buy off_lot"]),
            (reference(0, 3), &["reference_set 0/0 buy 0@2 other 3"]),
            (reference(0, 300), &["reference_set 0/0 buy 0@2 other 300"]),
            (bands(1, 200, 0, 0), &["bands_set 0/0 buy 0@1 other 200"]),
            (sell(2, 20, 150), &["accepted 2#20 sell 20@150 open 20"]),
        ],
        "| 2:20@150",
    );
}

#[test]
fn an_auction_collar_with_extensions_needs_a_time() {
    let asked = |auction_collar_bps, extension, extensions| {
        change(ChangeSymbol {
            auction_collar_bps: Some(auction_collar_bps),
            extension: Some(Nanos(extension)),
            extensions: Some(extensions),
            ..Default::default()
        })
    };
    let refused: &[&str] = &["rejected 0/0 buy invalid_definition"];
    let none = changed(1, 1, [0, 10_000], 0, 0);
    let two = changed(1, 1, [0, 500], 2, 1_000);
    let off = changed(1, 1, [0, 0], 2, 0);
    check(
        &[
            (asked(10_001, 1_000, 0), refused),
            (asked(500, 0, 1), refused),
            (asked(10_000, 0, 0), &[&none]),
            (asked(500, 1_000, 2), &[&two]),
            (asked(0, 0, 2), &[&off]),
        ],
        "|",
    );
}

#[test]
fn the_cap_on_waves_is_a_setting_of_the_symbol() {
    let reached = |wave: u64| {
        let (price, id) = (100 + wave as i64, 2 * wave);
        [sell(id, 1, price), stop_order(buy(id + 1, 1, price), price - 1)]
    };
    let mut rows: Vec<(Do, &[&str])> = vec![
        (waves(0), &["rejected 0/0 buy invalid_definition"]),
        (waves(1), &["stop_waves_set 0/0 buy other 1"]),
    ];
    let accepted = [
        ["accepted 2#13 sell 1@101 open 1", "accepted 3#14 buy 1@100 open 1 other 101 hidden stop"],
        ["accepted 4#15 sell 1@102 open 1", "accepted 5#16 buy 1@101 open 1 other 102 hidden stop"],
    ];
    let told: Vec<[&str; 1]> = accepted.iter().flatten().map(|line| [*line]).collect();
    let entered = (1..=2).flat_map(reached);
    rows.extend(entered.zip(&told).map(|(command, told)| (command, &told[..])));
    rows.push((sell(10, 1, 100), &["accepted 10#17 sell 1@100 open 1"]));
    rows.push((
        buy(11, 1, 100),
        &[
            "accepted 11#18 buy 1@100 open 1",
            "executed 10#17 sell 1@100 with #18 trade 1",
            "executed 11#18 buy 1@100 with #17 trade 1 removed",
            "triggered 3#18.1 buy 1@101 open 1 was #14",
            "executed 2#13 sell 1@101 with #18.1 trade 2",
            "executed 3#18.1 buy 1@101 with #13 trade 2 removed",
            "triggered 5#16 buy 1@101 open 1 was #16 hidden",
            "state_changed 0/0 buy other 4 stop_cascade",
        ],
    ));
    rows.push((waves(2), &["stop_waves_set 0/0 buy other 2"]));
    check(&rows, "| 4:1@102");
}
