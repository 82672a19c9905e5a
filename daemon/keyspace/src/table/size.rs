//! How many buckets a segment takes for how many items.
//!
//! Sizes are the allocator's classes, 12 to 25 % apart above a few hundred bytes. A segment grows when it is 15/16 full, so it is
//! about 85 % full on average; what it saves in memory it pays with some buckets more in a search.

use super::bucket::{Bucket, SLOTS};
use crate::entry::size_class;

/// Beyond this a segment splits if its items can be told apart, and grows further only if not.
pub(super) const BUCKETS_MAX: usize = 63;
/// Items that cannot be told apart by their first 47 hash bits share one segment; a keyed hash never comes near.
pub(super) const BUCKETS_LIMIT: usize = u16::MAX as usize;

/// Lines (buckets and one more) of the sizes that a segment takes on its way to a split.
const STEPS: [usize; 17] = [
    2, 3, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64,
];

/// Items that `buckets` may hold: about 94 %, which leaves some bucket unfilled, so that every search ends.
pub(super) fn limit(buckets: usize) -> usize {
    if buckets == 1 {
        SLOTS
    } else {
        buckets * SLOTS * 15 / 16
    }
}

/// The smallest number of buckets that takes `items`.
pub(super) fn buckets_for(items: usize) -> usize {
    if let Some(lines) = STEPS.iter().find(|lines| limit(*lines - 1) >= items) {
        return lines - 1;
    }
    let mut buckets = BUCKETS_MAX;
    while limit(buckets) < items {
        buckets = next_size(buckets);
    }
    buckets
}

/// The next larger number of buckets.
pub(super) fn next_size(buckets: usize) -> usize {
    let lines = buckets + 1;
    if let Some(next) = STEPS.iter().find(|step| **step > lines) {
        return next - 1;
    }
    let next = size_class((lines + lines / 5) * size_of::<Bucket>()) / size_of::<Bucket>() - 1;
    assert!(
        buckets < BUCKETS_LIMIT,
        "too many items with the same 47 hash bits"
    );
    next.min(BUCKETS_LIMIT)
}

/// Items below which a segment of `buckets` shrinks.
pub(super) fn floor(buckets: usize) -> usize {
    if buckets == 1 {
        0
    } else {
        buckets * SLOTS * 29 / 64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_allocator_classes_with_room_to_search() {
        let mut buckets = 1;
        while buckets < BUCKETS_LIMIT {
            let bytes = (buckets + 1) * 64;
            assert!(size_class(bytes) == bytes, "{buckets}");
            assert!(
                buckets == 1 || limit(buckets) < buckets * SLOTS,
                "some bucket stays unfilled"
            );
            assert!(floor(buckets) < limit(buckets) / 2 + 1);
            let next = next_size(buckets);
            assert!(next > buckets && limit(next) > limit(buckets));
            buckets = next;
        }
    }

    #[test]
    fn the_smallest_fitting_size_is_chosen() {
        let mut last = 1;
        for items in 0..5000 {
            let buckets = buckets_for(items);
            assert!(limit(buckets) >= items && buckets >= last);
            assert!(buckets == last || limit(last) < items, "{items} items");
            last = buckets;
        }
    }
}
