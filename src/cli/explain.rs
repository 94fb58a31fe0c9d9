//! `ringside explain`: everything that ever happened to an order, with the causes.

use super::journal::{NamedField, UnitChanges, command_fields, decode, json_line};
use super::replay::open;
use super::{CliError, FRAME_SCHEMA_VERSION};
use crate::cli::output::outln;
use crate::config::Config;
use clap::Args;
use ringside_core::json_reports::JsonReports;
use ringside_core::merge::Subscriber;
use ringside_core::recovery::replay::replay;
use ringside_core::registry::directory::Directory;
use ringside_model::command::Command;
use ringside_model::domain::{MatchNumber, OrderId, OrderNumber, SeqNo, SessionId};
use ringside_model::frame::FrameKind;
use ringside_model::report::{
    Body, Broken, Corrected, Executed, Published, Replaced, Report, ReportKind, Triggered,
};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Arguments of `explain`.
#[derive(Args)]
pub(super) struct ExplainArgs {
    /// Order number of the venue (`order` in its reports).
    order: u64,
    /// Print also the events of the orders that it replaced and that replaced it.
    #[arg(long)]
    chain: bool,
    /// Print the events as JSON lines only.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ExplainArgs, config: &Config) -> Result<(), CliError> {
    let order = OrderNumber(args.order);
    let mut story = Story::read(order, config)?;
    if !args.chain {
        story.events.retain(|event| event.order == order || event.took_the_place_of(order));
    }
    let chain: Vec<String> = story.chain.iter().map(OrderNumber::to_string).collect();
    if chain.len() > 1 && !args.json {
        outln!("one replaced the other: orders {}", chain.join(", "))?;
    }
    let causes = Causes::read(&story.events, config)?;
    for event in &story.events {
        let (kind, sent) = causes.of(event.published.seqno)?;
        let asked_about = if args.chain { event.order } else { order };
        let cause = event.sentence(asked_about, kind, &causes.names);
        if args.json {
            outln!("{}", story.json(event, kind, sent, &cause, &causes.names)?)?;
        } else {
            outln!("{cause}")?;
            outln!("    sent      {}", json_line(sent))?;
            outln!("    reported  {}", event.line.trim_end())?;
        }
    }
    Ok(())
}

/// Key of a live order in the reports: ids are unique within a session only.
type Key = (SessionId, OrderId);

/// All events of the orders of a chain: each order but the first replaced the one before.
struct Story {
    chain: Vec<OrderNumber>,
    events: Vec<Event>,
}

/// A report about one order of the chain.
struct Event {
    published: Published,
    /// The order that the report is about.
    order: OrderNumber,
    line: String,
    /// Counterparty order of a trade.
    contra: Option<Key>,
}

impl Story {
    /// Replays the journal twice: the first pass finds the beginning of the order's chain, the
    /// second pass records its events.
    fn read(order: OrderNumber, config: &Config) -> Result<Story, CliError> {
        let search = Search { order, chains: Chains::default(), first: None };
        let until = Some(SeqNo(order.0));
        let found = replay(&mut open(config)?, config.shape(), search, until)?.subscriber.first;
        let Some(first) = found else {
            return Err(CliError::Failure(format!("no order has the number {order}")));
        };
        let recorder = Recorder {
            first,
            chains: Chains::default(),
            lines: JsonReports::new(),
            story: Story { chain: vec![], events: vec![] },
            before: Key::default(),
        };
        Ok(replay(&mut open(config)?, config.shape(), recorder, None)?.subscriber.story)
    }

    fn json(
        &self,
        event: &Event,
        kind: &str,
        sent: &[NamedField],
        cause: &str,
        names: &Directory,
    ) -> Result<Value, CliError> {
        let report: Value = serde_json::from_str(&event.line)
            .map_err(|error| CliError::Failure(format!("cannot read a report: {error}")))?;
        let sent: Map<String, Value> =
            sent.iter().map(|(key, value)| ((*key).into(), value.clone())).collect();
        let chain: Vec<u64> = self.chain.iter().map(|order| order.0).collect();
        let mut line = json!({
            "schema_version": FRAME_SCHEMA_VERSION, "chain": chain, "command": kind, "sent": sent,
            "cause": cause, "event": report,
        });
        if let Some((session, id)) = event.contra
            && let Body::Executed(Executed { contra, .. }) = event.published.report.body()
        {
            let session = name(session, names);
            line["contra"] = json!({ "order": contra.0, "session": session, "id": id.0 });
        }
        Ok(line)
    }
}

