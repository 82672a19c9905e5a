//! Cells of the earth: a rectangle of longitude and latitude, halved `step` times each way, and its bits.
//!
//! A place is kept as the bits of its cell after 26 steps, 52 in all, which a score holds exactly. Latitude has the even
//! bits, longitude the odd ones. The map is Mercator's and ends at about 85 degrees north and south.

pub(super) const LONGITUDE_MAX: f64 = 180.0;
pub(super) const LATITUDE_MAX: f64 = 85.05112878;
pub(super) const STEP_MAX: u32 = 26;

/// A point by longitude and latitude, in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) longitude: f64,
    pub(super) latitude: f64,
}

impl Point {
    pub(super) fn is_on_map(self) -> bool {
        self.longitude.abs() <= LONGITUDE_MAX && self.latitude.abs() <= LATITUDE_MAX
    }

    /// The score of the point.
    pub(super) fn bits(self) -> u64 {
        Cell::of(self, STEP_MAX).bits
    }

    /// The middle of the cell that a score stands for.
    pub(super) fn of_score(score: f64) -> Point {
        let cell = Cell {
            bits: score as u64,
            step: STEP_MAX,
        };
        let area = cell.area();
        let middle =
            |(least, most): (f64, f64), limit: f64| ((least + most) / 2.0).clamp(-limit, limit);
        Point {
            longitude: middle(area.longitude, LONGITUDE_MAX),
            latitude: middle(area.latitude, LATITUDE_MAX),
        }
    }

    /// The eleven letters that other geohash libraries understand, which halve the whole range of latitudes.
    pub(super) fn text(self) -> [u8; 11] {
        const LETTERS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        let bits = interleave(
            index(self.latitude, 90.0, STEP_MAX),
            index(self.longitude, LONGITUDE_MAX, STEP_MAX),
        );
        let mut text = [0; 11];
        for (at, letter) in text.iter_mut().enumerate() {
            // 52 bits are two fewer than the last letter needs.
            let five = match at {
                10 => 0,
                _ => bits >> (52 - (at + 1) * 5) & 31,
            };
            *letter = LETTERS[five as usize];
        }
        text
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    bits: u64,
    step: u32,
}

/// Least and greatest longitude and latitude of a cell.
pub(super) struct Area {
    pub(super) longitude: (f64, f64),
    pub(super) latitude: (f64, f64),
}

/// Which of so many parts of a range around zero a coordinate lies in.
fn index(coordinate: f64, limit: f64, step: u32) -> u32 {
    let offset = (coordinate + limit) / (2.0 * limit);
    (offset * (1_u64 << step) as f64) as u32
}

/// Puts zeros between the bits of a number.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555_u64),
    ] {
        bits = (bits | bits << shift) & mask;
    }
    bits
}

/// Takes every second bit, from the lowest on.
fn gather(bits: u64) -> u32 {
    let mut bits = bits & 0x5555_5555_5555_5555;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff_u64),
    ] {
        bits = (bits | bits >> shift) & mask;
    }
    bits as u32
}

fn interleave(even: u32, odd: u32) -> u64 {
    spread(even) | spread(odd) << 1
}

impl Cell {
    /// The cell of a point on the map.
    pub(super) fn of(point: Point, step: u32) -> Cell {
        let latitude = index(point.latitude, LATITUDE_MAX, step);
        let longitude = index(point.longitude, LONGITUDE_MAX, step);
        Cell {
            bits: interleave(latitude, longitude),
            step,
        }
    }

    pub(super) fn area(self) -> Area {
        let range = |index: u32, limit: f64| {
            let (parts, width) = ((1_u64 << self.step) as f64, 2.0 * limit);
            let index = f64::from(index);
            (
                -limit + (index / parts) * width,
                -limit + ((index + 1.0) / parts) * width,
            )
        };
        Area {
            longitude: range(gather(self.bits >> 1), LONGITUDE_MAX),
            latitude: range(gather(self.bits), LATITUDE_MAX),
        }
    }

    /// The cell so many to the east and to the north, around the edges of the map. The upper edges of the map themselves
    /// have cells of their own, beyond all others, which a move leaves for good.
    pub(super) fn beside(self, east: i32, north: i32) -> Cell {
        let mask = ((1_u64 << self.step) - 1) as u32;
        let moved = |index: u32, by: i32| match by {
            0 => index,
            _ => index.wrapping_add_signed(by) & mask,
        };
        let latitude = moved(gather(self.bits), north);
        let longitude = moved(gather(self.bits >> 1), east);
        Cell {
            bits: interleave(latitude, longitude),
            step: self.step,
        }
    }

    /// The scores of the points in the cell: from the first on, below the second.
    pub(super) fn scores(self) -> (f64, f64) {
        let shift = 2 * (STEP_MAX - self.step);
        (
            (self.bits << shift) as f64,
            ((self.bits + 1) << shift) as f64,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PALERMO: Point = Point {
        longitude: 13.361389,
        latitude: 38.115556,
    };

    #[test]
    fn known_places() {
        assert_eq!(PALERMO.bits(), 3479099956230698);
        assert_eq!(&PALERMO.text(), b"sqc8b49rny0");
        let back = Point::of_score(3479099956230698.0);
        assert!((back.longitude - PALERMO.longitude).abs() < 1e-5);
        assert!((back.latitude - PALERMO.latitude).abs() < 1e-5);
    }

    proptest! {
        #[test]
        fn bits_come_apart_again(even in any::<u32>(), odd in any::<u32>()) {
            let bits = interleave(even, odd);
            prop_assert_eq!((gather(bits), gather(bits >> 1)), (even, odd));
        }

        #[test]
        fn a_cell_holds_its_point(longitude in -180.0..180.0, latitude in -85.05..85.05, step in 1..=STEP_MAX) {
            let point = Point { longitude, latitude };
            let cell = Cell::of(point, step);
            let area = cell.area();
            let close = |low: f64, value: f64, high: f64| low - 1e-9 <= value && value <= high + 1e-9;
            prop_assert!(close(area.longitude.0, longitude, area.longitude.1));
            prop_assert!(close(area.latitude.0, latitude, area.latitude.1));
            let (from, to) = cell.scores();
            let score = point.bits() as f64;
            prop_assert!(from <= score && score < to);
            for (east, north) in [(1, 0), (-1, 1), (0, -1)] {
                prop_assert_eq!(cell.beside(east, north).beside(-east, -north), cell);
            }
        }
    }
}
