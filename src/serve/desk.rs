//! Desk of the mover in the venue of its own process.
//!
//! ```text
//!  mover ─► requests ─► gateway ─► queue ─► sequencer … publisher ─► operator stream
//!  mover ◄─ lines ◄──── gateway ◄──────────────────────────────────────────┘
//! ```
//!
//! The gateway's thread hands over the commands, because it numbers names and imported orders, and
//! reads the stream, because the streams end with the venue. The mover's thread may outlive it.

use ringside_cluster::partition::{
    Desk, DeskAnswer, DeskError, DeskEvent, DeskRequest, REQUESTS_MAX, UnknownName,
};
use ringside_core::streams::{Cursor, StreamId, StreamReader};
use ringside_edge::gateway::server::Gateway;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError};
use std::time::{Duration, Instant};

/// Time limit of an answer; after that the mover asks again.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest number of lines of the stream that wait for the mover.
const LINES_MAX: usize = 1024;
/// Requests handed over in one step, at most.
const REQUESTS_PER_STEP: usize = 16;
/// Lines of the stream passed on in one step, at most. The thread of the gateway serves sessions
/// between two steps.
const LINES_PER_STEP: usize = 16;

/// Desk that the mover has open.
pub(super) struct VenueDesk {
    requests: SyncSender<DeskRequest>,
    heard: Receiver<Heard>,
    /// Time limit of an answer.
    patience: Duration,
    /// Time at which the next answer is late; `None` until somebody waits for the next order of an
    /// export or an import, each of which has the whole time limit.
    deadline: Option<Instant>,
}

/// Line of the operator stream, or the fault of a request that became no command.
type Heard = Result<Vec<u8>, UnknownName>;

/// Opener of desks, for the mover's thread.
#[derive(Clone)]
pub(super) struct DeskOpener(mpsc::Sender<GatewayEnd>);

impl DeskOpener {
    /// Opens a desk. It hears everything that is published after its first request.
    pub(super) fn open(&self) -> Result<VenueDesk, DeskError> {
        let (requests, asked) = mpsc::sync_channel(REQUESTS_MAX);
        let (told, heard) = mpsc::sync_channel(LINES_MAX);
        self.0.send(GatewayEnd { asked, told, fault: None }).map_err(|_| DeskError::Closed)?;
        Ok(VenueDesk { requests, heard, patience: PATIENCE, deadline: None })
    }
}

impl Desk for VenueDesk {
    fn send(&mut self, request: DeskRequest) -> Result<(), DeskError> {
        self.requests.try_send(request).map_err(|error| match error {
            TrySendError::Full(_) => DeskError::Silent,
            TrySendError::Disconnected(_) => DeskError::Closed,
        })?;
        self.deadline = Some(Instant::now() + self.patience);
        Ok(())
    }

    fn hear(&mut self) -> Result<DeskAnswer, DeskError> {
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + self.patience);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(DeskError::Silent);
            }
            let heard = self.heard.recv_timeout(left).map_err(|error| match error {
                RecvTimeoutError::Timeout => DeskError::Silent,
                RecvTimeoutError::Disconnected => DeskError::Closed,
            })?;
            let Some(answer) = DeskAnswer::read(&heard?)? else { continue };
            if matches!(answer.event, DeskEvent::Exported(_) | DeskEvent::Held) {
                self.deadline = None;
            }
            return Ok(answer);
        }
    }
}

/// Side of the gateway's thread.
pub(super) struct DeskPort {
    opener: DeskOpener,
    opened: Receiver<GatewayEnd>,
    reader: StreamReader,
    /// Latest desk that was opened, with its place in the operator stream.
    latest: Option<(GatewayEnd, Cursor)>,
}

/// End of an open desk for the gateway's thread.
struct GatewayEnd {
    asked: Receiver<DeskRequest>,
    told: SyncSender<Heard>,
    /// Fault of a request for which the mover had no room yet. No request is taken meanwhile.
    fault: Option<UnknownName>,
}

/// Error of a desk that the mover has closed.
struct Closed;

impl DeskPort {
    /// Creates the port of a venue with these streams.
    pub(super) fn new(reader: StreamReader) -> DeskPort {
        let (opener, opened) = mpsc::channel();
        DeskPort { opener: DeskOpener(opener), opened, reader, latest: None }
    }

    /// Returns the opener of desks at this port.
    pub(super) fn opener(&self) -> DeskOpener {
        self.opener.clone()
    }

    /// Hands over the commands of requests while the queue has room, and passes on the operator
    /// stream; returns the amount of work.
    pub(super) fn step(&mut self, gateway: &mut Gateway) -> usize {
        if let Ok(end) = self.opened.try_recv() {
            let next = self.reader.next_number(StreamId::OPERATOR);
            let cursor = self.reader.cursor(StreamId::OPERATOR, next);
            self.latest = cursor.map(|cursor| (end, cursor));
        }
        let Some((end, cursor)) = &mut self.latest else { return 0 };
        let done = end.take_requests(gateway);
        let done = done.and_then(|done| Ok(done + end.tell(&mut self.reader, cursor)?));
        done.unwrap_or_else(|Closed| {
            self.latest = None;
            1
        })
    }
}

