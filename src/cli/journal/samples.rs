//! Commands for the tests of the text forms: every kind, every word of every list of words, and
//! fields with and without their default values.

use ringside_core::registry::directory::Directory;
use ringside_core::registry::exposure::{ExposureCounter, ExposureView};
use ringside_model::command::*;
use ringside_model::domain::*;
use ringside_model::durability::Durability;
use ringside_model::reason::Reason;
use ringside_model::report::{Executed, Subject};

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// Returns a command of session A on symbol X.
pub(super) fn of_a(action: impl Into<Action>) -> Command {
    let (session, symbol, verdict) = (SessionId(1), SymbolId(1), Reason::None);
    Command { session, symbol, verdict, action: action.into() }
}

fn on_x(action: impl Into<Action>) -> Command {
    Command { session: SessionId(0), ..of_a(action) }
}

pub(super) fn venue_wide(action: impl Into<Action>) -> Command {
    Command { symbol: SymbolId::NONE, ..on_x(action) }
}

/// Returns the directory in which the samples are usual: symbols X and Y, firms F and G, sessions A
/// of F and B of none, an order of each session on X.
pub(super) fn directory() -> Directory {
    let symbol = |name, tick| DefineSymbol::new(name, Tick::parse(tick).unwrap());
    let session =
        |text, firm| DefineSession { name: name(text), firm: FirmId(firm), role: Role::File };
    let order = |session| Command { session: SessionId(session), ..of_a(Action::Enter(limit(1))) };
    let numbered = |session, symbol, action| Command {
        session: SessionId(session),
        symbol: SymbolId(symbol),
        ..venue_wide(action)
    };
    let mut directory = Directory::new();
    for command in [
        numbered(0, 1, Action::from(symbol(name("X"), "0.01"))),
        numbered(0, 2, Action::from(symbol(name("Y"), "0.25"))),
        venue_wide(DefineFirm { firm: FirmId(1), name: name("F") }),
        venue_wide(DefineFirm { firm: FirmId(2), name: name("G\"\\,") }),
        numbered(1, 0, Action::from(session("A", 1))),
        numbered(2, 0, Action::from(session("B", 0))),
        order(1),
        order(2),
    ] {
        directory.observe(&command);
    }
    directory
}

/// Returns the knowledge of trade 8, between the orders of the directory.
pub(super) fn exposures() -> ExposureView {
    let (mut exposure, tick) = (ExposureCounter::default(), on_x(RunTimers));
    for (session, removed) in [(1, false), (2, true)] {
        let executed = Executed { trade: 8, contra: OrderNumber(0), removed, auction: None };
        let (id, session, quantity) = (OrderId(1), SessionId(session), Quantity(10));
        let subject = Subject { id, session, quantity, ..Subject::from(&tick) };
        exposure.report(&executed.about(subject), &tick);
    }
    exposure.end_command(0, Nanos(0));
    exposure.exposures().clone()
}

pub(super) fn limit(id: u64) -> Enter {
    let firm = FirmId(1);
    Enter { firm, ..Enter::limit(OrderId(id), Side::Buy, Quantity(10), Price(105)) }
}

/// Returns the samples, of which no two are equal. Each is what a gateway makes of a line, in the
/// directory of the samples.
pub(super) fn usual() -> Vec<Command> {
    let mut samples: Vec<Command> = orders().into_iter().map(of_a).collect();
    samples.extend(changes());
    samples.extend(mass_cancels());
    samples.extend(definitions());
    samples.extend(of_the_market());
    samples.extend(of_trades_and_moves());
    samples
}

/// Returns an order for each value of each attribute.
fn attributes() -> Vec<Enter> {
    let base = limit(7);
    let mut orders = vec![
        base,
        Enter {
            id: OrderId(u64::MAX),
            quantity: Quantity(u64::MAX),
            price: Price(i64::MAX),
            ..base
        },
        Enter { price: Price(0), ..base },
        Enter { firm: FirmId(2), ..base },
        Enter { group: u16::MAX, ..base },
        Enter { attributed: true, ..base },
    ];
    orders.extend(Side::ALL[1..].iter().map(|&side| Enter { side, ..base }));
    orders.extend(TimeInForce::ALL[1..].iter().map(|&tif| Enter { tif, ..base }));
    orders.extend(PostOnly::ALL[1..].iter().map(|&post_only| Enter { post_only, ..base }));
    orders.extend(SelfTrade::ALL[1..].iter().map(|&self_trade| Enter { self_trade, ..base }));
    orders.extend(Capacity::ALL[1..].iter().map(|&capacity| Enter { capacity, ..base }));
    orders
}

