//! An engine that continues from an image equals the engine that never stopped, on any number of
//! shards. An impossible image is rejected.

use ringside_engine::{
    BandTimer, Engine, Image, OrderImage, ReachedImage, ReserveImage, SYMBOL_MAX, SettingsImage,
    Shard, StopLimit, TermsImage, WAVES_MAX,
};
use ringside_model::command::{
    Action, Cancel, ChangeSymbol, Command, DefineFirm, DefineSession, DefineSymbol, Definition,
    Display, Enter, EnterIceberg, EnterSpecial, EnterStop, ImportOrder, MoveSymbol,
    OperatorCommand, PlanState, RunTimers, Sequenced, SetBands, SetQuote, SetReference,
    SetShortSale, SetState, SetStopWaves, SpecialTerms, TradingDay, is_venue_wide,
};
use ringside_model::domain::{
    AtBand, AtShortTest, DayEvent, FirmId, MoveStep, Name, Nanos, OrderId, PartitionId, Peg, Price,
    Quantity, Role, SeqNo, SessionId, Side, SymbolId, SymbolState, Tick, TimeInForce,
};
use ringside_model::reason::Reason;
use ringside_model::report::{Report, ReportKind};
use ringside_testing::oracle::commands::{
    DEEP, EVENTS, HUGE_VALUES, MIXED, Profile, Random, SPECIAL, TINY, WIDE_PRICES, stream,
};
use ringside_testing::run::base_seed;

/// Room for few live orders, so that a restored engine has to grow.
const ORDERS: usize = 4;

#[test]
fn a_restored_engine_goes_on_as_if_it_had_never_stopped() {
    let mut rare = 0;
    for profile in [TINY, WIDE_PRICES, HUGE_VALUES, MIXED, DEEP, SPECIAL, EVENTS] {
        for n in 0..4 {
            rare += u32::from(go_on_from_an_image(profile, base_seed() + n, 1));
        }
    }
    assert!(rare >= 5, "{rare} images have capacities and attributed orders");
}

#[test]
fn any_number_of_shards_goes_on_from_the_image_of_a_venue() {
    let mut rare = 0;
    for profile in [TINY, WIDE_PRICES, HUGE_VALUES, MIXED, SPECIAL, EVENTS] {
        for (n, count) in [(10, 2), (11, 3), (12, 8), (13, 2), (14, 3), (15, 8)] {
            // Only the whole venue sees an id that is live on two symbols.
            let profile = Profile { ids_cross_symbols: false, ..profile };
            rare += u32::from(go_on_from_an_image(profile, base_seed() + n, count));
        }
    }
    assert!(rare >= 5, "{rare} images have capacities and attributed orders");
}

#[test]
fn an_image_tells_the_side_of_orders_and_the_price_of_stops() {
    let mut engine = Engine::new(ORDERS);
    let quote = Action::from(SetQuote { bid: Price(90), offer: Price(110) });
    let definition =
        Action::from(DefineSymbol::new(Name::new("X").unwrap(), Tick::parse("1").unwrap()));
    let order = |id, side, price| Enter::limit(OrderId(id), side, Quantity(5), Price(price));
    let stop = EnterStop { order: order(1, Side::Sell, 80), stop: Price(85) };
    let peg = |id, side, bound| {
        let terms =
            SpecialTerms { peg: Peg::Primary, peg_limit: Price(bound), ..SpecialTerms::NONE };
        Action::EnterSpecial(EnterSpecial { order: order(id, side, 0), terms })
    };
    let pegs = [(2, Side::Buy, 95), (3, Side::Sell, 105), (4, Side::Buy, 0)];
    let [bounded, selling, unbounded] = pegs.map(|(id, side, bound)| peg(id, side, bound));
    let limit = Action::Enter(order(5, Side::Buy, 70));
    let stop = Action::EnterStop(stop);
    act(&mut engine, 1, &[definition, quote, stop, bounded, selling, unbounded, limit]);
    let image = engine.image();
    let found = image.orders.iter().map(|order| (order.id, order.side(), order.stop_price()));
    let mut found: Vec<_> = found.collect();
    found.sort_by_key(|&(id, ..)| id);
    let (buy, sell) = (Side::Buy, Side::Sell);
    let expected = [
        (1, sell, Some(Price(85))),
        (2, buy, None),
        (3, sell, None),
        (4, buy, None),
        (5, buy, None),
    ];
    assert_eq!(found, expected);
}

/// Runs a stream up to a random command and restores the image into `count` shards. Compares the
/// shards with the engine that was not restored, up to the end of the stream. Returns true if the
/// image has capacities and attributed orders.
fn go_on_from_an_image(profile: Profile, seed: u64, count: u32) -> bool {
    let what = format!("seed {seed}, {count} shards, {profile:?}");
    let commands = stream(profile, seed, 3_000);
    let mut random = Random(seed);
    let (past, future) = commands.split_at(500 + random.below(2_000) as usize);
    let mut whole = Engine::new(ORDERS);
    whole.apply_batch(past, &mut vec![]);
    let image = whole.image();
    let away = image.definitions.iter().filter_map(|command| match command.action {
        Action::Operator(OperatorCommand::MoveSymbol(_)) => Some(command.symbol.0),
        _ => None,
    });
    let away: Vec<u32> = away.collect();
    let live = image.orders.iter().filter(|order| !away.contains(&order.symbol));
    assert_eq!(live.count(), whole.live_orders(), "{what}");
    assert!(!image.definitions.is_empty(), "{what}");
    let has = |attributes: u64| image.orders.iter().any(|order| order.attributes & attributes != 0);

    let parts = (0..count).map(|index| image.part(Shard { index, count }));
    let restore = |part: Image| Engine::restore(ORDERS, &part).expect("an image of an engine");
    let mut shards: Vec<Engine> = parts.map(restore).collect();
    assert_same_state(&whole, &shards, profile, &what);
    for command in future {
        let mut expected = vec![];
        whole.apply_batch(std::slice::from_ref(command), &mut expected);
        assert_eq!(apply(&mut shards, command), expected, "{command:?}, {what}");
    }
    assert_same_state(&whole, &shards, profile, &what);
    has(3 << 48) && has(1 << 52)
}

