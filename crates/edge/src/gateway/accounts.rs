//! Users that may log in over the network, and their rules.
//!
//! The password file has one line for each user, `USER salt hash`, salt and hash in hexadecimal;
//! lines that are empty or begin with `#` are ignored. The hash is PBKDF2 with HMAC-SHA-256. A
//! check takes [`ROUNDS`] iterations, a few hundred microseconds, because it runs on the thread
//! that serves all clients. A SoupBinTCP password has at most 10 bytes, no case, and travels
//! unencrypted: anyone who can read the file or the wire must be trusted anyway.

use ctutils::CtEq;
use ringside_model::domain::Name;
use rustix::fs::OFlags;
use sha2::Sha256;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// Iterations of the hash.
pub const ROUNDS: u32 = 1_000;

/// Longest password file in bytes: some 150,000 users.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// All users, each with a password and rules.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    accounts: Vec<Account>,
    places: HashMap<Name, AccountId>,
    /// Rules of users, also of those that the password file may name later.
    rules: HashMap<Name, UserRules>,
    passwords: Passwords,
}

/// Passwords of all users. Copies share one table, which can be replaced while users log in.
#[derive(Clone, Debug, Default)]
pub struct Passwords(Arc<RwLock<HashMap<Name, Credential>>>);

/// Index of a user in [`Accounts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AccountId(usize);

/// User with its name, rules and password hash.
#[derive(Clone, Debug)]
pub struct Account {
    /// Name of the user, in capitals; also the name of its session.
    pub user: Name,
    /// Rights and limits of the user.
    pub rules: UserRules,
}

/// Rights and limits of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserRules {
    /// Symbols that the user may trade; `None` for all.
    pub symbols: Option<HashSet<Name>>,
    /// Time in ms without a connection after which the user's orders are cancelled; `None` for
    /// never.
    pub cancel_on_disconnect_ms: Option<u64>,
    /// Number of new orders and replaces that the user may send in a second; `None` for any number.
    pub orders_per_second: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Credential {
    salt: [u8; 16],
    hash: [u8; 32],
}

/// Error of a password file or a password.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// A line does not have the form of the file.
    #[error("{}:{line}: {what}", .file.display())]
    Line {
        /// Path of the file.
        file: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// Description of the fault.
        what: &'static str,
    },
    /// The file cannot be read or written.
    #[error("{}: {source}", .file.display())]
    File {
        /// Path of the file.
        file: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The file has no user, as while an editor writes it: nobody could log in.
    #[error("{}: no user has a password", .file.display())]
    NoUser {
        /// Path of the file.
        file: PathBuf,
    },
    /// No login could name this user or password.
    #[error("{0}")]
    Unusable(&'static str),
}

const USER_FORM: &str = "a user is 1 to 6 letters and digits";
const PASSWORD_FORM: &str = "a password is 1 to 10 printable characters without spaces";

impl Passwords {
    /// Reads a password file.
    pub fn read(file: &Path) -> Result<Passwords, AccountsError> {
        Ok(Passwords(Arc::new(RwLock::new(read(file)?))))
    }

    /// Takes the passwords of a file instead. Returns their number. After an error the old ones
    /// stay. Users that are logged in stay logged in.
    pub fn read_again(&self, file: &Path) -> Result<usize, AccountsError> {
        let new = read(file)?;
        let count = new.len();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(count)
    }

    /// Creates these users, all with one password.
    pub fn same_for<'a>(
        users: impl IntoIterator<Item = &'a str>,
        password: &str,
    ) -> Result<Passwords, AccountsError> {
        let salt = [0; 16];
        let credential = Credential { salt, hash: hash(password, &salt) };
        let name = |user| user_name(user).ok_or(AccountsError::Unusable(USER_FORM));
        let users = users.into_iter().map(|user| Ok((name(user)?, credential)));
        Ok(Passwords(Arc::new(RwLock::new(users.collect::<Result<_, AccountsError>>()?))))
    }

    /// Returns the name of a user if the password is right. The check takes as long for a user that
    /// does not exist.
    pub fn check(&self, user: &str, password: &str) -> Option<Name> {
        let name = user_name(user);
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let known = name.and_then(|name| table.get(&name).copied());
        drop(table);
        let credential = known.unwrap_or(Credential { salt: [0; 16], hash: [0; 32] });
        let right = credential.hash.ct_eq(&hash(password, &credential.salt)).to_bool();
        name.filter(|_| right && known.is_some())
    }

    fn users(&self) -> Vec<Name> {
        let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut users: Vec<Name> = table.keys().copied().collect();
        users.sort();
        users
    }
}

