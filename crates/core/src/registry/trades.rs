//! Newest trades of the venue, against which breaks and corrections are checked.
//!
//! A trade takes 10 to 20 bytes as a rule and 55 at most: its numbers are written
//! in groups of seven bits, and its match number as the distance to the one before. The trades
//! lie in chunks, so that none is moved when more come, and one is found by a search over the
//! chunks and a walk through one of them. All chunks together take 256 MiB at most, some twenty
//! million trades; then the oldest chunk goes.

use crate::registry::varint::{read, write};
use ringside_model::domain::{MatchNumber, OrderId, Quantity, SessionId, SymbolId};
use std::collections::VecDeque;

/// Trade, as its two reports describe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// Match number of the trade.
    pub match_number: MatchNumber,
    /// Symbol of the trade.
    pub symbol: SymbolId,
    /// Quantity of the trade.
    pub quantity: Quantity,
    /// Sessions and order ids of the resting and of the incoming order.
    pub sides: [(SessionId, OrderId); 2],
}

/// Newest trades, in the order of their match numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trades {
    chunks: VecDeque<Chunk>,
    /// Match number of the last trade.
    last: MatchNumber,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Chunk {
    /// Match number of the first trade.
    first: MatchNumber,
    bytes: Vec<u8>,
}

/// Walk through the trades of a chunk.
struct Walk<'a> {
    rest: &'a [u8],
    /// Match number of the trade before; 0 before the first one.
    before: u64,
}

/// Bytes of a chunk: a search walks through a quarter of a thousand trades.
const CHUNK_BYTES: usize = 4096;
/// Maximum number of chunks.
const CHUNKS_MAX: usize = (256 << 20) / CHUNK_BYTES;
/// Most bytes of a trade: four numbers of 64 bits and three of 32 bits.
const TRADE_BYTES_MAX: usize = 4 * 10 + 3 * 5;

impl Trades {
    /// Adds a trade behind all others. The oldest trades go if there is no room for all.
    pub(crate) fn push(&mut self, trade: &Trade) {
        self.push_among(trade, CHUNKS_MAX);
    }

    fn push_among(&mut self, trade: &Trade, chunks_max: usize) {
        let number = trade.match_number;
        assert!(number > self.last, "match numbers rise");
        let has_room = |chunk: &Chunk| chunk.bytes.len() + TRADE_BYTES_MAX <= CHUNK_BYTES;
        let mut distance = number.0 - self.last.0;
        if !self.chunks.back().is_some_and(has_room) {
            if self.chunks.len() == chunks_max {
                self.chunks.pop_front();
            }
            self.chunks.push_back(Chunk { first: number, bytes: Vec::with_capacity(CHUNK_BYTES) });
            distance = number.0;
        }
        self.last = number;
        let Some(Chunk { bytes, .. }) = self.chunks.back_mut() else { return };
        let [(resting, resting_id), (incoming, incoming_id)] = trade.sides;
        for number in [
            distance,
            trade.symbol.0.into(),
            trade.quantity.0,
            resting.0.into(),
            resting_id.0,
            incoming.0.into(),
            incoming_id.0,
        ] {
            write(bytes, number);
        }
    }

    /// Finds a trade; `None` for a number that no trade has, and for a trade that is too old.
    pub fn find(&self, number: MatchNumber) -> Option<Trade> {
        let behind = self.chunks.partition_point(|chunk| chunk.first <= number);
        let chunk = &self.chunks[behind.checked_sub(1)?];
        chunk.trades().find(|trade| trade.match_number == number)
    }

    /// Returns the match number of the oldest trade that is not gone.
    pub(crate) fn oldest(&self) -> Option<MatchNumber> {
        self.chunks.front().map(|chunk| chunk.first)
    }

    /// Returns the trades as bytes of a snapshot: equal trades give equal bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let lengths = self.chunks.iter().map(|chunk| chunk.bytes.len() + size_of::<u32>());
        let mut all = Vec::with_capacity(lengths.sum());
        for Chunk { bytes, .. } in &self.chunks {
            all.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            all.extend_from_slice(bytes);
        }
        all
    }

    /// Restores the trades from bytes; `None` if [`to_bytes`](Self::to_bytes) would not return
    /// them.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Trades> {
        let (mut trades, mut rest) = (Trades::default(), bytes);
        while !rest.is_empty() {
            let (length, behind) = rest.split_first_chunk()?;
            let (chunk, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            let mut walk = Walk { rest: chunk, before: 0 };
            while !walk.rest.is_empty() {
                let trade = walk.next().filter(|trade| trade.match_number > trades.last)?;
                trades.push(&trade);
            }
            rest = behind;
        }
        (trades.to_bytes() == bytes).then_some(trades)
    }
}

impl Chunk {
    fn trades(&self) -> Walk<'_> {
        Walk { rest: &self.bytes, before: 0 }
    }
}

