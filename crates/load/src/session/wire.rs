//! Requests as bytes on the wire.

use super::plan::{Kind, Request};
use ringside_wire::Message;
use ringside_wire::client::session::Session;
use ringside_wire::ouch::inbound::{AccountQuery, CancelOrder, EnterOrder, ReplaceOrder};
use ringside_wire::ouch::{self, Layout, Response, Tags};
use zerocopy::big_endian::{U32, U64};

/// Appends a request to the output of a session whose ids begin after `base`.
#[inline]
pub(super) fn send(session: &mut Session, request: &Request, symbols: &[[u8; 8]], base: u32) {
    let id = U32::new(base + request.id);
    let (quantity, price) = (request.quantity.into(), u64::from(request.price).into());
    match request.kind {
        Kind::Enter => {
            let symbol = symbols[usize::from(request.symbol)];
            let side = request.side;
            let order = EnterOrder { user_ref_num: id, side, quantity, symbol, price, ..ENTER };
            put(session, &order);
        }
        Kind::Cancel => put(session, &CancelOrder { user_ref_num: id, ..CANCEL }),
        Kind::Replace => {
            let user_ref_num = (base + request.new_id).into();
            let orig_user_ref_num = id;
            let replace =
                ReplaceOrder { orig_user_ref_num, user_ref_num, quantity, price, ..REPLACE };
            put(session, &replace);
        }
    }
}

/// Sends an account query, which asks for the next id.
pub(super) fn query(session: &mut Session) {
    put(session, &AccountQuery { message_type: AccountQuery::TYPE });
}

#[inline]
fn put<M: Layout>(session: &mut Session, message: &M) {
    let mut bytes = [0; 64];
    let length = ouch::write(message, Tags::NONE, &mut bytes);
    session.send(&bytes[..length]);
}

/// Next id, if the message is an answer to an account query.
#[inline]
pub(super) fn next_id(message: &[u8]) -> Option<u32> {
    if message.first() != Some(&b'Q') {
        return None;
    }
    match Response::parse(message) {
        Ok(Response::Query(query, _)) => Some(query.next_user_ref_num.get()),
        _ => None,
    }
}

/// Fields that all orders have in common: limit orders for the day.
const ENTER: EnterOrder = EnterOrder {
    message_type: EnterOrder::TYPE,
    user_ref_num: U32::ZERO,
    side: b'B',
    quantity: U32::ZERO,
    symbol: *b"        ",
    price: U64::ZERO,
    time_in_force: b'0',
    display: b'Y',
    capacity: b'O',
    inter_market_sweep_eligibility: b'N',
    cross_type: b'N',
    cl_ord_id: *b"              ",
};

/// Fields that all cancels have in common: they cancel all that is open.
const CANCEL: CancelOrder =
    CancelOrder { message_type: CancelOrder::TYPE, user_ref_num: U32::ZERO, quantity: U32::ZERO };

const REPLACE: ReplaceOrder = ReplaceOrder {
    message_type: ReplaceOrder::TYPE,
    orig_user_ref_num: U32::ZERO,
    user_ref_num: U32::ZERO,
    quantity: U32::ZERO,
    price: U64::ZERO,
    time_in_force: b'0',
    display: b'Y',
    inter_market_sweep_eligibility: b'N',
    cl_ord_id: *b"              ",
};
