//! Lists: a listpack while it is short, else a rope of nodes.
//!
//! A list becomes long when it would exceed the size of one node, and short again when removal or replacement leaves
//! one node of at most half that size. So OBJECT ENCODING answers "listpack" and "quicklist" as it does in Redis.

mod insert;
mod needle;
mod node;
mod nodes;
mod size;

use std::borrow::Cow;
use std::ops::ControlFlow;

use esker_format::cursor::Fault;
use esker_format::native::value::{KIND_LIST_NODES, KIND_LIST_PACKED, Node, Nodes, ValueWriter};

pub use needle::Needle;
pub use node::NodeView;
pub use nodes::{NodeList, Side};

use super::word::boxed_word;
use super::{Collection, value_of};
use crate::IntText;
use crate::entry::Kind;
use crate::limits::Limits;
use crate::packed::{Item, Listpack};
use node::{push_packed, walk_packed};
use nodes::remove_packed;
use size::NodeSize;

/// See the module's header.
#[derive(Debug)]
pub enum List {
    Packed(Listpack),
    Nodes(Box<NodeList>),
}

boxed_word!(List { Packed, Nodes });

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Left,
    Right,
}

/// A direction through a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Forward,
    Backward,
}

impl End {
    /// Away from this end.
    pub fn way(self) -> Way {
        match self {
            End::Left => Way::Forward,
            End::Right => Way::Backward,
        }
    }
}

impl Way {
    /// The end where this way begins.
    fn start(self) -> End {
        match self {
            Way::Forward => End::Left,
            Way::Backward => End::Right,
        }
    }
}

