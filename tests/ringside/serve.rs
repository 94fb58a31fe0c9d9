//! `ringside serve` as a command: it starts from an empty folder, ends on SIGTERM, and no other
//! process can take its folder.

use crate::served::Place;

#[test]
fn a_venue_starts_from_nothing_and_goes_on_where_it_ended() {
    let place = Place::new();
    let venue = place.start();
    let said = venue.said();
    assert!(
        said.contains("OUCH 5.0-compatible") && said.contains("every user's password"),
        "{said}"
    );
    venue.trade(&place);
    venue.stop();
    let before = place.streams();
    assert!(before.len() >= 2, "{:?}", before.keys());
    let venue = place.start();
    assert!(venue.said().contains("recovered up to seqno"), "{}", venue.said());
    venue.trade(&place);
    venue.stop();
}

#[test]
fn a_folder_has_one_venue_and_a_foreign_one_leaves_it_as_it_is() {
    let place = Place::new();
    let venue = place.start();
    let second = place.run(&["serve"]);
    assert!(!second.status.success());
    venue.stop();

    let before = place.streams();
    let foreign = place.command(&["serve"]).env("RINGSIDE__VENUE__NAME", "other").output();
    let foreign = foreign.unwrap();
    assert_eq!(foreign.status.code(), Some(5), "{}", String::from_utf8_lossy(&foreign.stderr));
    assert!(place.streams() == before, "a venue that is refused touches no stream");

    let retire = place.run(&["snapshot", "--retire-segments"]);
    assert_eq!(retire.status.code(), Some(5), "{}", String::from_utf8_lossy(&retire.stderr));
    place.start().stop();
}
