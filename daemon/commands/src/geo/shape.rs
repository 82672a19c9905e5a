//! Shapes to search in: circles, boxes and polygons; and the cells that cover them.

use super::cell::{Cell, LATITUDE_MAX, Point, STEP_MAX};

const EARTH_RADIUS_METERS: f64 = 6372797.560856;
/// Half of the earth's way around on Mercator's map.
const MERCATOR_MAX_METERS: f64 = 20037726.37;
const DEGREE: f64 = std::f64::consts::PI / 180.0;

fn radians(degrees: f64) -> f64 {
    degrees * DEGREE
}

/// Meters between two points, on a sphere.
pub(super) fn distance(a: Point, b: Point) -> f64 {
    let v = ((radians(b.longitude) - radians(a.longitude)) / 2.0).sin();
    if v == 0.0 {
        return latitude_distance(a.latitude, b.latitude);
    }
    let (from, to) = (radians(a.latitude), radians(b.latitude));
    let u = ((to - from) / 2.0).sin();
    let h = u * u + from.cos() * to.cos() * v * v;
    2.0 * EARTH_RADIUS_METERS * h.sqrt().asin()
}

fn latitude_distance(a: f64, b: f64) -> f64 {
    EARTH_RADIUS_METERS * (radians(b) - radians(a)).abs()
}

/// What members are searched in. Lengths are in meters.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    Circle {
        center: Point,
        radius: f64,
    },
    Box {
        center: Point,
        width: f64,
        height: f64,
    },
    /// At least three corners.
    Polygon(Vec<Point>),
}

/// Least and greatest coordinates.
struct Bounds {
    longitude: (f64, f64),
    latitude: (f64, f64),
}

impl Shape {
    pub(super) fn center(&self) -> Point {
        match self {
            Shape::Circle { center, .. } | Shape::Box { center, .. } => *center,
            Shape::Polygon(corners) => middle(corners),
        }
    }

    /// How far the point is from the center, if it lies in the shape.
    pub(super) fn reaches(&self, center: Point, point: Point) -> Option<f64> {
        match self {
            Shape::Circle { radius, .. } => {
                Some(distance(center, point)).filter(|distance| distance <= radius)
            }
            Shape::Box { width, height, .. } => {
                let level = Point {
                    longitude: center.longitude,
                    latitude: point.latitude,
                };
                let inside = latitude_distance(point.latitude, center.latitude) <= height / 2.0
                    && distance(point, level) <= width / 2.0;
                inside.then(|| distance(center, point))
            }
            Shape::Polygon(corners) => encloses(corners, point).then(|| distance(center, point)),
        }
    }

    /// Half of the width and of the height in meters, and the radius of a circle around everything.
    fn extent(&self, center: Point) -> (f64, f64, f64) {
        match self {
            Shape::Circle { radius, .. } => (*radius, *radius, *radius),
            Shape::Box { width, height, .. } => {
                let (width, height) = (width / 2.0, height / 2.0);
                (width, height, (width * width + height * height).sqrt())
            }
            Shape::Polygon(corners) => {
                let far = corners.iter().map(|corner| distance(center, *corner));
                let radius = far.fold(0.0, f64::max);
                (radius, radius, radius)
            }
        }
    }

    fn bounds(&self, center: Point, width: f64, height: f64) -> Bounds {
        if let Shape::Polygon(corners) = self {
            let range = |coordinate: &dyn Fn(&Point) -> f64| {
                corners.iter().map(coordinate).fold(
                    (f64::INFINITY, f64::NEG_INFINITY),
                    |(least, most), value| (least.min(value), most.max(value)),
                )
            };
            return Bounds {
                longitude: range(&|corner| corner.longitude),
                latitude: range(&|corner| corner.latitude),
            };
        }
        let up = height / EARTH_RADIUS_METERS / DEGREE;
        // Away from the equator a meter is more degrees of longitude: the side nearer to the pole counts.
        let nearer_to_pole = match center.latitude < 0.0 {
            true => center.latitude - up,
            false => center.latitude + up,
        };
        let aside = width / EARTH_RADIUS_METERS / radians(nearer_to_pole).cos() / DEGREE;
        Bounds {
            longitude: (center.longitude - aside, center.longitude + aside),
            latitude: (center.latitude - up, center.latitude + up),
        }
    }

