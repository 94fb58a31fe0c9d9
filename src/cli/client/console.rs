//! The session behind the screen: requests sent, answers of the venue, and the books.

use super::ClientArgs;
use super::orders::{OrderTable, price};
use crate::cli::CliError;
use crate::cli::market_data::MarketData;
use ringside_load::session::ledger::timestamp;
use ringside_wire::Message;
use ringside_wire::client::session::{Event, Session};
use ringside_wire::client::soup::Broken;
use ringside_wire::feed::book::{Book, Level, Side, SymbolBook};
use ringside_wire::ouch::inbound::AccountQuery;
use ringside_wire::ouch::{Request, Response, Tags};
use ringside_wire::soupbintcp::{Login, NOT_AUTHORIZED, SESSION_NOT_AVAILABLE};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A session with its orders, its requests and the market data.
pub(super) struct Console {
    /// Orders of the session.
    pub orders: OrderTable,
    session: Session,
    addresses: usize,
    link: Link,
    /// Number of the first message after the login; messages before it answer requests of earlier
    /// connections.
    present: u64,
    /// Id of the next order; 0 until the venue has sent it.
    next_id: u32,
    /// Requests sent, each with the order id that it uses up, if any.
    sent: Vec<(Option<u32>, Vec<u8>)>,
    unanswered: BTreeSet<u32>,
    /// Start of the first attempt to log in.
    began: Instant,
    /// Number of failed connects since the last login.
    failures: usize,
    market_data: Option<MarketData>,
    book: Book,
    /// Time of the last request sent or message received.
    stirred: Instant,
    /// Time when the last request was sent.
    sent_at: Instant,
    leaving: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Link {
    Down,
    Querying,
    Open,
    /// All requests are answered and the logout is sent.
    LoggedOut,
    Left,
}

/// Time after which a request counts as never answered.
const UNANSWERED: Duration = Duration::from_secs(1);

impl Console {
    /// Opens a session and joins the market data, if any is configured. With `may_lack_feed`, a
    /// failure to join is ignored.
    pub(super) fn open(
        addresses: Vec<SocketAddr>,
        args: &ClientArgs,
        may_lack_feed: bool,
    ) -> Result<Console, CliError> {
        let login = Login {
            user: args.user.to_ascii_uppercase(),
            password: args.password.clone(),
            session: String::new(),
            number: args.from,
            heartbeat_timeout_ms: None,
        };
        let mut book = Book::default();
        let mut market_data = None;
        if args.feed.is_given() {
            let joined = MarketData::join(&args.feed, &login.user, &login.password, |message| {
                // The snapshot is of one moment, so its orders cannot contradict each other.
                let _ = book.apply_bytes(message);
            });
            match joined {
                Ok(joined) => market_data = Some(joined),
                Err(_) if may_lack_feed => {}
                Err(error) => return Err(error),
            }
        }
        let present = end_of_stream(&addresses, &login)?;
        Ok(Console {
            orders: OrderTable::default(),
            addresses: addresses.len(),
            session: Session::new(addresses, login),
            link: Link::Down,
            present,
            next_id: 0,
            sent: vec![],
            unanswered: BTreeSet::new(),
            began: Instant::now(),
            failures: 0,
            market_data,
            book,
            stirred: Instant::now(),
            sent_at: Instant::now(),
            leaving: None,
        })
    }

    /// Processes all that has arrived and prints it; sleeps a moment if nothing has arrived.
    pub(super) fn turn(&mut self, say: &mut impl FnMut(&str)) -> Result<(), CliError> {
        const MOMENT: Duration = Duration::from_millis(2);
        let now = Instant::now();
        self.session.write(now);
        let mut stirred = self.session.read(now);
        stirred |= self.take_events(now, say)?;
        if let Some(data) = &mut self.market_data {
            let book = &mut self.book;
            stirred |= data.step(|message| {
                if let Err(error) = book.apply_bytes(message) {
                    say(&format!("market data: {error}"));
                }
            })?;
            if let Some(mismatch) = data.mismatch() {
                say(&format!("market data: {mismatch}"));
            }
        }
        if self.leaving.is_some_and(|at| now > at) {
            self.link = Link::Left;
        }
        if stirred {
            self.stirred = now;
        } else {
            std::thread::sleep(MOMENT);
        }
        Ok(())
    }

