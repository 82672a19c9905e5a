//! Reading the elements of values.

use crate::cursor::{Cursor, Fault};

pub(super) const NODE_PLAIN: u8 = 1;
pub(super) const NODE_PACKED: u8 = 2;

/// A field of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// When it expires, in Unix milliseconds; 0 if it does not.
    pub expire_at: u64,
    /// Its name.
    pub field: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
}

/// A member of a sorted set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored<'a> {
    /// The score; never NaN.
    pub score: f64,
    /// The member.
    pub member: &'a [u8],
}

/// A node of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node<'a> {
    /// A listpack of elements. Its structure is not checked.
    Packed(&'a [u8]),
    /// One element.
    Plain(&'a [u8]),
}

pub(super) fn bytes<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Fault> {
    let length = cursor.u32()? as usize;
    cursor.take(length)
}

/// Defines an iterator over the elements of a value; after a fault there is nothing more.
macro_rules! elements {
    ($(#[$doc:meta])* $name:ident, $item:ty, $read:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name<'a> {
            cursor: Cursor<'a>,
        }

        impl<'a> $name<'a> {
            /// The elements in the bytes of a value or a piece.
            pub fn new(bytes: &'a [u8]) -> Self {
                let cursor = Cursor::new(bytes);
                $name { cursor }
            }
        }

        impl<'a> Iterator for $name<'a> {
            type Item = Result<$item, Fault>;

            fn next(&mut self) -> Option<Self::Item> {
                if self.cursor.is_empty() {
                    return None;
                }
                let read: fn(&mut Cursor<'a>) -> Result<$item, Fault> = $read;
                let element = read(&mut self.cursor);
                if element.is_err() {
                    self.cursor = Cursor::new(&[]);
                }
                Some(element)
            }
        }
    };
}
pub(super) use elements;

elements!(
    /// The members of a set.
    Members, &'a [u8], bytes
);

elements!(
    /// The fields of a hash.
    Fields, Field<'a>, |cursor| {
        let expire_at = cursor.u64()?;
        if i64::try_from(expire_at).is_err() {
            return Err(Fault::Invalid("a field expires at an impossible time"));
        }
        Ok(Field {
            expire_at,
            field: bytes(cursor)?,
            value: bytes(cursor)?,
        })
    }
);

elements!(
    /// The members of a sorted set.
    ScoredMembers, Scored<'a>, |cursor| {
        let score = f64::from_bits(cursor.u64()?);
        if score.is_nan() {
            return Err(Fault::Invalid("a score is not a number"));
        }
        let member = bytes(cursor)?;
        Ok(Scored { score, member })
    }
);

elements!(
    /// The nodes of a list.
    Nodes, Node<'a>, |cursor| match cursor.u8()? {
        NODE_PLAIN => bytes(cursor).map(Node::Plain),
        NODE_PACKED => bytes(cursor).map(Node::Packed),
        _ => Err(Fault::Invalid("a node of a list is of an unknown sort")),
    }
);
