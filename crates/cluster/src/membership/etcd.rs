//! Record, or another value that nodes share, in etcd, through the JSON gateway of its version 3
//! interface (etcd 3.4 and later).
//!
//! TLS and passwords are not supported. Where the network is not trusted, the endpoints must be
//! local ends of tunnels.

use super::coordinator::{Coordinator, Kept, Revision, Swapped, Unavailable, Versioned};
use super::record::Record;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::marker::PhantomData;
use std::time::{Duration, Instant};
use ureq::{Agent, Timeout};

/// Value under one key of an etcd cluster.
pub struct Etcd<T = Record> {
    kept: PhantomData<fn() -> T>,
    agent: Agent,
    endpoints: Vec<String>,
    /// Index of the endpoint to ask first: the last one that answered, or the one after the last
    /// one that failed.
    preferred: usize,
    /// Key in base64, as all keys and values in the gateway's JSON.
    key: String,
    timeout: Duration,
}

/// Limit of an answer in bytes. A record has some hundred bytes; a longer answer than this counts
/// as invalid.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

impl<T> Etcd<T> {
    /// Opens the value under `key`. `endpoints` are members of one etcd cluster, each
    /// `http://host:port`. `timeout` limits a whole call, whatever the number of endpoints that the
    /// call tries.
    ///
    /// # Panics
    /// If `endpoints` is empty.
    pub fn new(endpoints: Vec<String>, key: String, timeout: Duration) -> Self {
        assert!(!endpoints.is_empty(), "etcd is somewhere");
        let agent = Agent::config_builder()
            // Each request has its own connection. The other side could have closed a kept
            // connection a moment ago, and then nobody could say whether it had read the swap.
            .max_idle_connections(0)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            // The proxy of the environment is ignored: a proxy has answers of its own.
            .proxy(None)
            .build()
            .new_agent();
        let key = BASE64_STANDARD.encode(key);
        Etcd { kept: PhantomData, agent, endpoints, preferred: 0, key, timeout }
    }
}

impl<T: Kept> Coordinator<T> for Etcd<T> {
    /// Reads the value. After any failure of an endpoint, the next endpoint is asked.
    fn read(&mut self) -> Result<Option<Versioned<T>>, Unavailable> {
        // The read is linearizable, because the request does not ask for less.
        let range: Range<T> = self.ask("kv/range", &json!({ "key": self.key }), Repeat::Always)?;
        let found = range.kvs.into_iter().next();
        Ok(found.map(|found| (Revision(found.mod_revision), found.value)))
    }

    /// Swaps the value. The next endpoint is asked only if no connection came about: a swap that
    /// may have been read is not sent again.
    fn swap(&mut self, expected: Option<Revision>, value: &T) -> Result<Swapped, Unavailable> {
        // etcd gives a missing key the revision 0.
        let expected = expected.map_or(0, |Revision(revision)| revision);
        let value = serde_json::to_vec(value).expect("what is kept can be written");
        let (key, value) = (&self.key, BASE64_STANDARD.encode(value));
        let request = json!({
            "compare": [{
                "key": key, "target": "MOD", "result": "EQUAL", "mod_revision": expected.to_string(),
            }],
            "success": [{ "request_put": { "key": key, "value": value } }],
        });
        let done: Transaction = self.ask("kv/txn", &request, Repeat::IfUnsent)?;
        Ok(match done.succeeded {
            true => Swapped::Done(Revision(done.header.revision)),
            false => Swapped::Conflict,
        })
    }
}

/// Condition for sending a request to another endpoint.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeat {
    Always,
    IfUnsent,
}

/// Failure of one endpoint to answer.
struct Failure {
    /// True if the endpoint may have read the request.
    sent: bool,
    what: String,
}