fn orders() -> Vec<Action> {
    let base = limit(7);
    let mut orders: Vec<Action> = attributes().into_iter().map(Action::Enter).collect();
    for &order_type in &OrderType::ALL[1..] {
        orders.push(Action::Enter(Enter { order_type, ..base }));
        orders.push(Action::Enter(Enter { order_type, price: Price(0), ..base }));
    }
    for order in [base, Enter { order_type: OrderType::Market, price: Price(0), ..base }] {
        for stop in [0, 106] {
            orders.push(Action::EnterStop(EnterStop { order, stop: Price(stop) }));
        }
    }
    for (next, least, most, seed) in [(5, 5, 5, 7), (5, 2, 9, 0), (0, 0, 0, u64::MAX)] {
        let display = Display { next, least, most, seed };
        orders.push(Action::EnterIceberg(EnterIceberg { order: base, display }));
    }
    let timed = Enter { tif: TimeInForce::Gtc, ..base };
    let peg = Enter { price: Price(0), ..base };
    let (none, primary) =
        (SpecialTerms::NONE, SpecialTerms { peg: Peg::Primary, ..SpecialTerms::NONE });
    let midpoint = SpecialTerms { peg: Peg::Midpoint, hidden: true, ..none };
    for (order, terms) in [
        (timed, SpecialTerms { expire: Nanos(u64::MAX), ..none }),
        (timed, SpecialTerms { hidden: true, ..none }),
        (base, SpecialTerms { hidden: true, ..none }),
        (base, SpecialTerms { min_quantity: Quantity(u64::MAX), ..none }),
        (base, SpecialTerms { at_band: AtBand::Cancel, ..none }),
        (base, SpecialTerms { at_short_test: AtShortTest::Slide, ..none }),
        (peg, primary),
        (peg, SpecialTerms { hidden: true, ..primary }),
        (peg, SpecialTerms { peg_limit: Price(104), peg_offset: u32::MAX, ..primary }),
        (Enter { tif: TimeInForce::Gtc, ..peg }, SpecialTerms { expire: Nanos(5), ..primary }),
        (peg, midpoint),
        (peg, SpecialTerms { peg_limit: Price(104), ..midpoint }),
    ] {
        orders.push(Action::EnterSpecial(EnterSpecial { order, terms }));
    }
    orders
}

fn changes() -> Vec<Command> {
    let (known, unknown) = (OrderId(1), OrderId(99));
    let changes = |id| {
        let modify = |side, quantity| Action::Modify(Modify { id, side, quantity });
        let mut changes = vec![
            Action::Reduce(Reduce { id, quantity: Quantity(0) }),
            Action::Reduce(Reduce { id, quantity: Quantity(5) }),
            Action::Cancel(Cancel { id }),
            modify(None, Some(Quantity(0))),
            modify(Some(Side::Buy), Some(Quantity(5))),
        ];
        changes.extend(Side::ALL.iter().map(|&side| modify(Some(side), None)));
        changes
    };
    let too_late = |action| Command { verdict: Reason::TooLate, ..of_a(action) };
    let of_none = |action| Command { symbol: SymbolId::NONE, ..of_a(action) };
    let replace = |id, price| {
        Action::Replace(Replace { id, new_id: OrderId(8), quantity: Quantity(5), price })
    };
    let mut commands: Vec<Command> = changes(known).into_iter().map(too_late).collect();
    commands.extend(changes(unknown).into_iter().map(of_none));
    commands.push(of_a(replace(known, Price(106))));
    commands.push(of_a(replace(known, Price(0))));
    commands.push(of_none(replace(unknown, Price(0))));
    commands.extend(named_terms().into_iter().map(|terms| {
        let (id, new_id, quantity) = (known, OrderId(8), Quantity(5));
        let replace = Replace { id, new_id, quantity, price: Price(0) };
        of_a(Action::ReplaceTerms(ReplaceTerms { replace, terms }))
    }));
    for (id, enabled) in [(0, true), (0, false), (77, false)] {
        commands.push(of_none(Action::SetOrderEntry(SetOrderEntry { id: OrderId(id), enabled })));
    }
    commands.push(of_none(Action::AccountQuery(AccountQuery { next: OrderId(500) })));
    commands
}

