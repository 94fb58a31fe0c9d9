use super::*;
use crate::domain::{
    AtBand, AtShortTest, Capacity, DayEvent, FirmId, MatchNumber, MoveStep, Name, OrderId,
    OrderType, PartitionId, Peg, PostOnly, Price, Quantity, Role, SelfTrade, Side, SymbolState,
    Tick, TimeInForce,
};
use crate::durability::Durability;
use crate::frame::{FRAME_BYTES_MAX, FRAME_LENGTHS};
use zerocopy::IntoBytes;

fn replaced(terms: NamedTerms) -> Action {
    let (id, new_id) = (OrderId(1), OrderId(2));
    let replace = Replace { id, new_id, quantity: Quantity(3), price: Price(4) };
    Action::ReplaceTerms(ReplaceTerms { replace, terms })
}

fn samples() -> Vec<Action> {
    let enter = Enter {
        id: OrderId(u64::MAX),
        price: Price(i64::MAX),
        quantity: Quantity(3),
        firm: FirmId(4),
        group: 5,
        side: Side::ShortExempt,
        order_type: OrderType::MarketToLimit,
        tif: TimeInForce::Fok,
        post_only: PostOnly::Slide,
        self_trade: SelfTrade::CancelSmallest,
        capacity: Capacity::Riskless,
        attributed: true,
    };
    let name = Name::new("ABCDEFGHIJKLMNOP").unwrap();
    let all = MassCancel {
        id: OrderId(77),
        session: Some(SessionId(1)),
        firm: Some(FirmId(2)),
        group: Some(3),
        buy: Some(true),
    };
    let side = TradeSide { id: OrderId(3), session: SessionId(4), text: *b"some text     " };
    vec![
        Action::Enter(enter),
        Action::Reduce(Reduce { id: OrderId(1), quantity: Quantity(2) }),
        Action::Replace(Replace {
            id: OrderId(1),
            new_id: OrderId(2),
            quantity: Quantity(3),
            price: Price(4),
        }),
        Action::Cancel(Cancel { id: OrderId(7) }),
        Action::MassCancel(all),
        Action::MassCancel(MassCancel { buy: Some(false), ..MassCancel::default() }),
        Action::from(DefineSymbol {
            name,
            tick: Tick { mantissa: 25, scale: 2 },
            lot: Quantity(100),
            collar_bps: 500,
            reference: Price(9),
        }),
        Action::from(DefineSession { name, firm: FirmId(1), role: Role::VenueDropCopy }),
        Action::from(DefineFirm { firm: FirmId(1), name }),
        Action::Modify(Modify { id: OrderId(5), side: Some(Side::Short), quantity: None }),
        Action::Modify(Modify { id: OrderId(5), side: None, quantity: Some(Quantity(6)) }),
        Action::SetOrderEntry(SetOrderEntry { id: OrderId(5), enabled: true }),
        Action::AccountQuery(AccountQuery { next: OrderId(9) }),
        Action::from(TradingDay { event: DayEvent::End }),
        Action::from(SetState { state: SymbolState::ClosingCall, collar_off: true }),
        Action::from(BreakTrade::new(MatchNumber(8), [side; 2])),
        Action::from(MoveSymbol {
            step: MoveStep::Resume,
            partition: PartitionId(u16::MAX),
            version: u32::MAX,
            orders: 5,
            quantity: Quantity(6),
        }),
        Action::from(ImportOrder { order: enter, id_there: OrderId(u64::MAX) }),
        Action::from(PlanState {
            due: Nanos(1),
            random_ns: 2,
            seed: u64::MAX,
            state: SymbolState::Open,
        }),
        Action::from(RunTimers),
        Action::from(SetBands {
            low: Price(1),
            high: Price(i64::MAX),
            bps: 500,
            reference: Price(3),
        }),
        Action::from(SetQuote { bid: Price(4), offer: Price(i64::MAX) }),
        Action::from(SetShortSale { restricted: true, automatic: false }),
        Action::from(SetRisk {
            scope: RiskScope::Firm,
            firm: FirmId(7),
            limits: RiskLimits {
                quantity_max: 1,
                notional_max: 2,
                open_orders_max: 3,
                stops_max: 6,
                pegs_max: 7,
                minimums_max: 8,
                slices_max: 9,
                gross_notional_max: u64::MAX,
                orders_per_second_max: 5,
                killed: true,
            },
        }),
        Action::from(CorrectTrade {
            trade: BreakTrade::new(MatchNumber(8), [side; 2]),
            price: Price(9),
            quantity: Quantity(10),
        }),
        Action::from(SetReference { prior_close: Price(i64::MAX), last: Price(2) }),
        Action::from(ChangeSymbol {
            tick: Some(Tick { mantissa: 25, scale: 2 }),
            lot: None,
            collar_bps: Some(0),
            auction_collar_bps: None,
            extension: Some(Nanos(u64::MAX)),
            extensions: None,
        }),
        Action::from(ChangeSymbol {
            tick: None,
            lot: Some(Quantity(u64::MAX)),
            collar_bps: None,
            auction_collar_bps: Some(10_000),
            extension: None,
            extensions: Some(u32::MAX),
        }),
        Action::from(SetStopWaves { waves_max: u32::MAX }),
        Action::from(SetDurability { durability: Durability::Fsync }),
        replaced(NamedTerms::Stop(Price(i64::MAX))),
        replaced(NamedTerms::Display(Display { next: 1, least: 2, most: 3, seed: u64::MAX })),
        replaced(NamedTerms::Special(NamedSpecialTerms {
            min_quantity: Some(Quantity(u64::MAX)),
            peg_offset: Some(u32::MAX),
            peg_limit: Some(Price(i64::MAX)),
            expire: Nanos(u64::MAX),
        })),
        replaced(NamedTerms::Special(NamedSpecialTerms {
            min_quantity: Some(Quantity(0)),
            ..NamedSpecialTerms::default()
        })),
        replaced(NamedTerms::Special(NamedSpecialTerms {
            peg_offset: Some(0),
            ..NamedSpecialTerms::default()
        })),
        replaced(NamedTerms::Special(NamedSpecialTerms {
            peg_limit: Some(Price(0)),
            ..NamedSpecialTerms::default()
        })),
        Action::EnterStop(EnterStop { order: enter, stop: Price(i64::MAX) }),
        Action::EnterIceberg(EnterIceberg {
            order: enter,
            display: Display { next: 1, least: 2, most: 3, seed: u64::MAX },
        }),
        Action::EnterSpecial(EnterSpecial {
            order: enter,
            terms: SpecialTerms {
                expire: Nanos(u64::MAX),
                min_quantity: Quantity(5),
                peg_limit: Price(i64::MAX),
                peg_offset: u32::MAX,
                peg: Peg::Midpoint,
                hidden: true,
                at_band: AtBand::Cancel,
                at_short_test: AtShortTest::Slide,
            },
        }),
    ]
}

