//! Finds where JSON messages end in a stream of bytes (RFC 7047 section 4: messages follow each other without a length).
//!
//! The scan keeps its place between reads: each byte is looked at once, whatever the sizes of the reads. Rescanning the
//! buffer after every read makes loading a large database quadratic.

/// Splits a stream into JSON objects. Their contents are not checked beyond strings and brackets.
#[derive(Debug)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Where the next message starts in the buffer.
    start: usize,
    /// How far the buffer has been scanned.
    scanned: usize,
    depth: usize,
    text: Text,
    limit: usize,
}

/// Where the scan stands with regard to strings.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Text {
    Outside,
    Inside,
    Escaped,
}

/// A stream that cannot be split into messages; nothing after this point can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Something other than an object stands where a message must begin.
    #[error("byte {0:#04x} where a message must begin with an opening brace")]
    NotAnObject(u8),
    /// A message is larger than the limit.
    #[error("a message exceeds the limit of {0} bytes")]
    TooLarge(usize),
    /// A message is not UTF-8.
    #[error("a message is not UTF-8")]
    NotUtf8,
}

impl Framer {
    /// The limit of [`Framer::default`]: 1 GiB. A message is as large as everything that is monitored.
    pub const DEFAULT_LIMIT: usize = 1 << 30;

    /// Refuses messages of more than `limit` bytes.
    pub fn with_limit(limit: usize) -> Self {
        Framer { buffer: Vec::new(), start: 0, scanned: 0, depth: 0, text: Text::Outside, limit }
    }

    /// Adds bytes as they were read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.reclaim();
        self.buffer.extend_from_slice(bytes);
    }

    /// The buffer, for a reader that appends to it; [`Framer::next_message`] afterwards.
    pub fn buffer_mut(&mut self) -> &mut Vec<u8> {
        self.reclaim();
        &mut self.buffer
    }

    /// Drops what was handed out, once that is at least half of the buffer, so that each byte moves at most once.
    fn reclaim(&mut self) {
        if self.start > 0 && self.start * 2 >= self.buffer.len() {
            self.buffer.drain(..self.start);
            self.scanned -= self.start;
            self.start = 0;
            if self.buffer.is_empty() {
                self.buffer.shrink_to(1 << 20);
            }
        }
    }

    /// How many bytes wait for the rest of their message.
    pub fn pending(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// The next whole message, if it is there.
    ///
    /// # Errors
    /// [`FrameError`]; the stream is lost then.
    pub fn next_message(&mut self) -> Result<Option<&str>, FrameError> {
        if self.depth == 0 {
            let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
            let skipped = self.buffer[self.start..].iter().take_while(|byte| space(byte)).count();
            self.start += skipped;
            self.scanned = self.start;
            match self.buffer.get(self.start) {
                None => return Ok(None),
                Some(b'{') => {}
                Some(&other) => return Err(FrameError::NotAnObject(other)),
            }
        }
        let complete = self.scan();
        if self.scanned - self.start > self.limit {
            return Err(FrameError::TooLarge(self.limit));
        }
        if !complete {
            return Ok(None);
        }
        let message = self.start..self.scanned;
        self.start = self.scanned;
        std::str::from_utf8(&self.buffer[message]).map(Some).map_err(|_| FrameError::NotUtf8)
    }

    /// Scans on, to the end of the message or of the buffer; whether it was the former.
    fn scan(&mut self) -> bool {
        while let Some(&byte) = self.buffer.get(self.scanned) {
            match self.text {
                Text::Inside => {
                    let rest = &self.buffer[self.scanned..];
                    let Some(at) = memchr::memchr2(b'"', b'\\', rest) else {
                        self.scanned = self.buffer.len();
                        return false;
                    };
                    self.text = if rest[at] == b'"' { Text::Outside } else { Text::Escaped };
                    self.scanned += at + 1;
                    continue;
                }
                Text::Escaped => self.text = Text::Inside,
                Text::Outside => match byte {
                    b'"' => self.text = Text::Inside,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' => self.depth -= 1,
                    _ => {}
                },
            }
            self.scanned += 1;
            if self.depth == 0 {
                return true;
            }
        }
        false
    }
}

impl Default for Framer {
    fn default() -> Self {
        Framer::with_limit(Framer::DEFAULT_LIMIT)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds the stream in pieces of a size; the messages, and the error that ended it.
    fn split(stream: &[u8], piece: usize) -> (Vec<String>, Option<FrameError>) {
        let (mut framer, mut messages) = (Framer::with_limit(64), Vec::new());
        for bytes in stream.chunks(piece) {
            framer.push(bytes);
            loop {
                match framer.next_message() {
                    Ok(Some(message)) => messages.push(message.to_owned()),
                    Ok(None) => break,
                    Err(error) => return (messages, Some(error)),
                }
            }
        }
        (messages, None)
    }

    fn check(stream: &str, messages: &[&str], error: Option<FrameError>) {
        for piece in 1..=stream.len().max(1) {
            let (have, ended) = split(stream.as_bytes(), piece);
            assert_eq!((have, ended), (messages.iter().map(|m| m.to_string()).collect(), error.clone()), "{piece}");
        }
    }

    #[test]
    fn messages_are_found_whatever_the_sizes_of_the_reads() {
        check("{}{}", &["{}", "{}"], None);
        check(" {\"a\":[1,{}]}\n\t{} ", &["{\"a\":[1,{}]}", "{}"], None);
        check(r#"{"a":"}\"{\\"}{"b":"]"}"#, &[r#"{"a":"}\"{\\"}"#, r#"{"b":"]"}"#], None);
        check(r#"{"a":"é}"}{"#, &[r#"{"a":"é}"}"#], None);
        check("", &[], None);
    }

    #[test]
    fn a_lost_stream_says_why() {
        check("{}x{}", &["{}"], Some(FrameError::NotAnObject(b'x')));
        check("]", &[], Some(FrameError::NotAnObject(b']')));
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(64));
        assert_eq!(split(long.as_bytes(), 7).1, Some(FrameError::TooLarge(64)));
        assert_eq!(split(b"{\"\xff\"}", 3).1, Some(FrameError::NotUtf8));
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_never_panic_and_pieces_do_not_matter(
            stream in prop::collection::vec(prop::sample::select(b"{}[]\"\\ a1,:\xc3\xa9".to_vec()), 0..120),
            piece in 1usize..20,
        ) {
            prop_assert_eq!(split(&stream, piece), split(&stream, 1));
        }
    }
}
