//! Variations of random streams: orders of kinds that are rare in the streams.

use ringside_model::command::{Action, Sequenced};
use ringside_model::domain::{OrderType, PostOnly, SymbolState, TimeInForce};
use ringside_testing::oracle::commands::Random;

/// Turns some plain orders into fill-or-kill, market-to-limit and auction orders, and lets some
/// minimums outlive the day.
pub fn vary(command: &mut Sequenced, state: SymbolState, random: &mut Random) {
    use SymbolState::{ClosingCall, Open, PreOpen, ReopeningCall};
    use TimeInForce::{AtClose, AtOpen, Auction, Fok};
    match &mut command.command.action {
        Action::Enter(order)
            if order.post_only == PostOnly::Off && order.order_type != OrderType::MarketToLimit =>
        {
            if state == Open && random.in_1000(250) {
                order.order_type = OrderType::MarketToLimit;
                order.price.0 = 0;
                return;
            }
            let rare = match state {
                Open if random.in_1000(150) => *random.pick(&[Fok, Fok, AtClose]),
                PreOpen | ReopeningCall if random.in_1000(400) => {
                    *random.pick(&[AtOpen, AtOpen, Auction])
                }
                ClosingCall if random.in_1000(250) => *random.pick(&[AtClose, Auction]),
                _ => return,
            };
            order.tif = rare;
        }
        Action::EnterSpecial(special)
            if special.terms.min_quantity.0 > 0 && random.in_1000(500) =>
        {
            special.terms.expire.0 = 0;
        }
        _ => {}
    }
}