fn assert_same_state(whole: &Engine, shards: &[Engine], profile: Profile, what: &str) {
    let hash = shards.iter().fold(0, |sum: u128, shard| sum.wrapping_add(shard.state_hash()));
    assert_eq!(hash, whole.state_hash(), "{what}");
    assert_eq!(Image::merge(shards.iter().map(Engine::image)), whole.image(), "{what}");
    for &(symbol, _) in profile.symbols {
        let owner = &shards[symbol.shard(shards.len() as u32) as usize];
        assert_eq!(owner.top_of_book(symbol), whole.top_of_book(symbol), "{what}");
        for buy in [true, false] {
            let levels = whole.depth(symbol, buy);
            assert_eq!(owner.depth(symbol, buy), levels, "{what}");
            for level in levels {
                let queue = whole.orders_at(symbol, buy, level.price);
                assert_eq!(owner.orders_at(symbol, buy, level.price), queue, "{what}");
                for order in queue {
                    assert_eq!(owner.order(order.session, order.id), Some(order), "{what}");
                }
            }
        }
    }
}

/// Applies a command to its shards; returns the reports as the whole venue publishes them.
fn apply(shards: &mut [Engine], command: &Sequenced) -> Vec<Report> {
    let Command { symbol, action, .. } = command.command;
    let wide = is_venue_wide(action.kind(), symbol);
    let (mut heads, mut rest) = (vec![], vec![]);
    let count = shards.len() as u32;
    for (index, shard) in (0..).zip(shards) {
        if (Shard { index, count }).concerns(symbol, wide) {
            let mut said = vec![];
            shard.apply_batch(std::slice::from_ref(command), &mut said);
            heads.push(said.remove(0));
            rest.extend(said);
        }
    }
    let mut said = vec![heads[0]];
    if heads.len() > 1 {
        use ReportKind::{MassCanceled, Rejected, TradingDay};
        assert!(heads.iter().all(|head| head.kind == heads[0].kind));
        assert!(matches!(heads[0].kind, MassCanceled | TradingDay | Rejected));
        said[0].quantity.0 = heads.iter().map(|head| head.quantity.0).sum();
        rest.sort_by_key(|report| report.symbol);
    }
    said.extend(rest);
    let last = said.len() - 1;
    said.iter_mut().for_each(|report| *report = report.without_last());
    said[last].set_last();
    said
}

fn command(seqno: u64, session: SessionId, symbol: SymbolId, action: Action) -> Sequenced {
    let command = Command { session, symbol, verdict: Reason::None, action };
    Sequenced { seqno: SeqNo(seqno), time: Nanos(0), command }
}

/// Returns an engine with books on both sides, last prices, sessions and firms.
fn busy_engine() -> Engine {
    let mut engine = Engine::new(ORDERS);
    let (name, firm) = (Name::new("N").unwrap(), FirmId(7));
    let firm_7 = command(1, SessionId(0), SymbolId::NONE, Action::from(DefineFirm { firm, name }));
    let session = command(
        2,
        SessionId(7),
        SymbolId::NONE,
        Action::from(DefineSession { name, firm, role: Role::File }),
    );
    engine.apply_batch(&[firm_7, session], &mut vec![]);
    engine.apply_batch(&stream(Profile { seqno_min: 3, ..MIXED }, 9, 4_000), &mut vec![]);
    for (seqno, &(symbol, _)) in (9_000_000..).zip(MIXED.symbols) {
        let open =
            command(seqno, SessionId(0), symbol, Action::from(SetState::to(SymbolState::Open)));
        engine.apply_batch(&[open], &mut vec![]);
    }
    let stop = EnterStop {
        order: Enter {
            tif: TimeInForce::Gtc,
            ..Enter::limit(OrderId(u64::MAX), Side::Buy, Quantity(500), Price(1 << 40))
        },
        stop: Price(1 << 40),
    };
    let stop = command(9_000_050, SessionId(1), MIXED.symbols[0].0, Action::EnterStop(stop));
    engine.apply_batch(&[stop], &mut vec![]);
    guard(&mut engine);
    engine
}

/// Gives the last symbol a bid that stands at its upper dynamic band, and a reference quote.
fn guard(engine: &mut Engine) {
    let symbol = MIXED.symbols.last().expect("there are some").0;
    let act = |seqno, action| command(seqno, SessionId(0), symbol, action);
    let quote = Action::from(SetQuote { bid: Price(1), offer: Price(2) });
    let none = Action::from(SetBands::default());
    engine.apply_batch(&[act(9_000_100, quote), act(9_000_101, none)], &mut vec![]);
    let (bid, offer) = engine.top_of_book(symbol);
    let bid = bid.expect("it has a bid").price;
    assert!(offer.is_some() && bid > Price(1));
    let bands = SetBands { bps: 1, reference: Price(bid.0 - 1), ..SetBands::default() };
    let waves = Action::from(SetStopWaves { waves_max: 7 });
    let set = [act(9_000_102, Action::from(bands)), act(9_000_103, waves)];
    engine.apply_batch(&set, &mut vec![]);
}

