//! Writing big-endian structures at the end of a buffer.

use crate::error::EncodeError;

/// What a structure is written to: the end of a buffer.
pub(crate) type Writer = Vec<u8>;

/// Writing of numbers, padding and lengths.
pub(crate) trait Put {
    fn u8(&mut self, value: u8);
    fn u16(&mut self, value: u16);
    fn u32(&mut self, value: u32);
    fn u64(&mut self, value: u64);
    fn u128(&mut self, value: u128);
    fn bytes(&mut self, bytes: &[u8]);
    fn zeros(&mut self, n: usize);
    /// Pads what was written since `start` to a multiple of 8.
    fn pad(&mut self, start: usize);
    /// Writes the length of what was written since `start` into the two bytes at `start + at`.
    fn length(&mut self, start: usize, at: usize, what: &'static str) -> Result<(), EncodeError>;
}

impl Put for Writer {
    fn u8(&mut self, value: u8) {
        self.push(value);
    }

    fn u16(&mut self, value: u16) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn u128(&mut self, value: u128) {
        self.extend_from_slice(&value.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn zeros(&mut self, n: usize) {
        self.resize(self.len() + n, 0);
    }

    fn pad(&mut self, start: usize) {
        let length = self.len() - start;
        self.zeros(length.next_multiple_of(8) - length);
    }

    fn length(&mut self, start: usize, at: usize, what: &'static str) -> Result<(), EncodeError> {
        let length = self.len() - start;
        let max = usize::from(u16::MAX);
        let short = u16::try_from(length).map_err(|_| EncodeError::TooLong { what, length, max })?;
        self[start + at..start + at + 2].copy_from_slice(&short.to_be_bytes());
        Ok(())
    }
}
