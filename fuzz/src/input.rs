//! Arbitrary bytes as a stream of decisions: how a target whose subject is not a byte string is driven.
//!
//! Drawing never fails: behind the end everything is zero. So every input means something, a cut input means a
//! shorter story, and a changed byte changes one decision.

#[derive(Clone, Debug)]
pub struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Input<'a> {
        Input { rest: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Everything that has not been drawn.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Up to `count` bytes.
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    pub fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    pub fn u32(&mut self) -> u32 {
        self.u64_of(4) as u32
    }

    pub fn u64(&mut self) -> u64 {
        self.u64_of(8)
    }

    fn u64_of(&mut self, count: usize) -> u64 {
        let bytes = self.take(count).iter().rev();
        bytes.fold(0, |value, &byte| value << 8 | u64::from(byte))
    }

    /// Below `bound`; 0 for bound 0. Draws as few bytes as the bound needs.
    pub fn below(&mut self, bound: usize) -> usize {
        let bytes = match bound {
            0 | 1 => return 0,
            2..=0x100 => 1,
            0x101..=0x1_0000 => 2,
            _ => 4,
        };
        (self.u64_of(bytes) % bound as u64) as usize
    }

    /// True for one in `n` values of the next byte, and never behind the end.
    pub fn one_in(&mut self, n: usize) -> bool {
        !self.is_empty() && self.below(n) == n - 1
    }

    /// One of these.
    pub fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }
}
