//! Names in text that is read: what `ovs-ofctl --names` prints and takes for ports and tables, turned into numbers.
//!
//! The parsers know numbers and reserved words only. This goes over a text before them and puts numbers where the syntax has
//! ports and tables; what is no name that is known stays, and the parser says what is wrong with it.

use super::ParseError;
use crate::flow::{Flow, FlowCommand, FlowMod};
use crate::group::{Group, GroupCommand, GroupMod};
use crate::port::PortNo;
use std::collections::HashMap;

/// Numbers of ports and tables by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Ports, as [`crate::port_desc::PortDesc::name`] tells them.
    pub ports: HashMap<String, PortNo>,
    /// Tables.
    pub tables: HashMap<String, u8>,
}

/// What a word stands for, by what is before it.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Port,
    Table,
    Other,
}

/// Keys whose value is a port.
const PORT_KEYS: &[&str] = &[
    "in_port",
    "in_port_oxm",
    "out_port",
    "watch_port",
    "actset_output",
    "output",
    "port",
    "enqueue",
    "sampling_port",
];

/// Keys whose value is a table.
const TABLE_KEYS: &[&str] = &["table", "goto_table"];

/// Actions that hold actions.
const NESTS: &[&str] = &["clone", "write_actions", "exec"];

impl Numbers {
    /// `text` with numbers in place of the names that are known, a quoted name or a bare one.
    pub fn apply(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut reader = Reader { rest: text, open: Vec::new(), key: "", argument: 0, in_actions: false };
        while let Some(token) = reader.next() {
            let number = match reader.place(&token) {
                Place::Port => self.ports.get(&token.name).map(|port| port.0.to_string()),
                Place::Table => self.tables.get(&token.name).map(u8::to_string),
                Place::Other => None,
            };
            match number {
                Some(number) => out.push_str(&number),
                None => out.push_str(token.text),
            }
            reader.past(&token);
        }
        out
    }
}

/// A word, a quoted name, or a separator.
struct Token<'a> {
    text: &'a str,
    /// The word, or the name without its quotes.
    name: String,
    word: bool,
    quoted: bool,
}

/// Where the text is: what parentheses are open, what key is before, the how-manieth argument it is.
struct Reader<'a> {
    rest: &'a str,
    open: Vec<(&'a str, usize)>,
    key: &'a str,
    argument: usize,
    in_actions: bool,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        let first = self.rest.chars().next()?;
        let (length, name) = match first {
            '"' => unquote(self.rest).unwrap_or((1, String::new())),
            c if is_separator(c) => (c.len_utf8(), String::new()),
            _ => {
                let length = self.rest.find(|c| is_separator(c) || c == '"').unwrap_or(self.rest.len());
                let length = self.rest[..length].find("->").filter(|at| *at > 0).unwrap_or(length);
                (length, self.rest[..length].to_owned())
            }
        };
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        let quoted = first == '"' && !name.is_empty();
        Some(Token { text, word: quoted || !is_separator(first) && first != '"', name, quoted })
    }

    /// What a word stands for here.
    fn place(&self, token: &Token<'a>) -> Place {
        if !token.word {
            return Place::Other;
        }
        // A word that a value or arguments follow is a key.
        let followed = self.rest.starts_with(['=', ':', '(', '[']);
        let called = self.open.last().map_or("", |(name, _)| name);
        match (self.key, called, self.argument) {
            (key, _, _) if PORT_KEYS.contains(&key) => Place::Port,
            (key, _, _) if TABLE_KEYS.contains(&key) => Place::Table,
            ("resubmit", ..) => Place::Port,
            ("set_field", ..) if self.rest.starts_with("->in_port") => Place::Port,
            ("members" | "slaves", ..) => Place::Port,
            ("", "resubmit", 0) | ("", "enqueue", 0) => Place::Port,
            ("", "resubmit", 1) => Place::Table,
            ("", "bundle" | "bundle_load", n) if n > 4 => Place::Port,
            ("", called, _) if self.in_actions && !followed && (called.is_empty() || NESTS.contains(&called)) => {
                Place::Port
            }
            _ if token.quoted && self.in_actions && self.key.is_empty() && called.is_empty() => Place::Port,
            _ => Place::Other,
        }
    }

    /// Goes past a token.
    fn past(&mut self, token: &Token<'a>) {
        match token.text {
            "=" | ":" => {
                // `actions=` and `bucket=` begin what they name; other keys have one value.
                if self.open.is_empty() && self.key.starts_with("action") {
                    (self.in_actions, self.key) = (true, "");
                } else if self.open.is_empty() && self.key.starts_with("bucket") {
                    (self.in_actions, self.key) = (false, "");
                }
            }
            "(" => {
                self.open.push((self.key, self.argument));
                (self.key, self.argument) = ("", 0);
            }
            ")" => {
                self.argument = self.open.pop().map_or(0, |(_, argument)| argument);
                self.key = "";
            }
            "," => {
                self.argument += 1;
                // The rest of the arguments of `bundle(...,members:1,2)`.
                if !matches!(self.key, "members" | "slaves") || self.open.is_empty() {
                    self.key = "";
                }
            }
            " " | "\t" | "\n" | "\r" => self.key = "",
            text if token.word && !token.quoted && self.rest.starts_with(['=', ':', '(']) => self.key = text,
            _ => {}
        }
    }
}

