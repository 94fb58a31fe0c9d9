use super::*;

#[test]
fn order_entry_and_the_next_id_are_told_and_change_no_book() {
    let set = |enabled| act(Action::SetOrderEntry { id: OrderId(8), enabled }).symbol(0);
    let query = act(Action::AccountQuery { next: OrderId(9) }).symbol(0);
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
fn a_trade_that_is_taken_back_is_told_to_both_sides_and_leaves_orders_alone() {
    let side = |session, id| TradeSide {
        id: OrderId(id),
        session: SessionId(session),
        text: [b' '; 14],
        zero: [0; 6],
    };
    let sides = [side(2, 5), side(3, 6)];
    let trade = BreakTrade { match_number: MatchNumber(77), sides };
    let broken = act(Action::BreakTrade(trade)).session(0);
    check(
        &[
            (buy(1, 1, 100), &["accepted 1#11 buy 1@100 open 1"]),
            (broken, &["broken 2/5 buy other 77", "broken 3/6 buy other 77"]),
            (broken.verdict(Reason::UnknownOrder), &["rejected 0/0 buy unknown_order"]),
        ],
        "1:1@100 |",
    );
}
