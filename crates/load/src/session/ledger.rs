//! Record of a session's requests and answers. Every answer is checked against its request.

use super::meter::Meter;
use super::plan::{Kind, Request};
use ringside_model::domain::OrderId;
use ringside_wire::ouch::Response;
use serde::Serialize;
use std::collections::BTreeMap;

/// Results of the requests of one session, or of all sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs)] // The names of these fields say it all.
pub struct Counts {
    pub entered: u64,
    pub cancels: u64,
    pub replaces: u64,
    pub accepted: u64,
    pub rejected: u64,
    pub replaced: u64,
    pub canceled: u64,
    pub executed: u64,
    pub executed_shares: u64,
    /// Cancels and replaces without an answer, because their order was no longer live.
    pub ignored: u64,
    /// Messages not counted above.
    pub other: u64,
    /// New orders without an answer.
    pub unanswered: u64,
    /// Number of rejections for each OUCH reason.
    pub reasons: BTreeMap<u16, u64>,
}

/// State of an order, found by its id.
#[derive(Clone, Copy, Default)]
struct Slot {
    /// Intended send time, on the meter's clock.
    intended_ns: u64,
    /// Intended send time of the cancel; 0 if there is none, or if it is answered.
    cancel_ns: u64,
    asked: u32,
    open: u32,
    state: State,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum State {
    #[default]
    Unsent,
    /// Sent as a new order.
    Entered,
    /// Sent as the new order of a replace.
    Replacing,
    Live,
    Dead,
    Rejected,
}

/// Answer of the venue to a new order or a replace.
struct Verdict {
    /// State that the order must have had.
    asked: State,
    becomes: State,
    /// Number of shares accepted.
    quantity: u32,
    /// Venue's number of the order.
    reference: u64,
}

/// Record of one session.
pub struct Ledger {
    slots: Box<[Slot]>,
    /// Offset of ids: the id on the wire is `base` plus the id here.
    base: u32,
    /// Highest id that the venue has answered.
    answered_id: u32,
    timestamp_ns: u64,
    cancels_answered: u64,
    replaces_answered: u64,
    counts: Counts,
    /// Last request, as long as it has no answer. A ping-pong waits for it.
    awaited: Option<(Kind, u32)>,
    /// Id and match number of the trade broken last. If that trade is executed again, it was
    /// corrected.
    taken_back: Option<(u32, u64)>,
    /// Number of messages received.
    pub messages: u64,
    /// Number of failed checks.
    pub wrong: u64,
    /// Descriptions of the first failed checks.
    pub failures: Vec<String>,
}

/// Number of failed checks of a session that are described in full.
const FAILURES_TOLD: usize = 5;
/// A time that falls by more than this belongs to the next day.
const HALF_A_DAY_NS: u64 = 12 * 3600 * 1_000_000_000;

impl Ledger {
    /// Creates a ledger with room for the ids 1 to `ids`.
    pub fn new(ids: u32) -> Ledger {
        Ledger {
            slots: vec![Slot::default(); ids as usize + 1].into(),
            base: 0,
            answered_id: 0,
            timestamp_ns: 0,
            cancels_answered: 0,
            replaces_answered: 0,
            counts: Counts::default(),
            awaited: None,
            taken_back: None,
            messages: 0,
            wrong: 0,
            failures: vec![],
        }
    }

    /// Makes the ids begin after those that the session has used before.
    pub(crate) fn begin_behind(&mut self, base: u32) {
        self.base = base;
    }

    /// Offset of ids: the id on the wire is this plus the id here.
    #[inline]
    pub fn base(&self) -> u32 {
        self.base
    }

    /// Converts the number that the venue will accept next to an id here.
    pub(crate) fn id_of_next(&self, next_user_ref_num: u32) -> u32 {
        next_user_ref_num.saturating_sub(self.base)
    }

    /// Highest id that the venue has answered.
    pub(crate) fn answered_id(&self) -> u32 {
        self.answered_id
    }

    /// Official time of the last message, in ns since midnight UTC.
    pub(crate) fn timestamp_ns(&self) -> u64 {
        self.timestamp_ns
    }

    /// Number of new orders without an answer.
    #[inline]
    pub fn unanswered(&self) -> u64 {
        self.counts.unanswered
    }

    /// Returns true if the last request has its answer, or is no longer waited for.
    #[inline]
    pub fn is_answered(&self) -> bool {
        self.awaited.is_none()
    }

    /// Stops waiting for the answer to the last request.
    pub(crate) fn give_up_waiting(&mut self) {
        self.awaited = None;
    }

    /// Returns true if the order can still be changed.
    #[inline]
    pub fn is_live(&self, id: u32) -> bool {
        self.slots[id as usize].state == State::Live
    }

