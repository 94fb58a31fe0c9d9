//! The feed listener of a load: measures when each order appears on the feed, and compares the book
//! built from the feed with the book of the venue.

use crate::cli::CliError;
use crate::cli::market_data::{FeedArgs, MarketData};
use hdrhistogram::Histogram;
use ringside_load::session::meter::{Arrival, RunClock, histogram};
use ringside_wire::feed::book::{Book, Side};
use ringside_wire::feed::receiver::Received;
use ringside_wire::itch::Itch;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Records the arrival times of orders on the feed, and builds the book.
pub(super) struct FeedListener {
    data: MarketData,
    heard: Heard,
}

/// Results of a listener.
#[derive(Default)]
pub(super) struct Heard {
    /// Orders that were added to the book, with arrival times; bounded by the reserved room.
    arrivals: Vec<Arrival>,
    book: Book,
    /// Number of messages that no server had any more.
    pub lost: u64,
    /// Statistics of the receiver.
    pub received: Received,
    /// Number of orders in the venue's book at the end, each found in the listener's book; `None`
    /// if the book could not be fetched.
    pub compared: Option<usize>,
    /// Errors of the feed: messages that do not fit the book, or a book that differs from the
    /// venue's.
    pub wrong: Vec<String>,
}

impl FeedListener {
    /// Joins the feed; reserves room for this number of orders.
    pub(super) fn join(
        args: &FeedArgs,
        user: &str,
        password: &str,
        orders: usize,
    ) -> Result<FeedListener, CliError> {
        let mut heard = Heard::default();
        let data = MarketData::join(args, user, password, |message| heard.apply(message))?;
        heard.arrivals.reserve_exact(orders);
        Ok(FeedListener { data, heard })
    }

    /// Listens until `stop` is set and nothing has arrived for a while.
    pub(super) fn listen(
        mut self,
        clock: RunClock,
        stop: &AtomicBool,
        spin: bool,
    ) -> Result<Heard, CliError> {
        const QUIET: Duration = Duration::from_millis(200);
        let mut last = Instant::now();
        while !stop.load(Ordering::Acquire) || last.elapsed() < QUIET {
            let heard = &mut self.heard;
            if self.data.step(|message| heard.take(message, clock))? {
                last = Instant::now();
            } else if !spin {
                self.data.wait()?;
            }
        }
        self.compare_books(clock)?;
        let FeedListener { mut data, mut heard } = self;
        heard.wrong.extend(data.mismatch());
        (heard.lost, heard.received) = (data.lost, data.received());
        if heard.lost > 0 {
            heard.wrong.push(format!("{} messages of the feed are lost", heard.lost));
        }
        Ok(heard)
    }

    /// Compares the book with the venue's book at the same message of the feed.
    fn compare_books(&mut self, clock: RunClock) -> Result<(), CliError> {
        const PATIENCE: Duration = Duration::from_secs(10);
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let mut theirs = Book::default();
            let mut unfit = None;
            let next = self.data.take_book(|message| {
                unfit = unfit.take().or(theirs.apply_bytes(message).err());
            })?;
            if next.is_none() {
                return Ok(());
            }
            if let Some(unfit) = unfit {
                self.heard.wrong.push(format!("the venue's book: {unfit}"));
                return Ok(());
            }
            // Takes the messages still on their way, but none that the venue's book does not
            // contain yet.
            let heard = &mut self.heard;
            while self.data.next_number() < next && began.elapsed() < PATIENCE {
                if !self.data.step(|message| heard.take(message, clock))? {
                    self.data.wait()?;
                }
            }
            if self.data.next_number() == next {
                heard.compared = Some(theirs.order_count());
                heard.wrong.extend(difference(&heard.book, &theirs));
                return Ok(());
            }
        }
        // Another client trades so fast that the two books never reach the same message.
        Ok(())
    }
}

impl Heard {
    #[inline]
    fn take(&mut self, message: &[u8], clock: RunClock) {
        let reference = match Itch::parse(message) {
            Ok(Itch::AddOrder(add)) => Some(add.order_reference.get()),
            Ok(Itch::AddOrderAttributed(add)) => Some(add.order_reference.get()),
            Ok(Itch::OrderReplace(replace)) => Some(replace.new_order_reference.get()),
            _ => None,
        };
        if let Some(reference) = reference
            && self.arrivals.len() < self.arrivals.capacity()
        {
            self.arrivals.push((reference, clock.now().1));
        }
        self.apply(message);
    }

    fn apply(&mut self, message: &[u8]) {
        const SHOWN: usize = 10;
        if let Err(error) = self.book.apply_bytes(message)
            && self.wrong.len() < SHOWN
        {
            self.wrong.push(format!("market data: {error}"));
        }
    }

    /// Returns the latencies from the intended times of orders, by the venue's order number, to
    /// their arrival here.
    pub(super) fn latencies(&mut self, orders: &[Arrival]) -> Histogram<u64> {
        self.arrivals.sort_unstable();
        let mut latencies = histogram();
        let mut arrivals = self.arrivals.iter().peekable();
        for (reference, intended_ns) in orders {
            while arrivals.next_if(|(heard, _)| heard < reference).is_some() {}
            if let Some((_, at_ns)) = arrivals.next_if(|(heard, _)| heard == reference) {
                latencies.saturating_record(at_ns.saturating_sub(*intended_ns));
            }
        }
        latencies
    }
}

/// Returns the first difference between the listener's book and the venue's, order by order in
/// priority.
fn difference(ours: &Book, theirs: &Book) -> Option<String> {
    for (locate, symbol_book) in theirs.symbol_books() {
        for side in [Side::Buy, Side::Sell] {
            for level in symbol_book.levels(side) {
                let theirs = theirs.orders(locate, side, level.price);
                if !ours.orders(locate, side, level.price).eq(theirs) {
                    let (stock, price) = (symbol_book.stock(), f64::from(level.price) / 10_000.0);
                    return Some(format!(
                        "the book of the feed is not the venue's: {stock} {side:?} {price:.2}"
                    ));
                }
            }
        }
    }
    let (ours, theirs) = (ours.order_count(), theirs.order_count());
    (ours != theirs)
        .then(|| format!("the feed leaves {ours} orders in the book, the venue has {theirs}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_meet_their_market_data() {
        let arrivals = vec![(3, 500), (5, 700), (9, 950), (7, 990)];
        let mut heard = Heard { arrivals, ..Heard::default() };
        let latencies = heard.latencies(&[(1, 100), (5, 200), (6, 300), (7, 400), (9, 900)]);
        let seen: Vec<u64> =
            latencies.iter_recorded().map(|step| step.value_iterated_to()).collect();
        assert_eq!(seen, [50, 500, 590]);
    }

    #[test]
    fn a_book_without_an_order_or_with_one_too_many_differs() {
        let book = |references: &[u64]| {
            let mut book = Book::default();
            for reference in references {
                let mut add = b"A\0\x01\0\0\0\0\0\0\0\0".to_vec();
                add.extend(reference.to_be_bytes());
                add.extend(b"B\0\0\0\x05AAPL    \0\0\x27\x10");
                book.apply_bytes(&add).unwrap();
            }
            book
        };
        assert_eq!(difference(&book(&[1, 2]), &book(&[1, 2])), None);
        let other_price = difference(&book(&[1]), &book(&[1, 2]));
        assert!(other_price.unwrap().contains("AAPL Buy 1.00"));
        assert!(difference(&book(&[2, 1]), &book(&[1, 2])).is_some(), "priority is compared");
        assert!(difference(&book(&[1]), &book(&[])).unwrap().contains("leaves 1 orders"));
    }
}
