//! Stand-in until the type is there.

use esker_format::cursor::Fault;
use esker_format::native::value::ValueWriter;

use super::word::boxed_word;
use super::{Collection, value_of};
use crate::entry::Kind;
use crate::limits::Limits;

#[derive(Debug)]
pub enum Set {
    Many(Box<Vec<Vec<u8>>>),
}

boxed_word!(Set { Many });

impl Collection for Set {
    const KIND: Kind = Kind::Set;

    fn empty(_: &Limits) -> Self {
        Set::Many(Box::default())
    }

    fn is_empty(&self) -> bool {
        self.elements() == 0
    }

    fn elements(&self) -> usize {
        let Set::Many(many) = self;
        many.len()
    }

    fn encoding(&self) -> &'static str {
        "none"
    }

    fn heap_bytes(&self) -> usize {
        0
    }

    fn duplicate(&self) -> Self {
        let Set::Many(many) = self;
        Set::Many(many.clone())
    }

    fn encode(&self, out: &mut ValueWriter<'_>) {
        let Set::Many(many) = self;
        many.iter().for_each(|one| out.set_member(one));
    }

    fn decode(_: u8, _: &[u8], limits: &Limits) -> Result<Self, Fault> {
        Ok(Self::empty(limits))
    }

    fn add_piece(&mut self, _: u8, _: &[u8]) -> Result<(), Fault> {
        Ok(())
    }

    fn loaded(&mut self) -> Result<(), Fault> {
        Ok(())
    }

    fn digest(&self, _: &mut Vec<u8>) {}

    value_of!(Set);
}