    /// Records a request that is sent for the first time.
    #[inline]
    pub fn sent(&mut self, request: &Request, intended_ns: u64) {
        let slot = &mut self.slots[request.uses().unwrap_or(request.id) as usize];
        self.awaited = Some((request.kind, request.uses().unwrap_or(request.id)));
        if request.kind == Kind::Cancel {
            slot.cancel_ns = intended_ns;
            self.counts.cancels += 1;
            return;
        }
        let asked = request.quantity;
        let state = if request.kind == Kind::Enter { State::Entered } else { State::Replacing };
        *slot = Slot { intended_ns, cancel_ns: 0, asked, open: 0, state };
        if request.kind == Kind::Enter {
            self.counts.entered += 1;
            self.counts.unanswered += 1;
        } else {
            self.counts.replaces += 1;
        }
    }

    /// Checks and counts a message of the session that arrived at `now_ns`.
    #[inline]
    pub fn take(&mut self, bytes: &[u8], now_ns: u64, meter: &mut Meter) {
        self.messages += 1;
        let time = timestamp(bytes).unwrap_or(0);
        let last = std::mem::replace(&mut self.timestamp_ns, time);
        if time < last && last - time < HALF_A_DAY_NS {
            self.fail(format_args!("time falls from {last} to {time}"));
        }
        match Response::parse(bytes) {
            // The order came with its symbol from another partition; no session here has sent it.
            Ok(Response::Accepted(accepted, _)) if is_imported(accepted.user_ref_num.get()) => {
                self.counts.other += 1;
            }
            Ok(Response::Accepted(accepted, _)) => {
                self.counts.accepted += 1;
                let quantity = accepted.quantity.get();
                let verdict = Verdict {
                    asked: State::Entered,
                    becomes: live_or_dead(accepted.order_state, quantity),
                    quantity,
                    reference: accepted.order_reference_number.get(),
                };
                self.order_answered(accepted.user_ref_num.get(), verdict, now_ns, meter);
            }
            Ok(Response::Replaced(replaced, _)) => {
                self.counts.replaced += 1;
                self.replaced(replaced.orig_user_ref_num.get());
                let quantity = replaced.quantity.get();
                let verdict = Verdict {
                    asked: State::Replacing,
                    becomes: live_or_dead(replaced.order_state, quantity),
                    quantity,
                    reference: replaced.order_reference_number.get(),
                };
                self.order_answered(replaced.user_ref_num.get(), verdict, now_ns, meter);
            }
            Ok(Response::Rejected(rejected, _)) => {
                self.counts.rejected += 1;
                *self.counts.reasons.entry(rejected.reason.get()).or_default() += 1;
                let id = rejected.user_ref_num.get();
                let asked = if self.is_replacing(id) { State::Replacing } else { State::Entered };
                let verdict =
                    Verdict { asked, becomes: State::Rejected, quantity: 0, reference: 0 };
                self.order_answered(id, verdict, now_ns, meter);
            }
            // The trade broken last is executed again, with corrected terms.
            Ok(Response::Executed(executed, _))
                if self.taken_back.take()
                    == Some((executed.user_ref_num.get(), executed.match_number.get())) =>
            {
                self.counts.other += 1;
            }
            Ok(Response::Executed(executed, _)) => {
                let shares = executed.quantity.get();
                self.counts.executed += 1;
                self.counts.executed_shares += u64::from(shares);
                self.reduce(executed.user_ref_num.get(), shares, "executes");
            }
            Ok(Response::Canceled(canceled, _)) => {
                let id = canceled.user_ref_num.get();
                self.counts.canceled += 1;
                self.reduce(id, canceled.quantity.get(), "cancels");
                self.cancel_answered(id, canceled.reason, now_ns, meter);
            }
            Ok(Response::AiqCanceled(canceled, _)) => {
                self.counts.canceled += 1;
                let id = canceled.user_ref_num.get();
                self.reduce(id, canceled.decrement_shares.get(), "cancels");
            }
            Ok(Response::BrokenTrade(broken, _)) => {
                let (id, number) = (broken.user_ref_num.get(), broken.match_number.get());
                self.taken_back = Some((id, number));
                self.counts.other += 1;
            }
            Ok(Response::Query(..)) => {}
            Ok(_) => self.counts.other += 1,
            Err(malformed) => self.fail(format_args!("the venue sent {malformed}")),
        }
    }

    /// Results of all requests so far.
    pub fn counts(&self) -> Counts {
        let answered = self.cancels_answered + self.replaces_answered;
        let ignored = self.counts.cancels + self.counts.replaces - answered;
        Counts { ignored, ..self.counts.clone() }
    }

    /// Records a failed check.
    #[cold]
    pub fn fail(&mut self, what: std::fmt::Arguments) {
        self.wrong += 1;
        if self.failures.len() < FAILURES_TOLD {
            self.failures.push(what.to_string());
        }
    }

    /// Returns the order of an id on the wire. Orders from before the load and orders from another
    /// partition are ignored.
    #[inline]
    fn slot(&mut self, wire_id: u32, does: &str) -> Option<(u32, &mut Slot)> {
        let id = wire_id.checked_sub(self.base).filter(|&id| id > 0 && !is_imported(wire_id))?;
        if self.slots.get(id as usize).is_none_or(|slot| slot.state == State::Unsent) {
            self.fail(format_args!("the venue {does} order {wire_id}, which was never sent"));
            return None;
        }
        Some((id, &mut self.slots[id as usize]))
    }

