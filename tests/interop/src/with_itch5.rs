//! Comparison with the crate `itch5`, field by field.

use crate::orders::{Change, Order};
use itch5::messages::*;
use itch5::{MessageHandler, Parser};
use ringside_wire::itch::Itch;
use std::mem::discriminant;
use std::ops::ControlFlow;
use zerocopy::big_endian::{U16, U32, U64};

/// Decodes a message with its length prefix, compares every field with ours, and returns its effect
/// on the resting orders.
pub fn compare(ours: Itch<'_>, entry: &[u8]) -> Change {
    let mut comparison = Comparison { ours, change: None };
    Parser::new(entry).parse_stream(&mut comparison).unwrap();
    comparison.change.unwrap()
}

struct Comparison<'a> {
    ours: Itch<'a>,
    change: Option<Change>,
}

/// Comparison of a field of ours with a field of the other decoder.
trait Same<T> {
    fn same(&self, theirs: T) -> bool;
}

/// Compares codes by their meaning in the other decoder.
macro_rules! codes {
    ($($theirs:ty)*) => {$(
        impl Same<$theirs> for u8 {
            fn same(&self, theirs: $theirs) -> bool {
                discriminant(&<$theirs>::from(*self)) == discriminant(&theirs)
            }
        }
    )*};
}

codes! {
    SystemEventCode MarketCategory FinancialStatusIndicator RoundLotsOnly IssueClassificationCode
    Authenticity ShortSaleThresholdIndicator IpoFlag LuldReferencePriceTier EtpFlag
    InverseIndicator TradingState RegShoAction PrimaryMarketMaker MarketMakerMode
    MarketParticipantState BreachedLevel IpoQuotationReleaseQualifier MarketCode
    OperationalHaltAction BuySellIndicator Printable CrossType ImbalanceDirection
    PriceVariationIndicator InterestFlag OpenEligibilityStatus
}

impl Same<u8> for u8 {
    fn same(&self, theirs: u8) -> bool {
        *self == theirs
    }
}

impl Same<u16> for U16 {
    fn same(&self, theirs: u16) -> bool {
        self.get() == theirs
    }
}

impl Same<u32> for U32 {
    fn same(&self, theirs: u32) -> bool {
        self.get() == theirs
    }
}

impl Same<u64> for U64 {
    fn same(&self, theirs: u64) -> bool {
        self.get() == theirs
    }
}

impl Same<&Price4> for U32 {
    fn same(&self, theirs: &Price4) -> bool {
        self.get() == theirs.into_u32()
    }
}

impl Same<&Price8> for U64 {
    fn same(&self, theirs: &Price8) -> bool {
        self.get() == theirs.into_u64()
    }
}

impl Same<&Symbol> for [u8; 8] {
    fn same(&self, theirs: &Symbol) -> bool {
        self == theirs.as_str().as_bytes()
    }
}

impl Same<&[u8]> for [u8; 4] {
    fn same(&self, theirs: &[u8]) -> bool {
        self == theirs
    }
}

impl Same<IssueSubTypeCode> for [u8; 2] {
    fn same(&self, theirs: IssueSubTypeCode) -> bool {
        discriminant(&IssueSubTypeCode::from(*self)) == discriminant(&theirs)
    }
}

impl Same<TradingActionReason> for [u8; 4] {
    fn same(&self, theirs: TradingActionReason) -> bool {
        match theirs {
            TradingActionReason::Halted(reason) | TradingActionReason::Paused(reason) => {
                reason == TradingHaltReason::from_bytes(self)
            }
            TradingActionReason::QuotationOnly(reason) | TradingActionReason::Trading(reason) => {
                reason == TradingResumptionReason::from_bytes(self)
            }
            TradingActionReason::Unknown { reason_bytes, .. } => reason_bytes == *self,
        }
    }
}

/// Lists for each type its name and its fields in the other decoder, and its effect.
macro_rules! comparisons {
    ($($ours:ident: $handler:ident($theirs:ident, $locate:ident)
        [$($field:ident $their_field:ident),*] $message:ident => $change:expr;)*) => {
        impl MessageHandler for Comparison<'_> {
            $(fn $handler(&mut self, $message: &$theirs) -> ControlFlow<()> {
                let Itch::$ours(ours) = self.ours else { panic!("{:?}: {:?}", self.ours, $message) };
                assert!(
                    ours.header.stock_locate.same($message.$locate())
                        && ours.header.tracking_number.same($message.tracking_number())
                        && ours.header.ns_since_midnight() == $message.timestamp().to_u64()
                        $(&& ours.$field.same($message.$their_field()))*,
                    "{ours:?}: {:?}", $message
                );
                self.change = Some($change);
                ControlFlow::Continue(())
            })*
        }
    };
}