/// Reading.
impl List {
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            List::Packed(packed) => packed.len(),
            List::Nodes(nodes) => nodes.len(),
        }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shows the elements from `start` on in one direction, until `f` breaks.
    pub fn walk(
        &self,
        start: usize,
        way: Way,
        mut f: impl FnMut(Item<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match self {
            List::Packed(packed) => walk_packed(packed, start, way, &mut f),
            List::Nodes(nodes) => nodes.walk(start, way, f),
        }
    }

    /// Shows `count` elements from `start` on in one direction, or as many as there are.
    #[inline]
    pub fn for_each(&self, start: usize, count: usize, way: Way, mut f: impl FnMut(Item<'_>)) {
        let mut left = count;
        if left == 0 {
            return;
        }
        let (ControlFlow::Continue(()) | ControlFlow::Break(())) = self.walk(start, way, |item| {
            f(item);
            left -= 1;
            match left {
                0 => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        });
    }

    /// The first element that equals the needle, seen from one end.
    pub fn position(&self, needle: &Needle<'_>, from: End) -> Option<usize> {
        let last = self.len().checked_sub(1)?;
        let start = match from {
            End::Left => 0,
            End::Right => last,
        };
        let mut passed = 0;
        let found = self.walk(start, from.way(), |item| {
            if needle.is(item) {
                return ControlFlow::Break(());
            }
            passed += 1;
            ControlFlow::Continue(())
        });
        found.is_break().then(|| match from {
            End::Left => passed,
            End::Right => last - passed,
        })
    }

    /// The nodes of a long list, or the whole of a short one.
    pub fn nodes(&self) -> impl Iterator<Item = NodeView<'_>> {
        let (packed, nodes) = match self {
            List::Packed(packed) => (Some(NodeView::Packed(Cow::Borrowed(packed))), None),
            List::Nodes(nodes) => (None, Some(nodes.nodes())),
        };
        packed.into_iter().chain(nodes.into_iter().flatten())
    }
}

/// Changing.
impl List {
    /// Pushes values one after another.
    #[inline]
    pub(crate) fn push<'v>(
        &mut self,
        end: End,
        values: impl Iterator<Item = &'v [u8]> + Clone,
        limits: &Limits,
    ) {
        let (count, bytes) = values.clone().fold((0, 0), |(count, bytes), value| {
            (count + 1, bytes + value.len())
        });
        match self.growing(count, bytes, limits) {
            List::Packed(packed) => values.for_each(|value| push_packed(packed, end, value)),
            List::Nodes(nodes) => nodes.push(end, values),
        }
    }

    /// Removes elements at an end, or all if there are fewer.
    pub(crate) fn remove_end(&mut self, end: End, count: usize, limits: &Limits) {
        match self {
            List::Packed(packed) => {
                let len = packed.len();
                let count = count.min(len);
                let start = match end {
                    End::Left => 0,
                    End::Right => len - count,
                };
                packed.remove_range(start, count);
            }
            List::Nodes(nodes) => {
                nodes.remove_end(end, count);
                self.shrunk(limits);
            }
        }
    }

    /// Moves the element at one end to an end, and returns it. There must be one.
    pub(crate) fn rotate(&mut self, from: End, to: End, limits: &Limits) -> Vec<u8> {
        let start = match from {
            End::Left => 0,
            End::Right => self.len() - 1,
        };
        let mut value = Vec::new();
        self.for_each(start, 1, Way::Forward, |item| value = item.to_vec());
        match self {
            List::Packed(_) => self.remove_end(from, 1, limits),
            // A long list does not become short in between.
            List::Nodes(nodes) => nodes.remove_end(from, 1),
        }
        self.push(to, std::iter::once(value.as_slice()), limits);
        self.shrunk(limits);
        value
    }

    /// Replaces an element, which must be there.
    pub(crate) fn set(&mut self, index: usize, value: &[u8], limits: &Limits) {
        match self.growing(1, value.len(), limits) {
            List::Packed(packed) => {
                let pos = packed.seek(index).expect("the element is there");
                packed.replace(pos, value);
            }
            List::Nodes(nodes) => {
                nodes.set(index, value);
                self.shrunk(limits);
            }
        }
    }

    /// Inserts a value beside the element at `index`, which must be there.
    pub(crate) fn insert(&mut self, index: usize, side: Side, value: &[u8], limits: &Limits) {
        match self.growing(1, value.len(), limits) {
            List::Packed(packed) => {
                let before = index + usize::from(side == Side::After);
                let pos = packed.seek(before).unwrap_or(packed.end());
                packed.insert(pos, value);
            }
            List::Nodes(nodes) => nodes.insert(index, side, value),
        }
    }

    /// Removes elements that equal the needle, at most `count`, beginning at one end. Returns how many.
    pub(crate) fn remove_equal(
        &mut self,
        needle: &Needle<'_>,
        from: End,
        count: usize,
        limits: &Limits,
    ) -> usize {
        match self {
            List::Packed(packed) => {
                let mut offsets = equal_offsets(packed, needle);
                if offsets.len() > count {
                    match from {
                        End::Left => offsets.truncate(count),
                        End::Right => drop(offsets.drain(..offsets.len() - count)),
                    }
                }
                remove_packed(packed, &offsets);
                offsets.len()
            }
            List::Nodes(nodes) => {
                let removed = nodes.remove_equal(needle, from.way(), count);
                if removed > 0 {
                    self.shrunk(limits);
                }
                removed
            }
        }
    }

    /// The list, long if it is going to exceed one node.
    #[inline]
    pub(crate) fn growing(&mut self, count: usize, bytes: usize, limits: &Limits) -> &mut List {
        if let List::Packed(packed) = self {
            let size = NodeSize::of(limits);
            if size.exceeded(packed.byte_len() + bytes, packed.len() + count) {
                self.become_long(limits);
            }
        }
        self
    }

    fn become_long(&mut self, limits: &Limits) {
        if let List::Packed(packed) = self {
            let packed = std::mem::take(packed);
            *self = List::Nodes(Box::new(NodeList::from_packed(packed, limits)));
        }
    }

    /// Makes a long list short if it has shrunk to half a node.
    fn shrunk(&mut self, limits: &Limits) {
        if let List::Nodes(nodes) = self
            && let Some(packed) = nodes.take_if_short(NodeSize::of(limits))
        {
            *self = List::Packed(packed);
        }
    }
}

