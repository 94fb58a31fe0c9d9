//! Check of a login, and place at which its stream begins.

use crate::gateway::accounts::Accounts;
use crate::gateway::intake::{Intake, LoggedInSession};
use ringside_core::streams::{Cursor, StreamId, StreamReader};
use ringside_model::domain::{FirmId, Name, Role, SessionId};
use ringside_wire::soupbintcp::Login;

/// Result of a login that succeeds.
pub(super) struct Entry {
    /// Session that logs in.
    pub member: LoggedInSession,
    /// Number of the first message that the client is sent.
    pub number: u64,
    /// Place of that message in the stream.
    pub cursor: Cursor,
}

/// Reason why a login fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no such user, or the password is another one.
    NotAuthorized,
    /// The session is another one, does not exist, or has a connection already.
    NotAvailable,
    /// The client names messages that the venue never sent.
    Ahead {
        /// Next message number of the session.
        next: u64,
    },
}

/// Decides on a login. `session` is the name of the venue's streams; `is_live` returns true if a
/// session has a connection.
pub(super) fn decide(
    login: &Login,
    session: &str,
    accounts: &mut Accounts,
    intake: &Intake,
    reader: &mut StreamReader,
    is_live: impl Fn(SessionId) -> bool,
) -> Result<Entry, Refusal> {
    let account = accounts.check(&login.user, &login.password).ok_or(Refusal::NotAuthorized)?;
    let user = accounts.get(account).user;
    let member = find(user, intake)
        .map(|(session, firm, role)| LoggedInSession { session, firm, role, account })
        .ok_or(Refusal::NotAvailable)?;
    let other = !login.session.is_empty() && login.session != session;
    if other || is_live(member.session) {
        return Err(Refusal::NotAvailable);
    }
    let stream = StreamId(member.session.0);
    let next = reader.next_number(stream);
    let number = match login.number {
        0 => (next - 1).max(1),
        number => number,
    };
    let cursor = reader.cursor(stream, number).ok_or(Refusal::Ahead { next })?;
    Ok(Entry { member, number, cursor })
}

/// Returns the session of a user, if the network serves it.
fn find(user: Name, intake: &Intake) -> Option<(SessionId, FirmId, Role)> {
    let id = intake.directory().numbers().session_id(user)?;
    let session = intake.directory().names().session(id)?;
    let served = session.role != Role::File && intake.has_state(id);
    served.then_some((id, session.firm, session.role))
}
