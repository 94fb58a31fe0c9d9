//! Market that makes random messages, and keeps in the simplest way the state that a listener must
//! derive from them.

use ringside_load::rng::Rng;
use ringside_wire::feed::book::Side;
use ringside_wire::itch::{
    AddOrder, AddOrderAttributed, BrokenTrade, CrossTrade, Header, OrderCancel, OrderDelete,
    OrderExecuted, OrderExecutedWithPrice, OrderReplace, RegShoRestriction, StockDirectory,
    StockTradingAction, SystemEvent, Trade,
};
use ringside_wire::{Message, padded};
use zerocopy::IntoBytes;

pub const SYMBOLS: u16 = 3;

/// Order of the market. The sequence of the orders in the list is their priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resting {
    pub reference: u64,
    pub locate: u16,
    pub letter: u8,
    pub shares: u32,
    pub price: u32,
    pub attribution: Option<[u8; 4]>,
    pub ns: u64,
}

impl Resting {
    pub fn side(&self) -> Side {
        if self.letter == b'B' { Side::Buy } else { Side::Sell }
    }
}

pub struct Market {
    pub rng: Rng,
    pub orders: Vec<Resting>,
    /// Trades, volume and last price by StockLocate.
    pub traded: [(u64, u64, u32); SYMBOLS as usize + 1],
    /// Number of messages that were made.
    pub made: u64,
    reference: u64,
    ns: u64,
}

pub fn stock(locate: u16) -> [u8; 8] {
    padded(&format!("SYM{locate}")).unwrap()
}

pub fn event(ns: u64, event_code: u8) -> Vec<u8> {
    let header = Header::new::<SystemEvent>(0, ns);
    SystemEvent { header, event_code }.as_bytes().to_vec()
}

pub fn directory(locate: u16, ns: u64) -> Vec<u8> {
    let directory = StockDirectory {
        header: Header::new::<StockDirectory>(locate, ns),
        stock: stock(locate),
        market_category: b'Q',
        financial_status: b'N',
        round_lot_size: 100.into(),
        round_lots_only: b'N',
        issue_classification: b'C',
        issue_sub_type: *b"Z ",
        authenticity: b'T',
        short_sale_threshold: b'N',
        ipo_flag: b'N',
        luld_tier: b'1',
        etp_flag: b'N',
        etp_leverage_factor: 0.into(),
        inverse_indicator: b'N',
    };
    directory.as_bytes().to_vec()
}

impl Market {
    pub fn new(seed: u64) -> Self {
        let (orders, traded) = (vec![], Default::default());
        Market { rng: Rng::new(seed), orders, traded, made: 0, reference: 0, ns: 0 }
    }

    /// Returns the next message: first the day's definitions, then any message.
    pub fn message(&mut self) -> Vec<u8> {
        self.made += 1;
        self.ns += 1 + self.rng.below(1000);
        let (at, ns) = (self.made - 1, self.ns);
        match at {
            0 => return event(ns, b'O'),
            at if at <= u64::from(SYMBOLS) => return directory(at as u16, ns),
            _ => {}
        }
        if self.orders.is_empty() {
            return self.add();
        }
        match self.rng.below(100) {
            0 => event(ns, b'Q'),
            1 => self.trading_action(),
            2 => self.reg_sho(),
            3 => self.hidden_trade(),
            4 => self.cross(),
            5 => BrokenTrade {
                header: Header::new::<BrokenTrade>(self.locate(), ns),
                match_number: 1.into(),
            }
            .as_bytes()
            .to_vec(),
            6..40 => self.add(),
            40..60 => self.execute(),
            60..75 => self.cancel(),
            75..88 => self.delete(),
            _ => self.replace(),
        }
    }

    fn locate(&mut self) -> u16 {
        1 + self.rng.below(SYMBOLS.into()) as u16
    }

    fn price(&mut self) -> u32 {
        1_000_000 + 100 * self.rng.below(8) as u32
    }

    fn chosen(&mut self) -> usize {
        self.rng.below(self.orders.len() as u64) as usize
    }

    fn add(&mut self) -> Vec<u8> {
        self.reference += 1 + self.rng.below(5);
        let order = Resting {
            reference: self.reference,
            locate: self.locate(),
            letter: b"BBSTE"[self.rng.below(5) as usize],
            shares: 1 + self.rng.below(500) as u32,
            price: self.price(),
            attribution: self.rng.chance(1, 4).then_some(*b"RSDE"),
            ns: self.ns,
        };
        self.orders.push(order.clone());
        let (locate, ns) = (order.locate, self.ns);
        let (order_reference, side) = (order.reference.into(), order.letter);
        let (shares, price, stock) = (order.shares.into(), order.price.into(), stock(locate));
        match order.attribution {
            None => {
                let header = Header::new::<AddOrder>(locate, ns);
                let add = AddOrder { header, order_reference, side, shares, stock, price };
                add.as_bytes().to_vec()
            }
            Some(attribution) => {
                let header = Header::new::<AddOrderAttributed>(locate, ns);
                let add = AddOrderAttributed {
                    header,
                    order_reference,
                    side,
                    shares,
                    stock,
                    price,
                    attribution,
                };
                add.as_bytes().to_vec()
            }
        }
    }