/// Loading.
impl List {
    /// Appends a node as it was saved. A list of one node that is not too large is short.
    pub(crate) fn append_packed(&mut self, packed: Listpack, limits: &Limits) {
        if let List::Packed(own) = self {
            let size = NodeSize::of(limits);
            if own.is_empty() && !size.exceeded(packed.byte_len(), packed.len()) {
                *own = packed;
                return;
            }
            self.become_long(limits);
        }
        if let List::Nodes(nodes) = self {
            nodes.append_packed(packed);
        }
    }

    /// Appends a value that had a node of its own.
    pub(crate) fn append_plain(&mut self, value: &[u8], limits: &Limits) {
        self.become_long(limits);
        if let List::Nodes(nodes) = self {
            nodes.append_plain(value);
        }
    }

    fn append_saved(&mut self, kind: u8, bytes: &[u8], limits: &Limits) -> Result<(), Fault> {
        match kind {
            KIND_LIST_PACKED => self.append_packed(Listpack::from_bytes(bytes)?, limits),
            KIND_LIST_NODES => {
                for node in Nodes::new(bytes) {
                    match node? {
                        Node::Packed(bytes) => {
                            self.append_packed(Listpack::from_bytes(bytes)?, limits);
                        }
                        Node::Plain(value) => self.append_plain(value, limits),
                    }
                }
            }
            other => return Err(Fault::UnknownFeatures(u64::from(other))),
        }
        Ok(())
    }
}

impl Collection for List {
    const KIND: Kind = Kind::List;

    fn empty(_: &Limits) -> Self {
        List::Packed(Listpack::new())
    }

    fn is_empty(&self) -> bool {
        List::is_empty(self)
    }

    fn elements(&self) -> usize {
        self.len()
    }

    fn encoding(&self) -> &'static str {
        match self {
            List::Packed(_) => "listpack",
            List::Nodes(_) => "quicklist",
        }
    }

    fn heap_bytes(&self) -> usize {
        match self {
            List::Packed(packed) => packed.heap_bytes(),
            List::Nodes(nodes) => nodes.heap_bytes(),
        }
    }

    fn duplicate(&self) -> Self {
        match self {
            List::Packed(packed) => List::Packed(packed.clone()),
            List::Nodes(nodes) => List::Nodes(Box::new(nodes.duplicate())),
        }
    }

    fn encode(&self, out: &mut ValueWriter<'_>) {
        if let List::Packed(packed) = self {
            out.packed(KIND_LIST_PACKED, packed.bytes());
            return;
        }
        for node in self.nodes() {
            match node {
                NodeView::Packed(packed) => out.list_node(packed.bytes()),
                NodeView::Plain(value) => out.list_plain(&value),
            }
        }
    }

    fn decode(kind: u8, bytes: &[u8], limits: &Limits) -> Result<Self, Fault> {
        let mut list = List::empty(limits);
        if kind == KIND_LIST_NODES {
            // Further pieces may follow, which are appended to nodes.
            list.become_long(limits);
        }
        list.append_saved(kind, bytes, limits)?;
        Ok(list)
    }

    fn add_piece(&mut self, kind: u8, bytes: &[u8]) -> Result<(), Fault> {
        match self {
            List::Nodes(_) => self.append_saved(kind, bytes, &Limits::default()),
            List::Packed(_) => Err(Fault::Invalid("a list that is one listpack has no pieces")),
        }
    }

    fn loaded(&mut self) -> Result<(), Fault> {
        if let List::Nodes(nodes) = self {
            nodes.settle_all();
        }
        match self.is_empty() {
            true => Err(Fault::Invalid("a list without elements")),
            false => Ok(()),
        }
    }

    fn digest(&self, out: &mut Vec<u8>) {
        let mut text = IntText::default();
        self.for_each(0, self.len(), Way::Forward, |item| {
            let bytes = item.bytes(&mut text);
            out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
            out.extend_from_slice(bytes);
        });
    }

    value_of!(List);
}

/// Which elements equal the needle.
fn equal_offsets(packed: &Listpack, needle: &Needle<'_>) -> Vec<usize> {
    let items = packed.iter().enumerate();
    items
        .filter(|(_, item)| needle.is(*item))
        .map(|(offset, _)| offset)
        .collect()
}

#[cfg(test)]
mod tests;
