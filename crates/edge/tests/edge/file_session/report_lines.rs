//! Lines of reports.

use super::*;
use ringside_core::json_reports::JsonReports;
use ringside_model::report::{self, *};

/// Creates a writer that knows AAPL, sessions A and `"B\`, and firm F.
fn report_lines() -> JsonReports {
    let mut lines = JsonReports::new();
    let definitions = [
        AAPL,
        r#"{"op":"session","session":"A","firm":"F"}"#,
        r#"{"op":"session","session":"\"B\\"}"#,
        ORDER_1,
    ];
    commands(&definitions).iter().for_each(|command| lines.definition(command));
    lines
}

pub(super) fn written(seqno: u64, index: u32, report: Report) -> String {
    let (seqno, time, durability) = (SeqNo(seqno), Nanos(5), Durability::Fsync);
    let published = Published { seqno, index, time, durability, report };
    let mut out = Vec::new();
    report_lines().write(&published, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
#[rustfmt::skip] // One report on each line, however long.
fn every_report_has_its_line() {
    let base = Subject {
        session: SessionId(1),
        symbol: SymbolId(1),
        id: OrderId(1),
        order: OrderNumber(7),
        price: Price(18705),
        quantity: Quantity(100),
        open: Quantity(100),
        ..Subject::NONE
    };
    let accepted = Accepted { stop: None };
    let market = accepted.about(Subject { price: Price(0), side: Side::ShortExempt, ..base });
    let traded = Subject { quantity: Quantity(40), open: Quantity(60), ..base };
    let executed = |removed, auction| {
        Executed { trade: 1, contra: OrderNumber(9), removed, auction }.about(traded)
    };
    let (added, mut removed) = (executed(false, None), executed(true, None));
    removed.set_last();
    let canceled = Canceled::PLAIN.about(Subject { reason: Reason::User, ..traded });
    let replaced = |stop| {
        let (old_id, capacity) = (OrderId(1), Capacity::Other);
        let body = Replaced { old_id, place: 0, stop, attributed: false, capacity };
        body.about(Subject { id: OrderId(2), price: Price(5), ..base })
    };
    let replaced_stop = [0, 6].map(|limit| replaced(Some(Price(limit))));
    let replaced = replaced(None);
    let reject = |subject, reason| Rejected { moved: None }.about(Subject { reason, ..subject });
    let rejected = reject(base, Reason::UnknownOrder);
    let elsewhere = Subject { session: SessionId(2), symbol: SymbolId(0), ..base };
    let nameless = reject(elsewhere, Reason::UnknownSymbol);
    let refused = reject(Subject::NONE, Reason::InvalidDefinition);
    let restated = Restated {}.about(Subject { side: Side::Sell, ..base });
    let defined = |firm, subject| Defined { firm: FirmId(firm) }.about(subject);
    let symbol = defined(0, Subject::from(SymbolId(1)));
    let asks = Subject { session: SessionId(1), ..Subject::NONE };
    let session = defined(1, asks);
    let firm = defined(1, Subject::NONE);
    let mode = DurabilitySet { durability: Durability::Fsync }.about(Subject::NONE);
    let modified = Modified { displayed: None }.about(Subject { side: Side::Short, ..traded });
    let mass = |id| MassCanceled { count: 3 }.about(Subject { id: OrderId(id), ..base });
    let disabled = OrderEntrySet { enabled: false }.about(asks);
    let enabled = OrderEntrySet { enabled: true }.about(Subject { id: OrderId(8), ..asks });
    let queried = AccountQueried { next_id: OrderId(8) }.about(asks);
    let event = |event| report::TradingDay { event, count: 3 }.about(Subject::NONE);
    let changed = |state, reason, reopens_at| {
        let reopens_at = Nanos(reopens_at);
        StateChanged { state, reopens_at }.about(Subject { reason, ..SymbolId(1).into() })
    };
    let crossed = Crossed { auction: Auction::Reopening }.about(SymbolId(1));
    let indicative = Indicative { auction: Some(Auction::Reopening) }.about(Subject {
        side: Side::Sell,
        price: Price(9),
        quantity: Quantity(5),
        open: Quantity(6),
        ..Subject::from(SymbolId(1))
    });
    let crossing = executed(true, Some(Auction::Closing));
    let broken = Broken { match_number: MatchNumber(77) }.about(base);
    let hash = StateHash { low: 0, high: 0 }.about(Subject::NONE);
    for (report, expected) in [
        (accepted.about(base), r#""report":"accepted","session":"A","id":1,"order":7,"symbol":"AAPL","side":"buy","qty":100,"price":"187.05","open":100,"durability":"fsync"}"#),
        (market, r#""report":"accepted","session":"A","id":1,"order":7,"symbol":"AAPL","side":"short_exempt","qty":100,"open":100,"durability":"fsync"}"#),
        (added, r#""report":"executed","session":"A","id":1,"order":7,"contra":"9","match":9437185,"symbol":"AAPL","side":"buy","qty":40,"price":"187.05","open":60,"liquidity":"added","durability":"fsync"}"#),
        (removed, r#""report":"executed","session":"A","id":1,"order":7,"contra":"9","match":9437185,"symbol":"AAPL","side":"buy","qty":40,"price":"187.05","open":60,"liquidity":"removed","durability":"fsync"}"#),
        (canceled, r#""report":"canceled","session":"A","id":1,"order":7,"qty":40,"open":60,"reason":"user","durability":"fsync"}"#),
        (replaced, r#""report":"replaced","session":"A","id":2,"old_id":1,"order":9,"symbol":"AAPL","side":"buy","qty":100,"price":"0.05","open":100,"durability":"fsync"}"#),
        (replaced_stop[0], r#""report":"replaced","session":"A","id":2,"old_id":1,"order":9,"symbol":"AAPL","side":"buy","qty":100,"stop_price":"0.05","open":100,"durability":"fsync"}"#),
        (replaced_stop[1], r#""report":"replaced","session":"A","id":2,"old_id":1,"order":9,"symbol":"AAPL","side":"buy","qty":100,"stop_price":"0.05","price":"0.06","open":100,"durability":"fsync"}"#),
        (rejected, r#""report":"rejected","session":"A","id":1,"symbol":"AAPL","reason":"unknown_order","code":33,"durability":"fsync"}"#),
        (nameless, r#""report":"rejected","session":"\"B\\","id":1,"reason":"unknown_symbol","code":32,"durability":"fsync"}"#),
        (refused, r#""report":"rejected","id":0,"reason":"invalid_definition","code":44,"durability":"fsync"}"#),
        (restated, r#""report":"restated","session":"A","id":1,"order":7,"symbol":"AAPL","side":"sell","price":"187.05","open":100,"durability":"fsync"}"#),
        (mass(0), r#""report":"mass_canceled","session":"A","count":3,"durability":"fsync"}"#),
        (mass(8), r#""report":"mass_canceled","session":"A","id":8,"count":3,"durability":"fsync"}"#),
        (modified, r#""report":"modified","session":"A","id":1,"order":7,"symbol":"AAPL","side":"short","qty":40,"open":60,"durability":"fsync"}"#),
        (disabled, r#""report":"order_entry_set","session":"A","enabled":false,"durability":"fsync"}"#),
        (enabled, r#""report":"order_entry_set","session":"A","id":8,"enabled":true,"durability":"fsync"}"#),
        (queried, r#""report":"account_queried","session":"A","next_id":8,"durability":"fsync"}"#),
        (event(DayEvent::Start), r#""report":"trading_day","event":"start_of_day","count":3,"durability":"fsync"}"#),
        (event(DayEvent::End), r#""report":"trading_day","event":"end_of_day","count":3,"durability":"fsync"}"#),
        (changed(SymbolState::CancelOnly, Reason::None, 0), r#""report":"state_changed","symbol":"AAPL","state":"cancel_only","durability":"fsync"}"#),
        (changed(SymbolState::ReopeningCall, Reason::LimitState, 9), r#""report":"state_changed","symbol":"AAPL","state":"reopening_call","reason":"limit_state","reopens_at":9,"durability":"fsync"}"#),
        (crossed, r#""report":"crossed","symbol":"AAPL","auction":"reopening","qty":0,"durability":"fsync"}"#),
        (indicative, r#""report":"indicative","symbol":"AAPL","auction":"reopening","qty":5,"price":"0.09","imbalance_side":"sell","imbalance":6,"durability":"fsync"}"#),
        (crossing, r#""report":"executed","session":"A","id":1,"order":7,"contra":"9","match":9437185,"symbol":"AAPL","side":"buy","qty":40,"price":"187.05","open":60,"liquidity":"closing","durability":"fsync"}"#),
        (broken, r#""report":"broken","session":"A","id":1,"match":77,"symbol":"AAPL","durability":"fsync"}"#),
        (symbol, r#""report":"defined","what":"symbol","name":"AAPL","durability":"fsync"}"#),
        (session, r#""report":"defined","what":"session","name":"A","durability":"fsync"}"#),
        (firm, r#""report":"defined","what":"firm","name":"F","durability":"fsync"}"#),
        (mode, r#""report":"durability_set","durability":"fsync"}"#),
    ] {
        let expected = format!("{{\"seq\":9,\"ix\":2,\"ts\":5,{expected}\n");
        let line = written(9, 2, report);
        assert_eq!(line, expected);
        serde_json::from_str::<serde_json::Value>(&line).unwrap();
    }
    assert_eq!(written(9, 2, hash), "", "a state hash is not for the world");
}

#[test]
fn the_largest_numbers_are_written_exactly() {
    let report = Accepted { stop: None }.about(Subject {
        session: SessionId(1),
        symbol: SymbolId(1),
        id: OrderId(u64::MAX),
        order: OrderNumber(u64::MAX),
        price: Price(i64::MAX),
        quantity: Quantity(u64::MAX),
        open: Quantity(0),
        ..Subject::NONE
    });
    let expected = "{\"seq\":0,\"ix\":4294967295,\"ts\":5,\"report\":\"accepted\",\"session\":\"A\",\
        \"id\":18446744073709551615,\"order\":18446744073709551615,\"symbol\":\"AAPL\",\
        \"side\":\"buy\",\"qty\":18446744073709551615,\"price\":\"92233720368547758.07\",\
        \"open\":0,\"durability\":\"fsync\"}\n";
    assert_eq!(written(0, u32::MAX, report), expected);
}