fn is_separator(c: char) -> bool {
    ",=:()[] \t\r\n".contains(c)
}

/// A quoted name at the start: its length with the quotes, and what it says.
fn unquote(text: &str) -> Option<(usize, String)> {
    let (mut name, mut chars) = (String::new(), text.char_indices().skip(1));
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((at + 1, name)),
            '\\' => match chars.next()?.1 {
                'n' => name.push('\n'),
                't' => name.push('\t'),
                'r' => name.push('\r'),
                'u' => {
                    let digits: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                    name.push(u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32)?);
                }
                other => name.push(other),
            },
            c => name.push(c),
        }
    }
    None
}

impl Flow {
    /// As reading a flow by [`str::parse`], with names of ports and tables as `ovs-ofctl --names` prints them.
    ///
    /// # Errors
    /// As [`str::parse`], of the text in which numbers stand for names.
    pub fn parse_named(text: &str, numbers: &Numbers) -> Result<Flow, ParseError> {
        numbers.apply(text).parse()
    }
}

impl FlowMod {
    /// As [`FlowMod::parse`], with names of ports and tables.
    ///
    /// # Errors
    /// As [`FlowMod::parse`], of the text in which numbers stand for names.
    pub fn parse_named(command: FlowCommand, text: &str, numbers: &Numbers) -> Result<FlowMod, ParseError> {
        FlowMod::parse(command, &numbers.apply(text))
    }
}

impl Group {
    /// As reading a group by [`str::parse`], with names of ports and tables.
    ///
    /// # Errors
    /// As [`str::parse`], of the text in which numbers stand for names.
    pub fn parse_named(text: &str, numbers: &Numbers) -> Result<Group, ParseError> {
        numbers.apply(text).parse()
    }
}

impl GroupMod {
    /// As [`GroupMod::parse`], with names of ports and tables.
    ///
    /// # Errors
    /// As [`GroupMod::parse`], of the text in which numbers stand for names.
    pub fn parse_named(command: GroupCommand, text: &str, numbers: &Numbers) -> Result<GroupMod, ParseError> {
        GroupMod::parse(command, &numbers.apply(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: &str) {
        let port = |(name, n): (&str, u32)| (name.to_owned(), PortNo(n));
        let ports = [("p1", 1), ("pod-web", 2), ("a,b\"c", 3), ("ip", 4)].map(port).into();
        let tables = [("Classify".to_owned(), 5), ("Spoof Guard".to_owned(), 6), ("p1".to_owned(), 7)].into();
        assert_eq!(Numbers { ports, tables }.apply(text), want);
    }

    #[test]
    fn names_become_numbers_where_the_syntax_has_ports_and_tables() {
        check("in_port=p1 actions=p1,\"pod-web\"", "in_port=1 actions=1,2");
        check("in_port=\"a,b\\\"c\",ip actions=output:\"a,b\\\"c\"", "in_port=3,ip actions=output:3");
        check("table=Classify,ip actions=goto_table:\"Spoof Guard\"", "table=5,ip actions=goto_table:6");
        check(
            "actions=resubmit(p1,p1),resubmit(,Classify),resubmit:p1",
            "actions=resubmit(1,7),resubmit(,5),resubmit:1",
        );
        check(
            "actions=ct(commit,table=Classify,alg=p1),move:NXM_NX_REG0[]->p1[]",
            "actions=ct(commit,table=5,alg=p1),move:NXM_NX_REG0[]->p1[]",
        );
        check("actions=clone(p1,drop),output(port=p1,max_len=5)", "actions=clone(1,drop),output(port=1,max_len=5)");
        check(
            "actions=bundle(eth_src,0,hrw,ofport,members:p1,\"pod-web\"),p1",
            "actions=bundle(eth_src,0,hrw,ofport,members:1,2),1",
        );
        check(
            "actions=learn(table=Classify,in_port=p1,output:NXM_OF_IN_PORT[])",
            "actions=learn(table=5,in_port=1,output:NXM_OF_IN_PORT[])",
        );
        check(
            "group_id=1,type=ff,bucket=watch_port:p1,actions=p1,bucket=watch_port:\"pod-web\",output:p1",
            "group_id=1,type=ff,bucket=watch_port:1,actions=1,bucket=watch_port:2,output:1",
        );
        check("actions=set_field:p1->in_port,set_field:p1->reg0", "actions=set_field:1->in_port,set_field:p1->reg0");
        check("out_port=p1,in_port=nobody", "out_port=1,in_port=nobody");
        check("in_port=\"open", "in_port=\"open");
    }
}
