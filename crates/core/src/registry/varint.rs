//! Numbers in groups of seven bits: small numbers take few bytes.

/// Appends a number, the lowest group first; all groups but the last have the high bit.
pub(super) fn write(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes a number from the front; `None` for bytes that are no number.
#[inline]
pub(super) fn read(rest: &mut &[u8]) -> Option<u64> {
    match rest.split_first() {
        Some((&byte, behind)) if byte < 0x80 => {
            *rest = behind;
            Some(byte.into())
        }
        _ => read_groups(rest),
    }
}

fn read_groups(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for group in 0..u64::BITS.div_ceil(7) {
        let (&byte, behind) = rest.split_first()?;
        *rest = behind;
        number |= u64::from(byte & 0x7F).checked_shl(7 * group)?;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}