impl<T> Etcd<T> {
    fn ask<A: DeserializeOwned>(
        &mut self,
        path: &str,
        request: &Value,
        repeat: Repeat,
    ) -> Result<A, Unavailable> {
        let deadline = Instant::now() + self.timeout;
        let mut failures = vec![];
        for untried in (1..=self.endpoints.len() as u32).rev() {
            let left = deadline.saturating_duration_since(Instant::now());
            // A silent endpoint must leave time for the endpoints after it. No endpoint follows
            // after one that was sent a swap.
            let connect = left / untried;
            let whole = if repeat == Repeat::Always { connect } else { left };
            let endpoint = &self.endpoints[self.preferred];
            let url = format!("{endpoint}/v3/{path}");
            let Failure { sent, what } = match self.post(&url, request, connect, whole) {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            failures.push(format!("{endpoint}: {what}"));
            self.preferred = (self.preferred + 1) % self.endpoints.len();
            if sent && repeat == Repeat::IfUnsent {
                break;
            }
        }
        Err(Unavailable(failures.join("; ")))
    }

    fn post<A: DeserializeOwned>(
        &self,
        url: &str,
        request: &Value,
        connect: Duration,
        whole: Duration,
    ) -> Result<A, Failure> {
        let failure =
            |error: ureq::Error| Failure { sent: may_be_sent(&error), what: error.to_string() };
        let request = request.to_string();
        let post = self.agent.post(url).content_type("application/json");
        let post = post.config().timeout_resolve(Some(connect)).timeout_connect(Some(connect));
        let post = post.timeout_global(Some(whole)).build();
        let mut response = post.send(&request).map_err(failure)?;
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let body = body.map_err(|error| Failure { sent: true, what: error.to_string() })?;
        let told = |what: String| Failure { sent: true, what };
        if !response.status().is_success() {
            return Err(told(format!("{}: {}", response.status(), message(&body))));
        }
        serde_json::from_slice(&body)
            .map_err(|error| told(format!("no answer to us ({error}): {}", message(&body))))
    }
}

/// Returns true if the endpoint may have read the request. The errors listed here occur only if
/// there was no connection.
fn may_be_sent(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::HostNotFound => false,
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => false,
        ureq::Error::Io(error) => error.kind() != ErrorKind::ConnectionRefused,
        _ => true,
    }
}

/// Returns the error message of etcd, or the beginning of a text that is not etcd's.
fn message(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Wrong {
        message: String,
    }
    match serde_json::from_slice(body) {
        Ok(Wrong { message }) => message,
        Err(_) => String::from_utf8_lossy(body).chars().take(200).collect(),
    }
}

/// Header of every answer of etcd. Only the header shows that JSON is an answer of etcd: the
/// gateway omits every other field that is false or empty.
#[derive(Deserialize)]
struct Header {
    #[serde(deserialize_with = "decimal")]
    revision: u64,
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Range<T> {
    #[serde(rename = "header")]
    _header: Header,
    #[serde(default = "Vec::new")]
    kvs: Vec<KeyValue<T>>,
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct KeyValue<T> {
    #[serde(deserialize_with = "decimal")]
    mod_revision: u64,
    #[serde(deserialize_with = "value")]
    value: T,
}

#[derive(Deserialize)]
struct Transaction {
    header: Header,
    #[serde(default)]
    succeeded: bool,
}

/// Parses a 64-bit number, which the gateway's JSON writes as a string.
fn decimal<'de, D: Deserializer<'de>>(source: D) -> Result<u64, D::Error> {
    String::deserialize(source)?.parse().map_err(D::Error::custom)
}

fn value<'de, T: DeserializeOwned, D: Deserializer<'de>>(source: D) -> Result<T, D::Error> {
    let value = BASE64_STANDARD.decode(String::deserialize(source)?).map_err(D::Error::custom)?;
    serde_json::from_slice(&value).map_err(|error| {
        let value = String::from_utf8_lossy(&value);
        D::Error::custom(format!("the value is no record, {error}: {value:.200}"))
    })
}

/// Returns an endpoint in the form that [`Etcd::new`] takes.
///
/// # Errors
/// Says what is wrong with the text.
pub(super) fn endpoint(text: &str) -> Result<String, String> {
    let wrong = |what: &str| format!("{text:?} is no endpoint of etcd: {what}");
    if text.starts_with("https://") {
        return Err(wrong("TLS is not spoken, use a tunnel"));
    }
    let uri: ureq::http::Uri = text.parse().map_err(|error| wrong(&format!("{error}")))?;
    let plain = uri.scheme_str() == Some("http") && uri.port_u16().is_some();
    match uri.path_and_query().is_none_or(|path| path == "/") {
        true if plain => Ok(text.trim_end_matches('/').into()),
        _ => Err(wrong("it must be http://host:port")),
    }
}