#[test]
fn an_extended_call_goes_on_after_a_restore() {
    let mut engine = Engine::new(ORDERS);
    let name = Name::new("A").unwrap();
    let define = Action::from(DefineSymbol {
        reference: Price(100),
        ..DefineSymbol::new(name, Tick::parse("1").unwrap())
    });
    let collar = ChangeSymbol {
        auction_collar_bps: Some(500),
        extension: Some(Nanos(100)),
        extensions: Some(1),
        ..ChangeSymbol::default()
    };
    let bid = Enter::limit(OrderId(1), Side::Buy, Quantity(5), Price(120));
    let offer = Enter { id: OrderId(2), side: Side::Sell, price: Price(110), ..bid };
    let actions = [
        define,
        Action::from(collar),
        Action::from(SetState::to(SymbolState::PreOpen)),
        Action::Enter(bid),
        Action::Enter(offer),
        Action::from(SetState::to(SymbolState::Open)),
    ];
    let mut said = vec![];
    for (at, action) in (1..).zip(actions) {
        said = reports(&mut engine, at, 1, action);
    }
    assert_eq!(said[0].kind, ReportKind::CallExtended);
    let image = engine.image();
    let mut restored = Engine::restore(ORDERS, &image).unwrap();
    assert_eq!((restored.image(), restored.state_hash()), (image, engine.state_hash()));
    let said = reports(&mut restored, 200, 1, Action::from(RunTimers));
    assert_eq!(said, reports(&mut engine, 200, 1, Action::from(RunTimers)));
    assert_eq!(said.last().unwrap().reason, Reason::Collar);
    let image = engine.image();
    let restored = Engine::restore(ORDERS, &image).unwrap();
    assert_eq!((restored.image(), restored.state_hash()), (image, engine.state_hash()));
}

/// Applies a command whose time is its number; returns its reports.
fn reports(engine: &mut Engine, at: u64, symbol: u32, action: Action) -> Vec<Report> {
    let mut said = vec![];
    let command = command(at, SessionId(0), SymbolId(symbol), action);
    engine.apply_batch(&[Sequenced { time: Nanos(at), ..command }], &mut said);
    said
}

#[test]
fn settings_and_a_changed_definition_go_on_after_a_restore() {
    let mut engine = Engine::new(ORDERS);
    let tick = |text| Tick::parse(text).unwrap();
    let define = Action::from(DefineSymbol::new(Name::new("A").unwrap(), tick("0.01")));
    let change = ChangeSymbol {
        tick: Some(tick("0.05")),
        lot: Some(Quantity(5)),
        auction_collar_bps: Some(300),
        extension: Some(Nanos(1_000)),
        extensions: Some(2),
        ..ChangeSymbol::default()
    };
    let prices = SetReference { prior_close: Price(102), last: Price(103) };
    let short_sale = SetShortSale { restricted: false, automatic: true };
    let fall = Enter::limit(OrderId(1), Side::Buy, Quantity(5), Price(1));
    let sell = Enter { id: OrderId(2), side: Side::Sell, ..fall };
    let actions = [
        define,
        Action::from(prices),
        Action::from(change),
        Action::from(SetStopWaves { waves_max: 7 }),
        Action::from(short_sale),
        Action::Enter(fall),
        Action::Enter(sell),
    ];
    for (at, action) in (1..).zip(actions) {
        let said = reports(&mut engine, at, 1, action);
        assert!(said.iter().all(|report| report.kind != ReportKind::Rejected), "{said:?}");
    }
    let image = engine.image();
    assert_eq!(image.settings.len(), 1);
    let mut restored = Engine::restore(ORDERS, &image).unwrap();
    assert_eq!((restored.image(), restored.state_hash()), (image, engine.state_hash()));
    let last = Action::from(SetReference { prior_close: Price(0), last: Price(9) });
    let end = Action::from(TradingDay { event: DayEvent::End });
    let start = Action::from(TradingDay { event: DayEvent::Start });
    let none = Action::from(ChangeSymbol::default());
    let actions = [(1, last), (1, none), (0, end), (0, start), (0, end)];
    for (at, (symbol, action)) in (10..).zip(actions) {
        let said = reports(&mut restored, at, symbol, action);
        assert_eq!(said, reports(&mut engine, at, symbol, action));
        assert!(said.iter().all(|report| report.kind != ReportKind::Rejected), "{said:?}");
    }
    assert!(engine.image().settings[0].restricted_days == 0, "the restriction has ended");
    assert_eq!(restored.state_hash(), engine.state_hash());
}