fn named_terms() -> Vec<NamedTerms> {
    let display =
        |next, least, most, seed| NamedTerms::Display(Display { next, least, most, seed });
    let none = NamedSpecialTerms::default();
    let all = NamedSpecialTerms {
        min_quantity: Some(Quantity(u64::MAX)),
        peg_offset: Some(u32::MAX),
        peg_limit: Some(Price(104)),
        expire: Nanos(u64::MAX),
    };
    let special = [
        all,
        NamedSpecialTerms { min_quantity: Some(Quantity(0)), ..none },
        NamedSpecialTerms { peg_offset: Some(0), ..none },
        NamedSpecialTerms { peg_limit: Some(Price(0)), ..none },
        NamedSpecialTerms { expire: Nanos(1), ..none },
    ];
    let mut terms =
        vec![NamedTerms::Stop(Price(107)), display(5, 5, 5, 8), display(5, 2, 9, u64::MAX)];
    terms.extend(special.map(NamedTerms::Special));
    terms
}

fn mass_cancels() -> Vec<Command> {
    let own = MassCancel { session: Some(SessionId(1)), ..MassCancel::default() };
    let all = MassCancel {
        id: OrderId(77),
        session: Some(SessionId(2)),
        firm: Some(FirmId(2)),
        group: Some(3),
        buy: Some(true),
    };
    let filters = [
        own,
        all,
        MassCancel { id: OrderId(77), ..own },
        MassCancel { buy: Some(false), ..own },
        MassCancel { firm: Some(FirmId(1)), ..MassCancel::default() },
        MassCancel { group: Some(0), ..MassCancel::default() },
    ];
    let mut commands = vec![];
    for filter in filters.map(Action::MassCancel) {
        commands.extend([of_a(filter), Command { symbol: SymbolId::NONE, ..of_a(filter) }]);
    }
    let causes = Reason::ALL.iter().filter(|reason| reason.is_of_cancel());
    commands.extend(causes.map(|&verdict| Command { verdict, ..of_a(Action::MassCancel(own)) }));
    commands
}

fn definitions() -> Vec<Command> {
    let symbol =
        |definition| Command { symbol: SymbolId(3), ..venue_wide(Action::from(definition)) };
    let session = |firm, role| Command {
        session: SessionId(3),
        ..venue_wide(DefineSession { name: name("C"), firm: FirmId(firm), role })
    };
    let base = DefineSymbol::new(name("Z\"\\,"), Tick::parse("0.25").unwrap());
    let mut commands = vec![
        symbol(base),
        symbol(DefineSymbol { lot: Quantity(100), collar_bps: 500, ..base }),
        symbol(DefineSymbol { reference: Price(9), ..base }),
        venue_wide(DefineFirm { firm: FirmId(3), name: name("H") }),
        session(1, Role::File),
    ];
    commands.extend(Role::ALL.iter().map(|&role| session(0, role)));
    commands
}

