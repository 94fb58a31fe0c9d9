//! `ringside journal dump`: prints the frames in the numbers of the journal.

use super::next_placed;
use crate::cli::replay::{note_tail, open};
use crate::cli::{CliError, SCHEMA_VERSION, hex};
use crate::config::Config;
use clap::Args;
use ringside_journal::Position;
use ringside_model::command::{self, ClientFields, Display};
use ringside_model::domain::{Price, Side};
use ringside_model::frame::{CommitMark, EpochStart, Frame, FrameKind, HashProbe};
use serde_json::{Value, json};
use std::io::Write;

/// Arguments of `journal dump`.
#[derive(Args)]
pub(crate) struct DumpArgs {
    /// First seqno to print.
    #[arg(long, default_value_t = 0, value_name = "SEQNO")]
    from: u64,
    /// Last seqno to print.
    #[arg(long, default_value_t = u64::MAX, value_name = "SEQNO")]
    to: u64,
    /// Print a JSON line for each frame.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &DumpArgs, config: &Config) -> Result<(), CliError> {
    let mut reader = open(config)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    while let Some((frame, from)) = next_placed(&mut reader)? {
        if !(args.from..=args.to).contains(&frame.header.seqno) {
            continue;
        }
        let written = if args.json {
            writeln!(out, "{}", frame_json(&frame, from))
        } else {
            writeln!(out, "{}", frame_text(&frame, from))
        };
        if written.is_err() {
            return Ok(());
        }
    }
    let _ = out.flush();
    note_tail(&reader);
    Ok(())
}

fn frame_text(frame: &Frame, at: Position) -> String {
    let header = &frame.header;
    let kind = frame.kind().map_or("?", FrameKind::name);
    let place = format!("{:08}:{:<10}", at.segment, at.offset);
    let head = format!(
        "{place} {:>10} {:>19} {kind:<14} crc {:08x}",
        header.seqno, header.time, header.crc
    );
    match (command::Command::decode(frame), bookkeeping(frame)) {
        (Some(command), _) => format!(
            "{head} session {} symbol {} {:?}{}{}",
            header.session,
            header.symbol,
            command.action,
            match command.verdict {
                ringside_model::reason::Reason::None => String::new(),
                verdict => format!(" verdict {}", verdict.name()),
            },
            match ClientFields::of(frame) {
                None => String::new(),
                Some(fields) => format!(" client {}", client_json(&fields)),
            }
        ),
        (None, Some(body)) => format!("{head} {body}"),
        (None, None) => head,
    }
}

/// Returns a frame as JSON with all of its fields.
pub(super) fn frame_json(frame: &Frame, at: Position) -> Value {
    let header = &frame.header;
    let mut line = json!({
        "schema_version": SCHEMA_VERSION, "segment": at.segment, "offset": at.offset,
        "kind": frame.kind().map(FrameKind::name), "seq": header.seqno, "ts": header.time,
        "crc": format!("{:08x}", header.crc),
    });
    if let Some(command) = command::Command::decode(frame) {
        line["session"] = header.session.into();
        line["symbol"] = header.symbol.into();
        line["verdict"] = command.verdict.name().into();
        line["body"] = action_json(&command.action);
        if let Some(fields) = ClientFields::of(frame) {
            line["client"] = client_json(&fields);
        }
    } else if let Some(body) = bookkeeping(frame) {
        line["body"] = body;
    }
    line
}

/// Returns the client fields that reports repeat: letters as text, tagged values in hex.
fn client_json(fields: &ClientFields) -> Value {
    let letters = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let hex: String = fields.tags().iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "text": letters(fields.text.trim_ascii_end()), "tif": letters(&[fields.tif]),
        "display": letters(&[fields.display]), "capacity": letters(&[fields.capacity]),
        "sweep": letters(&[fields.sweep]), "cross": letters(&[fields.cross]), "tags": hex,
    })
}

fn bookkeeping(frame: &Frame) -> Option<Value> {
    match frame.kind()? {
        FrameKind::EpochStart => {
            let start = frame.body::<EpochStart>()?;
            Some(json!({
                "epoch": start.epoch, "probe_interval": start.probe_interval,
                "durability": start.durability.name(),
            }))
        }
        FrameKind::CommitMark => {
            let mark = frame.body::<CommitMark>()?;
            Some(json!({ "committed": mark.committed, "synced": mark.synced }))
        }
        FrameKind::HashProbe => {
            let probe = frame.body::<HashProbe>()?;
            Some(json!({
                "seq": probe.seqno, "reports": probe.reports,
                "state_hash": hex(probe.state), "output_hash": hex(probe.output),
            }))
        }
        _ => None,
    }
}

