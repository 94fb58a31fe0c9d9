//! Order book that any listener can build from the messages of the feed alone: every resting order
//! at its place.

pub use super::orders::{Level, Order, Side};

use super::orders::{Ladder, OrderHandle, OrderPool};
use crate::itch::{
    AddOrder, AddOrderAttributed, Header, Itch, OrderReplace, RegShoRestriction, StockDirectory,
    StockTradingAction, SystemEvent,
};
use crate::{Malformed, unpadded};

/// Number of resting orders for which a book has room by default. They take some 2 GiB.
pub const ORDERS_MAX: u32 = 1 << 24;

/// Books of all symbols.
pub struct Book {
    /// Indexed by StockLocate, which is dense.
    symbol_books: Vec<SymbolBook>,
    orders: OrderPool,
    orders_max: u32,
    system_event: Option<SystemEvent>,
}

/// State of a symbol: name, last status messages, levels of both sides, trades.
#[derive(Default)]
pub struct SymbolBook {
    stock: [u8; 8],
    directory: Option<StockDirectory>,
    trading_action: Option<StockTradingAction>,
    reg_sho: Option<RegShoRestriction>,
    bids: Ladder,
    offers: Ladder,
    traded: Traded,
}

/// Trades of a symbol since the listener began. A Broken Trade message subtracts nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traded {
    /// Number of trades.
    pub trades: u64,
    /// Number of shares traded.
    pub volume: u64,
    /// Price of the last trade, in 1/10000; 0 before the first.
    pub last_price: u32,
}

/// Trade that a message reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Print {
    /// StockLocate of the symbol.
    pub stock_locate: u16,
    /// Price in 1/10000.
    pub price: u32,
    /// Number of shares.
    pub shares: u64,
    /// Number of the trade.
    pub match_number: u64,
    /// Side of the resting order; `None` for trades of hidden orders and for crosses.
    pub resting: Option<Side>,
    /// True if the trade counts in [`Traded`]; if not, its shares are in the print of a cross.
    pub printable: bool,
}

/// Error of a message that does not fit the book. The book stays unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// The message cannot be parsed.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The message names an order that is not in the book.
    #[error("order {0} is not in the book")]
    UnknownOrder(u64),
    /// The message adds an order that is already in the book.
    #[error("order {0} is in the book already")]
    KnownOrder(u64),
    /// The message adds an order to a book that has no room for another one.
    #[error("order {reference} has no room beside {orders_max} others")]
    TooManyOrders {
        /// Reference number of the order.
        reference: u64,
        /// Number of orders for which the book has room.
        orders_max: u32,
    },
    /// The message adds an order without shares.
    #[error("order {0} has no shares")]
    NoShares(u64),
    /// The message takes more shares from an order than the order has.
    #[error("{taken} shares are taken from order {reference}, which has {left}")]
    TooManyShares {
        /// Reference number of the order.
        reference: u64,
        /// Number of shares that the message takes.
        taken: u32,
        /// Number of shares that the order has.
        left: u32,
    },
    /// The message names an order of another symbol.
    #[error("order {0} belongs to another symbol")]
    OtherSymbol(u64),
}

impl Default for Book {
    fn default() -> Self {
        Book::new(ORDERS_MAX)
    }
}

impl Book {
    /// Creates an empty book with room for `orders_max` resting orders.
    pub fn new(orders_max: u32) -> Self {
        let (symbol_books, orders, system_event) = (vec![], OrderPool::default(), None);
        Book { symbol_books, orders, orders_max, system_event }
    }

    /// Parses a message and applies it.
    pub fn apply_bytes(&mut self, message: &[u8]) -> Result<Option<Print>, BookError> {
        self.apply(&Itch::parse(message)?)
    }

    /// Applies a message. Returns the trade if the message reports one. Messages that change
    /// neither a book nor the state of a symbol are ignored.
    pub fn apply(&mut self, message: &Itch) -> Result<Option<Print>, BookError> {
        match message {
            Itch::SystemEvent(event) => self.system_event = Some(**event),
            Itch::StockDirectory(m) => {
                self.symbol_book_mut(&m.header, m.stock).directory = Some(**m);
            }
            Itch::StockTradingAction(m) => {
                self.symbol_book_mut(&m.header, m.stock).trading_action = Some(**m);
            }
            Itch::RegShoRestriction(m) => {
                self.symbol_book_mut(&m.header, m.stock).reg_sho = Some(**m);
            }
            Itch::AddOrder(m) => self.add(m, None)?,
            Itch::AddOrderAttributed(m) => {
                let (add, attribution) = without_attribution(m);
                self.add(&add, Some(attribution))?;
            }
            Itch::OrderCancel(m) => {
                self.reduce(&m.header, m.order_reference.get(), m.cancelled_shares.get())?;
            }
            Itch::OrderDelete(m) => {
                let (handle, order) = self.find(&m.header, m.order_reference.get())?;
                self.take(handle, &order, order.shares);
            }
            Itch::OrderReplace(m) => self.replace(m)?,
            _ => return self.trade(message),
        }
        Ok(None)
    }

