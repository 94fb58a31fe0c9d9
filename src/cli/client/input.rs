//! Parser for the commands that a person types, one line at a time.

use ringside_model::domain::{DecimalError, Tick};
use ringside_wire::ouch::inbound::{CancelOrder, EnterOrder, ModifyOrder, ReplaceOrder};
use ringside_wire::ouch::{PRICE_MARKET, PRICE_MAX, QUANTITY_MAX, push_tag, tag};
use ringside_wire::{Message, padded};

/// Tick of prices on the wire: 1/10000.
pub(super) const WIRE_TICK: Tick = Tick { mantissa: 1, scale: 4 };

/// Help text: all commands that can be typed.
pub(super) const HELP: &str = "\
buy 100 AAPL 187.05       a limit order for the day; also sell, short, short-exempt
buy 100 AAPL market       a market order
ioc buy 100 AAPL 187.05   what does not trade at once is canceled
buy 100 AAPL 187.05 post  what never takes: it is rejected if it would trade at once
buy 100 AAPL 187.05 show 20  an iceberg: 20 of what rests are shown at a time
buy 100 AAPL 187.05 hide min 50  what is not shown, and trades 50 with an order at least
buy 100 AAPL 187.05 until 15:30  what expires at that time of the day, in UTC; also 15:30:59
cancel 3                  take order 3 back; cancel 3 50 leaves it a size of 50, executed shares included
replace 3 50 187.04       new size and price for order 3, as a new order
modify 3 50               reduce order 3 to a size of 50, it keeps its place; modify 3 50 short
orders                    the session's orders
book AAPL                 the best prices
help, quit";

/// A parsed line.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum InputLine {
    /// A new order without its id, and its tagged values (the OUCH appendage).
    Enter(EnterOrder, Vec<u8>),
    /// Cancel of an order.
    Cancel(CancelOrder),
    /// Replace of an order, without the id of the new order.
    Replace(ReplaceOrder),
    /// Modify of an order; side 0 stands for the present side of the order.
    Modify(ModifyOrder),
    /// Request for the table of orders.
    Orders,
    /// Request for the book of a symbol.
    Book(String),
    /// Request for the help text.
    Help,
    /// End of the session.
    Quit,
    /// An empty line or a remark.
    Nothing,
}

impl InputLine {
    /// Parses a line; the error says what is wrong.
    pub(super) fn parse(line: &str) -> Result<InputLine, String> {
        // A `#` begins a remark, unless it is followed by the number of an order.
        let is_order = |word: &str| word.starts_with('#') && word[1..].parse::<u32>().is_ok();
        let line = line.to_ascii_lowercase();
        let mut words =
            line.split_whitespace().take_while(|word| !word.starts_with('#') || is_order(word));
        let Some(first) = words.next() else { return Ok(InputLine::Nothing) };
        let mut rest = Words(words.collect());
        rest.0.reverse();
        let parsed = match first {
            "ioc" => {
                let side = rest.next("buy or sell")?;
                enter(&side, b'3', &mut rest)
            }
            "buy" | "sell" | "short" | "short-exempt" => enter(first, b'0', &mut rest),
            "cancel" => cancel(&mut rest),
            "replace" => replace(&mut rest),
            "modify" => modify(&mut rest),
            "orders" => Ok(InputLine::Orders),
            "book" => Ok(InputLine::Book(rest.next("a symbol")?.to_ascii_uppercase())),
            "help" | "?" => Ok(InputLine::Help),
            "quit" | "exit" => Ok(InputLine::Quit),
            other => Err(format!("{other:?} is no command; try help")),
        }?;
        match rest.0.pop() {
            Some(word) => Err(format!("what is {word:?} for?")),
            None => Ok(parsed),
        }
    }
}

/// Words of a line that are not parsed yet; the next word is the last element.
struct Words<'a>(Vec<&'a str>);