    /// Takes some or all shares of an order.
    fn take(&mut self, at: usize) -> (Resting, u32) {
        let order = self.orders[at].clone();
        let all = self.rng.chance(1, 3);
        let taken = if all { order.shares } else { 1 + self.rng.below(order.shares.into()) as u32 };
        self.orders[at].shares -= taken;
        if self.orders[at].shares == 0 {
            self.orders.remove(at);
        }
        (order, taken)
    }

    fn count(&mut self, locate: u16, shares: u64, price: u32) {
        let (trades, volume, last) = &mut self.traded[usize::from(locate)];
        (*trades, *volume, *last) = (*trades + 1, *volume + shares, price);
    }

    fn execute(&mut self) -> Vec<u8> {
        let at = self.chosen();
        let (order, taken) = self.take(at);
        let (locate, ns, match_number) = (order.locate, self.ns, self.made.into());
        let (order_reference, executed_shares) = (order.reference.into(), taken.into());
        if self.rng.chance(3, 4) {
            self.count(locate, taken.into(), order.price);
            let header = Header::new::<OrderExecuted>(locate, ns);
            let executed = OrderExecuted { header, order_reference, executed_shares, match_number };
            return executed.as_bytes().to_vec();
        }
        let (printable, price) = (b"YN"[self.rng.below(2) as usize], self.price());
        if printable == b'Y' {
            self.count(locate, taken.into(), price);
        }
        let executed = OrderExecutedWithPrice {
            header: Header::new::<OrderExecutedWithPrice>(locate, ns),
            order_reference,
            executed_shares,
            match_number,
            printable,
            execution_price: price.into(),
        };
        executed.as_bytes().to_vec()
    }

    fn cancel(&mut self) -> Vec<u8> {
        let at = self.chosen();
        let (order, taken) = self.take(at);
        let header = Header::new::<OrderCancel>(order.locate, self.ns);
        let order_reference = order.reference.into();
        OrderCancel { header, order_reference, cancelled_shares: taken.into() }.as_bytes().to_vec()
    }

    fn delete(&mut self) -> Vec<u8> {
        let at = self.chosen();
        let order = self.orders.remove(at);
        let header = Header::new::<OrderDelete>(order.locate, self.ns);
        OrderDelete { header, order_reference: order.reference.into() }.as_bytes().to_vec()
    }

    fn replace(&mut self) -> Vec<u8> {
        let at = self.chosen();
        let old = self.orders.remove(at);
        self.reference += 1 + self.rng.below(5);
        let new = Resting {
            reference: self.reference,
            shares: 1 + self.rng.below(500) as u32,
            price: self.price(),
            ns: self.ns,
            ..old.clone()
        };
        self.orders.push(new.clone());
        let replace = OrderReplace {
            header: Header::new::<OrderReplace>(old.locate, self.ns),
            original_order_reference: old.reference.into(),
            new_order_reference: new.reference.into(),
            shares: new.shares.into(),
            price: new.price.into(),
        };
        replace.as_bytes().to_vec()
    }

    fn trading_action(&mut self) -> Vec<u8> {
        let locate = self.locate();
        let action = StockTradingAction {
            header: Header::new::<StockTradingAction>(locate, self.ns),
            stock: stock(locate),
            trading_state: b"HPQT"[self.rng.below(4) as usize],
            reserved: b' ',
            reason: *b"    ",
        };
        action.as_bytes().to_vec()
    }

    fn reg_sho(&mut self) -> Vec<u8> {
        let locate = self.locate();
        let restriction = RegShoRestriction {
            header: Header::new::<RegShoRestriction>(locate, self.ns),
            stock: stock(locate),
            reg_sho_action: b"012"[self.rng.below(3) as usize],
        };
        restriction.as_bytes().to_vec()
    }

    fn hidden_trade(&mut self) -> Vec<u8> {
        let (locate, shares, price) = (self.locate(), 1 + self.rng.below(99), self.price());
        self.count(locate, shares, price);
        let trade = Trade {
            header: Header::new::<Trade>(locate, self.ns),
            order_reference: 0.into(),
            side: b'B',
            shares: (shares as u32).into(),
            stock: stock(locate),
            price: price.into(),
            match_number: self.made.into(),
        };
        trade.as_bytes().to_vec()
    }

    fn cross(&mut self) -> Vec<u8> {
        let (locate, shares, price) = (self.locate(), self.rng.below(3), self.price());
        if shares > 0 {
            self.count(locate, shares, price);
        }
        let cross = CrossTrade {
            header: Header::new::<CrossTrade>(locate, self.ns),
            shares: shares.into(),
            stock: stock(locate),
            cross_price: price.into(),
            match_number: self.made.into(),
            cross_type: b'O',
        };
        cross.as_bytes().to_vec()
    }
}

/// Type letters of all messages that a market makes.
pub const TYPES: &[u8] = &[
    AddOrder::TYPE,
    AddOrderAttributed::TYPE,
    BrokenTrade::TYPE,
    CrossTrade::TYPE,
    OrderCancel::TYPE,
    OrderDelete::TYPE,
    OrderExecuted::TYPE,
    OrderExecutedWithPrice::TYPE,
    OrderReplace::TYPE,
    RegShoRestriction::TYPE,
    StockDirectory::TYPE,
    StockTradingAction::TYPE,
    SystemEvent::TYPE,
    Trade::TYPE,
];