fn read(file: &Path) -> Result<HashMap<Name, Credential>, AccountsError> {
    let text =
        text_of(file).map_err(|source| AccountsError::File { file: file.to_path_buf(), source })?;
    let table = parse(file, &text)?;
    match table.is_empty() {
        true => Err(AccountsError::NoUser { file: file.to_path_buf() }),
        false => Ok(table),
    }
}

/// Reads the text of a password file. Does not wait, also if the path is a pipe.
fn text_of(file: &Path) -> io::Result<String> {
    let mut options = fs::OpenOptions::new();
    let file = options.read(true).custom_flags(OFlags::NONBLOCK.bits() as i32).open(file)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if metadata.len() > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("longer than {FILE_BYTES_MAX} bytes")));
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// Parses the text of a password file; errors name `file`.
fn parse(file: &Path, text: &str) -> Result<HashMap<Name, Credential>, AccountsError> {
    let mut table = HashMap::new();
    for (number, line) in text.lines().enumerate() {
        let wrong = |what| AccountsError::Line { file: file.to_path_buf(), line: number + 1, what };
        let Some((user, credential)) = parse_line(line).map_err(wrong)? else { continue };
        if table.insert(user, credential).is_some() {
            return Err(wrong("the user has a line already"));
        }
    }
    Ok(table)
}

impl Accounts {
    /// Creates the accounts of all users that have a password.
    pub fn new(passwords: Passwords) -> Accounts {
        let mut accounts = Accounts { passwords, ..Accounts::default() };
        accounts.passwords.users().into_iter().for_each(|user| _ = accounts.place(user));
        accounts
    }

    /// Creates these users, all with one password.
    pub fn with_one_password<'a>(
        users: impl IntoIterator<Item = &'a str>,
        password: &str,
    ) -> Result<Accounts, AccountsError> {
        Ok(Accounts::new(Passwords::same_for(users, password)?))
    }

    /// Sets the rules of a user; returns false if there is no such user.
    pub fn set_rules(&mut self, user: &str, rules: UserRules) -> bool {
        let Some(name) = user_name(user) else { return false };
        self.rules.insert(name, rules.clone());
        let Some(&AccountId(place)) = self.places.get(&name) else { return false };
        self.accounts[place].rules = rules;
        true
    }

    /// Returns the user of this name if the password is right. The check takes as long for a user
    /// that does not exist.
    pub fn check(&mut self, user: &str, password: &str) -> Option<AccountId> {
        self.passwords.check(user, password).map(|name| self.place(name))
    }

    /// Returns the passwords of the users.
    pub fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    /// Returns the user with this index.
    pub fn get(&self, AccountId(place): AccountId) -> &Account {
        &self.accounts[place]
    }

    /// Returns all users, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Account> {
        self.accounts.iter()
    }

    /// Returns the index of a user, who may be new.
    fn place(&mut self, user: Name) -> AccountId {
        *self.places.entry(user).or_insert_with(|| {
            let rules = self.rules.get(&user).cloned().unwrap_or_default();
            self.accounts.push(Account { user, rules });
            AccountId(self.accounts.len() - 1)
        })
    }
}