fn of_the_market() -> Vec<Command> {
    let (low, high, reference) = (Price(1), Price(i64::MAX), Price(3));
    let risk = |scope, firm, limits| SetRisk { scope, firm: FirmId(firm), limits };
    let of_session =
        |limits| Command { symbol: SymbolId::NONE, ..of_a(risk(RiskScope::Session, 0, limits)) };
    let none = RiskLimits::default();
    let plan = |state, random_ms: u64, seed| {
        on_x(PlanState { due: Nanos(9), random_ns: random_ms * 1_000_000, seed, state })
    };
    let no_plan = PlanState { due: Nanos(0), random_ns: 0, seed: 0, state: SymbolState::Open };
    let mut commands = vec![
        on_x(RunTimers),
        on_x(no_plan),
        on_x(PlanState { random_ns: 2_000_000, ..no_plan }),
        on_x(PlanState { seed: 3, ..no_plan }),
        plan(SymbolState::Open, 7, u64::MAX),
        on_x(SetBands::default()),
        on_x(SetBands { low, ..SetBands::default() }),
        on_x(SetBands { low, high, bps: 500, reference }),
        on_x(SetQuote { bid: Price(0), offer: Price(0) }),
        on_x(SetQuote { bid: Price(4), offer: Price(5) }),
        on_x(SetReference { prior_close: low, last: Price(0) }),
        on_x(SetReference { prior_close: Price(0), last: high }),
        on_x(ChangeSymbol::default()),
        on_x(ChangeSymbol {
            tick: Some(Tick { mantissa: 25, scale: 3 }),
            lot: Some(Quantity(u64::MAX)),
            collar_bps: Some(u32::MAX),
            auction_collar_bps: Some(0),
            extension: Some(Nanos(2_000_000)),
            extensions: Some(3),
        }),
        on_x(SetStopWaves { waves_max: u32::MAX }),
        on_x(SetState { state: SymbolState::Open, collar_off: true }),
        of_session(none),
        of_session(RiskLimits { quantity_max: 1, ..none }),
        of_session(RiskLimits { notional_max: 1, ..none }),
        of_session(RiskLimits { open_orders_max: 1, ..none }),
        of_session(RiskLimits {
            stops_max: 1,
            pegs_max: 2,
            minimums_max: 3,
            slices_max: 4,
            ..none
        }),
        of_session(RiskLimits { gross_notional_max: u64::MAX, ..none }),
        of_session(RiskLimits { orders_per_second_max: u32::MAX, ..none }),
        venue_wide(risk(RiskScope::Firm, 2, none)),
        on_x(risk(RiskScope::Symbol, 0, none)),
    ];
    for state in SymbolState::ALL {
        commands.extend([on_x(SetState::to(*state)), plan(*state, 0, 0)]);
    }
    for (restricted, automatic) in [(false, false), (false, true), (true, false), (true, true)] {
        commands.push(on_x(SetShortSale { restricted, automatic }));
    }
    commands.extend(DayEvent::ALL.iter().map(|&event| venue_wide(TradingDay { event })));
    let modes = Durability::ALL.iter().map(|&durability| venue_wide(SetDurability { durability }));
    commands.extend(modes);
    commands
}

/// Returns the kill switches of a session, a firm and a symbol.
pub(super) fn kills() -> [Command; 3] {
    let limits = RiskLimits { killed: true, ..RiskLimits::default() };
    let kill = |scope, firm| SetRisk { scope, firm: FirmId(firm), limits };
    [
        Command { symbol: SymbolId::NONE, ..of_a(kill(RiskScope::Session, 0)) },
        venue_wide(kill(RiskScope::Firm, 2)),
        on_x(kill(RiskScope::Symbol, 0)),
    ]
}

fn of_trades_and_moves() -> Vec<Command> {
    let side = |session, text| TradeSide { id: OrderId(1), session: SessionId(session), text };
    let trade = |texts: [&[u8; 14]; 2]| {
        BreakTrade::new(MatchNumber(8), [side(1, *texts[0]), side(2, *texts[1])])
    };
    let blank = trade([b"              "; 2]);
    let moves = |orders, quantity, step| MoveSymbol {
        step,
        partition: PartitionId(u16::MAX),
        version: u32::MAX,
        orders,
        quantity: Quantity(quantity),
    };
    let mut commands = vec![
        on_x(blank),
        on_x(trade([b" a, \"b\"\\      ", b"fourteen chars"])),
        on_x(CorrectTrade { trade: blank, price: Price(9), quantity: Quantity(10) }),
        on_x(moves(5, 6, MoveStep::Resume)),
    ];
    commands.extend(MoveStep::ALL.iter().map(|&step| on_x(moves(0, 0, step))));
    let imports = attributes().into_iter().filter(|order| order.price.0 != 0);
    let imports = imports.map(|order| ImportOrder { order, id_there: OrderId(u64::MAX) });
    commands.extend(imports.map(of_a));
    let order = Enter { firm: FirmId(0), ..limit(7) };
    commands.push(of_a(ImportOrder { order, id_there: OrderId(0) }));
    commands
}

#[test]
fn every_kind_of_command_has_a_sample_and_all_differ() {
    use ringside_model::frame::FrameKind;
    let samples = usual();
    for kind in FrameKind::ALL.iter().filter(|kind| kind.is_command()) {
        assert!(samples.iter().any(|sample| sample.action.kind() == *kind), "{kind:?}");
    }
    for (i, sample) in samples.iter().enumerate() {
        assert!(!samples[..i].contains(sample), "{sample:?}");
    }
}
