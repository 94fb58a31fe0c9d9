//! Client fields: the line of a frame behind the body, with what a client receives again.

use crate::frame::{FRAME_BYTES_MIN, Frame, FrameKind};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Line of a command from the network behind its body: fields that its client receives again, and
/// that no matcher needs.
///
/// ```text
///  0           14    15        16         17       18       19         20
/// ┌───────────┬─────┬─────────┬──────────┬────────┬────────┬──────────┬──────────────────────────
/// │ text      │ tif │ display │ capacity │ sweep  │ cross  │ tag bytes│ tags, then zeros …
/// └───────────┴─────┴─────────┴──────────┴────────┴────────┴──────────┴──────────────────────────
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ClientFields {
    /// Client's own text (OUCH `ClOrdID`), padded with spaces.
    pub text: [u8; ClientFields::TEXT_BYTES],
    /// OUCH `TimeInForce` that the client sent.
    pub tif: u8,
    /// OUCH `Display` that the client sent.
    pub display: u8,
    /// OUCH `Capacity` that the client sent.
    pub capacity: u8,
    /// OUCH `InterMarketSweepEligibility` that the client sent.
    pub sweep: u8,
    /// OUCH `CrossType` that the client sent.
    pub cross: u8,
    /// Number of used bytes of `tags`.
    pub tag_bytes: u8,
    /// Tagged values as the client sent them.
    pub tags: [u8; ClientFields::TAG_BYTES_MAX],
}

const _: () = assert!(size_of::<ClientFields>() == FRAME_BYTES_MIN);

impl ClientFields {
    /// Length of a client's text, in bytes.
    pub const TEXT_BYTES: usize = 14;
    /// Room for tagged values, in bytes.
    pub const TAG_BYTES_MAX: usize = 44;

    /// Returns the client fields of a command; `None` if it has none, and for kinds of frames that
    /// no client sends.
    #[inline]
    pub fn of(frame: &Frame) -> Option<ClientFields> {
        let kind = frame.kind().filter(|kind| kind.is_from_clients())?;
        frame.line_behind(kind.body_bytes()).copied()
    }

    /// Puts the fields behind the body of a client's command; [`Frame::seal`] completes the frame.
    #[inline]
    pub fn append_to(&self, frame: &mut Frame) {
        debug_assert!(frame.kind().is_some_and(FrameKind::is_from_clients), "{:?}", frame.kind());
        frame.append_line(self);
    }

    /// Returns the tagged values as the client sent them.
    #[inline]
    pub fn tags(&self) -> &[u8] {
        &self.tags[..usize::from(self.tag_bytes).min(Self::TAG_BYTES_MAX)]
    }
}