    fn trade(&mut self, message: &Itch) -> Result<Option<Print>, BookError> {
        let stock_locate = message.header().stock_locate.get();
        let (shares, price, match_number, resting, printable) = match message {
            Itch::OrderExecuted(m) => {
                let shares = m.executed_shares.get();
                let order = self.reduce(&m.header, m.order_reference.get(), shares)?;
                (shares.into(), order.price, m.match_number, Some(order.side), true)
            }
            Itch::OrderExecutedWithPrice(m) => {
                let shares = m.executed_shares.get();
                let order = self.reduce(&m.header, m.order_reference.get(), shares)?;
                let price = m.execution_price.get();
                (shares.into(), price, m.match_number, Some(order.side), m.printable != b'N')
            }
            Itch::Trade(m) => (m.shares.get().into(), m.price.get(), m.match_number, None, true),
            // A cross is published even if nothing traded in it.
            Itch::CrossTrade(m) if m.shares.get() == 0 => return Ok(None),
            Itch::CrossTrade(m) => {
                (m.shares.get(), m.cross_price.get(), m.match_number, None, true)
            }
            _ => return Ok(None),
        };
        if printable && let Some(symbol_book) = self.symbol_books.get_mut(usize::from(stock_locate))
        {
            let traded = &mut symbol_book.traded;
            traded.trades = traded.trades.saturating_add(1);
            traded.volume = traded.volume.saturating_add(shares);
            traded.last_price = price;
        }
        let match_number = match_number.get();
        Ok(Some(Print { stock_locate, price, shares, match_number, resting, printable }))
    }

    fn add(&mut self, add: &AddOrder, attribution: Option<[u8; 4]>) -> Result<(), BookError> {
        let order = Order {
            reference: add.order_reference.get(),
            stock_locate: add.header.stock_locate.get(),
            side: Side::from_letter(add.side).ok_or(Malformed::Field(add.header.message_type))?,
            side_letter: add.side,
            shares: add.shares.get(),
            price: add.price.get(),
            timestamp: add.header.timestamp,
            attribution,
        };
        self.check_new(&order)?;
        if self.orders.len() >= self.orders_max as usize {
            let (reference, orders_max) = (order.reference, self.orders_max);
            return Err(BookError::TooManyOrders { reference, orders_max });
        }
        self.symbol_book_mut(&add.header, add.stock);
        self.push(order);
        Ok(())
    }

    fn replace(&mut self, replace: &OrderReplace) -> Result<(), BookError> {
        let original = replace.original_order_reference.get();
        let (handle, old) = self.find(&replace.header, original)?;
        let order = Order {
            reference: replace.new_order_reference.get(),
            shares: replace.shares.get(),
            price: replace.price.get(),
            timestamp: replace.header.timestamp,
            ..old
        };
        self.check_new(&order)?;
        self.take(handle, &old, old.shares);
        self.push(order);
        Ok(())
    }

    fn check_new(&self, order: &Order) -> Result<(), BookError> {
        match self.orders.find(order.reference) {
            Some(_) => Err(BookError::KnownOrder(order.reference)),
            None if order.shares == 0 => Err(BookError::NoShares(order.reference)),
            None => Ok(()),
        }
    }

    fn reduce(&mut self, header: &Header, reference: u64, taken: u32) -> Result<Order, BookError> {
        let (handle, order) = self.find(header, reference)?;
        let left = order.shares;
        if taken > left {
            return Err(BookError::TooManyShares { reference, taken, left });
        }
        self.take(handle, &order, taken);
        Ok(order)
    }

    fn find(&self, header: &Header, reference: u64) -> Result<(OrderHandle, Order), BookError> {
        let found = self.orders.find(reference).ok_or(BookError::UnknownOrder(reference))?;
        let (handle, &order) = found;
        if order.stock_locate != header.stock_locate.get() {
            return Err(BookError::OtherSymbol(reference));
        }
        Ok((handle, order))
    }