impl Iterator for Walk<'_> {
    type Item = Trade;

    /// Returns the next trade; `None` behind the last one, and for bytes that are no trade.
    fn next(&mut self) -> Option<Trade> {
        self.before = self.before.checked_add(read(&mut self.rest)?)?;
        let small = |rest: &mut &[u8]| u32::try_from(read(rest)?).ok();
        let rest = &mut self.rest;
        Some(Trade {
            match_number: MatchNumber(self.before),
            symbol: SymbolId(small(rest)?),
            quantity: Quantity(read(rest)?),
            sides: [
                (SessionId(small(rest)?), OrderId(read(rest)?)),
                (SessionId(small(rest)?), OrderId(read(rest)?)),
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringside_model::domain::SeqNo;

    fn trade(seqno: u64, trade: u32) -> Trade {
        let sides = [(SessionId(1), OrderId(seqno)), (SessionId(300), OrderId(2))];
        let match_number = MatchNumber::of(SeqNo(seqno), trade);
        Trade { match_number, symbol: SymbolId(3), quantity: Quantity(100), sides }
    }

    fn trades(count: u64) -> Trades {
        let mut trades = Trades::default();
        for seqno in 1..=count {
            (1..=3).for_each(|number| trades.push(&trade(seqno * 5, number)));
        }
        trades
    }

    #[test]
    fn every_trade_is_found_and_nothing_else() {
        let trades = trades(1_000);
        assert!(trades.chunks.len() > 5);
        for seqno in 0..=1_001 * 5 {
            for number in 0..=4 {
                let is_one = (1..=3).contains(&number) && (5..=5_000).contains(&seqno);
                let expected = is_one && seqno % 5 == 0;
                let found = trades.find(MatchNumber::of(SeqNo(seqno), number));
                assert_eq!(found, expected.then(|| trade(seqno, number)), "{seqno}/{number}");
            }
        }
        assert_eq!(Trades::default().find(MatchNumber(1)), None);
    }

    #[test]
    fn a_trade_takes_a_few_bytes_and_never_more_than_the_most() {
        let bytes: usize = trades(1_000).chunks.iter().map(|chunk| chunk.bytes.len()).sum();
        assert!((8..=10).contains(&(bytes / 3_000)), "{bytes} bytes");
        let (id, session) = (OrderId(u64::MAX), SessionId(u32::MAX));
        let largest = Trade {
            match_number: MatchNumber(u64::MAX),
            symbol: SymbolId(u32::MAX),
            quantity: Quantity(u64::MAX),
            sides: [(session, id); 2],
        };
        let mut trades = Trades::default();
        trades.push(&largest);
        assert!(trades.chunks[0].bytes.len() <= TRADE_BYTES_MAX);
        assert_eq!(trades.chunks[0].trades().next(), Some(largest));
        assert_eq!(Trades::from_bytes(&trades.to_bytes()), Some(trades));
    }

    #[test]
    fn the_oldest_trades_go() {
        let mut trades = Trades::default();
        (1..=5_000).for_each(|seqno| trades.push_among(&trade(seqno, 1), 3));
        assert_eq!(trades.chunks.len(), 3);
        let find = |seqno| trades.find(MatchNumber::of(SeqNo(seqno), 1));
        let oldest = trades.chunks[0].first.0 >> 20;
        assert!((3_000..5_000).contains(&oldest), "{oldest}");
        assert_eq!((find(oldest - 1), find(oldest)), (None, Some(trade(oldest, 1))));
        assert_eq!(trades.oldest(), Some(MatchNumber::of(SeqNo(oldest), 1)));
        assert_eq!(Trades::default().oldest(), None);
        assert_eq!(find(5_000), Some(trade(5_000, 1)));
        assert_eq!(Trades::from_bytes(&trades.to_bytes()), Some(trades));
    }

    #[test]
    fn trades_go_on_from_their_bytes() {
        let mut before = trades(700);
        let mut restored = Trades::from_bytes(&before.to_bytes()).unwrap();
        assert_eq!(restored, before);
        for trades in [&mut before, &mut restored] {
            (701..1_001).for_each(|seqno| trades.push(&trade(seqno * 5, 1)));
        }
        assert_eq!(restored, before);
        assert_eq!(Trades::from_bytes(&[]), Some(Trades::default()));
    }

    #[test]
    fn bytes_that_no_trades_have_are_refused() {
        let bytes = trades(700).to_bytes();
        let first = u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
        for length in (1..first).chain([bytes.len() - 1]) {
            assert_eq!(Trades::from_bytes(&bytes[..length]), None, "{length}");
        }
        // The chunks in another order, an empty one, and a number of more groups than it needs.
        let (one, others) = bytes.split_at(4 + first);
        assert_eq!(Trades::from_bytes(&[others, one].concat()), None);
        assert_eq!(Trades::from_bytes(&[&[0; 4], one].concat()), None);
        assert_eq!(Trades::from_bytes(&[8, 0, 0, 0, 0x81, 0, 1, 1, 1, 1, 1, 1]), None);
        assert!(Trades::from_bytes(&[7, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]).is_some());
        let endless = [&[20, 0, 0, 0][..], &[0xFF; 20]].concat();
        assert_eq!(Trades::from_bytes(&endless), None);
    }
}
