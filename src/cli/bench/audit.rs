//! Checks on a report stream that no quantity is lost or created.

use crate::cli::CliError;
use ringside_core::merge::Subscriber;
use ringside_core::shard::MatchingShard;
use ringside_model::command::{Action, Command, Definition};
use ringside_model::domain::{OrderId, SessionId, SymbolId};
use ringside_model::frame::{Frame, FrameKind};
use ringside_model::report::{Body, Published, ReportKind};
use std::collections::{BTreeSet, HashMap, VecDeque};

/// Open quantity of every live order, computed from the reports alone.
#[derive(Default)]
pub(super) struct Audit {
    open: HashMap<(SessionId, OrderId), u64>,
    symbols: BTreeSet<SymbolId>,
    /// Seqnos of new orders whose accept or reject has not come yet, oldest first.
    unanswered: VecDeque<u64>,
    /// Number of new orders.
    pub orders: u64,
    accepted: u64,
    rejected: u64,
    entered: u128,
    traded: u128,
    cancelled: u128,
    replaced: u128,
    /// Description of the first report that broke a rule.
    broken: Option<String>,
}

impl Audit {
    /// Counts a command; must be called before its reports arrive.
    pub(super) fn expect(&mut self, frame: &Frame) {
        if frame.header.kind == FrameKind::Enter as u8 {
            self.orders += 1;
            self.unanswered.push_back(frame.header.seqno);
        }
    }

    /// Checks the totals against each other and against the books.
    pub(super) fn check(&self, shards: &[MatchingShard]) -> Result<(), CliError> {
        let fail = |what: String| Err(CliError::Check(what));
        if let Some(broken) = &self.broken {
            return fail(broken.clone());
        }
        let Audit { orders, accepted, rejected, .. } = self;
        if accepted + rejected != *orders || !self.unanswered.is_empty() {
            return fail(format!("{orders} orders in, {accepted} accepted, {rejected} rejected"));
        }
        let open: u128 = self.open.values().map(|&open| u128::from(open)).sum();
        let Audit { entered, traded, cancelled, replaced, .. } = self;
        if traded + cancelled + replaced + open != *entered {
            return fail(format!(
                "quantity is not conserved: {entered} entered, but {traded} traded + {cancelled} \
                 cancelled + {replaced} replaced + {open} open"
            ));
        }
        let engines = shards.iter().map(MatchingShard::engine);
        let live: usize = engines.clone().map(|engine| engine.live_orders()).sum();
        let books: u128 = engines
            .flat_map(|engine| {
                let sides =
                    self.symbols.iter().flat_map(|&symbol| [(symbol, true), (symbol, false)]);
                sides.flat_map(|(symbol, buy)| engine.depth(symbol, buy))
            })
            .map(|level| level.quantity)
            .sum();
        if (live, books) != (self.open.len(), open) {
            let orders = self.open.len();
            return fail(format!(
                "the books have {live} orders with {books} open, the reports {orders} with {open}"
            ));
        }
        Ok(())
    }

    /// Adds an order with the open quantity that its report states.
    fn enter(&mut self, published: &Published) {
        let report = &published.report;
        self.entered += u128::from(report.open.0);
        if self.open.insert((report.session, report.id), report.open.0).is_some() {
            self.break_at(published);
        }
    }

    /// Subtracts the quantity of a report from its order, and compares the rest with the open
    /// quantity that the report states.
    fn take(&mut self, published: &Published) {
        let report = &published.report;
        let key = (report.session, report.id);
        let left = self.open.get(&key).and_then(|open| open.checked_sub(report.quantity.0));
        if left != Some(report.open.0) {
            self.break_at(published);
        }
        if report.open.0 == 0 {
            self.open.remove(&key);
        } else {
            self.open.insert(key, report.open.0);
        }
    }

    #[cold]
    fn break_at(&mut self, published: &Published) {
        let what = format!("the open quantity of an order does not add up: {published:?}");
        self.broken.get_or_insert(what);
    }
}

impl Subscriber for Audit {
    fn definition(&mut self, command: &Command) {
        if matches!(command.action, Action::Definition(Definition::Symbol(_))) {
            self.symbols.insert(command.symbol);
        }
    }

    fn report(&mut self, published: &Published) {
        let report = &published.report;
        let quantity = u128::from(report.quantity.0);
        if published.index == 0 && self.unanswered.front() == Some(&published.seqno.0) {
            self.unanswered.pop_front();
            self.accepted += u64::from(report.kind == ReportKind::Accepted);
            self.rejected += u64::from(report.kind == ReportKind::Rejected);
        }
        match report.body() {
            Body::Accepted(_) => self.enter(published),
            Body::Replaced(replaced) => {
                let old = self.open.remove(&(report.session, replaced.old_id));
                self.replaced += u128::from(old.unwrap_or_default());
                if old.is_none() {
                    self.break_at(published);
                }
                self.enter(published);
            }
            Body::Executed(_) => {
                self.traded += quantity;
                self.take(published);
            }
            Body::Canceled(_) | Body::Modified(_) => {
                self.cancelled += quantity;
                self.take(published);
            }
            Body::Restated(_)
            | Body::Rejected(_)
            | Body::MassCanceled(_)
            | Body::Defined(_)
            | Body::DurabilitySet(_)
            | Body::OrderEntrySet(_)
            | Body::AccountQueried(_)
            | Body::TradingDay(_)
            | Body::StateChanged(_)
            | Body::Triggered(_)
            | Body::Entered(_)
            | Body::Parked(_)
            | Body::Unfinished(_)
            | Body::ReferenceSet(_)
            | Body::CallExtended(_)
            | Body::SymbolChanged(_)
            | Body::StopWavesSet(_)
            | Body::Displayed(_)
            | Body::Crossed(_)
            | Body::Indicative(_)
            | Body::Ticked(_)
            | Body::StatePlanned(_)
            | Body::BandsSet(_)
            | Body::LimitState(_)
            | Body::Quoted(_)
            | Body::Repriced(_)
            | Body::ShortSaleSet(_)
            | Body::RiskSet(_)
            | Body::Corrected(_)
            | Body::Broken(_)
            | Body::SymbolMoved(_)
            | Body::Exported(_)
            | Body::Held(_)
            | Body::Imported(_)
            | Body::StateHash(_) => {}
        }
    }
}
