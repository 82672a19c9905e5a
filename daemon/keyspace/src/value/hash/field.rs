//! A field of a large hash: name, value and perhaps an expiry in one allocation.
//!
//! ```text
//! offset  size      field
//! 0       1         bits 0..2 snapshot epoch, bit 2 expires, bits 3..5 and 5..7 the widths below: 1 << code bytes
//! 1       1,2,4,8   length of the name
//! ..      1,2,4,8   length of the value
//! ..      8         expiry in Unix milliseconds, only if it expires
//! ..      n         name
//! ..      n         value
//! ```
//!
//! Nothing is aligned, so that short fields take three bytes more than what they hold. The allocation is a whole
//! size class that follows from the head, and what needs the same class is overwritten in place.
//!
//! `FieldItem` is an owning pointer in the low 48 bits of a `u64`; the upper 16 belong to the table. It is `Send`,
//! not `Sync`: the epoch changes through `&self`.

#![expect(
    unsafe_code,
    reason = "a field is one allocation behind a packed pointer"
)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::ptr;

use crate::UnixMs;
use crate::entry::size_class;
use crate::table::Item;
use crate::walk::LargeItem;

const EPOCH_MASK: u8 = 0b11;
const EXPIRES: u8 = 1 << 2;
const NAME_WIDTH_SHIFT: u32 = 3;
const VALUE_WIDTH_SHIFT: u32 = 5;
const WIDTH_MASK: u8 = 0b11;
const EXPIRY_BYTES: usize = 8;
const POINTER_MASK: u64 = (1 << 48) - 1;

/// What decides where the parts lie and how large the allocation is.
#[derive(Clone, Copy)]
struct Shape {
    expires: bool,
    name_len: usize,
    value_len: usize,
}

/// The code of the smallest width that can say `length`.
#[inline]
fn width_code(length: usize) -> u8 {
    match length {
        0..=0xff => 0,
        0x100..=0xffff => 1,
        0x1_0000..=0xffff_ffff => 2,
        _ => 3,
    }
}

impl Shape {
    #[inline]
    fn name_width(self) -> usize {
        1 << width_code(self.name_len)
    }

    #[inline]
    fn value_width(self) -> usize {
        1 << width_code(self.value_len)
    }

    #[inline]
    fn expiry_offset(self) -> usize {
        1 + self.name_width() + self.value_width()
    }

    #[inline]
    fn name_offset(self) -> usize {
        self.expiry_offset() + if self.expires { EXPIRY_BYTES } else { 0 }
    }

    #[inline]
    fn value_offset(self) -> usize {
        self.name_offset() + self.name_len
    }

    #[inline]
    fn allocated_bytes(self) -> usize {
        size_class(self.value_offset() + self.value_len)
    }

    fn layout(self) -> Layout {
        Layout::from_size_align(self.allocated_bytes(), 8)
            .expect("a field is smaller than the address space")
    }

    #[inline]
    fn head(self, epoch: u8) -> u8 {
        epoch
            | if self.expires { EXPIRES } else { 0 }
            | width_code(self.name_len) << NAME_WIDTH_SHIFT
            | width_code(self.value_len) << VALUE_WIDTH_SHIFT
    }
}

/// See the module's header.
#[repr(transparent)]
pub struct FieldItem {
    pointer: NonZeroU64,
    _not_sync: PhantomData<*mut ()>,
}

// SAFETY: a field owns its allocation, which holds plain bytes.
unsafe impl Send for FieldItem {}

impl FieldItem {
    pub fn new(name: &[u8], value: &[u8], expire_at: Option<UnixMs>) -> FieldItem {
        let shape = Shape {
            expires: expire_at.is_some(),
            name_len: name.len(),
            value_len: value.len(),
        };
        let layout = shape.layout();
        // SAFETY: the layout is never empty: the head alone has three bytes.
        let base = unsafe { alloc(layout) };
        if base.is_null() {
            handle_alloc_error(layout);
        }
        let address = base.expose_provenance() as u64;
        assert!(address <= POINTER_MASK, "user addresses have 48 bits");
        // SAFETY: the shape sized the allocation, and the slices cannot overlap fresh memory.
        unsafe {
            write_head(base, shape, 0, expire_at);
            ptr::copy_nonoverlapping(name.as_ptr(), base.add(shape.name_offset()), name.len());
            ptr::copy_nonoverlapping(value.as_ptr(), base.add(shape.value_offset()), value.len());
        }
        FieldItem {
            pointer: NonZeroU64::new(address).expect("not null, checked above"),
            _not_sync: PhantomData,
        }
    }

    #[inline]
    fn base(&self) -> *mut u8 {
        ptr::with_exposed_provenance_mut((self.pointer.get() & POINTER_MASK) as usize)
    }

    #[inline]
    fn head(&self) -> u8 {
        // SAFETY: `base` points at a live allocation that begins with the head.
        unsafe { self.base().read() }
    }

