//! Bundles: changes that a switch makes together or not at all (OpenFlow 1.5.1 section 7.3.9).

/// Flags of a bundle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BundleFlags(pub u16);

impl BundleFlags {
    /// All at one moment.
    pub const ATOMIC: BundleFlags = BundleFlags(1);
    /// In the order in which they were added.
    pub const ORDERED: BundleFlags = BundleFlags(2);
    /// Both.
    pub const ATOMIC_ORDERED: BundleFlags = BundleFlags(3);
}

/// What is done with a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum BundleStep {
    /// Open it.
    OpenRequest = 0,
    /// It is open.
    OpenReply = 1,
    /// Nothing more comes.
    CloseRequest = 2,
    /// It is closed.
    CloseReply = 3,
    /// Do it.
    CommitRequest = 4,
    /// It is done.
    CommitReply = 5,
    /// Forget it.
    DiscardRequest = 6,
    /// It is forgotten.
    DiscardReply = 7,
}

/// Opening, closing, committing, discarding, and the answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BundleControl {
    /// Which bundle; the controller chooses, for each connection anew.
    pub id: u32,
    /// What is done.
    pub step: BundleStep,
    /// The same in all messages of a bundle.
    pub flags: BundleFlags,
    /// Properties, whole and padded.
    pub opaque: Vec<Box<[u8]>>,
}

/// A message added to a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BundleAdd {
    /// Which bundle.
    pub id: u32,
    /// As it was opened.
    pub flags: BundleFlags,
    /// The message as bytes, with its header, whose transaction id errors name.
    pub message: Vec<u8>,
    /// Properties, whole; only behind a message whose length is a multiple of 8.
    pub opaque: Vec<Box<[u8]>>,
}
