//! The action `learn` as text.

use super::value::{Hex, HexBytes, put_value};
use super::{Printable, Printer};
use crate::action::{Learn, LearnDst, LearnSpec, LearnSrc};
use crate::flow::DEFAULT_PRIORITY;
use std::fmt::{self, Write};

impl Printable for Learn {
    fn print(&self, out: &mut Printer<'_>) -> fmt::Result {
        out.write_str("learn(table=")?;
        out.table(self.table)?;
        for (name, seconds) in [
            ("idle_timeout", self.idle_timeout),
            ("hard_timeout", self.hard_timeout),
            ("fin_idle_timeout", self.fin_idle_timeout),
            ("fin_hard_timeout", self.fin_hard_timeout),
        ] {
            if seconds != 0 {
                write!(out, ",{name}={seconds}")?;
            }
        }
        if self.priority != DEFAULT_PRIORITY {
            write!(out, ",priority={}", self.priority)?;
        }
        if self.send_flow_removed {
            out.write_str(",send_flow_rem")?;
        }
        if self.delete_learned {
            out.write_str(",delete_learned")?;
        }
        if self.cookie != 0 {
            write!(out, ",cookie={}", Hex(self.cookie.into()))?;
        }
        if self.limit != 0 {
            write!(out, ",limit={}", self.limit)?;
        }
        if let Some(dst) = self.result_dst {
            out.write_str(",result_dst=")?;
            dst.print(out)?;
        }
        for spec in &self.specs {
            out.write_char(',')?;
            put_spec(out, spec)?;
        }
        out.write_char(')')
    }
}

/// The bytes of a constant that its bits take.
fn constant(bits: u16, value: &[u8]) -> &[u8] {
    &value[value.len().saturating_sub(bits.div_ceil(8).into())..]
}

fn put_spec(out: &mut Printer<'_>, spec: &LearnSpec) -> fmt::Result {
    match (&spec.src, spec.dst) {
        (LearnSrc::Const { bits, value }, LearnDst::Match(dst)) => {
            let value = constant(*bits, value);
            if dst == dst.field.all_bits() {
                write!(out, "{}=", dst.field.name())?;
                return put_value(out, dst.field, value, None);
            }
            dst.print(out)?;
            write!(out, "={}", HexBytes(value))
        }
        (LearnSrc::Field(src), LearnDst::Match(dst)) => {
            dst.print(out)?;
            if src.field == dst.field && src.offset == dst.offset {
                return Ok(());
            }
            out.write_char('=')?;
            src.print(out)
        }
        (LearnSrc::Const { bits, value }, LearnDst::Load(dst)) => {
            write!(out, "load:{}->", HexBytes(constant(*bits, value)))?;
            dst.print(out)
        }
        (LearnSrc::Field(src), LearnDst::Load(dst)) => {
            out.write_str("load:")?;
            src.print(out)?;
            out.write_str("->")?;
            dst.print(out)
        }
        (LearnSrc::Field(src), LearnDst::Output) => {
            out.write_str("output:")?;
            src.print(out)
        }
        (LearnSrc::Const { bits, value }, LearnDst::Output) => {
            write!(out, "output:{}", HexBytes(constant(*bits, value)))
        }
    }
}