    #[inline]
    fn shape(&self) -> Shape {
        let head = self.head();
        let name_code = head >> NAME_WIDTH_SHIFT & WIDTH_MASK;
        let value_code = head >> VALUE_WIDTH_SHIFT & WIDTH_MASK;
        // SAFETY: the head says that the two lengths stand behind it in these widths.
        unsafe {
            Shape {
                expires: head & EXPIRES != 0,
                name_len: read_length(self.base().add(1), name_code),
                value_len: read_length(self.base().add(1 + (1 << name_code)), value_code),
            }
        }
    }

    #[inline]
    pub fn name(&self) -> &[u8] {
        let shape = self.shape();
        // SAFETY: the shape was written together with the name that it describes.
        unsafe { std::slice::from_raw_parts(self.base().add(shape.name_offset()), shape.name_len) }
    }

    #[inline]
    pub fn value(&self) -> &[u8] {
        let shape = self.shape();
        // SAFETY: as in `name`.
        unsafe {
            std::slice::from_raw_parts(self.base().add(shape.value_offset()), shape.value_len)
        }
    }

    #[inline]
    pub fn expires_at(&self) -> Option<UnixMs> {
        if self.head() & EXPIRES == 0 {
            return None;
        }
        let offset = self.shape().expiry_offset();
        let mut bytes = [0; EXPIRY_BYTES];
        // SAFETY: EXPIRES says that the expiry stands at this offset.
        unsafe {
            ptr::copy_nonoverlapping(self.base().add(offset), bytes.as_mut_ptr(), EXPIRY_BYTES);
        }
        Some(UnixMs(i64::from_le_bytes(bytes)))
    }

    /// Bytes of the allocation.
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        self.shape().allocated_bytes()
    }

    /// Overwrites value and expiry if the size class stays; false, without any change, if it does not.
    #[inline]
    pub fn try_overwrite(&mut self, value: &[u8], expire_at: Option<UnixMs>) -> bool {
        let old = self.shape();
        let new = Shape {
            expires: expire_at.is_some(),
            value_len: value.len(),
            ..old
        };
        if old.allocated_bytes() != new.allocated_bytes() {
            return false;
        }
        let (base, epoch) = (self.base(), self.head() & EPOCH_MASK);
        // SAFETY: the new shape fits the same allocation. The name moves first, and `copy` lets it overlap itself;
        // its new place may cover the old expiry and value, which are not read again. `value` cannot lie in this
        // allocation, because `&mut self` excludes references into it.
        unsafe {
            if new.name_offset() != old.name_offset() {
                let (from, to) = (old.name_offset(), new.name_offset());
                ptr::copy(base.add(from), base.add(to), old.name_len);
            }
            write_head(base, new, epoch, expire_at);
            ptr::copy_nonoverlapping(value.as_ptr(), base.add(new.value_offset()), value.len());
        }
        true
    }

    /// Sets or clears the expiry if the size class stays; false, without any change, if it does not.
    pub fn try_set_expiry(&mut self, expire_at: Option<UnixMs>) -> bool {
        let old = self.shape();
        let new = Shape {
            expires: expire_at.is_some(),
            ..old
        };
        if old.allocated_bytes() != new.allocated_bytes() {
            return false;
        }
        let (base, epoch) = (self.base(), self.head() & EPOCH_MASK);
        // SAFETY: the new shape fits the same allocation; name and value lie side by side in both.
        unsafe {
            let (from, to) = (old.name_offset(), new.name_offset());
            ptr::copy(base.add(from), base.add(to), old.name_len + old.value_len);
            write_head(base, new, epoch, expire_at);
        }
        true
    }
}

/// # Safety
/// A length of `1 << code` bytes stands at `at`.
#[inline]
unsafe fn read_length(at: *const u8, code: u8) -> usize {
    let mut bytes = [0; 8];
    // SAFETY: by the contract; the widest length has eight bytes.
    unsafe {
        match code {
            0 => return at.read() as usize,
            1 => ptr::copy_nonoverlapping(at, bytes.as_mut_ptr(), 2),
            2 => ptr::copy_nonoverlapping(at, bytes.as_mut_ptr(), 4),
            _ => ptr::copy_nonoverlapping(at, bytes.as_mut_ptr(), 8),
        }
    }
    u64::from_le_bytes(bytes) as usize
}

/// Writes everything before the name.
///
/// # Safety
/// `base` is an allocation of `shape`'s size.
#[inline]
unsafe fn write_head(base: *mut u8, shape: Shape, epoch: u8, expire_at: Option<UnixMs>) {
    let name_len = (shape.name_len as u64).to_le_bytes();
    let value_len = (shape.value_len as u64).to_le_bytes();
    let (name_width, value_width) = (shape.name_width(), shape.value_width());
    // SAFETY: the parts lie side by side inside the allocation, as the shape says.
    unsafe {
        base.write(shape.head(epoch));
        ptr::copy_nonoverlapping(name_len.as_ptr(), base.add(1), name_width);
        ptr::copy_nonoverlapping(value_len.as_ptr(), base.add(1 + name_width), value_width);
        if let Some(at) = expire_at {
            let bytes = at.0.to_le_bytes();
            let to = base.add(shape.expiry_offset());
            ptr::copy_nonoverlapping(bytes.as_ptr(), to, EXPIRY_BYTES);
        }
    }
}

