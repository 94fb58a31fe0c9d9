//! Dependencies between the modules of the crate: membership knows no network and no node.

use ringside_testing::rooms;

#[test]
fn a_room_names_only_those_behind_it() {
    let table: &[(&str, &[&str])] = &[
        ("membership", &[]),
        ("replication", &["membership"]),
        ("partition", &["membership"]),
        ("node", &["membership", "replication"]),
    ];
    rooms::check(env!("CARGO_MANIFEST_DIR"), table);
}
