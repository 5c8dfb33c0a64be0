//! The table of tunnel options: which Geneve option each `tun_metadata` field holds (`nicira-ext.h`).

/// One row: an option and the field it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TlvMap {
    /// The option's class.
    pub class: u16,
    /// The option's type.
    pub kind: u8,
    /// The length of its data in bytes, a multiple of 4 from 4 to 124.
    pub length: u8,
    /// The field: `tun_metadata` with this number.
    pub index: u16,
}

/// What a [`TlvTableMod`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum TlvCommand {
    /// Add rows; refused when option or field is taken.
    Add = 0,
    /// Delete rows; refused while flows use them.
    Delete = 1,
    /// Delete all rows.
    Clear = 2,
}

/// A change of the table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlvTableMod {
    /// What to do.
    pub command: TlvCommand,
    /// The rows.
    pub maps: Vec<TlvMap>,
}

/// The table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlvTable {
    /// How many bytes of option data all rows may have together.
    pub max_option_space: u32,
    /// How many rows there may be.
    pub max_fields: u16,
    /// The rows.
    pub maps: Vec<TlvMap>,
}