#[test]
fn an_image_that_cannot_be_is_refused() {
    type Alter = fn(&mut Image);
    let cases: &[(&str, Alter)] = &[
        ("symbol is not defined", |i| i.orders.last_mut().unwrap().symbol = 9_999_999),
        ("symbol is not defined", |i| i.orders[0].symbol = 0),
        ("price is below 1", |i| i.orders[0].price = 0),
        ("price is below 1", |i| i.orders[0].price = i64::MIN),
        ("nothing is open", |i| i.orders[0].open = 0),
        ("add up to more", |i| {
            let order = last_of_lot_one(i);
            (order.open, order.executed) = (u64::MAX, 1);
        }),
        ("zero is no number", |i| i.orders[0].number = 0),
        ("two orders have the number", |i| i.orders[0].number = i.orders[9].number),
        ("attributes that no order has", |i| i.orders[0].attributes |= 7 << 44),
        ("attributes that no order has", |i| i.orders[0].attributes |= 4 << 48),
        ("attributes that no order has", |i| plain(i).attributes |= 1 << 55),
        ("attributes that no order has", |i| i.orders[0].attributes |= 1 << 57),
        ("attributes that no order has", |i| i.orders[0].attributes |= 1 << 63),
        ("no order rests", |i| i.orders[0].attributes |= 2 << 36),
        ("not belong behind", |i| i.orders.swap(0, 1)),
        ("not belong behind", |i| i.orders.reverse()),
        ("another order with its id", |i| {
            let first = i.orders[0];
            (i.orders[1].session, i.orders[1].id) = (first.session, first.id);
        }),
        ("crosses", |i| {
            let sell = |order: &OrderImage| order.attributes >> 32 & 15 != Side::Buy as u64;
            let at = i.orders.windows(2).position(|pair| {
                pair[0].symbol == pair[1].symbol && !sell(&pair[0]) && sell(&pair[1])
            });
            let at = at.expect("a book with two sides");
            let best = i.orders.iter().find(|order| order.symbol == i.orders[at].symbol);
            i.orders[at + 1].price = best.unwrap().price;
        }),
        ("last price", |i| i.last_prices[0].1 = Price(0)),
        ("last price", |i| i.last_prices.push((SymbolId(u32::MAX), Price(1)))),
        ("last prices are not in their order", |i| i.last_prices.swap(0, 1)),
        ("not in their order", |i| i.definitions.reverse()),
        ("not in their order", |i| i.definitions.insert(0, i.definitions[0])),
        ("is no definition", |i| {
            let defined =
                |d: &&mut Command| matches!(d.action, Action::Definition(Definition::Symbol(_)));
            let last = i.definitions.iter_mut().rfind(defined).unwrap();
            last.action = Action::Cancel(Cancel { id: OrderId(1) });
        }),
        ("would be refused", |i| {
            let symbol = i.definitions.last().unwrap().symbol;
            insert_state(i, symbol, SymbolState::Open);
        }),
        ("would be refused", |i| {
            insert_state(i, SymbolId(SYMBOL_MAX), SymbolState::Halted);
        }),
        ("would be refused", |i| i.definitions[0].verdict = Reason::OffTick),
        ("would be refused", |i| {
            let sessions =
                |d: &&mut Command| matches!(d.action, Action::Definition(Definition::Session(_)));
            i.definitions.iter_mut().find(sessions).unwrap().session = SessionId(0);
        }),
        ("is an iceberg, but has no reserve", |i| i.reserves.clear()),
        ("has a reserve, but is no iceberg", |i| iceberg(i).attributes &= !(1 << 53)),
        ("there is no iceberg", |i| {
            let last = *i.reserves.last().unwrap();
            i.reserves.push(ReserveImage { number: u64::MAX, ..last });
        }),
        ("settings are not in their order", |i| i.settings.push(i.settings[0])),
        ("cannot be set so", |i| settings(i).symbol = 1 << 32),
        ("cannot be set so", |i| settings(i).waves_max = 0),
        ("cannot be set so", |i| settings(i).waves_max = WAVES_MAX),
        ("cannot be set so", |i| settings(i).auction_collar_bps = 10_001),
        ("cannot be set so", |i| settings(i).restricted_days = 1),
        ("cannot be set so", |i| settings(i).extended = 1),
        ("cannot be set so", |i| settings(i).extended_to = 1),
        ("cannot be set so", |i| settings(i).zero = 1),
        ("reserves are not in their order", |i| i.reserves.push(i.reserves[0])),
        ("shows what no iceberg does", |i| i.reserves[0].display.least = 0),
        ("add up to more", |i| i.reserves[0].left = u64::MAX),
        ("should have terms, but has none", |i| plain(i).attributes |= 1 << 54),
        ("should have terms, but has none", |i| i.terms.clear()),
        ("has terms, but is no order that has some", |i| {
            let number = u64::MAX - 1;
            let order = plain(i);
            let symbol = order.symbol.into();
            order.number = number;
            let before = i.terms.partition_point(|terms| terms.symbol <= symbol);
            let TermsImage { since, terms, .. } = i.terms[0];
            i.terms.insert(before, TermsImage { symbol, number, since, terms });
        }),
        ("terms that no order of its kind has", |i| without_peg(i).hidden ^= true),
        ("beside what no order with terms is", |i| hidden(i).attributes |= 1 << 52),
        ("beside what no order with terms is", |i| hidden(i).attributes |= 1 << 53),
        ("terms that no order of its kind has", |i| without_peg(i).peg_offset = 1),
        ("terms that no order of its kind has", |i| without_peg(i).peg_limit = Price(1)),
        ("there is no order", |i| {
            let last = *i.terms.last().unwrap();
            i.terms.push(TermsImage { number: u64::MAX, ..last });
        }),
        ("terms of orders are not in their order", |i| i.terms.push(i.terms[0])),
        ("would be refused", |i| protection(i, false).session = SessionId(1)),
        ("would be refused", |i| protection(i, true).symbol = SymbolId(SYMBOL_MAX)),
        ("would be refused", |i| {
            protection(i, true).action = Action::from(SetBands::default());
        }),
        ("would be refused", |i| {
            // An image names the reference of dynamic bands.
            protection(i, true).action = Action::from(SetBands { bps: 1, ..SetBands::default() });
        }),
        ("would be refused", |i| {
            let quote = SetQuote { bid: Price(-1), offer: Price(2) };
            protection(i, false).action = Action::from(quote);
        }),
        ("would be refused", |i| {
            let quote = SetQuote { bid: Price(1), offer: Price(-1) };
            protection(i, false).action = Action::from(quote);
        }),
        ("an order is beyond a band", |i| {
            let (low, high) = (Price(1), Price(1));
            let symbol = u64::from(protection(i, true).symbol.0);
            i.band_timers.retain(|timer| timer.symbol != symbol);
            protection(i, true).action =
                Action::from(SetBands { low, high, ..SetBands::default() });
        }),
        ("a quote stands at a band, but nothing is due", |i| i.band_timers.clear()),
        ("what is due for it cannot be", |i| i.band_timers[0].what = BandTimer::REOPENING),
        ("what is due for it cannot be", |i| i.band_timers[0].what = 4),
        ("something is due for it, but it is not defined", |i| {
            i.band_timers.last_mut().unwrap().symbol = 1 << 32;
        }),
        ("times of bands are not in their order", |i| i.band_timers.push(i.band_timers[0])),
        // Equal neighbours are no order either.
        ("times of bands are not in their order", |i| i.band_timers.insert(0, i.band_timers[0])),
        ("reserves are not in their order", |i| i.reserves.insert(0, i.reserves[0])),
        ("terms of orders are not in their order", |i| i.terms.insert(0, i.terms[0])),
        ("limits of stops are not in their order", |i| i.stop_limits.insert(0, i.stop_limits[0])),
        ("terms that no stop has", |i| stop(i).executed = 1),
        ("terms that no stop has", |i| i.stop_limits[0].limit = -1),
        ("terms that no stop has", |i| {
            let order = stop(i);
            order.attributes = order.attributes & !(7 << 36) | (TimeInForce::AtOpen as u64) << 36;
        }),
        ("terms that no stop has", |i| i.stop_limits[0].limit = 0),
        ("limit of a stop, but is none", |i| {
            let OrderImage { symbol, number, .. } = *plain(i);
            let row = StopLimit { symbol: symbol.into(), number, limit: 0 };
            let before = i
                .stop_limits
                .partition_point(|other| (other.symbol, other.number) < (row.symbol, row.number));
            i.stop_limits.insert(before, row);
        }),
        ("there is no stop", |i| {
            let last = *i.stop_limits.last().unwrap();
            i.stop_limits.push(StopLimit { number: u64::MAX, ..last });
        }),
        ("limits of stops are not in their order", |i| i.stop_limits.push(i.stop_limits[0])),
    ];
    let image = busy_engine().image();
    assert!(image.last_prices.len() > 1 && image.orders.len() > 20);
    assert!(!image.reserves.is_empty() && !image.stop_limits.is_empty());
    assert!(!image.terms.is_empty());
    assert!(!image.band_timers.is_empty());
    Engine::restore(0, &image).expect("it can be before it is altered");
    for (expected, alter) in cases {
        let mut altered = image.clone();
        alter(&mut altered);
        let error = Engine::restore(0, &altered).err().expect(expected).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

/// Returns an engine with three reached stops that wait in a call, and a parked peg.
fn waiting_engine() -> Engine {
    let mut engine = Engine::new(ORDERS);
    let enter = |id, side, price| Enter::limit(OrderId(id), side, Quantity(1), Price(price));
    let stop = |id, stop| {
        let order = enter(id, Side::Buy, 90);
        Action::EnterStop(EnterStop { order, stop: Price(stop) })
    };
    let terms = SpecialTerms { peg: Peg::Primary, ..SpecialTerms::NONE };
    let peg = EnterSpecial { order: enter(3, Side::Buy, 0), terms };
    let define = DefineSymbol {
        name: Name::new("N").unwrap(),
        tick: Tick { mantissa: 1, scale: 2 },
        lot: Quantity(1),
        collar_bps: 0,
        reference: Price(0),
    };
    let actions = [
        Action::from(define),
        Action::Enter(enter(1, Side::Sell, 100)),
        Action::Enter(enter(2, Side::Buy, 100)),
        Action::from(SetQuote { bid: Price(80), offer: Price(99) }),
        Action::EnterSpecial(peg),
        Action::from(SetState::to(SymbolState::PreOpen)),
        stop(4, 100),
        stop(5, 98),
        stop(6, 99),
    ];
    act(&mut engine, 1, &actions);
    engine
}

#[test]
fn reached_stops_and_parked_pegs_go_on_after_a_restore() {
    let mut engine = waiting_engine();
    let image = engine.image();
    assert_eq!((image.reached.len(), image.orders.len()), (3, 4));
    let mut restored = Engine::restore(ORDERS, &image).unwrap();
    assert_eq!((restored.image(), restored.state_hash()), (image, engine.state_hash()));
    let open = [Action::from(SetState::to(SymbolState::Open))];
    let said = act(&mut restored, 10, &open);
    assert_eq!(said, act(&mut engine, 10, &open));
    let entered = said.iter().filter(|report| report.kind == ReportKind::Entered);
    assert_eq!(entered.map(|report| report.id.0).collect::<Vec<_>>(), [4, 5, 6]);
    assert!(said.iter().any(|report| report.kind == ReportKind::Repriced));
}

#[test]
fn reached_stops_and_parked_pegs_that_cannot_be_are_refused() {
    type Alter = fn(&mut Image);
    let cases: &[(&str, Alter)] = &[
        ("only a reached stop has a place in the queue", |i| _ = i.reached.pop()),
        ("there is no stop", |i| {
            let last = i.reached[2];
            i.reached.push(ReachedImage { number: u64::MAX, ..last });
        }),
        ("reached stops are not in their order", |i| i.reached.swap(0, 1)),
        ("cannot wait at its place", |i| i.reached[0].place = 0),
        ("cannot wait at its place", |i| i.reached[1].place = i.reached[0].place),
        ("cannot wait at its place", |i| i.definitions.retain(|command| !is_state(command))),
        ("only a reached stop has a place", |i| i.orders[0].attributes &= !(1 << 57)),
        ("attributes that no order has", |i| i.orders[0].attributes &= !(1 << 39)),
        ("without a price to follow, and in the book", |i| {
            i.orders[3].attributes &= !(1 << 58);
            i.orders.rotate_right(1);
        }),
        ("attributes that no order has", |i| {
            i.orders[3].attributes &= !(1 << 54);
            i.terms.clear();
        }),
        ("the day is over, but symbol 1 is in a call", |i| i.is_day_over = true),
    ];
    let image = waiting_engine().image();
    for (expected, alter) in cases {
        let mut altered = image.clone();
        alter(&mut altered);
        let error = Engine::restore(0, &altered).err().expect(expected).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn an_extension_of_a_call_is_known_after_a_restore() {
    let mut engine = Engine::new(ORDERS);
    let define = DefineSymbol::new(Name::new("N").unwrap(), Tick::parse("0.01").unwrap());
    let change = ChangeSymbol {
        auction_collar_bps: Some(500),
        extension: Some(Nanos(1_000)),
        extensions: Some(2),
        ..ChangeSymbol::default()
    };
    let order =
        |id, side, price| Action::Enter(Enter::limit(OrderId(id), side, Quantity(1), Price(price)));
    let actions = [
        Action::from(define),
        Action::from(SetReference { prior_close: Price(100), last: Price(0) }),
        Action::from(change),
        Action::from(SetState::to(SymbolState::PreOpen)),
        order(1, Side::Buy, 120),
        order(2, Side::Sell, 120),
        Action::from(SetState::to(SymbolState::Open)),
    ];
    let said = act(&mut engine, 1, &actions);
    assert!(said.iter().any(|report| report.kind == ReportKind::CallExtended));
    let symbol = SymbolId(1);
    let mut restored = Engine::restore(ORDERS, &engine.image()).unwrap();
    assert!(engine.is_extended(symbol) && restored.is_extended(symbol));
    assert_eq!(restored.state_hash(), engine.state_hash());
    // The operator's plan takes the place of that of the extension.
    let plan = PlanState { due: Nanos(5_000), random_ns: 0, seed: 0, state: SymbolState::Open };
    act(&mut restored, 20, &[Action::from(plan)]);
    assert!(!restored.is_extended(symbol) && restored.planned_time(symbol).is_some());
}

fn is_state(command: &Command) -> bool {
    matches!(command.action, Action::Operator(OperatorCommand::SetState(_)))
}

/// Inserts the state of a symbol into the definitions, at its place.
fn insert_state(image: &mut Image, symbol: SymbolId, state: SymbolState) {
    let is_behind = |command: &Command| {
        matches!(
            command.action,
            Action::Operator(OperatorCommand::SetBands(_))
                | Action::Operator(OperatorCommand::SetQuote(_))
                | Action::Operator(OperatorCommand::SetShortSale(_))
        )
    };
    let at = image.definitions.iter().position(is_behind).unwrap_or(image.definitions.len());
    let (session, verdict, action) =
        (SessionId(0), Reason::None, Action::from(SetState::to(state)));
    image.definitions.insert(at, Command { session, symbol, verdict, action });
}

/// Returns the last price bands of an image, or its last reference quote.
fn protection(image: &mut Image, bands: bool) -> &mut Command {
    let is_it = |command: &&mut Command| match command.action {
        Action::Operator(OperatorCommand::SetBands(_)) => bands,
        Action::Operator(OperatorCommand::SetQuote(_)) => !bands,
        _ => false,
    };
    image.definitions.iter_mut().rfind(is_it).expect("a symbol has it")
}

/// Returns the first terms of an image that are not those of a peg.
fn without_peg(image: &mut Image) -> &mut SpecialTerms {
    let mut terms = image.terms.iter_mut().map(|row| &mut row.terms);
    terms.find(|terms| terms.peg == Peg::None).expect("there are some")
}

/// Returns the last plan of an image.
fn plan(image: &mut Image) -> &mut Command {
    let is_plan = |command: &&mut Command| {
        matches!(command.action, Action::Operator(OperatorCommand::PlanState(_)))
    };
    image.definitions.iter_mut().rfind(is_plan).expect("a symbol has a plan")
}

/// Returns the settings of the last symbol, see [`guard`].
fn settings(image: &mut Image) -> &mut SettingsImage {
    image.settings.last_mut().expect("there are some")
}

/// Returns the order that has the first stop limit of an image.
fn stop(image: &mut Image) -> &mut OrderImage {
    let number = image.stop_limits[0].number;
    image.orders.iter_mut().find(|order| order.number == number).expect("a stop-limit order")
}

/// Returns the order that has the first reserve of an image.
fn iceberg(image: &mut Image) -> &mut OrderImage {
    let number = image.reserves[0].number;
    image.orders.iter_mut().find(|order| order.number == number).expect("it has an order")
}

/// Returns the last hidden order of an image.
fn hidden(image: &mut Image) -> &mut OrderImage {
    let is_hidden = |order: &&mut OrderImage| order.attributes & 1 << 55 != 0;
    image.orders.iter_mut().rfind(is_hidden).expect("a hidden order")
}

/// Returns the last order of an image that is displayed whole and has no special terms.
fn plain(image: &mut Image) -> &mut OrderImage {
    let rare = 1 << 38 | 1 << 39 | 7 << 53;
    image.orders.iter_mut().rfind(|order| order.attributes & rare == 0).expect("a plain order")
}

/// Returns the last order of an image with an odd quantity: its symbol has lots of one unit.
fn last_of_lot_one(image: &mut Image) -> &mut OrderImage {
    image.orders.iter_mut().rfind(|order| order.open % 5 != 0).expect("an odd quantity")
}

/// Applies commands for symbol 1, the first with the seqno `first`; returns the reports.
fn act(engine: &mut Engine, first: u64, actions: &[Action]) -> Vec<Report> {
    let of_operator =
        |action: &Action| matches!(action, Action::Operator(OperatorCommand::MoveSymbol(_)));
    let number = |(seqno, action): (u64, &Action)| {
        let session = SessionId(if of_operator(action) { 0 } else { 1 });
        command(seqno, session, SymbolId(1), *action)
    };
    let commands: Vec<Sequenced> = (first..).zip(actions).map(number).collect();
    let mut reports = vec![];
    engine.apply_batch(&commands, &mut reports);
    reports
}

#[test]
fn orders_that_wait_may_cross_only_while_their_symbol_is_imported() {
    let (name, tick) = (Name::new("N").unwrap(), Tick { mantissa: 1, scale: 2 });
    let (lot, reference) = (Quantity(1), Price(0));
    let definition = Action::from(DefineSymbol { name, tick, lot, collar_bps: 0, reference });
    let order = |id, side, price| Enter::limit(OrderId(id), side, Quantity(5), Price(price));
    let step = |step, orders, quantity| {
        let (partition, quantity) = (PartitionId(1), Quantity(quantity));
        Action::from(MoveSymbol { step, partition, version: 0, orders, quantity })
    };

    let mut halted = Engine::new(ORDERS);
    let [buy, sell] = [order(1, Side::Buy, 100), order(2, Side::Sell, 101)].map(Action::Enter);
    act(&mut halted, 1, &[definition, buy, sell, step(MoveStep::Halt, 0, 0)]);
    let mut image = halted.image();
    assert!(Engine::restore(ORDERS, &image).is_ok());
    image.orders[1].price = 100;
    let error = Engine::restore(ORDERS, &image).err().expect("the orders cross").to_string();
    assert!(error.contains("what waits of symbol 1 crosses"), "{error}");

    let mut importing = Engine::new(ORDERS);
    let [buy, sell] = [order(1, Side::Buy, 100), order(2, Side::Sell, 100)].map(|order| {
        Action::Operator(OperatorCommand::ImportOrder(ImportOrder { order, id_there: OrderId(7) }))
    });
    let [release, import] = [MoveStep::Release, MoveStep::Import].map(|to| step(to, 0, 0));
    act(&mut importing, 1, &[definition, release, import, buy, sell]);
    let (waiting, at_home) = (importing.image(), halted.image());
    assert!(waiting.told_orders().count() == 2 && waiting.told_orders().all(|(.., told)| !told));
    assert!(at_home.told_orders().count() == 2 && at_home.told_orders().all(|(.., told)| told));
    let mut restored = Engine::restore(ORDERS, &waiting).expect("an image of an engine");
    assert_eq!(restored.state_hash(), importing.state_hash());
    let reports = act(&mut restored, 6, &[step(MoveStep::Resume, 2, 10)]);
    let [report] = &reports[..] else { panic!("{reports:?}") };
    assert_eq!((report.kind, report.reason), (ReportKind::Rejected, Reason::InvalidMove));
}

#[test]
fn an_altered_order_is_refused_or_seen_in_the_hash() {
    let engine = busy_engine();
    let (image, hash) = (engine.image(), engine.state_hash());
    let more = stream(Profile { seqno_min: 10_000_000, ..MIXED }, 8, 200);
    let (mut refused, mut seen) = (0, 0);
    let mut random = Random(1);
    for _ in 0..3_000 {
        let mut altered = image.clone();
        let row = random.below(image.orders.len() as u64) as usize;
        let row = &mut altered.orders[row];
        let edges = [0, 1, u64::MAX, i64::MAX as u64, 1 << random.below(64), random.bits(64)];
        let value = *random.pick(&edges);
        match random.below(8) {
            0 => row.number ^= value,
            1 => row.id ^= value,
            2 => row.price ^= value as i64,
            3 => row.open ^= value,
            4 => row.executed ^= value,
            5 => row.session ^= value as u32,
            6 => row.symbol ^= value as u32,
            _ => row.attributes ^= value,
        }
        let Ok(mut restored) = Engine::restore(0, &altered) else {
            refused += 1;
            continue;
        };
        assert_eq!(restored.state_hash() == hash, altered == image);
        assert_eq!(restored.image(), altered);
        restored.apply_batch(&more, &mut vec![]);
        seen += 1;
    }
    assert!(refused > 500 && seen > 500, "{refused} refused, {seen} seen");
}

#[test]
fn equal_states_are_equal_images_whatever_came_before() {
    let mut engine = busy_engine();
    let mut image = engine.image();
    let order = *plain(&mut image);
    let cancel = Action::Cancel(Cancel { id: OrderId(order.id) });
    let (session, symbol) = (SessionId(order.session), SymbolId(order.symbol));
    engine.apply_batch(&[command(20_000_000, session, symbol, cancel)], &mut vec![]);
    let mut without = image.clone();
    without.orders.retain(|other| *other != order);
    assert_eq!(engine.image(), without);
    let again = Engine::restore(0, &without).unwrap();
    assert_eq!((again.state_hash(), again.image()), (engine.state_hash(), without));
}

/// Returns an engine with two symbols that has had a command of session 1.
fn after(symbol: u32, action: Action) -> Engine {
    let (name, tick) = (Name::new("N").unwrap(), Tick { mantissa: 1, scale: 2 });
    let (lot, reference) = (Quantity(1), Price(0));
    let definition = Action::from(DefineSymbol { name, tick, lot, collar_bps: 0, reference });
    let mut engine = Engine::new(ORDERS);
    let definitions = [1, 2].map(|n| command(n.into(), SessionId(0), SymbolId(n), definition));
    engine.apply_batch(&definitions, &mut vec![]);
    engine.apply_batch(&[command(3, SessionId(1), SymbolId(symbol), action)], &mut vec![]);
    engine
}

/// Plan to close a symbol at a time in ns.
fn closed_at(due: u64) -> Action {
    let (due, state) = (Nanos(due), SymbolState::Closed);
    Action::from(PlanState { due, random_ns: 0, seed: 0, state })
}

#[test]
fn a_plan_that_cannot_be_is_refused() {
    let image = after(2, closed_at(9)).image();
    let cases: [fn(&mut Command); 3] = [
        |plan| plan.verdict = Reason::OffTick,
        |plan| plan.symbol = SymbolId(SYMBOL_MAX),
        |plan| plan.action = closed_at(0),
    ];
    for alter in cases {
        let mut altered = image.clone();
        alter(plan(&mut altered));
        let error = Engine::restore(ORDERS, &altered).err().expect("it cannot be").to_string();
        assert!(error.contains("would be refused"), "{error}");
    }
    assert_eq!(Engine::restore(ORDERS, &image).unwrap().image(), image);
}

/// Returns the command for a step of a move from or to partition 1.
fn step(step: MoveStep, orders: u64, quantity: u64) -> Action {
    let (partition, quantity) = (PartitionId(1), Quantity(quantity));
    Action::from(MoveSymbol { step, partition, version: 0, orders, quantity })
}

#[test]
fn a_symbol_that_cannot_be_away_is_refused() {
    let image = after(2, step(MoveStep::Halt, 0, 0)).image();
    let cases: [fn(&mut Command); 4] = [
        |away| away.verdict = Reason::OffTick,
        |away| away.symbol = SymbolId(3),
        |away| away.action = step(MoveStep::Export, 0, 0),
        |away| away.action = step(MoveStep::Resume, 0, 0),
    ];
    for alter in cases {
        let mut altered = image.clone();
        alter(altered.definitions.last_mut().unwrap());
        let error = Engine::restore(ORDERS, &altered).err().expect("it cannot be").to_string();
        assert!(error.contains("would be refused"), "{error}");
    }
    assert_eq!(Engine::restore(ORDERS, &image).unwrap().image(), image);
}

#[test]
fn equal_commands_for_two_symbols_differ_in_the_hash() {
    let order = Enter::limit(OrderId(1), Side::Buy, Quantity(100), Price(10));
    let actions = [
        Action::Enter(order),
        Action::from(SetQuote { bid: Price(1), offer: Price(2) }),
        Action::from(SetBands { low: Price(1), high: Price(9), ..SetBands::default() }),
        step(MoveStep::Halt, 0, 0),
        step(MoveStep::Release, 0, 0),
    ];
    let mut hashes: Vec<u128> = actions
        .iter()
        .flat_map(|action| [1, 2].map(|symbol| after(symbol, *action).state_hash()))
        .collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 2 * actions.len());
}

#[test]
fn definitions_that_differ_in_anything_differ_in_the_hash() {
    let name = |text| Name::new(text).unwrap();
    let session = |text, firm, role| {
        Action::from(DefineSession { name: name(text), firm: FirmId(firm), role })
    };
    let firm = |text, firm| Action::from(DefineFirm { firm: FirmId(firm), name: name(text) });
    let definitions = [
        (1, session("N", 7, Role::File)),
        (2, session("N", 7, Role::File)),
        (1, session("M", 7, Role::File)),
        (1, session("N", 8, Role::File)),
        (1, session("N", 7, Role::OrderEntry)),
        (1, session("ABCDEFGHIJ", 7, Role::File)),
        (1, session("BBCDEFGHIJ", 7, Role::File)),
        (0, firm("N", 1)),
        (0, firm("M", 1)),
        (0, firm("N", 2)),
    ];
    let mut hashes = definitions.map(|(session, action)| {
        let mut engine = Engine::new(ORDERS);
        let definition = command(1, SessionId(session), SymbolId::NONE, action);
        engine.apply_batch(&[definition], &mut vec![]);
        assert_eq!(engine.image().definitions.len(), 1);
        engine.state_hash()
    });
    hashes.sort_unstable();
    assert!(hashes.is_sorted_by(|a, b| a < b));
}

#[test]
fn orders_that_wait_are_a_part_of_the_hash() {
    let importing = |price| {
        let mut engine = after(1, step(MoveStep::Release, 0, 0));
        let order = Enter::limit(OrderId(1), Side::Buy, Quantity(5), Price(price));
        let import = ImportOrder { order, id_there: OrderId(7) };
        act(&mut engine, 4, &[step(MoveStep::Import, 0, 0), Action::from(import)]);
        assert_eq!(engine.image().orders.len(), 1);
        engine.state_hash()
    };
    assert_ne!(importing(10), importing(11));
}

#[test]
fn an_altered_reserve_is_seen_in_the_hash() {
    let order = Enter::limit(OrderId(1), Side::Buy, Quantity(100), Price(10));
    // Slices of one size need no random number: the seed stays.
    let display = Display { next: 5, least: 5, most: 5, seed: 9 };
    let engine = after(1, Action::EnterIceberg(EnterIceberg { order, display }));
    let image = engine.image();
    assert_eq!((image.reserves[0].left, image.reserves[0].display), (95, display));
    let cases: [fn(&mut ReserveImage); 4] = [
        |reserve| reserve.left = 90,
        |reserve| reserve.display.next = 6,
        |reserve| reserve.display.most = 6,
        |reserve| reserve.display.seed = 10,
    ];
    for alter in cases {
        let mut altered = image.clone();
        alter(&mut altered.reserves[0]);
        let restored = Engine::restore(ORDERS, &altered).unwrap();
        assert_ne!(restored.state_hash(), engine.state_hash());
    }
}

#[test]
fn altered_terms_are_seen_in_the_hash() {
    let mut engine = after(1, Action::from(SetQuote { bid: Price(10), offer: Price(12) }));
    let order = Enter {
        tif: TimeInForce::Gtc,
        ..Enter::limit(OrderId(1), Side::Buy, Quantity(100), Price(0))
    };
    let terms = SpecialTerms {
        expire: Nanos(100),
        min_quantity: Quantity(10),
        peg_limit: Price(20),
        peg: Peg::Primary,
        hidden: true,
        ..SpecialTerms::NONE
    };
    act(&mut engine, 4, &[Action::EnterSpecial(EnterSpecial { order, terms })]);
    let image = engine.image();
    assert_eq!(image.terms[0].terms, terms);
    let cases: [fn(&mut SpecialTerms); 7] = [
        |terms| terms.expire = Nanos(200),
        |terms| terms.min_quantity = Quantity(20),
        |terms| terms.peg_limit = Price(30),
        |terms| terms.peg_offset = 1,
        |terms| terms.peg = Peg::Midpoint,
        |terms| terms.at_band = AtBand::Cancel,
        |terms| terms.at_short_test = AtShortTest::Slide,
    ];
    for alter in cases {
        let mut altered = image.clone();
        alter(&mut altered.terms[0].terms);
        let restored = Engine::restore(ORDERS, &altered).unwrap();
        assert_ne!(restored.state_hash(), engine.state_hash());
    }
}

#[test]
fn an_altered_limit_of_a_stop_is_seen_in_the_hash() {
    let order = Enter::limit(OrderId(1), Side::Buy, Quantity(5), Price(10));
    let engine = after(1, Action::EnterStop(EnterStop { order, stop: Price(9) }));
    let mut image = engine.image();
    assert_eq!(image.stop_limits[0].limit, 10);
    image.stop_limits[0].limit = 11;
    assert_ne!(Engine::restore(ORDERS, &image).unwrap().state_hash(), engine.state_hash());
}

/// Different states of one symbol or of two have different parts in the state hash.
#[test]
fn plans_and_reserves_differ_in_the_hash() {
    let plans = [1, 2].map(|symbol| after(symbol, closed_at(9)));
    assert_eq!(plans[0].planned_time(SymbolId(1)), Some(Nanos(9)));
    assert_eq!(plans[0].planned_time(SymbolId(2)), None);
    assert_ne!(plans[0].state_hash(), plans[1].state_hash());
    let iceberg = |most| {
        let order = Enter::limit(OrderId(1), Side::Buy, Quantity(100), Price(10));
        let display = Display { next: 5, least: 5, most, seed: 0 };
        let engine = after(1, Action::EnterIceberg(EnterIceberg { order, display }));
        assert_eq!(engine.image().reserves.len(), 1);
        engine.state_hash()
    };
    assert_ne!(iceberg(5), iceberg(10));
}