impl Words<'_> {
    fn next(&mut self, what: &str) -> Result<String, String> {
        self.0.pop().map(str::to_string).ok_or_else(|| format!("{what} is missing"))
    }

    fn id(&mut self) -> Result<u32, String> {
        let word = self.next("the number of an order")?;
        word.trim_start_matches('#').parse().map_err(|_| format!("{word:?} is no order number"))
    }

    fn quantity(&mut self) -> Result<u32, String> {
        let word = self.next("a quantity")?;
        let quantity = word.replace(',', "").parse().ok();
        quantity
            .filter(|quantity| (1..=QUANTITY_MAX).contains(quantity))
            .ok_or_else(|| format!("{word:?} is no quantity from 1 to {QUANTITY_MAX}"))
    }

    /// Parses a time such as 15:30 or 15:30:59 into the second of the day.
    fn second(&mut self) -> Result<u32, String> {
        let word = self.next("a time")?;
        let wrong = || format!("{word:?} is no time such as 15:30 or 15:30:59");
        let parts: Result<Vec<u32>, _> = word.split(':').map(str::parse).collect();
        match parts.map_err(|_| wrong())?[..] {
            [hour @ ..24, minute @ ..60] => Ok((hour * 60 + minute) * 60),
            [hour @ ..24, minute @ ..60, second @ ..60] => Ok((hour * 60 + minute) * 60 + second),
            _ => Err(wrong()),
        }
    }

    fn price(&mut self) -> Result<u64, String> {
        let word = self.next("a price")?;
        if word == "market" {
            return Ok(PRICE_MARKET);
        }
        match WIRE_TICK.ticks(&word) {
            Ok(price) if price.0 as u64 <= PRICE_MAX => Ok(price.0 as u64),
            Err(DecimalError::Malformed) => Err(format!("{word:?} is no price such as 187.05")),
            Err(DecimalError::OffTick) => Err(format!("{word} has more than 4 decimals")),
            _ => Err(format!("{word} is beyond the prices that can be sent")),
        }
    }
}

fn enter(side: &str, time_in_force: u8, words: &mut Words) -> Result<InputLine, String> {
    let side = side_letter(side)?;
    let quantity = words.quantity()?;
    let symbol = words.next("a symbol")?.to_ascii_uppercase();
    let symbol =
        padded(&symbol).ok_or_else(|| format!("{symbol}: a symbol has 8 letters at most"))?;
    let price = words.price()?;
    let (mut time_in_force, mut display, mut tags) = (time_in_force, b'Y', vec![]);
    while let Some(word) = words.0.pop() {
        match word {
            "ioc" => time_in_force = b'3',
            "day" => time_in_force = b'0',
            "hide" => display = b'N',
            "min" => push_tag(tag::MIN_QTY, &words.quantity()?.to_be_bytes(), &mut tags),
            "until" => {
                time_in_force = b'6';
                push_tag(tag::EXPIRE_TIME, &words.second()?.to_be_bytes(), &mut tags);
            }
            "show" => push_tag(tag::MAX_FLOOR, &words.quantity()?.to_be_bytes(), &mut tags),
            "post" => push_tag(tag::POST_ONLY, b"P", &mut tags),
            other => return Err(format!("what is {other:?} for?")),
        }
    }
    let order = EnterOrder {
        message_type: EnterOrder::TYPE,
        user_ref_num: 0.into(),
        side,
        quantity: quantity.into(),
        symbol,
        price: price.into(),
        time_in_force,
        display,
        capacity: b'O',
        inter_market_sweep_eligibility: b'N',
        cross_type: b'N',
        cl_ord_id: [b' '; 14],
    };
    Ok(InputLine::Enter(order, tags))
}

fn cancel(words: &mut Words) -> Result<InputLine, String> {
    let id = words.id()?;
    let quantity = if words.0.is_empty() { 0 } else { words.quantity()? };
    Ok(InputLine::Cancel(CancelOrder {
        message_type: CancelOrder::TYPE,
        user_ref_num: id.into(),
        quantity: quantity.into(),
    }))
}

fn replace(words: &mut Words) -> Result<InputLine, String> {
    Ok(InputLine::Replace(ReplaceOrder {
        message_type: ReplaceOrder::TYPE,
        orig_user_ref_num: words.id()?.into(),
        user_ref_num: 0.into(),
        quantity: words.quantity()?.into(),
        price: words.price()?.into(),
        time_in_force: b'0',
        display: b'Y',
        inter_market_sweep_eligibility: b'N',
        cl_ord_id: [b' '; 14],
    }))
}

