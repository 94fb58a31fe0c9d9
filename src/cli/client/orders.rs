//! Orders of the session, computed from the answers of the venue, and those answers in words.

use super::input::WIRE_TICK;
use ringside_model::domain::Price;
use ringside_model::reason::{Ouch, Reason};
use ringside_wire::ouch::outbound::{OrderAccepted, OrderExecuted, OrderReplaced, Rejected};
use ringside_wire::ouch::{Response, Tags, tag};
use ringside_wire::unpadded;
use std::collections::BTreeMap;
use std::fmt::Write;

/// An order of the session.
#[derive(Clone, Debug)]
struct Order {
    side: u8,
    symbol: String,
    price: u64,
    open: u32,
    executed: u32,
    state: &'static str,
}

/// All orders that the venue has reported to the session.
#[derive(Default)]
pub(super) struct OrderTable {
    orders: BTreeMap<u32, Order>,
    /// The last broken trade (order id, match number). If the same trade is reported again, it was
    /// corrected.
    taken_back: Option<(u32, u64)>,
}

impl OrderTable {
    /// Applies a message of the venue; returns it in words.
    pub(super) fn take(&mut self, response: &Response) -> String {
        match response {
            Response::Accepted(accepted, _) => self.accepted(accepted),
            Response::Replaced(replaced, _) => self.replaced(replaced),
            Response::Executed(executed, _) => self.executed(executed),
            Response::Canceled(canceled, _) => {
                let (id, shares) = (canceled.user_ref_num.get(), canceled.quantity.get());
                let open = self.reduce(id, shares, "canceled");
                let why = cancel_reason(canceled.reason);
                format!("#{id} canceled: {shares}; {open} open. {why}")
            }
            Response::AiqCanceled(canceled, _) => {
                let (id, shares) = (canceled.user_ref_num.get(), canceled.decrement_shares.get());
                let open = self.reduce(id, shares, "canceled");
                let why = cancel_reason(canceled.reason);
                let price = price(canceled.execution_price.get());
                format!(
                    "#{id} canceled: {shares}, kept from trading at {price}; {open} open. {why}"
                )
            }
            Response::Rejected(rejected, tags) => refusal(rejected, *tags),
            Response::Modified(modified, _) => {
                let (id, shares) = (modified.user_ref_num.get(), modified.quantity.get());
                if let Some(order) = self.orders.get_mut(&id) {
                    (order.side, order.open) = (modified.side, shares);
                }
                format!("#{id} modified: {} {shares}", side(modified.side))
            }
            Response::PriorityUpdate(update, _) => {
                let (id, wire) = (update.user_ref_num.get(), update.price.get());
                if let Some(order) = self.orders.get_mut(&id) {
                    order.price = wire;
                }
                let number = update.order_reference_number.get();
                format!("#{id} has a new place: at {}, order {number}", price(wire))
            }
            Response::Restated(restated, _) => {
                format!(
                    "#{} restated: {}",
                    restated.user_ref_num.get(),
                    char::from(restated.reason)
                )
            }
            Response::BrokenTrade(broken, _) => {
                let (id, number) = (broken.user_ref_num.get(), broken.match_number.get());
                self.taken_back = Some((id, number));
                format!("#{id} trade {number} is taken back")
            }
            Response::CancelPending(pending, _) => {
                format!("#{} its cancel is pending", pending.user_ref_num.get())
            }
            Response::CancelReject(rejected, _) => {
                format!("#{} cannot be canceled now", rejected.user_ref_num.get())
            }
            Response::MassCancel(..) => "all orders are canceled".into(),
            Response::Disable(..) => "order entry is disabled".into(),
            Response::Enable(..) => "order entry is enabled".into(),
            Response::Query(query, _) => {
                format!("the next order is #{}", query.next_user_ref_num.get())
            }
            Response::System(event, _) => match event.event_code {
                b'S' => "the day begins".into(),
                b'E' => "the day has ended".into(),
                other => format!("system event {:?}", char::from(other)),
            },
        }
    }

    /// Returns the side of an order, as on the wire.
    pub(super) fn side_of(&self, id: u32) -> Option<u8> {
        self.orders.get(&id).map(|order| order.side)
    }

    /// Formats all orders as a table.
    pub(super) fn table(&self) -> String {
        if self.orders.is_empty() {
            return "no orders".into();
        }
        let mut text = format!(
            "{:>6}  {:<12} {:<8} {:>12} {:>8} {:>8}  state",
            "#", "side", "symbol", "price", "open", "executed"
        );
        for (id, order) in &self.orders {
            let Order { symbol, open, executed, state, .. } = order;
            let (side, price) = (side(order.side), price(order.price));
            let _ = write!(
                text,
                "\n{id:>6}  {side:<12} {symbol:<8} {price:>12} {open:>8} {executed:>8}  {state}"
            );
        }
        text
    }