    /// The cells to search, in the order in which results come when nobody asks for another.
    pub(super) fn cells(&self) -> Vec<Cell> {
        let center = self.center();
        let (width, height, radius) = self.extent(center);
        let bounds = self.bounds(center, width, height);
        let mut step = step_for(radius, center.latitude);
        let mut cell = Cell::of(center, step);
        // The neighbours may end before the shape does.
        let too_small = cell.beside(0, 1).area().latitude.1 < bounds.latitude.1
            || cell.beside(0, -1).area().latitude.0 > bounds.latitude.0
            || cell.beside(1, 0).area().longitude.1 < bounds.longitude.1
            || cell.beside(-1, 0).area().longitude.0 > bounds.longitude.0;
        if step > 1 && too_small {
            step -= 1;
            cell = Cell::of(center, step);
        }
        let area = cell.area();
        let ends_before = |east: i32, north: i32| {
            step >= 2
                && (north < 0 && area.latitude.0 < bounds.latitude.0
                    || north > 0 && area.latitude.1 > bounds.latitude.1
                    || east < 0 && area.longitude.0 < bounds.longitude.0
                    || east > 0 && area.longitude.1 > bounds.longitude.1)
        };
        const AROUND: [(i32, i32); 9] = [
            (0, 0),
            (0, 1),
            (0, -1),
            (1, 0),
            (-1, 0),
            (1, 1),
            (-1, 1),
            (1, -1),
            (-1, -1),
        ];
        let mut cells: Vec<Cell> = Vec::with_capacity(9);
        for (east, north) in AROUND {
            let cell = cell.beside(east, north);
            // Around a small earth a cell can be its own neighbour.
            if !ends_before(east, north) && !cells.contains(&cell) {
                cells.push(cell);
            }
        }
        cells
    }
}

/// The number of halvings at which a cell and its neighbours cover a circle.
fn step_for(radius: f64, latitude: f64) -> u32 {
    if radius == 0.0 {
        return STEP_MAX;
    }
    let (mut step, mut range) = (1_i32, radius);
    while range < MERCATOR_MAX_METERS {
        range *= 2.0;
        step += 1;
    }
    // Cells must be larger than the circle, and towards the poles they become narrow.
    step -= 2;
    if latitude.abs() > 66.0 {
        step -= 1;
        if latitude.abs() > 80.0 {
            step -= 1;
        }
    }
    step.clamp(1, STEP_MAX as i32) as u32
}

/// The middle of the corners on the sphere.
fn middle(corners: &[Point]) -> Point {
    let (mut x, mut y, mut z) = (0.0, 0.0, 0.0);
    for corner in corners {
        let (longitude, latitude) = (radians(corner.longitude), radians(corner.latitude));
        x += latitude.cos() * longitude.cos();
        y += latitude.cos() * longitude.sin();
        z += latitude.sin();
    }
    let count = corners.len() as f64;
    let (x, y, z) = (x / count, y / count, z / count);
    Point {
        longitude: y.atan2(x) / DEGREE,
        latitude: (z.atan2((x * x + y * y).sqrt()) / DEGREE).clamp(-LATITUDE_MAX, LATITUDE_MAX),
    }
}

/// Whether a ray from the point crosses the edges an odd number of times, on the flat map.
fn encloses(corners: &[Point], point: Point) -> bool {
    let mut inside = false;
    let mut before = corners[corners.len() - 1];
    for corner in corners {
        let crosses = (corner.latitude > point.latitude) != (before.latitude > point.latitude);
        if crosses {
            let slope = (before.longitude - corner.longitude) / (before.latitude - corner.latitude);
            if point.longitude < slope * (point.latitude - corner.latitude) + corner.longitude {
                inside = !inside;
            }
        }
        before = *corner;
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point() -> impl Strategy<Value = Point> {
        (-180.0..180.0, -85.0..85.0).prop_map(|(longitude, latitude)| Point {
            longitude,
            latitude,
        })
    }

    proptest! {
        /// Nothing in a circle that ends before the edges of the map lies outside of its cells.
        #[test]
        fn cells_cover_the_circle(center in point(), radius in 1.0..1_000_000.0, direction in 0.0..std::f64::consts::TAU, part in 0.0..1.0) {
            prop_assume!(center.longitude.abs() < 120.0 && center.latitude.abs() < 60.0);
            let shape = Shape::Circle { center, radius };
            let far = radius * part / EARTH_RADIUS_METERS / DEGREE;
            let other = Point {
                longitude: center.longitude + far * f64::cos(direction) / radians(center.latitude).cos(),
                latitude: center.latitude + far * f64::sin(direction),
            };
            prop_assume!(other.is_on_map() && shape.reaches(center, other).is_some());
            let score = other.bits() as f64;
            let covered = shape.cells().into_iter().any(|cell| {
                let (from, to) = cell.scores();
                from <= score && score < to
            });
            prop_assert!(covered, "{other:?}");
        }
    }

    #[test]
    fn a_polygon_has_an_inside() {
        let corner = |longitude, latitude| Point {
            longitude,
            latitude,
        };
        let corners = [corner(12.0, 37.0), corner(16.0, 37.0), corner(16.0, 39.0)];
        assert!(encloses(&corners, corner(15.0, 37.5)));
        assert!(!encloses(&corners, corner(13.36, 38.11)));
        assert!(!encloses(&corners, corner(17.0, 37.5)));
    }
}
