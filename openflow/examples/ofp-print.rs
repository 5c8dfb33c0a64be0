//! Messages in hex on standard input, any number, to text as `ovs-ofctl ofp-print` prints them.
//!
//! White space between digits is passed over; a message ends where its length says. What is malformed is told on
//! standard error with its offset, and the rest of it dumped; the status is then 1.

use rust_openflow::Message;
use rust_openflow::message::frame_length;
use rust_openflow::text::Printed;
use std::io::Read;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut text = String::new();
    if let Err(error) = std::io::stdin().read_to_string(&mut text) {
        eprintln!("standard input: {error}");
        return ExitCode::FAILURE;
    }
    let bytes = match unhex(&text) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let (mut at, mut status) = (0, ExitCode::SUCCESS);
    while at < bytes.len() {
        let rest = &bytes[at..];
        let length = match frame_length(rest) {
            Ok(Some(length)) if length <= rest.len() => length,
            Ok(length) => {
                let need = length.unwrap_or(8);
                eprintln!("byte {at}: a message of {need} bytes is cut off after {}", rest.len());
                return ExitCode::FAILURE;
            }
            Err(error) => {
                eprintln!("byte {at}: {error}");
                return ExitCode::FAILURE;
            }
        };
        match Message::decode(&rest[..length]) {
            Ok((xid, message)) => println!("{}", Printed { xid, message: &message }),
            Err(error) => {
                eprintln!("byte {at}: {error}");
                status = ExitCode::FAILURE;
            }
        }
        at += length;
    }
    status
}

/// The bytes of hex digits.
fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<(usize, char)> = text.char_indices().filter(|(_, c)| !c.is_whitespace()).collect();
    let digit = |(at, c): (usize, char)| c.to_digit(16).ok_or(format!("character {at}: {c:?} is no hex digit"));
    if digits.len() % 2 == 1 {
        return Err("an odd number of hex digits".to_owned());
    }
    digits.chunks(2).map(|pair| Ok((digit(pair[0])? << 4 | digit(pair[1])?) as u8)).collect()
}