/// Sets the password of a user in a password file, and creates the file if there is none. The file
/// is replaced as a whole, and only its owner may read it.
pub fn set_password(file: &Path, user: &str, password: &str) -> Result<(), AccountsError> {
    let mut salt = [0; 16];
    let failed = |source| AccountsError::File { file: file.to_path_buf(), source };
    rustix::rand::getrandom(&mut salt, rustix::rand::GetRandomFlags::empty())
        .map_err(|e| failed(e.into()))?;
    let new = password_line(user, password, salt)?;
    let text = match text_of(file) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
        text => text.map_err(failed)?,
    };
    parse(file, &text)?;
    let name = user_name(user);
    let is_other = |line: &&str| {
        let of = line.split_ascii_whitespace().next();
        line.starts_with('#') || of.is_none() || of.and_then(user_name) != name
    };
    let lines = text.lines().filter(is_other).chain([new.as_str()]);
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    replace_file(file, &text).map_err(failed)
}

/// Returns the line of a user in a password file, without its end.
pub(crate) fn password_line(
    user: &str,
    password: &str,
    salt: [u8; 16],
) -> Result<String, AccountsError> {
    let user = user_name(user).ok_or(AccountsError::Unusable(USER_FORM))?;
    let usable = (1..=10).contains(&password.len());
    if !usable || !password.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(AccountsError::Unusable(PASSWORD_FORM));
    }
    Ok(format!("{user} {} {}", hex(&salt), hex(&hash(password, &salt))))
}

/// Replaces a file in one step. The owner of the target creates the temporary file in the same
/// folder, so that the rename is one step.
fn replace_file(file: &Path, text: &str) -> io::Result<()> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(text.as_bytes())?;
    new.as_file().sync_all()?;
    new.persist(file)?;
    fs::File::open(folder)?.sync_all()
}

fn parse_line(line: &str) -> Result<Option<(Name, Credential)>, &'static str> {
    if line.trim().is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let mut words = line.split_ascii_whitespace();
    let (Some(user), Some(salt), Some(hash), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err("a line is `USER salt hash`");
    };
    let user = user_name(user).ok_or(USER_FORM)?;
    let salt = unhex(salt).ok_or("a salt is 32 hexadecimal digits")?;
    let hash = unhex(hash).ok_or("a hash is 64 hexadecimal digits")?;
    Ok(Some((user, Credential { salt, hash })))
}

fn user_name(user: &str) -> Option<Name> {
    let usable = user.len() <= 6 && user.bytes().all(|byte| byte.is_ascii_alphanumeric());
    Name::new(&user.to_ascii_uppercase()).filter(|_| usable)
}

