//! Rooms of the crate: sessions do not use the feed, and the feed does not use sessions.

use ringside_testing::rooms;

#[test]
fn a_room_names_only_those_behind_it() {
    let table: &[(&str, &[&str])] = &[
        ("calendar", &[]),
        ("timers", &[]),
        ("feed", &[]),
        ("gateway", &[]),
        ("schedule", &["calendar", "timers"]),
        ("clock", &["timers", "gateway", "schedule"]),
    ];
    rooms::check(env!("CARGO_MANIFEST_DIR"), table);
}
