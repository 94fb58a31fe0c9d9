//! Checks at the end of a day on the messages of all clients.

use super::client::Client;
use super::{OPERATOR, PATIENCE, Place};
use ringside_wire::ouch::Response;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;

/// Ends the day as an operator.
pub fn end_day(place: &Place) -> Result<(), String> {
    let told = |error: std::io::Error| format!("the operator: {error}");
    let mut operator = TcpStream::connect(place.at(OPERATOR)).map_err(told)?;
    operator.set_read_timeout(Some(PATIENCE)).map_err(told)?;
    operator.write_all(b"{\"op\":\"end_of_day\"}\n").map_err(told)?;
    for line in BufReader::new(operator).lines() {
        if line.map_err(told)?.contains(r#""report":"trading_day","event":"end_of_day""#) {
            return Ok(());
        }
    }
    Err("the operator is told nothing".into())
}

/// Returns the number of orders that the client has received an Accepted message for.
pub fn accepted(client: &Client) -> usize {
    client.kept.iter().filter(|message| message[0] == b'A').count()
}

/// Checks that official time does not fall, and that the end of the day is the last message.
pub fn ends_with_the_day(client: &Client) -> Result<(), String> {
    let user = &client.user;
    let is_end = |message: &Vec<u8>| message[0] == b'S' && message[9] == b'E';
    if client.kept.iter().position(is_end) != client.kept.len().checked_sub(1) {
        return Err(format!("{user}: the end of the day is not the last message"));
    }
    // The time is at the same offset in all messages.
    if !client.kept.is_sorted_by_key(|message| &message[1..9]) {
        return Err(format!("{user}: time falls"));
    }
    Ok(())
}

/// Checks that a drop copy has exactly the messages of these clients, in the order of each client.
pub fn is_copy(copy: &Client, clients: &[Client]) -> Result<(), String> {
    let mut by_user = HashMap::<&[u8], Vec<&[u8]>>::new();
    for message in &copy.kept {
        let (user, message) = message.split_at(6);
        by_user.entry(user).or_default().push(message);
    }
    // The drop copy itself receives the beginning and the end of the day.
    by_user.remove(&b"      "[..]);
    for client in clients {
        let told = client.kept.iter().map(|message| &message[..]);
        let told: Vec<&[u8]> = told.filter(|message| message[0] != b'S').collect();
        if by_user.remove(client.user.as_bytes()) != Some(told) {
            return Err(format!("{} has another story of {}", copy.user, client.user));
        }
    }
    match by_user.keys().next() {
        Some(other) => Err(format!("{} has heard of {other:?}", copy.user)),
        None => Ok(()),
    }
}

/// Checks that both sides of each trade received the same. Returns the number of trades.
pub fn trades(clients: &[Client]) -> Result<usize, String> {
    let mut sides = HashMap::<u64, Vec<(u8, u32, u64)>>::new();
    for message in clients.iter().flat_map(|client| &client.kept) {
        if let Ok(Response::Executed(m, _)) = Response::parse(message) {
            let side = (m.liquidity_flag, m.quantity.get(), m.price.get());
            sides.entry(m.match_number.get()).or_default().push(side);
        }
    }
    for (number, sides) in &mut sides {
        sides.sort();
        let both = matches!(sides[..], [(b'A', q, p), (b'R', r, s)] if (q, p) == (r, s));
        if !both {
            return Err(format!("the sides of match {number} were told {sides:?}"));
        }
    }
    Ok(sides.len())
}

/// Returns the messages of a complete file of market data.
pub fn messages_of_file(path: &Path) -> Result<Vec<Vec<u8>>, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let (mut messages, mut rest) = (vec![], &bytes[..]);
    while let Some((length, behind)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let Some((message, behind)) = behind.split_at_checked(length) else { break };
        if length == 0 && behind.is_empty() {
            return Ok(messages);
        }
        messages.push(message.to_vec());
        rest = behind;
    }
    Err(format!("{}: no end behind message {}", path.display(), messages.len()))
}
