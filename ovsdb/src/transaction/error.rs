//! Why a transaction failed (RFC 7047 sections 3.1, 4.1.3 and 5.2; ovsdb-server(7)).

use std::fmt;

use super::Op;

/// The `error` member of an error object, as far as it is known. Servers may send others: see [`ErrorKind::Other`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// `constraint violation`: a value or a row outside what the schema allows, or a duplicate index.
    ConstraintViolation,
    /// `referential integrity violation`: a reference to a row that does not exist, or deleting a row that is referred to.
    ReferentialIntegrity,
    /// `timed out`: a wait ended without what it waited for.
    TimedOut,
    /// `not owner`: the lock that an assert names is not held by this connection.
    NotOwner,
    /// `resources exhausted`.
    Resources,
    /// `aborted`: the transaction contains an abort.
    Aborted,
    /// `duplicate uuid-name` or `duplicate uuid`: two inserted rows share a name or an identifier.
    DuplicateUuid,
    /// `domain error`: arithmetic without a result, such as division by zero.
    Domain,
    /// `range error`: arithmetic whose result does not fit.
    Range,
    /// `I/O error`: the server could not write the transaction to its storage.
    Io,
    /// `not supported`: the server does not do this operation.
    NotSupported,
    /// `not allowed`: a server that does not take writes, such as the `_Server` database or an active-backup replica.
    NotAllowed,
    /// `permission error`: role-based access control forbids it.
    Permission,
    /// `cluster error`: the cluster did not take it; it has no leader, or the leader changed.
    Cluster,
    /// `syntax error` and `unknown column` and their like: the request does not fit the server's schema.
    Syntax(String),
    /// `canceled`: the request was cancelled before it was done.
    Canceled,
    /// `unknown database`.
    UnknownDatabase,
    /// Any other word.
    Other(String),
}

/// Words and kinds: the table that both directions derive from.
const WORDS: &[(&str, ErrorKind)] = &[
    ("constraint violation", ErrorKind::ConstraintViolation),
    ("referential integrity violation", ErrorKind::ReferentialIntegrity),
    ("timed out", ErrorKind::TimedOut),
    ("not owner", ErrorKind::NotOwner),
    ("resources exhausted", ErrorKind::Resources),
    ("aborted", ErrorKind::Aborted),
    ("duplicate uuid-name", ErrorKind::DuplicateUuid),
    ("duplicate uuid", ErrorKind::DuplicateUuid),
    ("domain error", ErrorKind::Domain),
    ("range error", ErrorKind::Range),
    ("I/O error", ErrorKind::Io),
    ("not supported", ErrorKind::NotSupported),
    ("not allowed", ErrorKind::NotAllowed),
    ("permission error", ErrorKind::Permission),
    ("cluster error", ErrorKind::Cluster),
    ("canceled", ErrorKind::Canceled),
    ("unknown database", ErrorKind::UnknownDatabase),
];

/// Words that say the request does not fit the schema.
const SYNTAX: &[&str] = &["syntax error", "unknown column", "unknown table", "unknown field", "parse error"];

impl ErrorKind {
    /// The kind of a server's word.
    pub fn from_word(word: &str) -> Self {
        match WORDS.iter().find(|(have, _)| *have == word) {
            Some((_, kind)) => kind.clone(),
            None if SYNTAX.contains(&word) => ErrorKind::Syntax(word.to_owned()),
            None => ErrorKind::Other(word.to_owned()),
        }
    }

    /// Whether the server does not know the request's method: it is older than the method.
    pub fn is_unknown_method(&self) -> bool {
        matches!(self, ErrorKind::Other(word) if word == "unknown method")
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ErrorKind::Syntax(word) | ErrorKind::Other(word) => f.write_str(word),
            known => {
                let word = WORDS.iter().find(|(_, kind)| kind == known).map(|(word, _)| *word);
                f.write_str(word.expect("every other kind has a word in the table"))
            }
        }
    }
}

/// An error object: a kind, and the server's explanation for people.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OperationError {
    /// What went wrong.
    pub kind: ErrorKind,
    /// The server's explanation, if it gave one.
    pub details: Option<String>,
}

impl fmt::Display for OperationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.details {
            Some(details) => write!(f, "{}: {details}", self.kind),
            None => self.kind.fmt(f),
        }
    }
}

/// Why a transaction was not done, or is not known to be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransactError {
    /// An operation failed; nothing was changed.
    #[error("operation {} failed: {error}", op.index())]
    Operation {
        /// Which one.
        op: Op,
        /// Why.
        error: OperationError,
    },
    /// Every operation succeeded and the whole did not, for instance because it would break a reference; nothing was
    /// changed. Servers say so by one more result than there were operations.
    #[error("commit failed: {0}")]
    Commit(OperationError),
    /// The server refused the request as a whole, for instance because it has no such database; nothing was changed.
    #[error("request refused: {0}")]
    Refused(OperationError),
    /// A value cannot be written so that a server takes it; nothing was sent.
    #[error("operation {} cannot be sent: {reason}", op.index())]
    Unsendable {
        /// Which operation.
        op: Op,
        /// Why.
        reason: &'static str,
    },
    /// The connection ended after the request was handed to it and before a reply came: the transaction may have been
    /// done or not. Read the replica again before deciding to repeat it.
    #[error("the connection ended before the reply: the transaction may or may not have been done")]
    Unknown,
    /// The client has been closed; nothing was sent.
    #[error("the client is closed")]
    Closed,
    /// The reply does not fit the request.
    #[error("malformed reply: {0}")]
    Malformed(String),
}

impl TransactError {
    /// The server's error object, where there is one.
    pub fn operation_error(&self) -> Option<&OperationError> {
        match self {
            TransactError::Operation { error, .. } => Some(error),
            TransactError::Commit(error) | TransactError::Refused(error) => Some(error),
            _ => None,
        }
    }

    /// The server's kind of error, where there is one.
    pub fn kind(&self) -> Option<&ErrorKind> {
        self.operation_error().map(|error| &error.kind)
    }

    /// Whether trying the same again may succeed by itself: the cluster was between leaders, the server cancelled the
    /// request (a schema conversion does), or the connection ended.
    pub fn is_transient(&self) -> bool {
        matches!(self, TransactError::Unknown) || matches!(self.kind(), Some(ErrorKind::Cluster | ErrorKind::Canceled))
    }
}