    fn accepted(&mut self, m: &OrderAccepted) -> String {
        let (id, shares) = (m.user_ref_num.get(), m.quantity.get());
        let order = Order {
            side: m.side,
            symbol: unpadded(&m.symbol).unwrap_or("?").to_string(),
            price: m.price.get(),
            open: if m.order_state == b'D' { 0 } else { shares },
            executed: 0,
            state: if m.order_state == b'D' { "dead" } else { "live" },
        };
        let (side, price, number) = (side(m.side), price(m.price.get()), m.order_reference_number);
        let dead = if m.order_state == b'D' { ", dead at once" } else { "" };
        let symbol = &order.symbol;
        let text =
            format!("#{id} accepted: {side} {shares} {symbol} at {price}, order {number}{dead}");
        self.orders.insert(id, order);
        text
    }

    fn replaced(&mut self, m: &OrderReplaced) -> String {
        let (old, id, shares) = (m.orig_user_ref_num.get(), m.user_ref_num.get(), m.quantity.get());
        if let Some(order) = self.orders.get_mut(&old) {
            (order.open, order.state) = (0, "replaced");
        }
        let order = Order {
            side: m.side,
            symbol: unpadded(&m.symbol).unwrap_or("?").to_string(),
            price: m.price.get(),
            open: shares,
            executed: 0,
            state: if m.order_state == b'D' { "dead" } else { "live" },
        };
        let (side, price, number) = (side(m.side), price(m.price.get()), m.order_reference_number);
        let symbol = &order.symbol;
        let text =
            format!("#{id} replaces #{old}: {side} {shares} {symbol} at {price}, order {number}");
        self.orders.insert(id, order);
        text
    }

    fn executed(&mut self, m: &OrderExecuted) -> String {
        let (id, shares, number) = (m.user_ref_num.get(), m.quantity.get(), m.match_number.get());
        let price = price(m.price.get());
        if self.taken_back.take() == Some((id, number)) {
            return format!("#{id} trade {number} is corrected: {shares} at {price}");
        }
        let open = self.reduce(id, shares, "executed");
        if let Some(order) = self.orders.get_mut(&id) {
            order.executed += shares;
        }
        let how = match m.liquidity_flag {
            b'A' => "resting",
            b'J' => "resting unseen",
            b'R' => "taking",
            _ => "in an auction",
        };
        format!("#{id} executed: {shares} at {price}, {how}, trade {number}; {open} open")
    }

    /// Takes shares from an order; returns the open rest. An order without a rest gets the `state`.
    fn reduce(&mut self, id: u32, shares: u32, state: &'static str) -> u32 {
        let Some(order) = self.orders.get_mut(&id) else { return 0 };
        order.open = order.open.saturating_sub(shares);
        if order.open == 0 {
            order.state = state;
        }
        order.open
    }
}

/// Returns the word for a side on the wire.
pub(super) fn side(letter: u8) -> &'static str {
    match letter {
        b'B' => "buy",
        b'S' => "sell",
        b'T' => "short",
        b'E' => "short-exempt",
        _ => "?",
    }
}

/// Formats a price in 1/10000 as a decimal with as many digits as needed, at least two.
pub(super) fn price(wire: u64) -> String {
    let text = WIRE_TICK.decimal(Price(wire as i64));
    let cut = text.trim_end_matches('0').len().max(text.len() - 2);
    text[..cut].to_string()
}

/// Returns the text of a cancel reason, or the names of all reasons that share the letter.
fn cancel_reason(letter: u8) -> String {
    let code = Some(Ouch::Cancel(char::from(letter)));
    let found: Vec<Reason> =
        Reason::ALL.iter().copied().filter(|reason| reason.ouch() == code).collect();
    match found[..] {
        [] => "For another reason.".into(),
        [reason] => reason.text().into(),
        _ => {
            let names: Vec<&str> = found.iter().map(|reason| reason.name()).collect();
            format!("One of: {}.", names.join(", "))
        }
    }
}

/// Returns a reject in words.
fn refusal(m: &Rejected, tags: Tags<'_>) -> String {
    let (id, code) = (m.user_ref_num.get(), m.reason.get());
    let place = tags.iter().find(|(tag, _)| *tag == tag::PARTITION);
    match place.and_then(|(_, value)| <[u8; 6]>::try_from(value).ok()) {
        Some([a, b, c, d, e, f]) => {
            let (partition, version) =
                (u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f]));
            format!(
                "#{id} rejected: partition {partition} has the symbol, by version {version} of \
                 the table (0x{code:04X})"
            )
        }
        None => format!("#{id} rejected: {} (0x{code:04X})", reject_reason(code)),
    }
}

fn reject_reason(code: u16) -> &'static str {
    let found = Reason::ALL.iter().find(|reason| reason.ouch() == Some(Ouch::Reject(code)));
    found.map_or("another reason", |reason| reason.text().trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_have_two_digits_or_more() {
        let written = [1_870_500, 1_870_000, 1, 12_345_678, 1_870_510].map(price);
        assert_eq!(written, ["187.05", "187.00", "0.0001", "1234.5678", "187.051"]);
    }
}