    /// Returns true if orders can be sent.
    pub(super) fn is_open(&self) -> bool {
        self.link == Link::Open && self.session.has_room()
    }

    /// Returns true if everything sent seems to be answered: nothing has arrived for a while, and
    /// no order waits for an answer. An order that has waited for a second counts as never
    /// answered.
    pub(super) fn is_quiet(&self) -> bool {
        const QUIET: Duration = Duration::from_millis(30);
        let is_answered = self.unanswered.is_empty() || self.sent_at.elapsed() > UNANSWERED;
        is_answered && self.stirred.elapsed() > QUIET
    }

    /// Returns true if the session has logged out.
    pub(super) fn has_left(&self) -> bool {
        self.link == Link::Left
    }

    /// Logs out when every request is answered, or after 2 seconds.
    pub(super) fn leave(&mut self) {
        const PATIENCE: Duration = Duration::from_secs(2);
        if self.leaving.is_none() {
            self.leaving = Some(Instant::now() + PATIENCE);
            if self.link == Link::Open {
                self.query();
            } else {
                self.link = Link::Left;
            }
        }
    }

    /// Takes the next order id.
    pub(super) fn take_id(&mut self) -> u32 {
        let id = self.next_id;
        self.next_id = id.saturating_add(1);
        id
    }

    /// Sends a request; `id` is the order id that it uses up, if any.
    pub(super) fn send(&mut self, request: &Request, id: Option<u32>) {
        let mut bytes = [0; 256];
        let length = request.write(&mut bytes);
        if self.sent_at.elapsed() > UNANSWERED {
            self.unanswered.clear();
        }
        self.unanswered.extend(id);
        self.session.send(&bytes[..length]);
        self.sent.push((id, bytes[..length].to_vec()));
        self.stirred = Instant::now();
        self.sent_at = self.stirred;
    }

    /// Formats the best prices of a symbol.
    pub(super) fn book_of(&self, symbol: &str) -> String {
        if self.market_data.is_none() {
            return "there is no market data: see --dev-feed and --feed-a".into();
        }
        match self.book.symbol_books().find(|(_, symbol_book)| symbol_book.stock() == symbol) {
            Some((_, symbol_book)) => ladder(symbol_book),
            None => format!("there is no {symbol}"),
        }
    }

    fn take_events(&mut self, now: Instant, say: &mut impl FnMut(&str)) -> Result<bool, CliError> {
        let mut any = false;
        while let Some(event) = self.session.next_event(now) {
            any = true;
            match event {
                Event::Connected => {}
                Event::Text(text) => say(&String::from_utf8_lossy(text)),
                Event::LoggedIn { .. } => {
                    self.failures = 0;
                    self.link = Link::Querying;
                    self.query();
                }
                Event::Message { number, bytes } => match Response::parse(bytes) {
                    // Only an answer that is waited for has requests sent again.
                    Ok(Response::Query(..))
                        if number < Some(self.present)
                            || self.link != Link::Querying && self.leaving.is_none() => {}
                    Ok(Response::Query(query, _)) => {
                        let next = query.next_user_ref_num.get();
                        self.queried(next, now, say);
                    }
                    Ok(response) => {
                        if let Some(id) = answered(&response) {
                            self.unanswered.remove(&id);
                        }
                        let time = time_of_day(timestamp(bytes).unwrap_or_default());
                        say(&format!("{time} {}", self.orders.take(&response)));
                    }
                    Err(malformed) => say(&format!("the venue sent {malformed}")),
                },
                Event::Down(broken) => {
                    self.went_down(broken, say)?;
                    break;
                }
            }
        }
        Ok(any)
    }

    fn query(&mut self) {
        let query = AccountQuery { message_type: AccountQuery::TYPE };
        let mut bytes = [0; 8];
        let length = Request::Query(&query, Tags::NONE).write(&mut bytes);
        self.session.send(&bytes[..length]);
    }

    fn queried(&mut self, next: u32, now: Instant, say: &mut impl FnMut(&str)) {
        if self.leaving.is_some() {
            self.session.log_out(now);
            self.link = Link::LoggedOut;
            return;
        }
        let address = self.session.address();
        if self.next_id == 0 {
            say(&format!("logged in at {address}; the next order is #{next}"));
        } else {
            let arrived = |(id, _): &(Option<u32>, _)| id.is_some_and(|id| id < next);
            let from = self.sent.iter().rposition(arrived).map_or(0, |at| at + 1);
            self.sent[from..].iter().for_each(|(_, bytes)| self.session.send(bytes));
            self.sent_at = now;
            let again = self.sent.len() - from;
            say(&format!("logged in again at {address}; {again} requests are sent again"));
        }
        self.next_id = self.next_id.max(next);
        self.link = Link::Open;
    }