    fn is_replacing(&self, wire_id: u32) -> bool {
        let slot = self.slots.get(wire_id.wrapping_sub(self.base) as usize);
        slot.is_some_and(|slot| slot.state == State::Replacing)
    }

    /// Checks the only answer to a new order, or to the new order of a replace.
    #[inline]
    fn order_answered(&mut self, wire_id: u32, verdict: Verdict, now_ns: u64, meter: &mut Meter) {
        let Verdict { asked, becomes, quantity, reference } = verdict;
        let Some((id, slot)) = self.slot(wire_id, "answers") else { return };
        let before = *slot;
        (slot.state, slot.open) = (becomes, quantity);
        if before.state != asked {
            self.fail(format_args!("order {wire_id} is answered again or as another request"));
            return;
        }
        // The open quantity of a replace's new order may be less than its size.
        let fits = match asked {
            _ if becomes == State::Rejected => true,
            State::Entered => quantity == before.asked,
            _ => quantity <= before.asked,
        };
        if !fits {
            let size = before.asked;
            self.fail(format_args!("order {wire_id} is for {size}, {quantity} are accepted"));
        }
        self.answered_id = self.answered_id.max(id);
        let kind = if asked == State::Entered {
            self.counts.unanswered -= 1;
            Kind::Enter
        } else {
            self.replaces_answered += 1;
            Kind::Replace
        };
        self.answered(kind, id);
        meter.answered(kind, before.intended_ns, now_ns);
        if becomes == State::Live {
            meter.rests(reference, before.intended_ns);
        }
    }

    /// Ends the order that a replace has replaced.
    fn replaced(&mut self, wire_id: u32) {
        let Some((_, slot)) = self.slot(wire_id, "replaces") else { return };
        let before = std::mem::replace(&mut slot.state, State::Dead);
        slot.open = 0;
        if before != State::Live {
            self.fail(format_args!("order {wire_id} is replaced, it was not live"));
        }
    }

    /// Takes executed or canceled shares from an order.
    #[inline]
    fn reduce(&mut self, wire_id: u32, shares: u32, does: &str) {
        let Some((_, slot)) = self.slot(wire_id, does) else { return };
        let Slot { state, open, .. } = *slot;
        slot.open = open.saturating_sub(shares);
        if slot.open == 0 {
            slot.state = State::Dead;
        }
        if state != State::Live || shares > open {
            let is = match state {
                State::Entered | State::Replacing => "that it has not accepted".to_string(),
                State::Rejected => "that it has rejected".to_string(),
                _ => format!("of which {open} are open"),
            };
            self.fail(format_args!("the venue {does} {shares} of order {wire_id}, {is}"));
        }
    }

    #[inline]
    fn cancel_answered(&mut self, wire_id: u32, reason: u8, now_ns: u64, meter: &mut Meter) {
        const BY_USER: u8 = b'U';
        let Some((id, slot)) = self.slot(wire_id, "cancels") else { return };
        let cancel_ns = std::mem::take(&mut slot.cancel_ns);
        if reason == BY_USER && cancel_ns > 0 {
            self.cancels_answered += 1;
            self.answered(Kind::Cancel, id);
            meter.answered(Kind::Cancel, cancel_ns, now_ns);
        }
    }

    #[inline]
    fn answered(&mut self, kind: Kind, id: u32) {
        if self.awaited == Some((kind, id)) {
            self.awaited = None;
        }
    }
}

/// Official time of a message, in ns since midnight UTC; it lies at the same offset in all
/// messages.
#[inline]
pub fn timestamp(message: &[u8]) -> Option<u64> {
    message.get(1..)?.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

#[inline]
fn live_or_dead(order_state: u8, quantity: u32) -> State {
    if order_state == b'D' || quantity == 0 { State::Dead } else { State::Live }
}

impl Counts {
    /// Adds the counts of another session.
    pub fn add(&mut self, other: &Counts) {
        let sums = [
            (&mut self.entered, other.entered),
            (&mut self.cancels, other.cancels),
            (&mut self.replaces, other.replaces),
            (&mut self.accepted, other.accepted),
            (&mut self.rejected, other.rejected),
            (&mut self.replaced, other.replaced),
            (&mut self.canceled, other.canceled),
            (&mut self.executed, other.executed),
            (&mut self.executed_shares, other.executed_shares),
            (&mut self.ignored, other.ignored),
            (&mut self.other, other.other),
            (&mut self.unanswered, other.unanswered),
        ];
        sums.into_iter().for_each(|(sum, n)| *sum += n);
        for (&reason, n) in &other.reasons {
            *self.reasons.entry(reason).or_default() += n;
        }
    }
}
fn is_imported(wire_id: u32) -> bool {
    OrderId(wire_id.into()).is_imported()
}
