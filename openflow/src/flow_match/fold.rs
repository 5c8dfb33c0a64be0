//! Fields that are other names for bits of a canonical field: registers, `vlan_tci`, `dl_vlan`, `nw_tos`, 16-bit `in_port`.

use super::Match;
use crate::field::{Field, ones};
use crate::port::PortNo;

/// The bit of a TCI, and of `vlan_vid`, that says that a tag is present.
const TAG_PRESENT: u128 = 0x1000;

/// Where a register is within a canonical 64-bit register: the field and how far to shift.
fn register(field: Field) -> Option<(Field, u32)> {
    let n = (field as u8).checked_sub(Field::Reg0 as u8).filter(|n| *n < 32)?;
    Some((Field::xreg(n / 2)?, if n % 2 == 0 { 32 } else { 0 }))
}

/// The two canonical 64-bit registers of a 128-bit one, the high half first.
fn double_register(field: Field) -> Option<(Field, Field)> {
    let n = (field as u8).checked_sub(Field::Xxreg0 as u8).filter(|n| *n < 8)?;
    Some((Field::xreg(2 * n)?, Field::xreg(2 * n + 1)?))
}

impl Match {
    /// Adds a test, of whichever canonical fields the field stands for.
    pub(super) fn fold_in(&mut self, field: Field, value: u128, mask: u128) {
        if let Some((pair, shift)) = register(field) {
            self.merge(pair, value << shift, mask << shift);
        } else if let Some((high, low)) = double_register(field) {
            self.merge(high, value >> 64, mask >> 64);
            self.merge(low, value & ones(64), mask & ones(64));
        } else {
            match field {
                Field::VlanTci => {
                    self.put(Field::VlanVid, value & 0x1fff, mask & 0x1fff);
                    // Without a tag there is no priority to test. One that is not 0 stays, to be refused for want of a tag.
                    let untagged = mask & TAG_PRESENT != 0 && value & TAG_PRESENT == 0 && value >> 13 == 0;
                    self.put(Field::VlanPcp, value >> 13, if mask >> 13 == 0 || untagged { 0 } else { 7 });
                }
                Field::DlVlan => self.put(Field::VlanVid, value | TAG_PRESENT, 0x1fff),
                Field::DlVlanPcp => {
                    self.merge(Field::VlanVid, TAG_PRESENT, TAG_PRESENT);
                    self.put(Field::VlanPcp, value, mask);
                }
                Field::NwTos => self.put(Field::IpDscp, value >> 2, mask >> 2),
                Field::InPort16 => self.put(Field::InPort, PortNo::from_u16(value as u16).0.into(), ones(32)),
                _ => self.put(field, value, mask),
            }
        }
    }

    /// Forgets what a register is tested for.
    pub(crate) fn forget_register(&mut self, field: Field) {
        let all = field.full_mask();
        let clear = |m: &mut Match, pair: Field, bits: u128| {
            if let Some((value, mask)) = m.get(pair) {
                m.put(pair, value & !bits, mask & !bits);
            }
        };
        if let Some((pair, shift)) = register(field) {
            clear(self, pair, all << shift);
        } else if let Some((high, low)) = double_register(field) {
            clear(self, high, ones(64));
            clear(self, low, ones(64));
        }
    }

    /// Adds bits to what a field is tested for already; bits that are in both take the new value.
    fn merge(&mut self, field: Field, value: u128, mask: u128) {
        let (old_value, old_mask) = self.get(field).unwrap_or((0, 0));
        self.put(field, old_value & !mask | value, old_mask | mask);
    }

    /// Value and mask of a field, if any of its bits are tested.
    pub(super) fn unfold(&self, field: Field) -> Option<(u128, u128)> {
        let own = |field: Field| self.entry(field).map(|e| e.numbers(field));
        let found = if let Some((pair, shift)) = register(field) {
            own(pair).map(|(v, m)| (v >> shift & ones(32), m >> shift & ones(32)))
        } else if let Some((high, low)) = double_register(field) {
            let (high, low) = (own(high).unwrap_or((0, 0)), own(low).unwrap_or((0, 0)));
            Some((high.0 << 64 | low.0, high.1 << 64 | low.1))
        } else {
            match field {
                Field::VlanTci => {
                    let (vid, pcp) = (own(Field::VlanVid).unwrap_or((0, 0)), own(Field::VlanPcp).unwrap_or((0, 0)));
                    Some((vid.0 | pcp.0 << 13, vid.1 | pcp.1 << 13))
                }
                Field::DlVlan => own(Field::VlanVid).map(|(v, m)| (v & 0xfff, m & 0xfff)),
                Field::DlVlanPcp => own(Field::VlanPcp),
                Field::NwTos => own(Field::IpDscp).map(|(v, m)| (v << 2, m << 2)),
                Field::InPort16 => own(Field::InPort).map(|(v, _)| (v & 0xffff, 0xffff)),
                _ => own(field),
            }
        };
        found.filter(|(_, mask)| *mask != 0)
    }
}
