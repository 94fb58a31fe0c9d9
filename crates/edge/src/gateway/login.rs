//! Whether a client may log in, and where its stream begins.

use crate::gateway::accounts::Accounts;
use crate::gateway::intake::{Intake, Member};
use ringside_core::streams::{Cursor, Reader, StreamId};
use ringside_model::domain::{FirmId, Name, Role, SessionId};
use ringside_wire::soupbintcp::Login;

/// A login that succeeds.
pub(super) struct Entry {
    /// Who it is.
    pub member: Member,
    /// The number of the first message that it is sent …
    pub number: u64,
    /// … and its place.
    pub cursor: Cursor,
}

/// Why a login fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No such user, or another password.
    NotAuthorized,
    /// The session is another one, is not there, or has a connection already.
    NotAvailable,
    /// The client has seen messages that the venue never sent.
    Ahead {
        /// The next number of the session.
        next: u64,
    },
}

/// Looks at a login. `session` is the name of the venue's streams, `is_live` says whether a session has a
/// connection.
pub(super) fn decide(
    login: &Login,
    session: &str,
    accounts: &Accounts,
    intake: &Intake,
    reader: &mut Reader,
    is_live: impl Fn(SessionId) -> bool,
) -> Result<Entry, Refusal> {
    let account = accounts.check(&login.user, &login.password).ok_or(Refusal::NotAuthorized)?;
    let user = accounts.get(account).user;
    let member = find(user, intake)
        .map(|(session, firm, role)| Member { session, firm, role, account })
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

/// The session of a user, if it is one that the network serves.
fn find(user: Name, intake: &Intake) -> Option<(SessionId, FirmId, Role)> {
    let id = intake.directory().session_id(user)?;
    let session = intake.directory().session(id)?;
    let served = session.role != Role::File && intake.has_state(id);
    served.then_some((id, session.firm, session.role))
}
