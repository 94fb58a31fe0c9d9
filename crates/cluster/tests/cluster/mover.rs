//! Mover against a desk with scripted answers: foreign and late answers, and damaged exports.

use ringside_cluster::membership::{Coordinator, InMemory};
use ringside_cluster::partition::{
    Desk, DeskAnswer, DeskError, DeskEvent, DeskRequest, Export, ExportPiece, Keepers, Mover,
    MoverError, Moving, Placement, SymbolTable,
};
use ringside_model::domain::{MoveStep, Name, PartitionId, SeqNo};
use ringside_model::reason::Reason;
use ringside_model::report::Moved;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

type Open = Box<dyn FnMut() -> Result<Port, DeskError>>;

/// Venue of a mover: its answers, its table and the pieces of the export.
#[derive(Clone, Default)]
struct Venue {
    answers: Arc<Mutex<VecDeque<DeskEvent>>>,
    sent: Arc<Mutex<Vec<String>>>,
    /// Number of open desks.
    open: Arc<Mutex<usize>>,
    table: InMemory<SymbolTable>,
    pieces: Arc<Mutex<Vec<Vec<String>>>>,
    /// Names of the pieces that the mover has opened.
    opened: Arc<Mutex<Vec<String>>>,
}

/// Desk that gives the answers of the script, all about the symbol A.
struct Port(Venue);

impl Drop for Port {
    fn drop(&mut self) {
        *self.0.open.lock().unwrap() -= 1;
    }
}

impl Desk for Port {
    fn send(&mut self, request: DeskRequest) -> Result<(), DeskError> {
        self.0.sent.lock().unwrap().push(request.to_string());
        Ok(())
    }

    fn hear(&mut self) -> Result<DeskAnswer, DeskError> {
        let event = self.0.answers.lock().unwrap().pop_front().ok_or(DeskError::Silent)?;
        Ok(DeskAnswer { symbol: Name::new("A").unwrap(), event })
    }
}

impl Venue {
    /// Returns a venue whose table moves the symbol A from partition 1 to 2 in a move of version 5.
    fn moving(export: Option<Export>) -> Venue {
        let moving = Some(Moving { from: 1, to: 2, version: 5, export });
        let place = Placement { partition: 1, version: 1, moving };
        Venue::with(5, place)
    }

    fn with(version: u32, place: Placement) -> Venue {
        let mut venue = Venue::default();
        let partitions = [(1, vec![]), (2, vec![])].into();
        let table = SymbolTable { version, partitions, symbols: [("A".into(), place)].into() };
        venue.table.swap(None, &table).unwrap();
        venue
    }

    /// Returns a venue that imports the symbol A, with these lines in each piece.
    fn importing(orders: u64, pieces: &[&[&str]]) -> Venue {
        let count = pieces.len() as u32;
        let venue = Venue::moving(Some(Export { seqno: 9, orders, quantity: 1, pieces: count }));
        let pieces = pieces.iter().map(|lines| lines.iter().map(|&line| line.into()).collect());
        *venue.pieces.lock().unwrap() = pieces.collect();
        venue
    }

    /// Returns the mover of a partition, in whose journal the symbol A has this state.
    fn mover(&self, me: u16, here: Option<Moved>) -> Mover<Port, Open> {
        let (venue, pieces) = (self.clone(), self.clone());
        let keepers = Keepers {
            table: Box::new(self.table.clone()),
            pieces: Box::new(move |name| {
                pieces.opened.lock().unwrap().push(name.into());
                let number: usize = name.rsplit('/').next().unwrap().parse().unwrap();
                let mut piece = InMemory::default();
                if let Some(lines) = pieces.pieces.lock().unwrap().get(number) {
                    piece.swap(None, &ExportPiece(lines.clone())).unwrap();
                }
                Box::new(piece)
            }),
        };
        let open: Open = Box::new(move || {
            *venue.open.lock().unwrap() += 1;
            Ok(Port(venue.clone()))
        });
        Mover::new(PartitionId(me), &[1, 2], &[], [("A".into(), here)].into(), keepers, open)
    }

    fn will_say(&self, events: impl IntoIterator<Item = DeskEvent>) {
        self.answers.lock().unwrap().extend(events);
    }

    /// Removes and returns the requests that were sent.
    fn sent(&self) -> Vec<String> {
        std::mem::take(&mut *self.sent.lock().unwrap())
    }

    fn open_desks(&self) -> usize {
        *self.open.lock().unwrap()
    }
}

fn state(step: MoveStep, version: u32) -> Moved {
    Moved { step, partition: PartitionId(2), version }
}

fn moved(step: MoveStep, version: u32) -> DeskEvent {
    DeskEvent::Moved { moved: state(step, version), seqno: SeqNo(9), orders: 0 }
}

fn released() -> Option<Moved> {
    Some(Moved { step: MoveStep::Release, partition: PartitionId(2), version: 0 })
}

const ORDER: &str = r#"{"id_there":7,"op":"import","price":"2","qty":20,"session":"S","side":"buy","symbol":"A","tif":"day"}"#;

