//! The resting orders of a feed, in the simplest implementation.

use ringside_wire::itch::Itch;
use std::collections::HashMap;

/// Effect of a message on the resting orders, which are named by their reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    None,
    Add { reference: u64, order: Order },
    Reduce { reference: u64, shares: u32 },
    Remove { reference: u64 },
    Replace { reference: u64, by: u64, shares: u32, price: u32 },
}

/// A resting order of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Stock locate: number of the symbol for the day.
    pub locate: u16,
    /// True for a buy order.
    pub buy: bool,
    /// Price in 1/10000.
    pub price: u32,
    /// Number of shares left.
    pub shares: u32,
}

impl Change {
    /// Returns the effect of a message as our decoder reads it.
    pub fn of(message: Itch<'_>) -> Change {
        let locate = message.header().stock_locate.get();
        let order = |side: u8, price, shares| Order { locate, buy: side == b'B', price, shares };
        match message {
            Itch::AddOrder(add) => Change::Add {
                reference: add.order_reference.get(),
                order: order(add.side, add.price.get(), add.shares.get()),
            },
            Itch::AddOrderAttributed(add) => Change::Add {
                reference: add.order_reference.get(),
                order: order(add.side, add.price.get(), add.shares.get()),
            },
            Itch::OrderExecuted(trade) => Change::Reduce {
                reference: trade.order_reference.get(),
                shares: trade.executed_shares.get(),
            },
            Itch::OrderExecutedWithPrice(trade) => Change::Reduce {
                reference: trade.order_reference.get(),
                shares: trade.executed_shares.get(),
            },
            Itch::OrderCancel(cancel) => Change::Reduce {
                reference: cancel.order_reference.get(),
                shares: cancel.cancelled_shares.get(),
            },
            Itch::OrderDelete(delete) => Change::Remove { reference: delete.order_reference.get() },
            Itch::OrderReplace(replace) => Change::Replace {
                reference: replace.original_order_reference.get(),
                by: replace.new_order_reference.get(),
                shares: replace.shares.get(),
                price: replace.price.get(),
            },
            _ => Change::None,
        }
    }
}

/// Resting orders by their reference.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Orders {
    pub resting: HashMap<u64, Order>,
    /// Number of changes to orders that were never added: a file may begin in the middle of a day.
    pub unknown: u64,
}

impl Orders {
    /// Applies the effect of a message.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::None => {}
            Change::Add { reference, order } => {
                let before = self.resting.insert(reference, order);
                assert_eq!(before, None, "reference {reference} is used again");
            }
            Change::Reduce { reference, shares } => {
                let Some(order) = self.resting.get_mut(&reference) else {
                    self.unknown += 1;
                    return;
                };
                order.shares = order.shares.checked_sub(shares).expect("more than is left");
                if order.shares == 0 {
                    self.resting.remove(&reference);
                }
            }
            Change::Remove { reference } => {
                if self.resting.remove(&reference).is_none() {
                    self.unknown += 1;
                }
            }
            Change::Replace { reference, by, shares, price } => {
                match self.resting.remove(&reference) {
                    Some(old) => {
                        let order = Order { shares, price, ..old };
                        self.apply(Change::Add { reference: by, order });
                    }
                    None => self.unknown += 1,
                }
            }
        }
    }
}
