//! `ringside client`: a session in a terminal or a pipe. Requests in, reports out.
//!
//! `input.rs` parses the typed lines, `orders.rs` puts the answers of the venue into words,
//! `screen.rs` is the terminal or the pipe, `desk.rs` holds the session and the market data.

mod desk;
mod input;
mod orders;
mod screen;

use super::load::{DEV_ADDRESS, DEV_PASSWORD, resolve};
use super::market_data::FeedArgs;
use super::{CliError, stop_on_signals};
use clap::Args;
use desk::Desk;
use input::{HELP, Line};
use ringside_wire::ouch::inbound::{EnterOrder, ModifyOrder, ReplaceOrder};
use ringside_wire::ouch::{Request, Tags};
use screen::{Screen, Typed};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Arguments of `client`.
#[derive(Args, Clone, Debug)]
pub(super) struct ClientArgs {
    /// OUCH port of the venue; several addresses are tried in turn.
    #[arg(long = "address", value_name = "HOST:PORT", value_delimiter = ',',
          default_value = DEV_ADDRESS)]
    addresses: Vec<String>,
    /// User to log in as.
    #[arg(long, value_name = "NAME", default_value = "DEMO01")]
    user: String,
    /// Password of the user.
    #[arg(long, value_name = "TEXT", default_value = DEV_PASSWORD)]
    password: String,
    /// First message to show: 1 shows the whole day, 0 begins with the latest message.
    #[arg(long, value_name = "N", default_value_t = 1)]
    from: u64,
    #[command(flatten)]
    feed: FeedArgs,
}

/// Runs `ringside client`.
pub(super) fn run(args: &ClientArgs) -> Result<(), CliError> {
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(&stop)?;
    let mut args = args.clone();
    // The development venue on this machine needs no address from the user.
    let is_dev = args.addresses == [DEV_ADDRESS] && !args.feed.is_given();
    if is_dev {
        args.feed = FeedArgs::of_dev();
    }
    let addresses = resolve(&args.addresses)?;
    let failure = |error| CliError::Failure(format!("cannot read the terminal: {error}"));
    let mut screen = Screen::open().map_err(failure)?;
    let mut desk = Desk::open(addresses, &args, is_dev)?;
    while !desk.has_left() {
        desk.turn(&mut |text| screen.print(text))?;
        // Lines from a pipe are sent one at a time, each after the previous one is answered.
        let may_type = desk.is_open() && (screen.is_terminal() || desk.is_quiet());
        if stop.load(Ordering::Relaxed) {
            desk.leave();
        } else if may_type {
            type_in(&mut screen, &mut desk);
        }
    }
    Ok(())
}

fn type_in(screen: &mut Screen, desk: &mut Desk) {
    let line = match screen.typed() {
        Typed::Line(line) => line,
        Typed::Nothing => return,
        Typed::End => return desk.leave(),
    };
    if !screen.is_terminal() && !line.trim().is_empty() {
        screen.print(&format!("> {line}"));
    }
    match Line::parse(&line) {
        Ok(line) => act(line, screen, desk),
        Err(what) => screen.print(&what),
    }
}

fn act(line: Line, screen: &mut Screen, desk: &mut Desk) {
    match line {
        Line::Enter(order, tags) => {
            let id = desk.take_id();
            let order = EnterOrder { user_ref_num: id.into(), ..order };
            let tags = Tags::new(&tags).expect("they were made here");
            desk.send(&Request::Enter(&order, tags), Some(id));
        }
        Line::Replace(replace) => {
            let id = desk.take_id();
            let replace = ReplaceOrder { user_ref_num: id.into(), ..replace };
            desk.send(&Request::Replace(&replace, Tags::NONE), Some(id));
        }
        Line::Cancel(cancel) => desk.send(&Request::Cancel(&cancel, Tags::NONE), None),
        Line::Modify(modify) => {
            let same = desk.orders.side_of(modify.user_ref_num.get()).unwrap_or(b'B');
            let side = if modify.side == 0 { same } else { modify.side };
            let modify = ModifyOrder { side, ..modify };
            desk.send(&Request::Modify(&modify, Tags::NONE), None);
        }
        Line::Orders => screen.print(&desk.orders.table()),
        Line::Book(symbol) => screen.print(&desk.book_of(&symbol)),
        Line::Help => screen.print(HELP),
        Line::Quit => desk.leave(),
        Line::Nothing => {}
    }
}
