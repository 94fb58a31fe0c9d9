//! Reduction of a failing list to a short one.

/// Returns a list of the same items in the same order that still fails, from which no single item
/// can be left out. Removes large parts first.
pub fn shrink<T: Clone>(mut list: Vec<T>, fails: impl Fn(&[T]) -> bool) -> Vec<T> {
    let mut part = list.len().div_ceil(2);
    while part > 0 {
        let before = list.len();
        let mut at = 0;
        while at < list.len() {
            let mut shorter = list[..at].to_vec();
            shorter.extend_from_slice(&list[list.len().min(at + part)..]);
            if fails(&shorter) {
                list = shorter;
            } else {
                at += part;
            }
        }
        // Single items are tried until none can be removed, larger parts once.
        if part > 1 || list.len() == before {
            part /= 2;
        }
    }
    list
}