#[test]
fn every_command_has_a_sample() {
    let kinds: Vec<FrameKind> = samples().iter().map(Action::kind).collect();
    let commands = FrameKind::ALL.iter().filter(|kind| kind.is_command());
    for kind in commands {
        assert!(kinds.contains(kind), "{kind:?}");
    }
}

#[test]
fn the_list_of_ops_has_the_op_of_every_command() {
    let ops = Action::ops();
    for action in samples() {
        assert!(ops.contains(&action.op()), "{action:?}");
    }
    for event in DayEvent::ALL {
        assert!(ops.contains(&event.name()));
    }
    assert_eq!(ops.iter().filter(|&&op| op == "enter").count(), 1);
}

#[test]
fn every_command_reads_back() {
    for action in samples() {
        let command = Command {
            session: SessionId(11),
            symbol: SymbolId(12),
            verdict: Reason::OffTick,
            action,
        };
        let mut frame = Frame::default();
        frame.as_mut_bytes().fill(0xAA);
        command.encode(&mut frame);
        frame.seal(SeqNo(13), Nanos(14), 15);
        let frame = Frame::read(frame.bytes()).unwrap();
        let expected = Sequenced { seqno: SeqNo(13), time: Nanos(14), command };
        assert_eq!(Sequenced::decode(&frame), Some(expected));
        assert_eq!(ClientFields::of(&frame), None, "{action:?}");
    }
}

#[test]
fn a_plain_order_is_a_limit_order_that_may_rest_and_take_liquidity() {
    let Action::Enter(enter) = samples()[0] else { panic!("the first one enters") };
    for &order_type in OrderType::ALL {
        for &tif in TimeInForce::ALL {
            for &post_only in PostOnly::ALL {
                let may_rest = matches!(tif, TimeInForce::Day | TimeInForce::Gtc);
                let is_plain =
                    may_rest && order_type == OrderType::Limit && post_only == PostOnly::Off;
                let order = Enter { order_type, tif, post_only, ..enter };
                assert_eq!(order.is_plain(), is_plain, "{order:?}");
            }
        }
    }
}