#[test]
fn late_and_foreign_reports_answer_no_request() {
    let venue = Venue::moving(None);
    let halted = state(MoveStep::Halt, 5);
    let mut mover = venue.mover(1, Some(halted));
    venue.will_say([moved(MoveStep::Halt, 5)]);
    assert!(matches!(mover.turn(), Err(MoverError::Desk(DeskError::Silent))));
    assert_eq!(
        venue.sent(),
        ["halt at version 5, partition 2", "export at version 5, partition 2"]
    );
    venue.will_say([
        // The export that was asked for before, and its end.
        moved(MoveStep::Export, 5),
        DeskEvent::OutOfStep(Some(halted)),
        // A halt of another move.
        moved(MoveStep::Halt, 4),
        moved(MoveStep::Halt, 5),
    ]);
    assert!(matches!(mover.turn(), Err(MoverError::Desk(DeskError::Silent))));
    let look = "export at version 4294967295, partition 1";
    let halt = "halt at version 5, partition 2";
    assert_eq!(venue.sent(), [look, halt, "export at version 5, partition 2"]);
    assert!(venue.answers.lock().unwrap().is_empty());
}

#[test]
fn an_export_of_no_move_is_an_error() {
    let venue = Venue::moving(None);
    let mut mover = venue.mover(1, Some(state(MoveStep::Halt, 5)));
    mover.turn().unwrap_err();
    let moved = Moved { step: MoveStep::Export, partition: PartitionId(1), version: u32::MAX };
    venue.will_say([DeskEvent::Moved { moved, seqno: SeqNo(9), orders: 0 }]);
    let error = mover.turn().unwrap_err().to_string();
    assert_eq!(error, "A: the journal has it in a move of version 4294967295, which no table has");
    assert_eq!(venue.open_desks(), 0);
}

#[test]
fn only_a_step_out_of_order_tells_the_state_of_a_symbol() {
    let venue = Venue::moving(None);
    let mut mover = venue.mover(1, None);
    mover.turn().unwrap_err();
    assert_eq!(venue.sent(), ["halt at version 5, partition 2"]);
    venue.will_say([
        DeskEvent::Rejected(Reason::InvalidMove),
        DeskEvent::OutOfStep(Some(state(MoveStep::Halt, 5))),
        moved(MoveStep::Halt, 5),
        moved(MoveStep::Export, 5),
    ]);
    assert_eq!(mover.turn().unwrap(), ["A: exported"]);
}

#[test]
fn a_desk_is_closed_when_nothing_is_left_to_do() {
    let venue = Venue::moving(None);
    let mut mover = venue.mover(1, None);
    venue.will_say([
        moved(MoveStep::Halt, 5),
        moved(MoveStep::Halt, 5),
        moved(MoveStep::Export, 5),
    ]);
    assert_eq!(mover.turn().unwrap(), ["A: halted, it goes to another partition"]);
    assert_eq!(mover.turn().unwrap(), ["A: exported"]);
    assert_eq!(venue.open_desks(), 1);
    venue.sent();
    for _ in 0..2 {
        assert_eq!(mover.turn().unwrap(), [""; 0]);
        assert_eq!(venue.open_desks(), 0);
        assert_eq!(venue.sent(), [""; 0], "the state of the symbol is known");
    }
}

#[test]
fn an_order_of_another_symbol_is_not_imported() {
    let other = ORDER.replace(r#""symbol":"A""#, r#""symbol":"B""#);
    let venue = Venue::importing(2, &[&[ORDER], &[&other]]);
    let error = venue.mover(2, released()).turn().unwrap_err();
    assert!(matches!(error, MoverError::LineUnread { .. }), "{error}");
    assert_eq!(venue.sent(), [""; 0]);
}

#[test]
fn pieces_are_read_only_up_to_the_number_of_orders() {
    let venue = Venue::importing(1, &[&[ORDER, ORDER], &[ORDER], &[ORDER]]);
    let error = venue.mover(2, released()).turn().unwrap_err().to_string();
    assert_eq!(error, "A: its export does not have the 1 orders that the table states");
    assert_eq!(*venue.opened.lock().unwrap(), ["exports/A/5/0"]);
    let venue = Venue::importing(2, &[&[ORDER]]);
    let error = venue.mover(2, released()).turn().unwrap_err().to_string();
    assert_eq!(error, "A: its export does not have the 2 orders that the table states");
    assert_eq!(venue.sent(), [""; 0]);
}

#[test]
fn a_line_that_is_no_order_is_named_by_its_place_and_its_beginning() {
    let long = "é".repeat(500_000);
    let venue = Venue::importing(3, &[&[ORDER], &[ORDER, &long]]);
    let error = venue.mover(2, released()).turn().unwrap_err().to_string();
    let begins =
        format!("line 2 of piece 1 of its export is no order of it: {:?}", "é".repeat(200));
    assert_eq!(error, format!("A: {begins}"));
}

#[test]
fn a_table_without_a_next_version_does_not_change() {
    for version in [u32::MAX - 1, u32::MAX] {
        let place = Placement { partition: 2, version: 1, moving: None };
        let venue = Venue::with(version, place);
        let error = venue.mover(1, released()).turn().unwrap_err().to_string();
        assert_eq!(error, "the table of symbols: its versions are used up");
        assert_eq!(venue.table.clone().read().unwrap().unwrap().1.version, version);
    }
}
