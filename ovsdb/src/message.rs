//! JSON-RPC 1.0 messages as OVSDB uses them (RFC 7047 section 4).

use serde::Deserialize;
use serde_json::value::RawValue;

/// A message as it came; parameters and results are left as text for those who know their shape.
#[derive(Debug)]
pub enum Message<'a> {
    /// A request that wants a reply; servers send `echo`.
    Request {
        /// Any JSON value; servers use strings.
        id: &'a RawValue,
        /// What is asked.
        method: String,
        /// With which parameters.
        params: &'a RawValue,
    },
    /// A request that wants no reply: `update` and its successors, `locked`, `stolen`, `monitor_canceled`.
    Notification {
        /// What is told.
        method: String,
        /// With which parameters.
        params: &'a RawValue,
    },
    /// A reply to the request with this number.
    Reply {
        /// The number of the request; absent where it is none of ours.
        id: Option<u64>,
        /// The result, or the error.
        result: Result<&'a RawValue, &'a RawValue>,
    },
}

/// A message that is not JSON, or no message of JSON-RPC.
#[derive(Debug, thiserror::Error)]
#[error("malformed message: {0}")]
pub struct MessageError(String);

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    method: Option<String>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// The member, unless it is null.
fn present(member: Option<&RawValue>) -> Option<&RawValue> {
    member.filter(|value| value.get() != "null")
}

impl<'a> Message<'a> {
    /// Parses a message.
    ///
    /// # Errors
    /// [`MessageError`] where the text is not a JSON object with the members of a request, notification or reply.
    pub fn parse(text: &'a str) -> Result<Self, MessageError> {
        let envelope: Envelope<'a> = serde_json::from_str(text).map_err(|error| MessageError(error.to_string()))?;
        let id = present(envelope.id);
        match (envelope.method, present(envelope.error)) {
            (Some(method), None) => {
                let params = envelope.params.ok_or_else(|| MessageError("a request without parameters".into()))?;
                Ok(match id {
                    Some(id) => Message::Request { id, method, params },
                    None => Message::Notification { method, params },
                })
            }
            (None, error) => {
                let id = id.and_then(|id| id.get().parse().ok());
                let result = match (error, envelope.result) {
                    (Some(error), _) => Err(error),
                    (None, Some(result)) => Ok(result),
                    (None, None) => return Err(MessageError("neither method, result nor error".into())),
                };
                Ok(Message::Reply { id, result })
            }
            (Some(_), Some(_)) => Err(MessageError("both method and error".into())),
        }
    }
}

/// Writes a request.
pub fn request(id: u64, method: &str, params: &str) -> String {
    format!(r#"{{"id":{id},"method":{},"params":{params}}}"#, quoted(method))
}

/// Writes a notification: a request that wants no reply.
pub fn notification(method: &str, params: &str) -> String {
    format!(r#"{{"id":null,"method":{},"params":{params}}}"#, quoted(method))
}

/// Writes a successful reply.
pub fn reply(id: &RawValue, result: &RawValue) -> String {
    format!(r#"{{"id":{},"result":{},"error":null}}"#, id.get(), result.get())
}

/// Writes the refusal of a request whose method is not known.
pub fn refusal(id: &RawValue) -> String {
    format!(r#"{{"id":{},"result":null,"error":"unknown method"}}"#, id.get())
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let have = match Message::parse(text) {
            Ok(Message::Request { id, method, params }) => format!("request {} {method} {}", id.get(), params.get()),
            Ok(Message::Notification { method, params }) => format!("notification {method} {}", params.get()),
            Ok(Message::Reply { id, result: Ok(result) }) => format!("reply {id:?} {}", result.get()),
            Ok(Message::Reply { id, result: Err(error) }) => format!("error {id:?} {}", error.get()),
            Err(_) => "malformed".to_owned(),
        };
        assert_eq!(have, expect, "{text}");
    }

    #[test]
    fn each_kind_is_told_by_its_members() {
        check(r#"{"id":"echo","method":"echo","params":[]}"#, r#"request "echo" echo []"#);
        check(r#"{"method":"update","params":[1,{}],"id":null}"#, "notification update [1,{}]");
        check(r#"{"method":"locked","params":["l"]}"#, r#"notification locked ["l"]"#);
        check(r#"{"id":7,"result":{},"error":null}"#, "reply Some(7) {}");
        check(r#"{"id":7,"result":null,"error":null}"#, "malformed");
        check(r#"{"id":7,"result":null,"error":"unknown method"}"#, r#"error Some(7) "unknown method""#);
        check(r#"{"id":"x","result":1,"error":null}"#, "reply None 1");
        check(r#"{"id":1}"#, "malformed");
        check("[]", "malformed");
        check(r#"{"id":1,"method":"x"}"#, "malformed");
    }

    #[test]
    fn what_is_written_parses() {
        check(&request(3, "a\"b", "[1]"), "request 3 a\"b [1]");
        check(&notification("cancel", "[3]"), "notification cancel [3]");
    }
}