    fn take(&mut self, handle: OrderHandle, order: &Order, shares: u32) {
        if let Some(symbol_book) = self.symbol_books.get_mut(usize::from(order.stock_locate)) {
            symbol_book.ladder_mut(order.side).reduce(&mut self.orders, handle, shares);
        }
    }

    fn push(&mut self, order: Order) {
        if let Some(symbol_book) = self.symbol_books.get_mut(usize::from(order.stock_locate)) {
            symbol_book.ladder_mut(order.side).push(&mut self.orders, order);
        }
    }

    #[expect(clippy::indexing_slicing, reason = "the books have just been extended to `locate`")]
    fn symbol_book_mut(&mut self, header: &Header, stock: [u8; 8]) -> &mut SymbolBook {
        let locate = usize::from(header.stock_locate.get());
        if locate >= self.symbol_books.len() {
            self.symbol_books.resize_with(locate.saturating_add(1), SymbolBook::default);
        }
        let symbol_book = &mut self.symbol_books[locate];
        if !symbol_book.is_known() {
            symbol_book.stock = stock;
        }
        symbol_book
    }
}

impl Book {
    /// Symbols that messages have named, with their StockLocate.
    pub fn symbol_books(&self) -> impl Iterator<Item = (u16, &SymbolBook)> {
        (0..=u16::MAX).zip(&self.symbol_books).filter(|(_, symbol_book)| symbol_book.is_known())
    }

    /// Symbol with this StockLocate.
    pub fn symbol_book(&self, stock_locate: u16) -> Option<&SymbolBook> {
        self.symbol_books
            .get(usize::from(stock_locate))
            .filter(|symbol_book| symbol_book.is_known())
    }

    /// Resting order with this reference number.
    pub fn order(&self, reference: u64) -> Option<&Order> {
        self.orders.find(reference).map(|(_, order)| order)
    }

    /// Number of resting orders.
    pub fn order_count(&self) -> usize {
        self.orders.len()
    }

    /// Orders of a price level, by priority.
    pub fn orders(
        &self,
        stock_locate: u16,
        side: Side,
        price: u32,
    ) -> impl Iterator<Item = &Order> {
        let ladder = self.symbol_book(stock_locate).map(|symbol_book| symbol_book.ladder(side));
        ladder.into_iter().flat_map(move |ladder| ladder.orders(side, price, &self.orders))
    }

    /// Last system event of the feed.
    pub(crate) fn system_event(&self) -> Option<&SystemEvent> {
        self.system_event.as_ref()
    }
}

impl SymbolBook {
    /// Name of the symbol; empty if not printable.
    pub fn stock(&self) -> &str {
        unpadded(&self.stock).unwrap_or_default()
    }

    /// Name of the symbol as in messages, padded with spaces.
    pub(super) fn stock_field(&self) -> [u8; 8] {
        self.stock
    }

    /// Last Stock Directory message of the symbol.
    pub fn directory(&self) -> Option<&StockDirectory> {
        self.directory.as_ref()
    }

    /// Last Stock Trading Action message of the symbol.
    pub fn trading_action(&self) -> Option<&StockTradingAction> {
        self.trading_action.as_ref()
    }

    /// Last Reg SHO Restriction message of the symbol.
    pub fn reg_sho(&self) -> Option<&RegShoRestriction> {
        self.reg_sho.as_ref()
    }

    /// Best level of a side.
    pub fn best(&self, side: Side) -> Option<Level> {
        self.levels(side).next()
    }

    /// Levels of a side, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> {
        self.ladder(side).levels(side)
    }

    /// Trades of the symbol so far.
    pub fn traded(&self) -> Traded {
        self.traded
    }

    fn ladder(&self, side: Side) -> &Ladder {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.offers,
        }
    }

    fn ladder_mut(&mut self, side: Side) -> &mut Ladder {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.offers,
        }
    }

    fn is_known(&self) -> bool {
        self.stock != [0; 8]
    }
}

/// Splits an attributed order into an order without attribution and the attribution.
fn without_attribution(m: &AddOrderAttributed) -> (AddOrder, [u8; 4]) {
    let &AddOrderAttributed { header, order_reference, side, shares, stock, price, attribution } =
        m;
    (AddOrder { header, order_reference, side, shares, stock, price }, attribution)
}