fn hash(password: &str, salt: &[u8; 16]) -> [u8; 32] {
    let password = password.to_ascii_uppercase();
    pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), salt, ROUNDS)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "passwords";

    fn user(passwords: &Passwords, user: &str, password: &str) -> String {
        passwords.check(user, password).map(|name| name.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_password_is_right_or_wrong() {
        let line = password_line("firm1", "SECRET", [7; 16]).unwrap();
        let text = format!("# users\n\n{line}\n");
        let table = parse(Path::new(FILE), &text).unwrap();
        let passwords = Passwords(Arc::new(RwLock::new(table)));
        assert_eq!(user(&passwords, "FIRM1", "SECRET"), "FIRM1");
        assert_eq!(user(&passwords, "FIRM1", "secret"), "FIRM1");
        for (name, password) in [("FIRM1", "SECRET1"), ("FIRM1", ""), ("FIRM2", "SECRET"), ("", "")]
        {
            assert_eq!(user(&passwords, name, password), "", "{name} {password}");
        }
    }

    #[test]
    fn users_may_share_a_password() {
        let passwords = Passwords::same_for(["A", "B"], "x").unwrap();
        assert_eq!(user(&passwords, "B", "X"), "B");
        assert_eq!(user(&passwords, "C", "X"), "");
        assert!(Passwords::same_for(["A B"], "x").is_err());
    }

    #[test]
    fn the_hash_is_that_of_the_standard() {
        // Computed with Python's hashlib.pbkdf2_hmac("sha256", b"SECRET", bytes(16), 1000).
        let line = password_line("A", "SECRET", [0; 16]).unwrap();
        assert_eq!(line, format!("A {} {}", "00".repeat(16), EXPECTED));
    }

    const EXPECTED: &str = "2922aa768df17db5ac22cb424bf7e17a4e81f1d76bf7da5c915d2d10537de309";

    #[test]
    fn passwords_can_be_read_again_while_users_log_in() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        set_password(&file, "A", "one").unwrap();
        set_password(&file, "B", "one").unwrap();
        let passwords = Passwords::read(&file).unwrap();
        let mut accounts = Accounts::new(passwords.clone());
        let rules = UserRules { orders_per_second: Some(7), ..UserRules::default() };
        assert!(!accounts.set_rules("C", rules.clone()), "the user is not there yet");
        let old = accounts.check("A", "one").unwrap();
        fs::remove_file(&file).unwrap();
        set_password(&file, "C", "three").unwrap();
        set_password(&file, "B", "two").unwrap();
        assert_eq!(passwords.read_again(&file).unwrap(), 2);
        assert_eq!([accounts.check("A", "one"), accounts.check("B", "one")], [None, None]);
        let new = accounts.check("C", "three").unwrap();
        assert_eq!(accounts.get(new).rules, rules);
        assert_eq!(accounts.get(old).user.as_str(), "A", "a user that is logged in stays");
        fs::write(&file, "C nothing").unwrap();
        assert!(passwords.read_again(&file).is_err());
        assert_eq!(accounts.check("C", "three"), Some(new), "the old ones stay");
    }

    #[test]
    fn a_file_that_is_no_password_file_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        set_password(&file, "A", "one").unwrap();
        let passwords = Passwords::read(&file).unwrap();
        let refused = |expected| {
            let error = passwords.read_again(&file).unwrap_err().to_string();
            assert!(error.ends_with(expected), "{error}");
            assert!(Passwords::read(&file).is_err());
            assert_eq!(user(&passwords, "A", "one"), "A", "{expected}");
            fs::remove_file(&file).unwrap();
        };
        for text in ["", "# nobody\n\n"] {
            fs::write(&file, text).unwrap();
            refused("no user has a password");
        }
        fs::File::create(&file).unwrap().set_len(FILE_BYTES_MAX + 1).unwrap();
        refused("longer than 16777216 bytes");
        rustix::fs::mkfifoat(rustix::fs::CWD, &file, rustix::fs::Mode::RWXU).unwrap();
        assert!(set_password(&file, "A", "two").is_err());
        refused("not a regular file");
    }

    #[test]
    fn errors_say_where() {
        let good = password_line("A", "x", [1; 16]).unwrap();
        let cases = [
            ("A".to_string(), "a line is"),
            (format!("{good} more"), "a line is"),
            (good.replacen('A', "A-B", 1), "a user is"),
            (good.replacen('A', "SEVENTH", 1), "a user is"),
            (good.replacen("01", "0", 1), "a salt is"),
            (good.replacen("01", "+1", 1), "a salt is"),
            (good[..good.len() - 1].to_string(), "a hash is"),
            (format!("a{}", &good[1..]), "has a line already"),
        ];
        for (line, expected) in cases {
            let other = password_line("A", "y", [2; 16]).unwrap();
            let text = format!("{other}\n{line}\n");
            let error = parse(Path::new(FILE), &text).unwrap_err().to_string();
            assert!(error.starts_with("passwords:2: ") && error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_new_password_takes_the_place_of_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        set_password(&file, "abc", "one").unwrap();
        set_password(&file, "def", "two").unwrap();
        set_password(&file, "ABC", "three").unwrap();
        let passwords = Passwords::read(&file).unwrap();
        assert_eq!(passwords.users().len(), 2);
        assert_eq!(user(&passwords, "ABC", "one"), "");
        assert_eq!(user(&passwords, "abc", "three"), "ABC");
        assert_eq!(user(&passwords, "DEF", "two"), "DEF");
        let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&file).unwrap());
        assert_eq!(mode & 0o777, 0o600);
        for (user, password) in
            [("", "x"), ("A B", "x"), ("A", ""), ("A", "12345678901"), ("A", "é")]
        {
            assert!(set_password(&file, user, password).is_err(), "{user} {password}");
        }
    }
}
