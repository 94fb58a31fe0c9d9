//! Book of a listener, compared with a list of orders that is searched from end to end.

use super::market::{Market, Resting, SYMBOLS, TYPES, directory, stock};
use ringside_testing::run::base_seed;
use ringside_wire::feed::book::{Book, BookError, Level, Side};
use ringside_wire::itch::{
    AddOrder, Header, OrderCancel, OrderDelete, OrderExecuted, OrderReplace,
};
use ringside_wire::{Malformed, Message};
use std::collections::BTreeSet;
use zerocopy::IntoBytes;

#[test]
fn random_markets() {
    let mut types = BTreeSet::new();
    for seed in base_seed()..base_seed() + 20 {
        let mut market = Market::new(seed);
        let mut book = Book::default();
        for _ in 0..2_000 {
            let message = market.message();
            types.insert(message[0]);
            book.apply_bytes(&message).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            if market.made.is_multiple_of(50) {
                compare(&book, &market, seed);
            }
        }
    }
    assert_eq!(types, TYPES.iter().copied().collect());
}

/// Compares every query of the book with the market's list.
fn compare(book: &Book, market: &Market, seed: u64) {
    let at = (seed, market.made);
    assert_eq!(book.order_count(), market.orders.len(), "{at:?}");
    assert_eq!(book.symbol_books().count(), usize::from(SYMBOLS));
    for (locate, symbol_book) in book.symbol_books() {
        assert_eq!(symbol_book.stock(), format!("SYM{locate}"));
        let traded = symbol_book.traded();
        let expected = market.traded[usize::from(locate)];
        assert_eq!((traded.trades, traded.volume, traded.last_price), expected, "{at:?}");
        for side in [Side::Buy, Side::Sell] {
            let here: Vec<&Resting> = market
                .orders
                .iter()
                .filter(|order| (order.locate, order.side()) == (locate, side))
                .collect();
            let mut prices: Vec<u32> = here.iter().map(|order| order.price).collect();
            prices.sort_by_key(|&price| if side == Side::Buy { !price } else { price });
            prices.dedup();
            let level = |&price: &u32| {
                let waiting = here.iter().filter(|order| order.price == price);
                let shares = waiting.clone().map(|order| u64::from(order.shares)).sum();
                Level { price, shares, orders: waiting.count() as u32 }
            };
            let levels: Vec<Level> = prices.iter().map(level).collect();
            assert_eq!(symbol_book.levels(side).collect::<Vec<_>>(), levels, "{at:?}");
            assert_eq!(symbol_book.best(side), levels.first().copied());
            for price in prices {
                let queue: Vec<Resting> = book.orders(locate, side, price).map(resting).collect();
                let expected: Vec<Resting> =
                    here.iter().filter(|order| order.price == price).copied().cloned().collect();
                assert_eq!(queue, expected, "{at:?}");
            }
        }
    }
    for order in &market.orders {
        assert_eq!(book.order(order.reference).map(resting).as_ref(), Some(order));
    }
}

fn resting(order: &ringside_wire::feed::book::Order) -> Resting {
    Resting {
        reference: order.reference,
        locate: order.stock_locate,
        letter: order.side_letter,
        shares: order.shares,
        price: order.price,
        attribution: order.attribution,
        ns: order.timestamp.iter().fold(0, |ns, &byte| ns << 8 | u64::from(byte)),
    }
}

#[test]
fn a_books_messages_build_it_again() {
    let mut market = Market::new(7);
    let mut book = Book::default();
    for _ in 0..300 {
        let before = book.digest();
        let orders = market.orders.clone();
        book.apply_bytes(&market.message()).unwrap();
        let mut copy = Book::default();
        book.messages(|message| assert_eq!(copy.apply_bytes(message), Ok(None)));
        assert_eq!(copy.digest(), book.digest());
        assert_eq!(copy.order_count(), market.orders.len());
        if market.orders != orders {
            assert_ne!(book.digest(), before);
        }
    }
}

const LOCATE: u16 = 2;

fn add(order_reference: u64, shares: u32) -> AddOrder {
    AddOrder {
        header: Header::new::<AddOrder>(LOCATE, 1),
        order_reference: order_reference.into(),
        side: b'S',
        shares: shares.into(),
        stock: stock(LOCATE),
        price: 1_000_000.into(),
    }
}

fn header<M: Message>() -> Header {
    Header::new::<M>(LOCATE, 2)
}