comparisons! {
    SystemEvent: on_system_event(SystemEvent, stock_locate) [event_code event_code]
        m => Change::None;
    StockDirectory: on_stock_directory(StockDirectory, stock_locate) [
        stock stock, market_category market_category,
        financial_status financial_status_indicator, round_lot_size round_lot_size,
        round_lots_only round_lots_only, issue_classification issue_classification,
        issue_sub_type issue_sub_type, authenticity authenticity,
        short_sale_threshold short_sale_threshold_indicator, ipo_flag ipo_flag,
        luld_tier luld_reference_price_tier, etp_flag etp_flag,
        etp_leverage_factor etp_leverage_factor, inverse_indicator inverse_indicator
    ] m => Change::None;
    StockTradingAction: on_stock_trading_action(StockTradingAction, stock_locate) [
        stock stock, trading_state trading_state, reserved reserved, reason reason
    ] m => Change::None;
    RegShoRestriction: on_reg_sho_restriction(RegSHORestriction, locate_code) [
        stock stock, reg_sho_action reg_sho_action
    ] m => Change::None;
    MarketParticipantPosition:
        on_market_participant_position(MarketParticipantPosition, stock_locate) [
            mpid mpid, stock stock, primary_market_maker primary_market_maker,
            market_maker_mode market_maker_mode, participant_state market_participant_state
        ] m => Change::None;
    MwcbDeclineLevel: on_mwcb_decline_level(MWCBDeclineLevel, stock_locate) [
        level1 level_1, level2 level_2, level3 level_3
    ] m => Change::None;
    MwcbStatus: on_mwcb_status(MWCBStatus, stock_locate) [breached_level breached_level]
        m => Change::None;
    IpoQuotingPeriodUpdate: on_quoting_period_update(QuotingPeriodUpdate, stock_locate) [
        stock stock, release_time ipo_quotation_release_time,
        release_qualifier ipo_quotation_release_qualifier, ipo_price ipo_price
    ] m => Change::None;
    LuldAuctionCollar: on_luld_auction_collar(LULDAuctionCollar, stock_locate) [
        stock stock, reference_price auction_collar_reference_price,
        upper_price upper_auction_collar_price, lower_price lower_auction_collar_price,
        extension auction_collar_extension
    ] m => Change::None;
    OperationalHalt: on_operational_halt(OperationalHalt, stock_locate) [
        stock stock, market_code market_code, action operational_halt_action
    ] m => Change::None;
    AddOrder: on_add_order_no_mpid_attribution(AddOrderNoMPIDAttribution, stock_locate) [
        order_reference order_reference_number, side buy_sell_indicator, shares shares,
        stock stock, price price
    ] m => Change::Add {
        reference: m.order_reference_number(),
        order: order(m.stock_locate(), m.buy_sell_indicator(), m.price(), m.shares()),
    };
    AddOrderAttributed:
        on_add_order_with_mpid_attribution(AddOrderWithMPIDAttribution, stock_locate) [
            order_reference order_reference_number, side buy_sell_indicator, shares shares,
            stock stock, price price, attribution attribution
        ] m => Change::Add {
            reference: m.order_reference_number(),
            order: order(m.stock_locate(), m.buy_sell_indicator(), m.price(), m.shares()),
        };
    OrderExecuted: on_order_executed(OrderExecuted, stock_locate) [
        order_reference order_reference_number, executed_shares executed_shares,
        match_number match_number
    ] m => Change::Reduce { reference: m.order_reference_number(), shares: m.executed_shares() };
    OrderExecutedWithPrice: on_order_executed_with_price(OrderExecutedWithPrice, stock_locate) [
        order_reference order_reference_number, executed_shares executed_shares,
        match_number match_number, printable printable, execution_price execution_price
    ] m => Change::Reduce { reference: m.order_reference_number(), shares: m.executed_shares() };
    OrderCancel: on_order_cancel(OrderCancel, stock_locate) [
        order_reference order_reference_number, cancelled_shares cancelled_shares
    ] m => Change::Reduce { reference: m.order_reference_number(), shares: m.cancelled_shares() };
    OrderDelete: on_order_delete(OrderDelete, stock_locate) [
        order_reference order_reference_number
    ] m => Change::Remove { reference: m.order_reference_number() };
    OrderReplace: on_order_replace(OrderReplace, stock_locate) [
        original_order_reference original_order_reference_number,
        new_order_reference new_order_reference_number, shares shares, price price
    ] m => Change::Replace {
        reference: m.original_order_reference_number(),
        by: m.new_order_reference_number(),
        shares: m.shares(),
        price: m.price().into_u32(),
    };
    Trade: on_trade(Trade, stock_locate) [
        order_reference order_reference_number, side buy_sell_indicator, shares shares,
        stock stock, price price, match_number match_number
    ] m => Change::None;
    CrossTrade: on_cross_trade(CrossTrade, stock_locate) [
        shares shares, stock stock, cross_price cross_price, match_number match_number,
        cross_type cross_type
    ] m => Change::None;
    BrokenTrade: on_broken_trade(BrokenTrade, stock_locate) [match_number match_number]
        m => Change::None;
    NetOrderImbalance:
        on_net_order_imbalance_indicator(NetOrderImbalanceIndicator, stock_locate) [
            paired_shares paired_shares, imbalance_shares imbalance_shares,
            imbalance_direction imbalance_direction, stock stock, far_price far_price,
            near_price near_price, current_reference_price current_reference_price,
            cross_type cross_type, price_variation price_variation_indicator
        ] m => Change::None;
    RetailPriceImprovementIndicator:
        on_retail_price_improvement_indicator(RetailPriceImprovementIndicator, stock_locate) [
            stock stock, interest_flag interest_flag
        ] m => Change::None;
    DirectListing:
        on_direct_listing_with_capital_raise_price_discovery(
            DirectListingwithCapitalRaisePriceDiscovery, stock_locate
        ) [
            stock stock, open_eligibility open_eligibility_status,
            min_allowable_price minimum_allowable_price,
            max_allowable_price maximum_allowable_price,
            near_execution_price near_execution_price, near_execution_time near_execution_time,
            lower_price_range_collar lower_price_range_collar,
            upper_price_range_collar upper_price_range_collar
        ] m => Change::None;
}

fn order(locate: u16, side: BuySellIndicator, price: &Price4, shares: u32) -> Order {
    Order { locate, buy: b'B'.same(side), price: price.into_u32(), shares }
}
