//! Projections that go on from the image of another one.

use ringside_core::recovery::replay::{Replay, Shape};
use ringside_core::registry::names::Names;
use ringside_core::streams::{Positions, Projections, SessionStates};
use ringside_model::command::{
    Action, Command, DefineFirm, DefineSession, DefineSymbol, Enter, TradingDay,
};
use ringside_model::domain::{
    DayEvent, FirmId, Name, Nanos, OrderId, Price, Quantity, Role, SeqNo, SessionId, Side,
    SymbolId, Tick,
};
use ringside_model::frame::Frame;
use ringside_model::reason::Reason;

const STREAMS_MAX: u32 = 8;

/// Venue with one shard whose streams have places only.
struct Venue {
    replay: Replay<Projections<Positions>>,
    seqno: u64,
}

impl Venue {
    fn new() -> Venue {
        let projections = projections(Positions::new(STREAMS_MAX));
        Venue { replay: Replay::new(Shape { shards: 1, orders: 16 }, projections), seqno: 0 }
    }

    fn apply(&mut self, session: u32, symbol: u32, action: Action) {
        self.seqno += 1;
        let (session, symbol) = (SessionId(session), SymbolId(symbol));
        let mut frame = Frame::default();
        Command { session, symbol, verdict: Reason::None, action }.encode(&mut frame);
        frame.seal(SeqNo(self.seqno), Nanos(self.seqno), 0);
        self.replay.frame(&frame).unwrap();
        self.replay.flush();
    }

    fn enter(&mut self, id: u64, side: Side) {
        let order = Enter::limit(OrderId(id), side, Quantity(10), Price(100));
        self.apply(1, 1, Action::Enter(order));
    }

    fn projections(&self) -> &Projections<Positions> {
        &self.replay.subscriber
    }

    /// Replaces the projections by others that go on from their image.
    fn resume(&mut self) {
        let image = self.projections().image();
        let positions = Positions::from_image(&image.positions, STREAMS_MAX).unwrap();
        let mut resumed = projections(positions);
        let definitions = self.replay.shards[0].engine().image().definitions;
        resumed.resume(&definitions, &image, self.projections().exposure());
        self.replay.subscriber = resumed;
    }
}

fn projections(positions: Positions) -> Projections<Positions> {
    Projections::new(positions, SessionStates::new(STREAMS_MAX as usize), Names::default())
}

#[test]
fn resumed_projections_go_on_as_if_they_had_never_stopped() {
    let name = |text| Name::new(text).unwrap();
    let (mut whole, mut resumed) = (Venue::new(), Venue::new());
    for venue in [&mut whole, &mut resumed] {
        let firm = FirmId(1);
        venue.apply(0, 0, Action::from(DefineFirm { firm, name: name("ALFA") }));
        let session = DefineSession { name: name("SESSA"), firm, role: Role::OrderEntry };
        venue.apply(1, 0, Action::from(session));
        let tick = Tick { mantissa: 1, scale: 2 };
        venue.apply(0, 1, Action::from(DefineSymbol::new(name("AAPL"), tick)));
        venue.apply(0, 0, Action::from(TradingDay { event: DayEvent::Start }));
        venue.enter(1, Side::Buy);
        venue.enter(2, Side::Sell);
    }
    resumed.resume();
    assert!(!resumed.projections().states().day_ended());
    assert_eq!(resumed.projections().states().consumed(SessionId(1)), 2);
    for venue in [&mut whole, &mut resumed] {
        let exposure = venue.projections().exposure();
        assert_eq!(exposure.exposures().last_price(SymbolId(1)), Price(100));
        venue.enter(3, Side::Buy);
        venue.enter(4, Side::Sell);
        assert_eq!(venue.projections().encoder.day().began, Nanos(4));
    }
    let image = whole.projections().image();
    assert_eq!(image.sessions.len(), 1);
    assert_eq!(resumed.projections().image(), image);

    whole.apply(0, 0, Action::from(TradingDay { event: DayEvent::End }));
    whole.resume();
    assert!(whole.projections().states().day_ended());
    assert_eq!(whole.projections().encoder.day().ended, Nanos(9));
}
