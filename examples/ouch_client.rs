//! An OUCH client: logs in to a running `ringside serve`, buys at its price or better.
//!
//! ```text
//! cargo run --example ouch_client
//! ```

use ringside::model::domain::{Price, Tick};
use ringside::wire::Message;
use ringside::wire::client::soup::{Connection, Received};
use ringside::wire::ouch::inbound::{AccountQuery, EnterOrder};
use ringside::wire::ouch::{Request, Response, Tags};
use ringside::wire::{padded, soupbintcp::Login};
use std::time::Instant;

/// Prices of OUCH have 4 decimals.
const TICK: Tick = Tick { mantissa: 1, scale: 4 };

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `DEMO01` is a user of a venue without a config. Number 0 asks for messages from the most
    // recent one on.
    let (user, password, session) = ("DEMO01".into(), "ringside".into(), String::new());
    let login = Login { user, password, session, number: 0, heartbeat_timeout_ms: None };
    let mut venue = Connection::open("127.0.0.1:26400".parse()?, &login)?;
    let (mut id, mut open) = (None, 100);
    while open > 0 {
        let message = match venue.wait()? {
            Received::LoggedIn(accepted) => {
                println!("logged in to session {}", accepted.session);
                // Order ids rise over all connections of a user: the venue knows the next one.
                let query = AccountQuery { message_type: AccountQuery::TYPE };
                send(&mut venue, Request::Query(&query, Tags::NONE));
                continue;
            }
            Received::Message { at, .. } | Received::Unnumbered(at) => venue.bytes(at).to_vec(),
            Received::Text(_) => continue,
        };
        match Response::parse(&message)? {
            Response::Query(answer, _) if id.is_none() => {
                id = Some(answer.next_user_ref_num);
                let symbol = padded("AAPL").ok_or("a symbol has 8 letters at most")?;
                let (id, price) = (answer.next_user_ref_num.get(), TICK.ticks("187.00")?.0 as u64);
                let order = EnterOrder::limit(id, b'B', open, symbol, price);
                // Time in force 3: immediate or cancel.
                let order = EnterOrder { time_in_force: b'3', ..order };
                send(&mut venue, Request::Enter(&order, Tags::NONE));
            }
            Response::Accepted(order, _) if Some(order.user_ref_num) == id => {
                println!("accepted   {} as order {}", order.quantity, order.order_reference_number);
            }
            Response::Executed(trade, _) if Some(trade.user_ref_num) == id => {
                let price = TICK.decimal(Price(trade.price.get() as i64));
                println!("bought     {} at {price}", trade.quantity);
                open -= trade.quantity.get();
            }
            Response::Canceled(cancel, _) if Some(cancel.user_ref_num) == id => {
                println!("cancelled  {}", cancel.quantity);
                open -= cancel.quantity.get();
            }
            Response::Rejected(reject, _) if Some(reject.user_ref_num) == id => {
                return Err(format!("rejected, reason {:#06x}", reject.reason).into());
            }
            _ => {} // The most recent message before the login is about another order.
        }
    }
    venue.log_out();
    venue.write(Instant::now());
    Ok(())
}

fn send(venue: &mut Connection, request: Request<'_>) {
    let mut bytes = [0; 64];
    let length = request.write(&mut bytes);
    venue.send(&bytes[..length]);
}
