//! Tagged values, which most messages may carry after their layout.

/// Numbers of the tagged values. Prices are in 1/10000. Offsets from a price are signed.
pub mod tag {
    /// Second number of an order on market data, u64.
    pub const SECONDARY_ORD_REF_NUM: u8 = 1;
    /// Firm, 4 bytes of text; spaces for the account's own.
    pub const FIRM: u8 = 2;
    /// Minimum quantity, u32; 0 for none.
    pub const MIN_QTY: u8 = 3;
    /// Customer type: `R` retail, `N` not, or a space.
    pub const CUSTOMER_TYPE: u8 = 4;
    /// Displayed quantity, u32; 0 for all.
    pub const MAX_FLOOR: u8 = 5;
    /// Price type: `L` limit, pegged to `P` market, `M` midpoint, `R` primary, `Q` market maker, or
    /// `m` midpoint.
    pub const PRICE_TYPE: u8 = 6;
    /// Offset from the price that the order is pegged to, i32.
    pub const PEG_OFFSET: u8 = 7;
    /// Discretion price, u64.
    pub const DISCRETION_PRICE: u8 = 9;
    /// Discretion price type: `L`, `P`, `M` or `R`.
    pub const DISCRETION_PRICE_TYPE: u8 = 10;
    /// Offset from the price that the discretion is pegged to, i32.
    pub const DISCRETION_PEG_OFFSET: u8 = 11;
    /// Post-only: `P`, or `N` for not post-only.
    pub const POST_ONLY: u8 = 12;
    /// Range in which the displayed quantity varies at random, u32.
    pub const RANDOM_RESERVES: u8 = 13;
    /// Route, 4 bytes of text.
    pub const ROUTE: u8 = 14;
    /// Seconds since midnight at which the order expires, u32 below 86,400.
    pub const EXPIRE_TIME: u8 = 15;
    /// Trade now: `Y`, `N` or a space.
    pub const TRADE_NOW: u8 = 16;
    /// Handling instruction, one letter.
    pub const HANDLE_INST: u8 = 17;
    /// Relation of the order to the best price of all venues, one letter.
    pub const BBO_WEIGHT_INDICATOR: u8 = 18;
    /// Displayed quantity of a restated order, u32.
    pub const DISPLAY_QUANTITY: u8 = 22;
    /// Displayed price of a restated order, u64.
    pub const DISPLAY_PRICE: u8 = 23;
    /// Group for mass cancel, u16.
    pub const GROUP_ID: u8 = 24;
    /// Shares located: `Y` or `N`.
    pub const SHARES_LOCATED: u8 = 25;
    /// Locate broker, 4 bytes of text.
    pub const LOCATE_BROKER: u8 = 26;
    /// Side: `B` buy, `S` sell, `T` sell short, `E` sell short exempt.
    pub const SIDE: u8 = 27;
    /// Channel of the ids, u8.
    pub const USER_REF_IDX: u8 = 28;
    /// Self-trade prevention mode, one letter; `*` for the account's own.
    pub const AIQ_STRATEGY: u8 = 29;
    /// Self-trade prevention group, 2 bytes of text; `**` for the account's own.
    pub const AIQ_GROUP_ID: u8 = 30;
    /// Extension of this venue: the partition of a symbol, u16, and the version of the partition
    /// table, u32.
    pub const PARTITION: u8 = 240;

    /// Tags of a request that the message for the accepted order repeats.
    pub const OF_ACCEPTED: &[u8] = &[
        FIRM,
        MIN_QTY,
        CUSTOMER_TYPE,
        MAX_FLOOR,
        PRICE_TYPE,
        PEG_OFFSET,
        DISCRETION_PRICE,
        DISCRETION_PRICE_TYPE,
        DISCRETION_PEG_OFFSET,
        POST_ONLY,
        RANDOM_RESERVES,
        EXPIRE_TIME,
        TRADE_NOW,
        HANDLE_INST,
        GROUP_ID,
        SHARES_LOCATED,
        USER_REF_IDX,
        AIQ_STRATEGY,
        AIQ_GROUP_ID,
    ];
    /// Tags of a request that the message for the replaced order repeats.
    pub const OF_REPLACED: &[u8] = &[
        FIRM,
        MIN_QTY,
        MAX_FLOOR,
        PRICE_TYPE,
        POST_ONLY,
        EXPIRE_TIME,
        TRADE_NOW,
        HANDLE_INST,
        USER_REF_IDX,
        AIQ_STRATEGY,
        AIQ_GROUP_ID,
    ];
}

/// Tagged values: elements of `length u8 (of tag and value) · tag u8 · value`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tags<'a>(&'a [u8]);

impl<'a> Tags<'a> {
    /// Empty list of tagged values.
    pub const NONE: Tags<'static> = Tags(&[]);

    /// Checks the bytes of tagged values, without the length before them. `None` if an element runs
    /// past the end or has no tag, or if there are 64 KiB or more.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        while let [length, element @ ..] = rest {
            if *length == 0 {
                return None;
            }
            rest = element.get(usize::from(*length)..)?;
        }
        (bytes.len() <= usize::from(u16::MAX)).then_some(Tags(bytes))
    }

    /// Bytes of all elements.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Iterates over the tags with their values.
    pub fn iter(self) -> impl Iterator<Item = (u8, &'a [u8])> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (&length, element) = rest.split_first()?;
            let (element, behind) = element.split_at_checked(usize::from(length))?;
            rest = behind;
            element.split_first().map(|(&tag, value)| (tag, value))
        })
    }
}

/// Appends a tagged value.
///
/// # Panics
///
/// If the value has more than 254 bytes.
#[expect(clippy::expect_used, reason = "values are fields of this side, or values of `Tags`")]
pub fn push_tag(tag: u8, value: &[u8], tags: &mut Vec<u8>) {
    let length = u8::try_from(value.len().saturating_add(1));
    let length = length.expect("a tagged value has at most 254 bytes");
    tags.extend_from_slice(&[length, tag]);
    tags.extend_from_slice(value);
}
