//! Patterns of BY and GET: a key, or a field of a hash, with a place for the element.

use esker_keyspace::{Hash, Tx};

use crate::value::bytes_of;

/// A pattern taken apart once for all elements.
pub(super) enum Pattern<'a> {
    /// `#`: the element itself.
    Element,
    /// `before*after`, or `before*after->field`.
    Key {
        before: &'a [u8],
        after: &'a [u8],
        field: Option<&'a [u8]>,
    },
    /// No place for the element: there is never a value.
    Nothing,
}

impl<'a> Pattern<'a> {
    pub(super) fn new(pattern: &'a [u8]) -> Pattern<'a> {
        if pattern == b"#" {
            return Pattern::Element;
        }
        let Some(star) = pattern.iter().position(|byte| *byte == b'*') else {
            return Pattern::Nothing;
        };
        let (before, after) = (&pattern[..star], &pattern[star + 1..]);
        let arrow = after.windows(2).position(|pair| pair == b"->");
        // An arrow with nothing behind it belongs to the key.
        match arrow.filter(|arrow| arrow + 2 < after.len()) {
            None => Pattern::Key {
                before,
                after,
                field: None,
            },
            Some(arrow) => Pattern::Key {
                before,
                after: &after[..arrow],
                field: Some(&after[arrow + 2..]),
            },
        }
    }

    /// The value for an element: a string, or a field of a hash; nothing of another kind.
    pub(super) fn look_up(&self, tx: &mut Tx<'_>, element: &[u8]) -> Option<Vec<u8>> {
        match self {
            Pattern::Element => Some(element.to_vec()),
            Pattern::Nothing => None,
            Pattern::Key {
                before,
                after,
                field,
            } => {
                let key = [before, element, after].concat();
                match field {
                    None => {
                        let value = tx.string(&key).ok().flatten()?;
                        Some(bytes_of(value).into_owned())
                    }
                    Some(field) => {
                        let now = tx.now();
                        let hash = tx.view::<Hash>(&key).ok().flatten()?;
                        hash.get(field, now).map(|value| value.to_vec())
                    }
                }
            }
        }
    }
}
