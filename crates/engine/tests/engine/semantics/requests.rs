use super::*;
use ringside_model::command::{AccountQuery, SetOrderEntry};

#[test]
fn order_entry_and_the_next_id_are_told_and_change_no_book() {
    let set =
        |enabled| act(Action::SetOrderEntry(SetOrderEntry { id: OrderId(8), enabled })).symbol(0);
    let query = act(Action::AccountQuery(AccountQuery { next: OrderId(9) })).symbol(0);
    let refused = Reason::NotPermitted;
    check(
        &[
            (buy(1, 1, 100), &["accepted 1#11 buy 1@100 open 1"]),
            (set(false), &["order_entry_set 8 of 0 buy"]),
            (set(true), &["order_entry_set 8 of 0 buy other 1"]),
            (set(false).verdict(refused), &["rejected 8 of 0 buy not_permitted"]),
            (query, &["account_queried of 0 buy other 9"]),
            (query.verdict(refused), &["rejected of 0 buy not_permitted"]),
        ],
        "1:1@100 |",
    );
}

#[test]
fn risk_limits_are_told_and_change_no_book() {
    let limits = RiskLimits { quantity_max: 1, killed: true, ..RiskLimits::default() };
    let set = |scope, firm| act(Action::from(SetRisk { scope, firm: FirmId(firm), limits }));
    let refused = set(RiskScope::Symbol, 0).session(0).symbol(0).verdict(Reason::UnknownSymbol);
    check(
        &[
            (buy(1, 9, 100), &["accepted 1#11 buy 9@100 open 9"]),
            (set(RiskScope::Session, 0).symbol(0), &["risk_set of 0 buy"]),
            (set(RiskScope::Firm, 7).session(0).symbol(0), &["risk_set 0/0 of 0 buy other 7"]),
            (set(RiskScope::Symbol, 0).session(0), &["risk_set 0/0 buy"]),
            (refused, &["rejected 0/0 of 0 buy unknown_symbol"]),
            (buy(2, 9, 99), &["accepted 2#16 buy 9@99 open 9"]),
            (cancel(1), &["canceled 1#11 buy 9@100 user"]),
        ],
        "2:9@99 |",
    );
}

#[test]
fn an_order_beyond_a_risk_limit_is_refused_and_one_that_it_would_replace_stays() {
    let limits = [
        (Reason::RiskQuantity, "risk_quantity"),
        (Reason::RiskNotional, "risk_notional"),
        (Reason::RiskGross, "risk_gross"),
        (Reason::RiskRate, "risk_rate"),
        (Reason::Killed, "killed"),
    ];
    for (verdict, name) in limits {
        let (enter, replace) = (format!("rejected 2 buy {name}"), format!("rejected 3 buy {name}"));
        check(
            &[
                (buy(1, 9, 100), &["accepted 1#11 buy 9@100 open 9"]),
                (buy(2, 9, 99).verdict(verdict), &[&enter]),
                (super::replace(1, 3, 9, 99).verdict(verdict), &[&replace]),
            ],
            "1:9@100 |",
        );
    }
    check(
        &[(buy(2, 9, 99).verdict(Reason::RiskOpenOrders), &["rejected 2 buy risk_open_orders"])],
        "|",
    );
}

#[test]
fn a_kill_switch_cancels_for_risk() {
    let kill = MassCancel { session: Some(SessionId(1)), ..MassCancel::default() };
    let kill = mass_cancel(kill).session(0).symbol(0).verdict(Reason::Risk);
    check(
        &[
            (buy(1, 9, 100), &["accepted 1#11 buy 9@100 open 9"]),
            (buy(1, 9, 100).session(2), &["accepted 2/1#12 buy 9@100 open 9"]),
            (kill, &["mass_canceled 0/0 of 0 buy 1@0", "canceled 1#11 buy 9@100 risk"]),
        ],
        "1:9@100 |",
    );
}

#[test]
fn a_corrected_trade_is_told_to_both_sides_and_leaves_orders_alone() {
    let side =
        |session, id| TradeSide { id: OrderId(id), session: SessionId(session), text: [b' '; 14] };
    let sides = [side(2, 5), side(3, 6)];
    let trade = BreakTrade::new(MatchNumber(77), sides);
    let correction = CorrectTrade { trade, price: Price(101), quantity: Quantity(3) };
    let corrected = act(Action::from(correction)).session(0);
    check(
        &[
            (buy(1, 1, 100), &["accepted 1#11 buy 1@100 open 1"]),
            (corrected, &["corrected 2/5 buy 3@101 other 77", "corrected 3/6 buy 3@101 other 77"]),
            (corrected.verdict(Reason::UnknownOrder), &["rejected 0/0 buy unknown_order"]),
        ],
        "1:1@100 |",
    );
}

#[test]
fn a_trade_that_is_taken_back_is_told_to_both_sides_and_leaves_orders_alone() {
    let side =
        |session, id| TradeSide { id: OrderId(id), session: SessionId(session), text: [b' '; 14] };
    let sides = [side(2, 5), side(3, 6)];
    let trade = BreakTrade::new(MatchNumber(77), sides);
    let broken = act(Action::from(trade)).session(0);
    check(
        &[
            (buy(1, 1, 100), &["accepted 1#11 buy 1@100 open 1"]),
            (broken, &["broken 2/5 buy other 77", "broken 3/6 buy other 77"]),
            (broken.verdict(Reason::UnknownOrder), &["rejected 0/0 buy unknown_order"]),
        ],
        "1:1@100 |",
    );
}
