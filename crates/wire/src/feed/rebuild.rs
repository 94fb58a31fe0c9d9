//! A book as the messages that rebuild it: the one form in which a book is sent and compared.

use super::book::{Book, SymbolBook};
use super::orders::{Order, Side};
use crate::Message;
use crate::itch::{AddOrder, AddOrderAttributed, Header};
use zerocopy::IntoBytes;

impl Book {
    /// Passes to `each` the messages that rebuild this book: the last system event; the last
    /// directory, trading action and short sale restriction of each symbol; an add for each resting
    /// order. Symbols go by StockLocate, bids before offers, levels from the best, orders by
    /// priority. An empty book to which these are applied equals this one, except for the trades.
    pub fn messages(&self, mut each: impl FnMut(&[u8])) {
        if let Some(event) = self.system_event() {
            each(event.as_bytes());
        }
        for (_, symbol_book) in self.symbol_books() {
            let states = [
                symbol_book.directory().map(IntoBytes::as_bytes),
                symbol_book.trading_action().map(IntoBytes::as_bytes),
                symbol_book.reg_sho().map(IntoBytes::as_bytes),
            ];
            states.into_iter().flatten().for_each(&mut each);
        }
        for (locate, symbol_book) in self.symbol_books() {
            for side in [Side::Buy, Side::Sell] {
                for level in symbol_book.levels(side) {
                    for order in self.orders(locate, side, level.price) {
                        add(order, symbol_book, &mut each);
                    }
                }
            }
        }
    }

    /// Hash of [`messages`](Self::messages): equal books have equal digests. Trades are not
    /// included.
    pub fn digest(&self) -> u64 {
        let mut digest = 0xcbf2_9ce4_8422_2325;
        self.messages(|message| {
            for byte in message {
                digest = (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        });
        digest
    }
}

fn add(order: &Order, symbol_book: &SymbolBook, each: &mut impl FnMut(&[u8])) {
    let header = |message_type| Header {
        message_type,
        stock_locate: order.stock_locate.into(),
        tracking_number: 0.into(),
        timestamp: order.timestamp,
    };
    let add = AddOrder {
        header: header(AddOrder::TYPE),
        order_reference: order.reference.into(),
        side: order.side_letter,
        shares: order.shares.into(),
        stock: symbol_book.stock_field(),
        price: order.price.into(),
    };
    match order.attribution {
        None => each(add.as_bytes()),
        Some(attribution) => {
            let AddOrder { order_reference, side, shares, stock, price, .. } = add;
            let header = header(AddOrderAttributed::TYPE);
            let add = AddOrderAttributed {
                header,
                order_reference,
                side,
                shares,
                stock,
                price,
                attribution,
            };
            each(add.as_bytes());
        }
    }
}
