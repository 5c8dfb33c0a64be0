//! What is wrong with an object, in the two parts of a Kubernetes condition.

use std::borrow::Cow;

/// A reason in one CamelCase word and a sentence that names the object and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// One CamelCase word.
    pub reason: Cow<'static, str>,
    /// A sentence with the remedy.
    pub message: Box<str>,
}

impl Problem {
    /// A problem with a reason known at compile time.
    pub fn new(reason: &'static str, message: impl Into<String>) -> Problem {
        Problem { reason: Cow::Borrowed(reason), message: message.into().into() }
    }
}

impl From<&Problem> for api::node::Problem {
    fn from(problem: &Problem) -> Self {
        api::node::Problem {
            key: String::new(),
            reason: problem.reason.to_string(),
            message: problem.message.to_string(),
        }
    }
}
