//! What the readers of all types have in common: building a native value, and listpacks that come from outside.

use std::borrow::Cow;
use std::collections::HashSet;

use super::string::take_bytes;
use crate::cursor::{Cursor, Fault};
use crate::native::value::ValueWriter;
use crate::redis::listpack::{self, Builder, Encoded, Item};
use crate::redis::ziplist;

/// A value in its native form.
pub(super) struct Read {
    pub(super) kind: u8,
    pub(super) bytes: Vec<u8>,
}

impl Read {
    /// What `write` writes, which must be something.
    pub(super) fn written(
        write: impl FnOnce(&mut ValueWriter<'_>) -> Result<(), Fault>,
    ) -> Result<Read, Fault> {
        let mut read = Read {
            kind: 0,
            bytes: Vec::new(),
        };
        let mut sink = |part: crate::native::value::Part<'_>| {
            read.kind = part.kind;
            read.bytes = part.bytes.to_vec();
        };
        let mut writer = ValueWriter::with_piece_bytes(usize::MAX, &mut sink);
        write(&mut writer)?;
        writer.finish();
        Ok(read)
    }
}

/// Strings that must differ from each other.
#[derive(Default)]
pub(super) struct Distinct<'a>(HashSet<Cow<'a, [u8]>>);

impl<'a> Distinct<'a> {
    pub(super) fn add(&mut self, string: Cow<'a, [u8]>) -> Result<(), Fault> {
        match self.0.insert(string) {
            true => Ok(()),
            false => Err(Fault::Invalid("a collection holds something twice")),
        }
    }

    pub(super) fn add_item(&mut self, item: Item<'a>) -> Result<(), Fault> {
        self.add(match item {
            Item::Bytes(bytes) => Cow::Borrowed(bytes),
            Item::Int(_) => Cow::Owned(item.to_vec()),
        })
    }
}

/// A listpack from outside that was walked once: its elements, each in its shortest encoding.
pub(super) struct Packed<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) count: usize,
}

impl Packed<'_> {
    /// The elements again; they are known to be intact.
    pub(super) fn items(&self) -> impl Iterator<Item = Item<'_>> {
        listpack::Reader::new(&self.bytes)
            .into_iter()
            .flatten()
            .map_while(Result::ok)
    }
}

/// Reads a string that is a listpack with at least one element.
pub(super) fn take_listpack<'a>(cursor: &mut Cursor<'a>) -> Result<Packed<'a>, Fault> {
    let bytes = take_bytes(cursor)?;
    let mut shortest = true;
    let mut count = 0;
    let mut size = listpack::HEADER_BYTES + 1;
    for item in listpack::Reader::new(&bytes)? {
        let item = item?;
        shortest &= matches!(item, Item::Int(_)) || item.int().is_none();
        size += Encoded::item(item).size();
        count += 1;
    }
    if count == 0 {
        return Err(Fault::Invalid("a collection without elements"));
    }
    let counted = listpack::header_count(&bytes) == Some(count) || count >= usize::from(u16::MAX);
    if shortest && counted && size == bytes.len() {
        return Ok(Packed { bytes, count });
    }
    let mut builder = Builder::new();
    for item in listpack::Reader::new(&bytes)? {
        builder.push(item?);
    }
    Ok(Packed {
        bytes: Cow::Owned(builder.finish()),
        count,
    })
}

/// Reads a string that is a ziplist with at least one element, as a listpack.
pub(super) fn take_ziplist<'a>(cursor: &mut Cursor<'_>) -> Result<Packed<'a>, Fault> {
    let bytes = take_bytes(cursor)?;
    let mut builder = Builder::new();
    for item in ziplist::Reader::new(&bytes)? {
        builder.push(item?);
    }
    if builder.count() == 0 {
        return Err(Fault::Invalid("a collection without elements"));
    }
    Ok(Packed {
        count: builder.count(),
        bytes: Cow::Owned(builder.finish()),
    })
}

/// Reads a string that is a listpack with at least one element, which stay encoded as they are.
pub(super) fn take_listpack_as_is<'a>(cursor: &mut Cursor<'a>) -> Result<Cow<'a, [u8]>, Fault> {
    let bytes = take_bytes(cursor)?;
    match listpack::validate(&bytes)? {
        0 => Err(Fault::Invalid("a node without elements")),
        _ => Ok(bytes),
    }
}
