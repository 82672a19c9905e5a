//! One node of a long list: a listpack, one value too large for a listpack, or either of them compressed.
//!
//! No node is empty. A compressed one is never read in place: it is expanded into memory of its own, to be looked at
//! ([`ListNode::view`]) or to stay ([`ListNode::expand`]).

use std::borrow::Cow;
use std::ops::ControlFlow;

use esker_format::redis::lzf;

use super::size::NodeSize;
use super::{End, Way};
use crate::entry::size_class;
use crate::packed::{Item, Listpack, ThinBytes};
use crate::rope::Node;

/// Shorter nodes are not worth the attempt.
const COMPRESS_BYTES_MIN: usize = 48;
/// What compression must save.
const COMPRESS_GAIN_MIN: usize = 8;

/// Header and end mark of a listpack: what two that are joined have once less.
const FRAME_BYTES: usize = 7;

#[derive(Clone, Debug)]
pub(super) enum ListNode {
    Packed(Listpack),
    Plain(ThinBytes),
    Compressed(Box<Compressed>),
}

#[derive(Clone, Debug)]
pub(super) struct Compressed {
    elements: usize,
    is_plain: bool,
    /// Bytes of the node before.
    raw_bytes: usize,
    data: Box<[u8]>,
}

/// A node as it can be read.
pub enum NodeView<'a> {
    Packed(Cow<'a, Listpack>),
    Plain(Cow<'a, [u8]>),
}

impl Node for ListNode {
    #[inline]
    fn weight(&self) -> usize {
        match self {
            ListNode::Packed(packed) => packed.len(),
            ListNode::Plain(_) => 1,
            ListNode::Compressed(compressed) => compressed.elements,
        }
    }

    #[inline]
    fn heap_bytes(&self) -> usize {
        match self {
            ListNode::Packed(packed) => packed.heap_bytes(),
            ListNode::Plain(bytes) => bytes.heap_bytes(),
            ListNode::Compressed(compressed) => {
                size_class(size_of::<Compressed>()) + size_class(compressed.data.len())
            }
        }
    }
}

impl ListNode {
    /// A node of one value.
    pub(super) fn of(value: &[u8], size: NodeSize) -> ListNode {
        if size.is_large(value.len()) {
            ListNode::Plain(ThinBytes::from_slice(value))
        } else {
            ListNode::Packed(Listpack::from_values([value]))
        }
    }

    pub(super) fn is_plain(&self) -> bool {
        match self {
            ListNode::Packed(_) => false,
            ListNode::Plain(_) => true,
            ListNode::Compressed(compressed) => compressed.is_plain,
        }
    }

    /// Bytes of the listpack or the value, expanded.
    #[inline]
    pub(super) fn bytes(&self) -> usize {
        match self {
            ListNode::Packed(packed) => packed.byte_len(),
            ListNode::Plain(bytes) => bytes.len(),
            ListNode::Compressed(compressed) => compressed.raw_bytes,
        }
    }

    /// Whether a value of that length can be added.
    #[inline]
    pub(super) fn takes(&self, value_bytes: usize, size: NodeSize) -> bool {
        !self.is_plain() && size.takes(self.bytes(), self.weight(), value_bytes)
    }

    /// Whether this node and the next can be one.
    pub(super) fn can_join(&self, next: &ListNode, size: NodeSize) -> bool {
        let joined = (self.bytes() + next.bytes()).saturating_sub(FRAME_BYTES);
        !self.is_plain()
            && !next.is_plain()
            && !size.exceeded(joined, self.weight() + next.weight())
    }

    pub(super) fn view(&self) -> NodeView<'_> {
        match self {
            ListNode::Packed(packed) => NodeView::Packed(Cow::Borrowed(packed)),
            ListNode::Plain(bytes) => NodeView::Plain(Cow::Borrowed(bytes.as_slice())),
            ListNode::Compressed(compressed) => match compressed.expand() {
                ListNode::Packed(packed) => NodeView::Packed(Cow::Owned(packed)),
                ListNode::Plain(bytes) => NodeView::Plain(Cow::Owned(bytes.as_slice().to_vec())),
                ListNode::Compressed(_) => unreachable!("an expanded node is not compressed"),
            },
        }
    }

    /// The listpack to change, expanded to stay so; `None` for a large value.
    #[inline]
    pub(super) fn packed_mut(&mut self) -> Option<&mut Listpack> {
        self.expand();
        match self {
            ListNode::Packed(packed) => Some(packed),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn expand(&mut self) {
        if let ListNode::Compressed(compressed) = self {
            *self = compressed.expand();
        }
    }

    pub(super) fn is_compressed(&self) -> bool {
        matches!(self, ListNode::Compressed(_))
    }

    /// The compressed form of a node, if it is open and the form is shorter.
    pub(super) fn compressed(&self) -> Option<ListNode> {
        let raw = match self {
            ListNode::Packed(packed) => packed.bytes(),
            ListNode::Plain(bytes) => bytes.as_slice(),
            ListNode::Compressed(_) => return None,
        };
        if raw.len() < COMPRESS_BYTES_MIN {
            return None;
        }
        let data = lzf::compress(raw, raw.len() - COMPRESS_GAIN_MIN)?;
        Some(ListNode::Compressed(Box::new(Compressed {
            elements: self.weight(),
            is_plain: self.is_plain(),
            raw_bytes: raw.len(),
            data: data.into(),
        })))
    }
}

impl Compressed {
    fn expand(&self) -> ListNode {
        let raw = lzf::decompress(&self.data, self.raw_bytes).expect("it was compressed here");
        let raw = ThinBytes::from_slice(&raw);
        if self.is_plain {
            ListNode::Plain(raw)
        } else {
            ListNode::Packed(Listpack::from_thin(raw))
        }
    }
}

impl NodeView<'_> {
    /// Shows the elements from `offset` on to the end of the node that lies that way.
    pub(super) fn walk(
        &self,
        offset: usize,
        way: Way,
        f: &mut impl FnMut(Item<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match self {
            NodeView::Packed(packed) => walk_packed(packed, offset, way, f),
            NodeView::Plain(bytes) => f(Item::Bytes(bytes)),
        }
    }
}

/// As [`NodeView::walk`].
#[inline]
pub(super) fn walk_packed(
    packed: &Listpack,
    offset: usize,
    way: Way,
    f: &mut impl FnMut(Item<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let Some(pos) = packed.seek(offset) else {
        return ControlFlow::Continue(());
    };
    match way {
        Way::Forward => packed.iter_from(pos).try_for_each(f),
        Way::Backward => {
            let behind = packed.next(pos).unwrap_or(packed.end());
            packed.iter_rev_from(behind).try_for_each(f)
        }
    }
}

/// Adds a value at an end of a listpack.
#[inline]
pub(super) fn push_packed(packed: &mut Listpack, end: End, value: &[u8]) {
    match end {
        End::Left => packed.push_front(value),
        End::Right => packed.push_back(value),
    }
}