impl Drop for FieldItem {
    fn drop(&mut self) {
        let layout = self.shape().layout();
        // SAFETY: the field owns its allocation, which was made with the layout of its shape.
        unsafe { dealloc(self.base(), layout) }
    }
}

impl std::fmt::Debug for FieldItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FieldItem")
            .field("name", &String::from_utf8_lossy(self.name()))
            .field("value", &String::from_utf8_lossy(self.value()))
            .field("expires_at", &self.expires_at())
            .finish()
    }
}

// SAFETY: transparent over a `NonZeroU64` whose low 48 bits are a non-null pointer, and every method masks the upper
// 16 bits away. The name never changes.
unsafe impl Item for FieldItem {
    #[inline]
    fn key(&self) -> &[u8] {
        self.name()
    }

    #[inline]
    fn expire_at(&self) -> Option<UnixMs> {
        self.expires_at()
    }
}

impl LargeItem for FieldItem {
    #[inline]
    fn epoch(&self) -> u8 {
        self.head() & EPOCH_MASK
    }

    #[inline]
    fn set_epoch(&self, epoch: u8) {
        let head = self.head() & !EPOCH_MASK | epoch & EPOCH_MASK;
        // SAFETY: as in `head`; no reference to the head is ever handed out, and `FieldItem` is not `Sync`.
        unsafe { self.base().write(head) }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let expire_at = super::encoded_expiry(self.expires_at());
        esker_format::native::value::put_field(out, expire_at, self.name(), self.value());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The safe twin: every part on its own.
    #[derive(Clone, Debug, PartialEq)]
    struct Twin {
        name: Vec<u8>,
        value: Vec<u8>,
        expire_at: Option<i64>,
        epoch: u8,
    }

    #[derive(Clone, Debug)]
    enum Step {
        Overwrite(Vec<u8>, Option<i64>),
        Expiry(Option<i64>),
        Epoch(u8),
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let length = prop_oneof![
            6 => 0..70_usize,
            2 => 250..262_usize,
            1 => 65_530..65_540_usize,
            1 => 0..70_000_usize,
        ];
        (length, any::<u8>()).prop_map(|(length, first)| {
            (0..length).map(|at| first.wrapping_add(at as u8)).collect()
        })
    }

    fn step() -> impl Strategy<Value = Step> {
        let at = || proptest::option::of(any::<i64>());
        prop_oneof![
            3 => (bytes(), at()).prop_map(|(value, at)| Step::Overwrite(value, at)),
            2 => at().prop_map(Step::Expiry),
            1 => (0..4_u8).prop_map(Step::Epoch),
        ]
    }

    fn look(item: &FieldItem) -> Twin {
        Twin {
            name: item.name().to_vec(),
            value: item.value().to_vec(),
            expire_at: item.expires_at().map(|at| at.0),
            epoch: item.epoch(),
        }
    }

    /// Upper bits as a table leaves them must change nothing.
    fn with_table_bits(item: FieldItem, bits: u16) -> FieldItem {
        FieldItem::from_word(item.into_word() & POINTER_MASK | u64::from(bits) << 48)
    }

    proptest! {
        #[test]
        fn a_field_is_its_parts(
            name in bytes(),
            value in bytes(),
            expire_at in proptest::option::of(any::<i64>()),
            bits in any::<u16>(),
            steps in proptest::collection::vec(step(), 0..12),
        ) {
            let mut item = with_table_bits(FieldItem::new(&name, &value, expire_at.map(UnixMs)), bits);
            let mut twin = Twin { name, value, expire_at, epoch: 0 };
            prop_assert_eq!(look(&item), twin.clone());
            for step in steps {
                let class = item.heap_bytes();
                let before = twin.clone();
                let done = match step {
                    Step::Overwrite(value, at) => {
                        (twin.value, twin.expire_at) = (value, at);
                        item.try_overwrite(&twin.value, at.map(UnixMs))
                    }
                    Step::Expiry(at) => {
                        twin.expire_at = at;
                        item.try_set_expiry(at.map(UnixMs))
                    }
                    Step::Epoch(epoch) => {
                        twin.epoch = epoch;
                        item.set_epoch(epoch);
                        true
                    }
                };
                if !done {
                    prop_assert_eq!(look(&item), before);
                    let epoch = item.epoch();
                    item = FieldItem::new(&twin.name, &twin.value, twin.expire_at.map(UnixMs));
                    item.set_epoch(epoch);
                    prop_assert_ne!(item.heap_bytes(), class);
                }
                prop_assert_eq!(look(&item), twin.clone());
            }
        }
    }

    #[test]
    fn a_field_of_the_bench_takes_48_bytes() {
        let item = FieldItem::new(b"field:0000000001", b"value:0000000001", None);
        assert_eq!(item.heap_bytes(), 48);
    }
}