#[test]
fn everyday_commands_fit_one_line() {
    for action in &samples()[..6] {
        let mut frame = Frame::default();
        let (session, symbol) = (SessionId(1), SymbolId(1));
        Command { session, symbol, verdict: Reason::None, action: *action }.encode(&mut frame);
        assert_eq!(frame.bytes().len(), 64, "{action:?}");
    }
}

#[test]
fn client_fields_leave_the_command_as_it_is() {
    let fields = ClientFields {
        text: *b"order 7       ",
        tif: b'0',
        display: b'A',
        capacity: b'P',
        sweep: b'N',
        cross: b'N',
        tag_bytes: 3,
        tags: [7; ClientFields::TAG_BYTES_MAX],
    };
    for action in samples() {
        let (session, symbol) = (SessionId(1), SymbolId(1));
        let command = Command { session, symbol, verdict: Reason::None, action };
        let mut frame = Frame::default();
        command.encode(&mut frame);
        assert_eq!(ClientFields::of(&frame), None);
        if !action.kind().is_from_clients() {
            continue;
        }
        let body_length = frame.bytes().len();
        fields.append_to(&mut frame);
        assert_eq!(frame.bytes().len(), body_length + 64);
        frame.seal(SeqNo(1), Nanos(2), 3);
        let frame = Frame::read(frame.bytes()).unwrap();
        assert_eq!(Command::decode(&frame), Some(command));
        assert_eq!(ClientFields::of(&frame), Some(fields));
        assert_eq!(fields.tags(), [7; 3]);
    }
}

#[test]
fn kinds_that_no_client_sends_have_no_client_fields() {
    for &kind in FrameKind::ALL.iter().filter(|kind| !kind.is_from_clients()) {
        assert!(kind as u8 >= FrameKind::DefineSymbol as u8, "{kind:?}");
        let mut frame = Frame::default();
        for lines in 1..=4 {
            frame.write(kind, &[0u8; 0]);
            frame.header.length = lines * 64;
            assert_eq!(ClientFields::of(&frame), None, "{kind:?} of {lines} lines");
        }
    }
}

#[test]
fn a_frame_has_the_length_of_its_kind() {
    for action in samples() {
        let kind = action.kind();
        let (session, symbol) = (SessionId(1), SymbolId(1));
        let mut frame = Frame::default();
        Command { session, symbol, verdict: Reason::None, action }.encode(&mut frame);
        let body = frame.header.length;
        for length in FRAME_LENGTHS {
            let allowed =
                length == body.into() || kind.is_from_clients() && length == usize::from(body) + 64;
            frame.header.length = length as u16;
            assert_eq!(kind.allows(length), allowed, "{kind:?} of {length}");
            assert_eq!(frame.kind_with_length(), allowed.then_some(kind), "{kind:?} of {length}");
            assert_eq!(Command::decode(&frame).is_some(), allowed, "{kind:?} of {length}");
            let has_fields = allowed && length > body.into();
            assert_eq!(ClientFields::of(&frame).is_some(), has_fields, "{kind:?} of {length}");
        }
    }
    let bookkeeping = [
        (FrameKind::EpochStart, 64),
        (FrameKind::CommitMark, 64),
        (FrameKind::HashProbe, 128),
        (FrameKind::SegmentEnd, 64),
    ];
    assert!(FrameKind::ALL.ends_with(&bookkeeping.map(|(kind, _)| kind)));
    for (kind, wanted) in bookkeeping {
        assert_eq!(
            FRAME_LENGTHS.map(|length| kind.allows(length)),
            FRAME_LENGTHS.map(|l| l == wanted)
        );
    }
    assert!(!FrameKind::ALL.iter().any(|kind| kind.allows(FRAME_BYTES_MAX)));
}

#[test]
fn a_body_with_an_impossible_value_is_no_command() {
    let mut frame = Frame::default();
    let action = samples()[0];
    let (session, symbol) = (SessionId(1), SymbolId(1));
    Command { session, symbol, verdict: Reason::None, action }.encode(&mut frame);
    for at in 32 + 28..64 {
        let mut bad = frame;
        bad.as_mut_bytes()[at] = 0xFF;
        assert_eq!(Command::decode(&bad), None, "byte {at}");
    }
}