impl Event {
    fn took_the_place_of(&self, order: OrderNumber) -> bool {
        let report = &self.published.report;
        report.kind == ReportKind::Replaced && report.order == order
    }

    /// Describes the effect of the event on `order`, and its cause.
    fn sentence(&self, order: OrderNumber, kind: &str, names: &Directory) -> String {
        let Published { seqno, report, .. } = &self.published;
        let what = match report.body() {
            Body::Canceled(_) => format!("canceled. {}", report.reason.text()),
            Body::Executed(Executed { contra, removed, auction, .. }) => {
                let whose = match self.contra {
                    Some((session, id)) => format!("{contra} of {}, id {id}", name(session, names)),
                    None => contra.to_string(),
                };
                match auction {
                    Some(auction) => {
                        format!("traded in the {} auction with order {whose}", auction.name())
                    }
                    None if removed => format!("traded on entry with order {whose}"),
                    None => format!("traded with the incoming order {whose}"),
                }
            }
            Body::Replaced(Replaced { old_id, .. }) if self.order == order => {
                format!("took the place of order {}, id {old_id}", report.order)
            }
            Body::Replaced(_) => {
                format!("gave its place to order {}, id {}", self.order, report.id)
            }
            Body::Modified(_) => {
                let (side, open) = (report.side.name(), report.open);
                format!("modified to {side}, {open} open, {} less than before", report.quantity)
            }
            Body::Triggered(Triggered { old_order }) if report.order == old_order => {
                "reached by a trade: it waits until its symbol trades again".into()
            }
            Body::Triggered(_) => {
                format!("reached by a trade: it enters as order {}", report.order)
            }
            Body::Entered(_) => {
                format!("its symbol trades again: it enters as order {}", report.order)
            }
            Body::Parked(_) => "parked: it is out of the book until it can follow a quote".into(),
            Body::Displayed(_) => {
                format!("{} of {} shown, as order {}", report.quantity, report.open, report.order)
            }
            Body::Repriced(_) => {
                format!("got another limit and a new place, as order {}", report.order)
            }
            Body::Corrected(Corrected { match_number: number }) => {
                let (quantity, price) = (report.quantity, report.price);
                let price = match names.names().symbol(report.symbol) {
                    Some(symbol) => symbol.tick.decimal(price),
                    None => format!("{price} ticks"),
                };
                format!("its trade {number} was corrected to {quantity} at {price}")
            }
            Body::Broken(Broken { match_number }) => {
                format!("its trade {match_number} was taken back")
            }
            _ => report.kind.name().into(),
        };
        format!("seqno {seqno} ({kind}): {what}")
    }
}

fn name(session: SessionId, names: &Directory) -> String {
    names
        .names()
        .session(session)
        .map_or_else(|| format!("session {session}"), |s| s.name.to_string())
}

/// Live orders, each with the first order of its chain.
#[derive(Default)]
struct Chains(HashMap<Key, OrderNumber>);

impl Chains {
    /// Returns the first order in the chain of the order that the report is about. Must be called
    /// for every report.
    fn first(&mut self, report: &Report) -> Option<OrderNumber> {
        let key = key(report);
        match report.body() {
            Body::Accepted(_) => {
                self.0.insert(key, report.order);
                Some(report.order)
            }
            Body::Replaced(replaced) => {
                let first = self.0.remove(&(report.session, replaced.old_id))?;
                self.0.insert(key, first);
                Some(first)
            }
            Body::Executed(_) | Body::Canceled(_) if report.open.0 == 0 => self.0.remove(&key),
            Body::Executed(_)
            | Body::Canceled(_)
            | Body::Restated(_)
            | Body::Triggered(_)
            | Body::Entered(_)
            | Body::Parked(_)
            | Body::Displayed(_)
            | Body::Repriced(_)
            | Body::Modified(_) => self.0.get(&key).copied(),
            _ => None,
        }
    }
}

fn key(report: &Report) -> Key {
    (report.session, report.id)
}

/// Returns the order that a report is about. An order that replaced another has the seqno of its
/// command as its number.
fn order_of(published: &Published) -> OrderNumber {
    match published.report.kind {
        ReportKind::Replaced => published.new_order(),
        _ => published.report.order,
    }
}

/// Subscriber that looks for the first order of an order's chain.
struct Search {
    order: OrderNumber,
    chains: Chains,
    first: Option<OrderNumber>,
}

impl Subscriber for Search {
    fn report(&mut self, published: &Published) {
        let first = self.chains.first(&published.report);
        if order_of(published) == self.order {
            self.first = self.first.or(first);
        }
    }
}