fn modify(words: &mut Words) -> Result<InputLine, String> {
    Ok(InputLine::Modify(ModifyOrder {
        message_type: ModifyOrder::TYPE,
        user_ref_num: words.id()?.into(),
        quantity: words.quantity()?.into(),
        side: words.0.pop().map_or(Ok(0), side_letter)?,
    }))
}

fn side_letter(word: &str) -> Result<u8, String> {
    match word {
        "buy" => Ok(b'B'),
        "sell" => Ok(b'S'),
        "short" => Ok(b'T'),
        "short-exempt" => Ok(b'E'),
        other => Err(format!("{other:?} is no side: buy, sell, short or short-exempt")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(line: &str) -> (u8, u32, u64, u8, Vec<u8>) {
        match InputLine::parse(line) {
            Ok(InputLine::Enter(o, tags)) => {
                assert_eq!(&o.symbol, b"AAPL    ");
                (o.side, o.quantity.get(), o.price.get(), o.time_in_force, tags)
            }
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn orders_are_read() {
        assert_eq!(order("buy 100 AAPL 187.05"), (b'B', 100, 1_870_500, b'0', vec![]));
        assert_eq!(order(" Short 1,000 aapl 0.0001"), (b'T', 1000, 1, b'0', vec![]));
        assert_eq!(order("ioc sell 7 AAPL market"), (b'S', 7, PRICE_MARKET, b'3', vec![]));
        let (.., tags) = order("buy 100 AAPL 187 post # why not");
        assert_eq!(tags, [2, 12, b'P']);
        let (.., tags) = order("buy 1,000 AAPL 187 show 258");
        assert_eq!(tags, [5, 5, 0, 0, 1, 2]);
        let (.., tif, tags) = order("buy 9 AAPL 187 min 5 until 15:30:01");
        let [_, a, b, c] = 55_801u32.to_be_bytes();
        assert_eq!((tif, tags), (b'6', vec![5, 3, 0, 0, 0, 5, 5, 15, 0, a, b, c]));
        let Ok(InputLine::Enter(hidden, _)) = InputLine::parse("sell 9 AAPL 187 hide") else {
            panic!()
        };
        assert_eq!(hidden.display, b'N');
    }

    #[test]
    fn other_lines_are_read() {
        assert_eq!(InputLine::parse("  # a remark"), Ok(InputLine::Nothing));
        assert_eq!(InputLine::parse("book aapl"), Ok(InputLine::Book("AAPL".into())));
        let terms = |line| match InputLine::parse(line) {
            Ok(InputLine::Cancel(m)) => (m.user_ref_num.get(), m.quantity.get(), 0),
            Ok(InputLine::Modify(m)) => (m.user_ref_num.get(), m.quantity.get(), u64::from(m.side)),
            Ok(InputLine::Replace(m)) => {
                (m.orig_user_ref_num.get(), m.quantity.get(), m.price.get())
            }
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(terms("cancel 3"), (3, 0, 0));
        assert_eq!(terms("cancel #3 50"), (3, 50, 0));
        assert_eq!(terms("replace 3 50 187.04"), (3, 50, 1_870_400));
        assert_eq!(terms("modify 3 50"), (3, 50, 0));
        assert_eq!(terms("modify 3 50 short"), (3, 50, u64::from(b'T')));
    }

    #[test]
    fn wrong_lines_say_what_is_wrong() {
        for (line, what) in [
            ("buy", "a quantity is missing"),
            ("buy 0 AAPL 1", "no quantity"),
            ("buy 1000000 AAPL 1", "no quantity"),
            ("buy 1 AAPLAAPLA 1", "8 letters"),
            ("buy 1 AAPL 1.00001", "4 decimals"),
            ("buy 1 AAPL 200000", "beyond"),
            ("buy 1 AAPL x", "no price"),
            ("buy 1 AAPL 1 gtc", "what is"),
            ("buy 1 AAPL 1 show", "a quantity is missing"),
            ("buy 1 AAPL 1 until 24:00", "no time"),
            ("buy 1 AAPL 1 until noon", "no time"),
            ("cancel", "is missing"),
            ("cancel x", "no order number"),
            ("cancel 1 2 3", "what is"),
            ("hold 100 AAPL 1", "no command"),
            ("ioc cancel 3", "no side"),
        ] {
            let error = InputLine::parse(line).unwrap_err();
            assert!(error.contains(what), "{line}: {error}");
        }
    }
}
