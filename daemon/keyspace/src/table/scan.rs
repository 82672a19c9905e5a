//! Scan cursors and random items.
//!
//! A scan goes through home buckets in order. A call ends between two of them, at a hash prefix of depth + 16 bits,
//! so items with equal slot bits are never divided, and an item is behind or before the cursor by its hash alone,
//! wherever growth or shrinking has put it in the meantime.

use super::bucket::SLOTS;
use super::cursor::{decode, encode, mix};
use super::directory::{next_prefix, prefix_start};
use super::segment::{Place, Segment};
use super::{Item, Table};

/// Home buckets that a call may visit for each item asked for, so that sparse tables do not make calls long.
const EFFORT: usize = 10;
/// Draws before `random` gives up on fairness; a draw hits with a probability of about a third.
const DRAWS: u64 = 200;

impl<T: Item> Table<T> {
    /// Visits about `count` items from `cursor` on and returns the cursor to go on with; 0 is start and end. An item
    /// present from the first call to the last is visited exactly once.
    pub fn scan(&self, cursor: u64, count: usize, mut f: impl FnMut(&T)) -> u64 {
        let mut position = decode(self.seed, cursor) << 16;
        let mut left = count.max(1);
        let mut effort = left.saturating_mul(EFFORT);
        loop {
            let segment = self.directory.find(position);
            let first = segment.home_of(position);
            let buckets = if segment.count() == 0 {
                first
            } else {
                segment.buckets()
            };
            for home in first..buckets {
                if left == 0 || effort == 0 {
                    let start = prefix_start(position, segment.depth());
                    return encode(
                        self.seed,
                        (start | segment.first_h16(home) << (48 - segment.depth())) >> 16,
                    );
                }
                effort -= 1;
                left = left.saturating_sub(self.scan_home(segment, home, position, &mut f));
            }
            match next_prefix(position, segment.depth()) {
                None => return 0,
                Some(next) if left == 0 || effort == 0 => return encode(self.seed, next >> 16),
                Some(next) => position = next,
            }
            effort = effort.saturating_sub(1);
        }
    }

    /// Visits the items of a home bucket whose hashes are not below `position`.
    fn scan_home(
        &self,
        segment: Segment,
        home: usize,
        position: u64,
        f: &mut impl FnMut(&T),
    ) -> usize {
        let first = segment.h16(position);
        // A cursor from a deeper segment lies inside the group of items with its h16: only their hashes can tell.
        let divides_group = position << segment.depth() << 16 != 0;
        let mut visited = 0;
        if home + 1 < segment.buckets() {
            segment.prefetch_bucket_items(home + 1);
        }
        segment.for_each_at_home(home, |place| {
            let h16 = segment.bucket(place.bucket).word(place.slot) >> 48;
            let item = segment.item::<T>(place);
            if h16 > first || h16 == first && (!divides_group || item.hash(self.seed) >= position) {
                f(item);
                visited += 1;
            }
        });
        visited
    }

    /// An item drawn by `rand`, a uniformly random number; each with the same probability.
    pub fn random(&self, rand: u64) -> Option<&T> {
        if self.len == 0 {
            return None;
        }
        let mut draw = rand;
        for _ in 0..DRAWS {
            draw = mix(draw.wrapping_add(0x9e37_79b9_7f4a_7c15));
            if let Some(item) = self.draw(draw) {
                return Some(item);
            }
        }
        self.first_from(draw)
    }

    /// A uniform draw among all slots that there were if every segment had the greatest depth and size.
    fn draw(&self, draw: u64) -> Option<&T> {
        let segment = self.directory.find(draw);
        let other = mix(draw);
        let shallow = self.directory.depth_max() - segment.depth();
        let fair = other & ((1 << shallow) - 1) == 0;
        let buckets = if segment.depth() == 0 {
            segment.buckets()
        } else {
            self.buckets_max
        };
        let lot = ((other >> 32) as usize * (buckets * SLOTS)) >> 32;
        let place = Place {
            bucket: lot / SLOTS,
            slot: lot % SLOTS,
        };
        let occupied =
            place.bucket < segment.buckets() && segment.bucket(place.bucket).tag(place.slot) != 0;
        (fair && occupied).then(|| segment.item(place))
    }

    /// The first item at or behind a position, around the end: for tables too odd to draw from fairly.
    fn first_from(&self, position: u64) -> Option<&T> {
        let mut at = position;
        loop {
            let segment = self.directory.find(at);
            let mut first = None;
            segment.for_each_place(|place| first = first.or(Some(place)));
            if let Some(place) = first {
                return Some(segment.item(place));
            }
            at = next_prefix(at, segment.depth()).unwrap_or(0);
        }
    }
}