    fn went_down(&mut self, broken: Broken, say: &mut impl FnMut(&str)) -> Result<(), CliError> {
        if self.link == Link::LoggedOut {
            self.link = Link::Left;
            return Ok(());
        }
        self.failures += 1;
        let never = self.session.logins == 0 && self.failures >= self.addresses;
        if never && !may_be_early(&broken, self.began)
            || matches!(broken, Broken::Refused(NOT_AUTHORIZED))
        {
            let address = self.session.address();
            return Err(CliError::Failure(format!("{address}: {broken}")));
        }
        if matches!(broken, Broken::Ended) {
            say("the session has ended");
            self.link = Link::Left;
        } else if self.link != Link::Down {
            say(&format!("the connection is lost: {broken}. Trying again"));
            self.link = Link::Down;
        }
        Ok(())
    }
}

/// Finds the number of the next message in a session's stream.
fn end_of_stream(addresses: &[SocketAddr], login: &Login) -> Result<u64, CliError> {
    const PATIENCE: Duration = Duration::from_secs(5);
    let began = Instant::now();
    let mut session = Session::new(addresses.to_vec(), Login { number: 0, ..login.clone() });
    let mut failures = 0;
    loop {
        let now = Instant::now();
        session.write(now);
        session.read(now);
        let problem = match session.next_event(now) {
            // A login with message number 0 gets the latest message, or the first one to come if
            // there is none.
            Some(Event::LoggedIn { number }) => {
                return Ok(number.saturating_add(u64::from(number > 1)));
            }
            Some(Event::Down(broken)) => {
                failures += 1;
                let last = matches!(broken, Broken::Refused(NOT_AUTHORIZED));
                let never = failures >= addresses.len() && !may_be_early(&broken, began);
                (last || never).then(|| broken.to_string())
            }
            _ => (began.elapsed() > PATIENCE).then(|| "no answer to the login".to_string()),
        };
        if let Some(problem) = problem {
            return Err(CliError::Failure(format!("{}: {problem}", session.address())));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Returns true if the login may have come before the venue noticed that the session's last
/// connection is closed.
fn may_be_early(broken: &Broken, began: Instant) -> bool {
    const PATIENCE: Duration = Duration::from_secs(2);
    matches!(broken, Broken::Refused(SESSION_NOT_AVAILABLE)) && began.elapsed() < PATIENCE
}

/// Returns the id of the order that this response answers; every order gets exactly one such
/// response.
fn answered(response: &Response) -> Option<u32> {
    match response {
        Response::Accepted(accepted, _) => Some(accepted.user_ref_num.get()),
        Response::Replaced(replaced, _) => Some(replaced.user_ref_num.get()),
        Response::Rejected(rejected, _) => Some(rejected.user_ref_num.get()),
        _ => None,
    }
}

fn ladder(symbol_book: &SymbolBook) -> String {
    const LEVELS: usize = 5;
    let traded = symbol_book.traded();
    let mut text = format!("{:<8}", symbol_book.stock());
    if traded.trades > 0 {
        let last = price(traded.last_price.into());
        text += &format!(" last {last}, {} shares in {} trades", traded.volume, traded.trades);
    }
    let cell = |level: Option<Level>| match level {
        Some(level) => (level.shares.to_string(), price(level.price.into())),
        None => Default::default(),
    };
    let mut bids = symbol_book.levels(Side::Buy).take(LEVELS);
    let mut offers = symbol_book.levels(Side::Sell).take(LEVELS);
    loop {
        let (bid, offer) = (bids.next(), offers.next());
        if bid.is_none() && offer.is_none() {
            return text;
        }
        let ((bid_shares, bid), (offer_shares, offer)) = (cell(bid), cell(offer));
        text += &format!("\n{bid_shares:>10} {bid:>12} | {offer:<12} {offer_shares}");
    }
}

/// Formats a time of day in UTC.
fn time_of_day(ns_since_midnight: u64) -> String {
    let us = ns_since_midnight / 1_000;
    let (seconds, us) = (us / 1_000_000, us % 1_000_000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{us:06}")
}
