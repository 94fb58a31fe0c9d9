//! `ringside client`: a session in a terminal or a pipe. Requests in, reports out.
//!
//! `input.rs` parses the typed lines, `orders.rs` puts the answers of the venue into words,
//! `screen.rs` is the terminal or the pipe, `console.rs` holds the session and the market data.

mod console;
mod input;
mod orders;
mod screen;

use super::load::{DEV_ADDRESS, DEV_PASSWORD, resolve};
use super::market_data::FeedArgs;
use super::{CliError, stop_on_signals};
use clap::Args;
use console::Console;
use input::{HELP, InputLine};
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
    let mut console = Console::open(addresses, &args, is_dev)?;
    while !console.has_left() {
        console.turn(&mut |text| screen.print(text))?;
        screen.failure()?;
        // Lines from a pipe are sent one at a time, each after the previous one is answered.
        let may_type = console.is_open() && (screen.is_terminal() || console.is_quiet());
        if stop.load(Ordering::Relaxed) {
            console.leave();
        } else if may_type {
            type_in(&mut screen, &mut console);
        }
    }
    Ok(())
}

fn type_in(screen: &mut Screen, console: &mut Console) {
    let line = match screen.typed() {
        Typed::Line(line) => line,
        Typed::Nothing => return,
        Typed::End => return console.leave(),
    };
    if !screen.is_terminal() && !line.trim().is_empty() {
        screen.print(&format!("> {line}"));
    }
    match InputLine::parse(&line) {
        Ok(line) => act(line, screen, console),
        Err(what) => screen.print(&what),
    }
}

fn act(line: InputLine, screen: &mut Screen, console: &mut Console) {
    match line {
        InputLine::Enter(order, tags) => {
            let id = console.take_id();
            let order = EnterOrder { user_ref_num: id.into(), ..order };
            let tags = Tags::new(&tags).expect("they were made here");
            console.send(&Request::Enter(&order, tags), Some(id));
        }
        InputLine::Replace(replace) => {
            let id = console.take_id();
            let replace = ReplaceOrder { user_ref_num: id.into(), ..replace };
            console.send(&Request::Replace(&replace, Tags::NONE), Some(id));
        }
        InputLine::Cancel(cancel) => console.send(&Request::Cancel(&cancel, Tags::NONE), None),
        InputLine::Modify(modify) => {
            let same = console.orders.side_of(modify.user_ref_num.get()).unwrap_or(b'B');
            let side = if modify.side == 0 { same } else { modify.side };
            let modify = ModifyOrder { side, ..modify };
            console.send(&Request::Modify(&modify, Tags::NONE), None);
        }
        InputLine::Orders => screen.print(&console.orders.table()),
        InputLine::Book(symbol) => screen.print(&console.book_of(&symbol)),
        InputLine::Help => screen.print(HELP),
        InputLine::Quit => console.leave(),
        InputLine::Nothing => {}
    }
}