fn action_json(action: &command::Action) -> Value {
    use command::Action;
    match action {
        Action::Enter(e) => json!({
            "id": e.id.0, "side": e.side.name(), "type": e.order_type.name(), "tif": e.tif.name(),
            "price_ticks": e.price.0, "qty": e.quantity.0, "firm": e.firm.0, "stp_group": e.group,
            "post_only": e.post_only.name(), "stp": e.self_trade.name(),
            "capacity": e.capacity.name(), "attributed": e.attributed,
        }),
        Action::EnterStop(stop) => {
            let mut order = action_json(&Action::Enter(stop.order));
            order["type"] = stop.type_name().into();
            order["stop_price_ticks"] = stop.stop.0.into();
            order
        }
        Action::EnterIceberg(iceberg) => {
            let mut order = action_json(&Action::Enter(iceberg.order));
            let Display { next, least, most, seed } = iceberg.display;
            order["display_qty"] = next.into();
            order["refresh"] = format!("{least}-{most}").into();
            order["seed"] = seed.into();
            order
        }
        Action::EnterRich(rich) => {
            let mut order = action_json(&Action::Enter(rich.order));
            let terms = rich.terms;
            order["expire_ts"] = terms.expire.0.into();
            order["min_qty"] = terms.min_quantity.0.into();
            order["peg"] = terms.peg.name().into();
            order["peg_limit_ticks"] = terms.peg_limit.0.into();
            order["peg_offset_ticks"] = terms.peg_offset.into();
            order["hidden"] = terms.hidden.into();
            order["at_band"] = terms.at_band.name().into();
            order["at_short_test"] = terms.at_short_test.name().into();
            order
        }
        Action::Reduce { id, quantity } => json!({ "id": id.0, "qty": quantity.0 }),
        Action::Replace { id, new_id, quantity, price } => json!({
            "id": id.0, "new_id": new_id.0, "qty": quantity.0, "price_ticks": price.0,
        }),
        Action::Cancel { id } => json!({ "id": id.0 }),
        Action::MassCancel(m) => json!({
            "id": m.id.0, "of_session": m.session.map(|s| s.0), "of_firm": m.firm.map(|f| f.0),
            "stp_group": m.group, "buy": m.buy,
        }),
        Action::DefineSymbol(d) => json!({
            "name": d.name.as_str(), "tick": d.tick.decimal(Price(1)),
            "lot": d.lot.0, "collar_bps": d.collar_bps, "reference_ticks": d.reference.0,
        }),
        Action::Modify { id, side, quantity } => json!({
            "id": id.0, "side": side.map(Side::name), "qty": quantity.map(|quantity| quantity.0),
        }),
        Action::SetOrderEntry { id, enabled } => json!({ "id": id.0, "enabled": enabled }),
        Action::AccountQuery { next } => json!({ "next_id": next.0 }),
        Action::TradingDay(event) => json!({ "event": event.name() }),
        Action::SetState(state) => json!({ "state": state.name() }),
        Action::PlanState(plan) => json!({
            "state": plan.state.name(), "at": plan.due.0, "random_ns": plan.random_ns,
            "seed": plan.seed,
        }),
        Action::Tick => json!({}),
        Action::SetBands(b) => json!({
            "low_ticks": b.low.0, "high_ticks": b.high.0, "band_bps": b.bps,
            "reference_ticks": b.reference.0,
        }),
        Action::SetQuote { bid, offer } => json!({
            "bid_ticks": bid.0, "offer_ticks": offer.0,
        }),
        Action::SetShortSale { restricted, automatic } => json!({
            "restricted": restricted, "automatic": automatic,
        }),
        Action::SetRisk(r) => json!({
            "scope": r.scope.name(), "firm": r.firm.0, "qty_max": r.limits.quantity_max,
            "notional_max": r.limits.notional_max, "open_orders_max": r.limits.open_orders_max,
            "gross_notional_max": r.limits.gross_notional_max,
            "orders_per_second_max": r.limits.orders_per_second_max, "killed": r.limits.killed,
        }),
        Action::CorrectTrade(c) => {
            let mut trade = action_json(&Action::BreakTrade(c.trade));
            trade["price_ticks"] = c.price.0.into();
            trade["qty"] = c.quantity.0.into();
            trade
        }
        Action::BreakTrade(b) => json!({
            "match": b.match_number.0,
            "sides": b.sides.map(|s| json!({
                "session": s.session.0, "id": s.id.0,
                "text": s.text.trim_ascii_end().escape_ascii().to_string(),
            })),
        }),
        Action::DefineSession { name, firm, role } => json!({
            "name": name.as_str(), "firm": firm.0, "role": role.name(),
        }),
        Action::DefineFirm { firm, name } => json!({ "name": name.as_str(), "firm": firm.0 }),
        Action::SetDurability(mode) => json!({ "mode": mode.name() }),
        Action::MoveSymbol(m) => json!({
            "step": m.step.name(), "partition": m.partition.0, "version": m.version,
            "orders": m.orders, "qty": m.quantity.0,
        }),
        Action::ImportOrder(i) => {
            let mut order = action_json(&Action::Enter(i.order));
            order["id_there"] = i.id_there.0.into();
            order
        }
    }
}