/// A message that does not fit is rejected and changes nothing.
#[test]
fn what_does_not_fit_is_refused() {
    let execute = |order_reference: u64, shares: u32| OrderExecuted {
        header: header::<OrderExecuted>(),
        order_reference: order_reference.into(),
        executed_shares: shares.into(),
        match_number: 9.into(),
    };
    let cancel = |order_reference: u64, shares: u32| OrderCancel {
        header: header::<OrderCancel>(),
        order_reference: order_reference.into(),
        cancelled_shares: shares.into(),
    };
    let delete = |locate, order_reference: u64| OrderDelete {
        header: Header::new::<OrderDelete>(locate, 2),
        order_reference: order_reference.into(),
    };
    let replace = |original: u64, new: u64, shares: u32| OrderReplace {
        header: header::<OrderReplace>(),
        original_order_reference: original.into(),
        new_order_reference: new.into(),
        shares: shares.into(),
        price: 1.into(),
    };
    let too_many = BookError::TooManyShares { reference: 5, taken: 101, left: 100 };
    let no_side = AddOrder { side: b'?', ..add(7, 100) };
    let short = Malformed::Length { message_type: b'A', bytes: 35 };
    let cases: Vec<(Vec<u8>, BookError)> = vec![
        (execute(6, 1).as_bytes().to_vec(), BookError::UnknownOrder(6)),
        (execute(5, 101).as_bytes().to_vec(), too_many),
        (cancel(6, 1).as_bytes().to_vec(), BookError::UnknownOrder(6)),
        (cancel(5, 101).as_bytes().to_vec(), too_many),
        (delete(LOCATE, 6).as_bytes().to_vec(), BookError::UnknownOrder(6)),
        (delete(LOCATE + 1, 5).as_bytes().to_vec(), BookError::OtherSymbol(5)),
        (replace(6, 7, 1).as_bytes().to_vec(), BookError::UnknownOrder(6)),
        (replace(5, 4, 1).as_bytes().to_vec(), BookError::KnownOrder(4)),
        (replace(5, 5, 1).as_bytes().to_vec(), BookError::KnownOrder(5)),
        (replace(5, 7, 0).as_bytes().to_vec(), BookError::NoShares(7)),
        (add(5, 1).as_bytes().to_vec(), BookError::KnownOrder(5)),
        (add(7, 0).as_bytes().to_vec(), BookError::NoShares(7)),
        (no_side.as_bytes().to_vec(), BookError::Malformed(Malformed::Field(b'A'))),
        (add(7, 1).as_bytes()[..35].to_vec(), BookError::Malformed(short)),
        (vec![], BookError::Malformed(Malformed::Empty)),
        (vec![b'?'; 12], BookError::Malformed(Malformed::UnknownType(b'?'))),
    ];
    let mut book = Book::default();
    book.apply_bytes(&directory(LOCATE, 0)).unwrap();
    book.apply_bytes(add(4, 10).as_bytes()).unwrap();
    book.apply_bytes(add(5, 100).as_bytes()).unwrap();
    let (digest, traded) = (book.digest(), book.symbol_book(LOCATE).unwrap().traded());
    for (message, error) in cases {
        assert_eq!(book.apply_bytes(&message), Err(error));
        assert_eq!(book.digest(), digest, "{error}");
        assert_eq!(book.symbol_book(LOCATE).unwrap().traded(), traded);
    }
    let print = book.apply_bytes(execute(5, 100).as_bytes()).unwrap().unwrap();
    assert_eq!((print.price, print.shares, print.match_number), (1_000_000, 100, 9));
    assert_eq!((print.resting, print.printable), (Some(Side::Sell), true));
    assert_eq!(book.order(5), None);
}

#[test]
fn a_book_has_room_for_so_many_orders() {
    let mut book = Book::new(2);
    let replace = OrderReplace {
        header: header::<OrderReplace>(),
        original_order_reference: 2.into(),
        new_order_reference: 3.into(),
        shares: 100.into(),
        price: 1.into(),
    };
    for message in [add(1, 100).as_bytes(), add(2, 100).as_bytes(), replace.as_bytes()] {
        assert_eq!(book.apply_bytes(message), Ok(None));
    }
    let full = BookError::TooManyOrders { reference: 4, orders_max: 2 };
    assert_eq!(book.apply_bytes(add(4, 100).as_bytes()), Err(full));
    assert_eq!((book.order_count(), book.order(4)), (2, None));
    // An order that leaves makes room for another one.
    let delete = OrderDelete { header: header::<OrderDelete>(), order_reference: 1.into() };
    for message in [delete.as_bytes(), add(4, 100).as_bytes()] {
        assert_eq!(book.apply_bytes(message), Ok(None));
    }
    assert_eq!(book.order_count(), 2);
}
