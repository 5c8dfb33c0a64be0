//! OXM and NXM headers, and the way from a header to its field.
//!
//! A header is 32 bits: class 16, field 7, has-mask 1, length 8. Class 0xffff carries a 32-bit experimenter id before
//! the payload, counted in the length (OpenFlow 1.5.1 section 7.2.3.2).

use super::Field;
use super::table::HEADERS;

/// The class of experimenter headers.
pub(crate) const EXPERIMENTER_CLASS: u16 = 0xffff;

/// The part of a header that names the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OxmId {
    /// `oxm_class`.
    pub class: u16,
    /// `oxm_field`, 7 bits.
    pub number: u8,
    /// The experimenter id, 0 outside class 0xffff.
    pub experimenter: u32,
}

/// A whole header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OxmHeader {
    /// What it names.
    pub id: OxmId,
    /// Whether a mask follows the value.
    pub masked: bool,
    /// Bytes of value and mask together, without an experimenter id.
    pub payload: u8,
}

impl OxmHeader {
    /// Splits the header off `bytes`; gives it and its length (4 or 8). `None` when the bytes are too short.
    pub fn split(bytes: &[u8]) -> Option<(OxmHeader, usize)> {
        let &[c0, c1, field, length, ..] = bytes else { return None };
        let class = u16::from_be_bytes([c0, c1]);
        let (experimenter, size, payload) = if class == EXPERIMENTER_CLASS {
            let id = bytes.get(4..8)?;
            (u32::from_be_bytes([id[0], id[1], id[2], id[3]]), 8, length.checked_sub(4)?)
        } else {
            (0, 4, length)
        };
        let id = OxmId { class, number: field >> 1, experimenter };
        Some((OxmHeader { id, masked: field & 1 == 1, payload }, size))
    }

    /// Appends the header to `out`.
    pub fn put(self, out: &mut Vec<u8>) {
        let field = self.id.number << 1 | u8::from(self.masked);
        let [c0, c1] = self.id.class.to_be_bytes();
        if self.id.class == EXPERIMENTER_CLASS {
            out.extend_from_slice(&[c0, c1, field, self.payload + 4]);
            out.extend_from_slice(&self.id.experimenter.to_be_bytes());
        } else {
            out.extend_from_slice(&[c0, c1, field, self.payload]);
        }
    }
}

/// No field, in the lookup tables.
const NONE: u8 = 0xff;

/// The fields of one class of headers by number, computed at compile time.
const fn by_number(class: u16) -> [u8; 128] {
    let mut out = [NONE; 128];
    let mut i = 0;
    while i < HEADERS.len() {
        if HEADERS[i].0 == class {
            out[HEADERS[i].1 as usize] = HEADERS[i].3 as u8;
        }
        i += 1;
    }
    out
}

static NXM_0: [u8; 128] = by_number(0x0000);
static NXM_1: [u8; 128] = by_number(0x0001);
static OXM: [u8; 128] = by_number(0x8000);
static PACKET_REGS: [u8; 128] = by_number(0x8001);

impl OxmId {
    /// The field that this header names, by any of its code points.
    pub fn field(self) -> Option<Field> {
        let table = match self.class {
            0x0000 => &NXM_0,
            0x0001 => &NXM_1,
            0x8000 => &OXM,
            0x8001 => &PACKET_REGS,
            _ => return self.rare(),
        };
        let id = *table.get(usize::from(self.number))?;
        (id != NONE).then(|| super::table::TABLE[usize::from(id)].field)
    }

    fn rare(self) -> Option<Field> {
        let found = HEADERS.iter().find(|h| (h.0, h.1, h.2) == (self.class, self.number, self.experimenter));
        found.map(|h| h.3)
    }
}

impl Field {
    /// The header that is encoded for this field; `None` for the fields that exist in text only.
    pub fn oxm_id(self) -> Option<OxmId> {
        let h = self.info().headers.first()?;
        Some(OxmId { class: h.class, number: h.number, experimenter: h.experimenter })
    }

    /// The header by which Nicira's actions and text name this field: Nicira's own, else the oldest.
    pub(crate) fn oldest_header(self) -> Option<&'static super::Header> {
        let headers = self.info().headers;
        headers.iter().find(|h| h.name.starts_with("NXM")).or(headers.last())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_leads_back_to_its_field() {
        for &(class, number, experimenter, field) in HEADERS {
            assert_eq!(OxmId { class, number, experimenter }.field(), Some(field));
        }
    }

    #[test]
    fn header_splits_as_it_was_put() {
        for field in Field::all().filter(|f| f.oxm_id().is_some()) {
            let header = OxmHeader { id: field.oxm_id().unwrap(), masked: true, payload: 8 };
            let mut bytes = Vec::new();
            header.put(&mut bytes);
            assert_eq!(OxmHeader::split(&bytes), Some((header, bytes.len())));
        }
    }
}
