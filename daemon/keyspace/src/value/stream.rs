//! Stand-in until the type is there.

use super::word::boxed_word;
use super::{Collection, value_of};
use crate::entry::Kind;
use crate::limits::Limits;

#[derive(Debug)]
pub enum Stream {
    Many(Box<Vec<Vec<u8>>>),
}

boxed_word!(Stream { Many });

impl Collection for Stream {
    const KIND: Kind = Kind::Stream;

    fn empty(_: &Limits) -> Self {
        Stream::Many(Box::default())
    }

    fn is_empty(&self) -> bool {
        self.elements() == 0
    }

    fn elements(&self) -> usize {
        let Stream::Many(many) = self;
        many.len()
    }

    fn encoding(&self) -> &'static str {
        "none"
    }

    fn heap_bytes(&self) -> usize {
        0
    }

    fn duplicate(&self) -> Self {
        let Stream::Many(many) = self;
        Stream::Many(many.clone())
    }

    fn digest(&self, _: &mut Vec<u8>) {}

    value_of!(Stream);
}
