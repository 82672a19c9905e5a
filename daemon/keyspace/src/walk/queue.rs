//! The queue of images, and what it has come to hold.

use super::image::Image;

/// Elements of one value are gathered in one image up to this size.
const ELEMENTS_BYTES: usize = 16 << 10;

#[derive(Default)]
pub(super) struct Images {
    images: Vec<Image>,
    bytes: usize,
}

impl Images {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push(&mut self, image: Image) {
        self.bytes += image.bytes();
        self.images.push(image);
    }

    /// Queues elements of the value with this number, as `encode` writes them.
    pub(super) fn add_elements<R>(
        &mut self,
        number: u64,
        encode: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> R {
        if let Some(Image::Elements {
            number: last,
            bytes,
        }) = self.images.last_mut()
            && *last == number
            && bytes.len() < ELEMENTS_BYTES
        {
            let before = bytes.capacity();
            let result = encode(bytes);
            self.bytes += bytes.capacity() - before;
            return result;
        }
        let mut bytes = Vec::new();
        let result = encode(&mut bytes);
        if !bytes.is_empty() {
            self.push(Image::Elements { number, bytes });
        }
        result
    }

    pub(super) fn take(&mut self) -> Vec<Image> {
        self.bytes = 0;
        std::mem::take(&mut self.images)
    }
}