impl GatewayEnd {
    fn take_requests(&mut self, gateway: &mut Gateway) -> Result<usize, Closed> {
        for done in 0..REQUESTS_PER_STEP {
            if !self.tell_fault()? || !gateway.has_room() {
                return Ok(done);
            }
            match self.asked.try_recv() {
                Ok(request) => match request.command(gateway.directory()) {
                    Ok(command) => _ = gateway.hand_over(command),
                    Err(unknown) => self.fault = Some(unknown),
                },
                Err(TryRecvError::Empty) => return Ok(done),
                Err(TryRecvError::Disconnected) => return Err(Closed),
            }
        }
        Ok(REQUESTS_PER_STEP)
    }

    /// Passes on the fault of a request; returns false if the fault still waits.
    fn tell_fault(&mut self) -> Result<bool, Closed> {
        let Some(fault) = self.fault else { return Ok(true) };
        match self.told.try_send(Err(fault)) {
            Ok(()) => self.fault = None,
            Err(TrySendError::Full(_)) => return Ok(false),
            Err(TrySendError::Disconnected(_)) => return Err(Closed),
        }
        Ok(true)
    }

    /// Passes on lines of the stream as far as they have room, after a fault that waits.
    fn tell(&mut self, reader: &mut StreamReader, cursor: &mut Cursor) -> Result<usize, Closed> {
        if !self.tell_fault()? {
            return Ok(0);
        }
        for lines in 0..LINES_PER_STEP {
            let bytes = reader.bytes(cursor);
            let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return Ok(lines) };
            let line = &rest[..usize::from(u16::from_be_bytes(*length))];
            match self.told.try_send(Ok(line.to_vec())) {
                Ok(()) => cursor.advance(2 + line.len()),
                Err(TrySendError::Full(_)) => return Ok(lines),
                Err(TrySendError::Disconnected(_)) => return Err(Closed),
            }
        }
        Ok(LINES_PER_STEP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringside_core::registry::directory::Directory;
    use ringside_core::registry::exposure::ExposureCounter;
    use ringside_core::streams::{SessionStates, Store, StreamSink};
    use ringside_edge::gateway::accounts::Accounts;
    use ringside_edge::gateway::queue::{self, Consumer};
    use ringside_edge::gateway::server::{Limits, Options};
    use ringside_model::command::{Action, DefineSymbol, MoveSymbol, OperatorCommand, RiskLimits};
    use ringside_model::domain::{MoveStep, Name, PartitionId, Quantity, SymbolId, Tick};

    struct Venue {
        store: Store,
        gateway: Gateway,
        queue: Consumer,
        port: DeskPort,
    }

    impl Venue {
        /// Returns a venue with the symbol A, whose queue has room for two commands.
        fn new() -> Venue {
            let listen = ([127, 0, 0, 1], 0).into();
            let (session, limits) = ("S".into(), Limits::default());
            let session_limits = RiskLimits::default();
            let clock = ringside_core::clock::OfficialClock::of_machine();
            let options = Options { listen, admin: None, session, limits, session_limits, clock };
            let accounts = Accounts::with_one_password(["U"], "P").unwrap();
            let mut directory = Directory::new();
            let symbol = DefineSymbol::new(name("A"), Tick::parse("1").unwrap());
            directory.define_symbol(symbol, true, &mut |_| {}).unwrap();
            let (store, reader) = Store::in_memory();
            let (producer, queue) = queue::bounded(2);
            let (states, exposure) = (SessionStates::new(4), ExposureCounter::default());
            let exposures = exposure.exposures().clone();
            let port = DeskPort::new(reader.clone());
            let gateway =
                Gateway::open(options, accounts, directory, reader, states, exposures, producer);
            Venue { store, gateway: gateway.unwrap(), queue, port }
        }

        fn step(&mut self) -> usize {
            self.port.step(&mut self.gateway)
        }

        fn publish(&mut self, line: &str) {
            let message = [&(line.len() as u16).to_be_bytes(), line.as_bytes()].concat();
            self.store.append(StreamId::OPERATOR, &message);
            self.store.publish().unwrap();
        }
    }

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn halt(symbol: &str) -> DeskRequest {
        let (step, partition, version) = (MoveStep::Halt, PartitionId(2), 7);
        let (orders, quantity) = (0, Quantity(0));
        let asked = MoveSymbol { step, partition, version, orders, quantity };
        DeskRequest::Step { symbol: name(symbol), asked }
    }

    const HALTED: &str = concat!(
        r#"{"seq":5,"report":"symbol_moved","symbol":"A","step":"halt","partition":2,"#,
        r#""version":7,"count":3}"#
    );

    #[test]
    fn a_request_becomes_a_command_and_its_report_an_answer() {
        let mut venue = Venue::new();
        venue.publish(HALTED);
        let mut desk = venue.port.opener().open().unwrap();
        desk.send(halt("A")).unwrap();
        assert_eq!(venue.step(), 1, "an earlier report is not heard");
        let command = venue.queue.pop().unwrap().command;
        assert_eq!(command.symbol, SymbolId(1));
        let Action::Operator(OperatorCommand::MoveSymbol(asked)) = command.action else {
            panic!("{command:?} is no step of a move")
        };
        assert_eq!(asked.version, 7);
        venue.publish(r#"{"report":"trading_day","event":"start"}"#);
        venue.publish(HALTED);
        assert_eq!(venue.step(), 2);
        let answer = desk.hear().unwrap();
        assert_eq!(answer.symbol, name("A"));
        assert!(matches!(answer.event, DeskEvent::Moved { orders: 3, .. }), "{answer:?}");
    }

    #[test]
    fn a_full_queue_and_a_slow_mover_lose_nothing() {
        let mut venue = Venue::new();
        let mut desk = venue.port.opener().open().unwrap();
        (0..3).for_each(|_| desk.send(halt("A")).unwrap());
        assert_eq!(venue.step(), 2);
        venue.queue.pop().unwrap();
        assert_eq!(venue.step(), 1);
        (0..LINES_MAX + 10).for_each(|_| venue.publish(HALTED));
        (0..LINES_MAX / LINES_PER_STEP).for_each(|_| assert_eq!(venue.step(), LINES_PER_STEP));
        assert_eq!(venue.step(), 0, "there is no room");
        (0..LINES_MAX).for_each(|_| _ = desk.hear().unwrap());
        assert_eq!(venue.step(), 10);
        (0..10).for_each(|_| _ = desk.hear().unwrap());
    }

    #[test]
    fn other_lines_do_not_extend_the_time_limit_of_an_answer() {
        let mut venue = Venue::new();
        let mut desk = venue.port.opener().open().unwrap();
        desk.patience = Duration::from_millis(100);
        desk.send(halt("A")).unwrap();
        let hearing = std::thread::spawn(move || desk.hear());
        let began = Instant::now();
        while !hearing.is_finished() {
            assert!(began.elapsed() < Duration::from_secs(5), "the limit is 0.1 s");
            venue.publish(r#"{"report":"trading_day","event":"start"}"#);
            venue.step();
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(hearing.join().unwrap(), Err(DeskError::Silent));
    }

    #[test]
    fn each_order_of_an_export_has_the_whole_time_limit() {
        let mut venue = Venue::new();
        let mut desk = venue.port.opener().open().unwrap();
        desk.send(halt("A")).unwrap();
        venue.step();
        venue.publish(HALTED);
        venue.publish(concat!(
            r#"{"report":"exported","session":"S","id":8,"symbol":"A","side":"buy","tif":"day","#,
            r#""qty":2,"price":"2"}"#
        ));
        venue.step();
        assert!(matches!(desk.hear().unwrap().event, DeskEvent::Moved { .. }));
        assert!(desk.deadline.is_some(), "the limit of the request goes on");
        assert!(matches!(desk.hear().unwrap().event, DeskEvent::Exported(_)));
        assert_eq!(desk.deadline, None);
    }

    #[test]
    fn a_fault_waits_for_room_and_no_request_is_taken_before_it() {
        let mut venue = Venue::new();
        let mut desk = venue.port.opener().open().unwrap();
        venue.step();
        (0..LINES_MAX).for_each(|_| venue.publish(HALTED));
        while venue.step() > 0 {}
        desk.send(halt("B")).unwrap();
        desk.send(halt("A")).unwrap();
        venue.step();
        assert!(venue.queue.is_empty(), "the fault of B waits");
        desk.hear().unwrap();
        venue.step();
        venue.queue.pop().unwrap();
        (1..LINES_MAX).for_each(|_| _ = desk.hear().unwrap());
        assert!(matches!(desk.hear(), Err(DeskError::Unknown(_))));
    }

    #[test]
    fn a_name_that_the_venue_does_not_know_is_an_error() {
        let mut venue = Venue::new();
        let mut desk = venue.port.opener().open().unwrap();
        desk.send(halt("B")).unwrap();
        venue.step();
        assert!(venue.queue.is_empty());
        let error = desk.hear().unwrap_err();
        assert_eq!(error.to_string(), "B: B is no symbol of this venue");
    }

    #[test]
    fn a_new_desk_takes_the_place_of_the_last_and_ends_with_the_venue() {
        let mut venue = Venue::new();
        let opener = venue.port.opener();
        let mut first = opener.open().unwrap();
        venue.step();
        let mut second = opener.open().unwrap();
        first.send(halt("A")).unwrap();
        venue.step();
        assert!(venue.queue.is_empty(), "requests of the first desk are dropped");
        assert_eq!(first.hear(), Err(DeskError::Closed));
        drop(venue);
        assert_eq!(second.send(halt("A")), Err(DeskError::Closed));
        assert_eq!(second.hear(), Err(DeskError::Closed));
        assert!(opener.open().is_err());
    }
}
