//! How large the nodes of a list may become: what `list-max-listpack-size` means.
//!
//! A positive setting counts elements, under a cap of bytes; a negative one is a class of bytes.

use crate::limits::Limits;
use crate::packed::Listpack;

/// Nodes that are bounded by elements are bounded by as many bytes too.
const COUNTED_BYTES_MAX: usize = 8 * 1024;
/// What the smallest class holds, -1; each further one twice as much.
const CLASS_BYTES: usize = 4 * 1024;
const CLASSES: u32 = 5;
/// What an element takes at most besides its bytes, unless these are many.
const ELEMENT_OVERHEAD: usize = 8;

/// See the module's header.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeSize {
    bytes_max: usize,
    elements_max: usize,
}

impl NodeSize {
    pub(super) fn of(limits: &Limits) -> NodeSize {
        match limits.list_max_listpack_size {
            class @ ..0 => NodeSize {
                bytes_max: CLASS_BYTES << (class.unsigned_abs() - 1).min(CLASSES - 1),
                elements_max: usize::MAX,
            },
            elements => NodeSize {
                bytes_max: COUNTED_BYTES_MAX,
                elements_max: elements.unsigned_abs().max(1) as usize,
            },
        }
    }

    /// Whether a node of that size is too large.
    #[inline]
    pub(super) fn exceeded(self, bytes: usize, elements: usize) -> bool {
        bytes > self.bytes_max || elements > self.elements_max
    }

    /// Whether a value is too large for a node with others.
    #[inline]
    pub(super) fn is_large(self, value_bytes: usize) -> bool {
        value_bytes > self.bytes_max
    }

    /// Whether a node of that size takes one more value.
    #[inline]
    pub(super) fn takes(self, bytes: usize, elements: usize, value_bytes: usize) -> bool {
        !self.is_large(value_bytes)
            && !self.exceeded(bytes + value_bytes + ELEMENT_OVERHEAD, elements + 1)
    }

    /// Whether a list of this one node is small enough to be a listpack again. Half the limit, so that a list at
    /// the limit does not change its encoding back and forth. Elements alone count where they are the limit.
    pub(super) fn is_half(self, node: &Listpack) -> bool {
        match self.elements_max {
            usize::MAX => node.byte_len() <= self.bytes_max / 2,
            elements_max => node.len() <= elements_max / 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(setting: i32) -> NodeSize {
        NodeSize::of(&Limits {
            list_max_listpack_size: setting,
            ..Limits::default()
        })
    }

    #[test]
    fn settings_are_classes_of_bytes_or_elements() {
        for (setting, bytes) in [
            (-1, 4096),
            (-2, 8192),
            (-5, 65536),
            (-6, 65536),
            (i32::MIN, 65536),
        ] {
            assert!(!size(setting).exceeded(bytes, 30_000), "{setting}");
            assert!(size(setting).exceeded(bytes + 1, 1), "{setting}");
        }
        for (setting, elements) in [(0, 1), (1, 1), (128, 128)] {
            assert!(!size(setting).exceeded(8192, elements), "{setting}");
            assert!(size(setting).exceeded(100, elements + 1), "{setting}");
            assert!(size(setting).exceeded(8193, 1), "{setting}");
        }
    }

    #[test]
    fn a_large_value_goes_nowhere() {
        assert!(!size(-2).takes(7, 0, 8193));
        assert!(size(-2).takes(7, 0, 8000) && size(5).takes(7, 4, 8000));
        assert!(!size(5).takes(7, 5, 1));
    }
}
