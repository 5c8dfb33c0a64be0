//! The action `learn`.

use super::action::{Order, one_bit};
use super::pairs::pairs;
use super::value::{parse_subfield, parse_value};
use super::{ParseError, number, table_of, u16_of, u32_of, u64_of};
use crate::action::{Learn, LearnDst, LearnSpec, LearnSrc};
use crate::field::{Field, ones};

/// Reads the arguments of `learn`.
pub(super) fn parse_learn(value: &str, order: Order) -> Result<Learn, ParseError> {
    let mut learn = Learn::default();
    for pair in pairs(value) {
        let pair = pair?;
        let value = pair.value;
        match pair.key {
            "table" => learn.table = table_of(value, order)?,
            "idle_timeout" => learn.idle_timeout = u16_of(value)?,
            "hard_timeout" => learn.hard_timeout = u16_of(value)?,
            "fin_idle_timeout" => learn.fin_idle_timeout = u16_of(value)?,
            "fin_hard_timeout" => learn.fin_hard_timeout = u16_of(value)?,
            "priority" => learn.priority = u16_of(value)?,
            "cookie" => learn.cookie = u64_of(value)?,
            "send_flow_rem" => learn.send_flow_removed = true,
            "delete_learned" => learn.delete_learned = true,
            "limit" => learn.limit = u32_of(value)?,
            "result_dst" => {
                learn.result_dst = Some(if order == Order::Any { parse_subfield(value)? } else { one_bit(value)? })
            }
            "load" => learn.specs.push(parse_spec_load(value)?),
            "output" => {
                let src = parse_subfield(value)?;
                learn.specs.push(LearnSpec { src: LearnSrc::Field(src), dst: LearnDst::Output });
            }
            key => learn.specs.push(parse_match(key, value)?),
        }
    }
    Ok(learn)
}

fn parse_spec_load(value: &str) -> Result<LearnSpec, ParseError> {
    let (src, dst) = value.split_once("->").ok_or_else(|| ParseError::new("no destination", value))?;
    let dst = parse_subfield(dst)?;
    let src = match src.contains('[') {
        true => LearnSrc::Field(parse_subfield(src)?),
        false => LearnSrc::constant(number(src, ones(dst.bits))?, dst.bits),
    };
    if src.bits() != dst.bits {
        return Err(ParseError::new("different widths", value));
    }
    Ok(LearnSpec { src, dst: LearnDst::Load(dst) })
}

/// `field=value`, `subfield`, `subfield=subfield` or `subfield=value`.
fn parse_match(key: &str, value: &str) -> Result<LearnSpec, ParseError> {
    if let Some(field) = Field::by_name(key)
        .filter(|_| !value.is_empty() && Field::by_name(value).is_none() && parse_subfield(value).is_err())
    {
        let parsed = parse_value(field, value)?;
        let src = LearnSrc::constant(parsed.value, field.bits());
        return Ok(LearnSpec { src, dst: LearnDst::Match(field.all_bits()) });
    }
    let dst = parse_subfield(key)?;
    let src = match value {
        "" => LearnSrc::Field(dst),
        value if value.contains('[') => LearnSrc::Field(parse_subfield(value)?),
        value => match Field::by_name(value) {
            Some(field) => LearnSrc::Field(field.all_bits()),
            None => LearnSrc::constant(number(value, ones(dst.bits))?, dst.bits),
        },
    };
    if src.bits() != dst.bits {
        return Err(ParseError::new("different widths", value));
    }
    Ok(LearnSpec { src, dst: LearnDst::Match(dst) })
}
