//! Example: two sessions trade one symbol, then the program prints the book.
//!
//! ```text
//! cargo run -p ringside-engine --example order_book
//! ```

use ringside_engine::{
    Enter, OrderBooks, OrderId, Quantity, Reason, Report, ReportKind, SessionId, Side, SymbolId,
    Tick,
};
use std::error::Error;

/// A session is a client. The program chooses its number and the ids of its orders freely.
const ALICE: SessionId = SessionId(1);
const BOB: SessionId = SessionId(2);

fn main() -> Result<(), Box<dyn Error>> {
    // Prices are whole ticks inside, so that no price is ever rounded. The tick size converts
    // decimals to ticks: `cent.ticks("187.05")` is 18705 ticks, `cent.ticks("187.055")` is an
    // error.
    let cent = Tick::parse("0.01").ok_or("0.01 is no tick size")?;
    let mut books = OrderBooks::new();
    let aapl = books.define("AAPL", cent)?;

    // Alice makes a market: three offers and two bids that rest in the book.
    let orders = [
        (Side::Sell, 100, "187.05"),
        (Side::Sell, 200, "187.07"),
        (Side::Sell, 50, "187.07"),
        (Side::Buy, 150, "186.98"),
        (Side::Buy, 300, "186.95"),
    ];
    for (id, (side, quantity, price)) in (1..).zip(orders) {
        let order = Enter::limit(OrderId(id), side, Quantity(quantity), cent.ticks(price)?);
        print(books.enter(ALICE, aapl, order), cent);
    }

    // Bob buys through the best offer. Each trade has the price of the resting order, and a report
    // for each side. The rest of Bob's order rests.
    let order = Enter::limit(OrderId(1), Side::Buy, Quantity(120), cent.ticks("187.06")?);
    print(books.enter(BOB, aapl, order), cent);

    // Bob's ids are his own, so this is not Alice's order 2. A reject is a report like any other.
    print(books.cancel(BOB, aapl, OrderId(2)), cent);
    print(books.cancel(ALICE, aapl, OrderId(5)), cent);

    println!();
    print_book(&books, aapl, cent);
    Ok(())
}

fn print(reports: &[Report], tick: Tick) {
    for report in reports {
        let name = if report.session == ALICE { "Alice" } else { "Bob" };
        print!("{:<8}  {name:<5} {}", report.kind.name(), report.id);
        if report.kind != ReportKind::Rejected {
            let (side, price) = (report.side.name(), tick.decimal(report.price));
            print!("  {side:<4} {:>3} @ {price}, {:>3} open", report.quantity, report.open);
        }
        if report.reason != Reason::None {
            print!("  {}", report.reason);
        }
        println!();
    }
}

/// Prints the best five levels of both sides, side by side.
fn print_book(books: &OrderBooks, symbol: SymbolId, tick: Tick) {
    let [bids, offers] = [Side::Buy, Side::Sell].map(|side| books.depth(symbol, side, 5));
    println!(
        "{:>6} {:>8} {:>8} | {:<8} {:>8} {:>6}",
        "orders", "bid qty", "bid", "offer", "qty", "orders"
    );
    for row in 0..bids.len().max(offers.len()) {
        let bid = bids.get(row).map_or(format!("{:24}", ""), |level| {
            format!("{:>6} {:>8} {:>8}", level.orders, level.quantity, tick.decimal(level.price))
        });
        let offer = offers.get(row).map_or(String::new(), |level| {
            format!("{:<8} {:>8} {:>6}", tick.decimal(level.price), level.quantity, level.orders)
        });
        println!("{}", format!("{bid} | {offer}").trim_end());
    }
}