/// Subscriber that records the events of the chain that begins with `first`.
struct Recorder {
    first: OrderNumber,
    chains: Chains,
    lines: JsonReports,
    story: Story,
    /// Key of the order in the previous report.
    before: Key,
}

impl Subscriber for Recorder {
    fn definition(&mut self, command: &Command) {
        self.lines.definition(command);
    }

    fn report(&mut self, published: &Published) {
        let report = &published.report;
        self.lines.names().learn(report);
        // A trade is reported twice in a row: first to the resting order, then to the incoming one.
        // In an auction the older order comes first.
        let removes = matches!(report.body(), Body::Executed(Executed { removed: true, .. }));
        if removes
            && let Some(resting) = self.story.events.last_mut()
            && resting.published.report.kind == ReportKind::Executed
            && resting.published.match_number() == published.match_number()
        {
            resting.contra = Some(key(report));
        }
        let before = std::mem::replace(&mut self.before, key(report));
        let taken_back = match report.body() {
            Body::Broken(broken) => Some(broken.match_number),
            Body::Corrected(corrected) => Some(corrected.match_number),
            _ => None,
        };
        if let Some(number) = taken_back {
            if let Some(order) = self.traded(number, key(report)) {
                self.tell(published, order, None);
            }
        } else if self.chains.first(report) == Some(self.first) {
            let order = order_of(published);
            let is_new = self.story.chain.last() != Some(&order);
            if is_new
                && matches!(
                    report.kind,
                    ReportKind::Accepted
                        | ReportKind::Replaced
                        | ReportKind::Triggered
                        | ReportKind::Entered
                        | ReportKind::Displayed
                        | ReportKind::Repriced
                )
            {
                self.story.chain.push(order);
            }
            self.tell(published, order, removes.then_some(before));
        }
    }
}

impl Recorder {
    fn tell(&mut self, published: &Published, order: OrderNumber, contra: Option<Key>) {
        let mut line = vec![];
        self.lines.write(published, &mut line);
        let line = String::from_utf8_lossy(&line).into_owned();
        self.story.events.push(Event { published: *published, order, line, contra });
    }

    /// Returns the order of the story that took part in a broken or corrected trade under this key;
    /// the order may have ended since.
    fn traded(&self, number: MatchNumber, party: Key) -> Option<OrderNumber> {
        let trade = |event: &&Event| {
            let Published { report, .. } = &event.published;
            report.kind == ReportKind::Executed
                && event.published.match_number() == number
                && key(report) == party
        };
        self.story.events.iter().find(trade).map(|event| event.order)
    }
}

/// Commands that caused the events.
struct Causes {
    commands: BTreeMap<u64, (FrameKind, Vec<NamedField>)>,
    names: Directory,
}

impl Causes {
    fn read(events: &[Event], config: &Config) -> Result<Causes, CliError> {
        let wanted: BTreeSet<u64> = events.iter().map(|event| event.published.seqno.0).collect();
        let last = wanted.last().copied().unwrap_or(0);
        let mut causes = Causes { commands: BTreeMap::new(), names: Directory::new() };
        let mut units = UnitChanges::new(config);
        let mut reader = open(config)?;
        while reader.seqno().0 < last
            && let Some(frame) = reader.next_frame()?
        {
            let Some(kind) = frame.kind().filter(|kind| kind.is_command()) else { continue };
            if wanted.contains(&frame.header.seqno) {
                let fields = command_fields(&decode(&frame)?, &causes.names);
                causes.commands.insert(frame.header.seqno, (kind, fields));
            }
            units.observe_definition(&frame, &mut causes.names)?;
        }
        Ok(causes)
    }

    /// Returns the kind and the fields of the command at a seqno; fails if the journal was replaced
    /// since the replay.
    fn of(&self, seqno: SeqNo) -> Result<(&'static str, &[NamedField]), CliError> {
        let Some((kind, fields)) = self.commands.get(&seqno.0) else {
            let changed = format!("the journal changed meanwhile: no command has seqno {seqno}");
            return Err(CliError::Failure(changed));
        };
        Ok((kind.name(), fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_that_lost_a_command_between_the_passes_is_a_failure() {
        let causes = Causes { commands: BTreeMap::new(), names: Directory::new() };
        let failed = causes.of(SeqNo(5)).unwrap_err();
        assert!(matches!(failed, CliError::Failure(what) if what.contains("seqno 5")));
    }
}
