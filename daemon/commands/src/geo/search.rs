//! Members within a shape: GEOSEARCH, GEORADIUS and their kin, to read or to store.

use esker_keyspace::touched::Event;
use esker_keyspace::{IntText, Tx, Zset};
use esker_resp::{Reply, parse_i64};

use super::cell::Point;
use super::point::{parse_point, parse_unit, write_distance, write_point};
use super::shape::Shape;
use crate::args::{Args, Cursor};
use crate::double::parse_double;
use crate::error::{CmdError, CmdResult, quoted};
use crate::zset::store;

/// A member within the shape.
struct Found {
    member: Vec<u8>,
    score: f64,
    point: Point,
    /// In meters.
    distance: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Ascending,
    Descending,
}

/// What the arguments say.
struct Wanted<'a> {
    from: Option<From>,
    area: Option<Area>,
    /// Meters in the unit of the request.
    unit: f64,
    with_distance: bool,
    with_hash: bool,
    with_point: bool,
    sort: Option<Sort>,
    count: Option<usize>,
    any: bool,
    store_at: Option<&'a [u8]>,
    store_distances: bool,
}

/// The center.
#[derive(Clone, Copy)]
enum From {
    /// That of a member; `None` if there is no such key.
    Member(Option<Point>),
    Coordinates(Point),
}

/// A shape without its center. Lengths are in meters.
enum Area {
    Circle(f64),
    Box(f64, f64),
    /// It has its own center.
    Polygon(Vec<Point>),
}

/// What a command's name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// GEORADIUS: the center by its coordinates.
    Coordinates,
    /// GEORADIUSBYMEMBER.
    Member,
    Search,
    SearchStore,
}

impl Form {
    fn is_search(self) -> bool {
        matches!(self, Form::Search | Form::SearchStore)
    }
}

fn number(text: &[u8], refusal: &'static str) -> Result<f64, CmdError> {
    parse_double(text).ok_or(CmdError::line_of(refusal))
}

/// A radius and its unit, as meters and the meters in the unit.
fn parse_radius(radius: &[u8], unit: &[u8]) -> Result<(f64, f64), CmdError> {
    let radius = number(radius, "ERR need numeric radius")?;
    if radius < 0.0 {
        return Err(CmdError::line_of("ERR radius cannot be negative"));
    }
    let unit = parse_unit(unit)?;
    Ok((radius * unit, unit))
}

fn parse_box(width: &[u8], height: &[u8], unit: &[u8]) -> Result<(f64, f64, f64), CmdError> {
    let width = number(width, "ERR need numeric width")?;
    let height = number(height, "ERR need numeric height")?;
    if width < 0.0 || height < 0.0 {
        return Err(CmdError::line_of("ERR height or width cannot be negative"));
    }
    let unit = parse_unit(unit)?;
    Ok((width * unit, height * unit, unit))
}

/// The corners of a polygon, behind their number.
fn parse_corners(options: &mut Cursor<'_>, command: &[u8]) -> Result<Vec<Point>, CmdError> {
    let count =
        parse_i64(options.value()?).ok_or(CmdError::line_of("ERR invalid number of vertices"))?;
    if count < 3 || options.left() as i64 / 2 < count {
        return Err(CmdError::text(format_args!(
            "{} BYPOLYGON must have at least 3 vertices",
            quoted(command, 128)
        )));
    }
    (0..count)
        .map(|_| parse_point(options.value()?, options.value()?))
        .collect()
}

fn point_of_member(zset: Option<&Zset>, member: &[u8]) -> Result<Option<Point>, CmdError> {
    let Some(zset) = zset else {
        return Ok(None);
    };
    let score = zset.score(member).ok_or(CmdError::line_of(
        "ERR could not decode requested zset member",
    ))?;
    Ok(Some(Point::of_score(score)))
}

impl<'a> Wanted<'a> {
    fn new(store_at: Option<&'a [u8]>) -> Wanted<'a> {
        Wanted {
            from: None,
            area: None,
            unit: 1.0,
            with_distance: false,
            with_hash: false,
            with_point: false,
            sort: None,
            count: None,
            any: false,
            store_at,
            store_distances: false,
        }
    }

    /// `zset` is what the key holds; the center may be a member of it. `may_store`: not one of the `_RO` commands.
    fn parse(
        zset: Option<&Zset>,
        args: Args<'a>,
        form: Form,
        may_store: bool,
    ) -> Result<Wanted<'a>, CmdError> {
        let mut wanted = Wanted::new((form == Form::SearchStore).then(|| args.get(1)));
        let first_option = match form {
            Form::Coordinates => {
                wanted.from = Some(From::Coordinates(parse_point(args.get(2), args.get(3))?));
                wanted.set_radius(args.get(4), args.get(5))?;
                6
            }
            Form::Member => {
                wanted.from = Some(From::Member(point_of_member(zset, args.get(2))?));
                // Without a key nobody looks at the radius.
                if zset.is_some() {
                    wanted.set_radius(args.get(3), args.get(4))?;
                }
                5
            }
            Form::Search => 2,
            Form::SearchStore => 3,
        };
        let mut options = args.cursor(first_option);
        while !options.is_done() {
            let taken = wanted.take_common(&mut options)?
                || form.is_search() && wanted.take_center(&mut options, zset)?
                || form.is_search() && wanted.take_area(&mut options, args.get(0))?
                || form == Form::SearchStore && wanted.take_store_distances(&mut options)
                || !form.is_search() && may_store && wanted.take_store(&mut options)?;
            if !taken {
                return Err(CmdError::Syntax);
            }
        }
        wanted.check(args, form)?;
        Ok(wanted)
    }

    fn set_radius(&mut self, radius: &[u8], unit: &[u8]) -> CmdResult {
        let (radius, unit) = parse_radius(radius, unit)?;
        self.area = Some(Area::Circle(radius));
        self.unit = unit;
        Ok(())
    }

    /// Options that all forms know.
    fn take_common(&mut self, options: &mut Cursor<'a>) -> Result<bool, CmdError> {
        if options.word("WITHDIST") {
            self.with_distance = true;
        } else if options.word("WITHHASH") {
            self.with_hash = true;
        } else if options.word("WITHCOORD") {
            self.with_point = true;
        } else if options.word("ANY") {
            self.any = true;
        } else if options.word("ASC") {
            self.sort = Some(Sort::Ascending);
        } else if options.word("DESC") {
            self.sort = Some(Sort::Descending);
        } else if options.left() > 1 && options.word("COUNT") {
            let count = usize::try_from(options.int()?).ok();
            let count = count.filter(|count| *count > 0);
            self.count = Some(count.ok_or(CmdError::line_of("ERR COUNT must be > 0"))?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Where GEOSEARCH looks from. A polygon is its own center.
    fn take_center(
        &mut self,
        options: &mut Cursor<'a>,
        zset: Option<&Zset>,
    ) -> Result<bool, CmdError> {
        let is_polygon = matches!(self.area, Some(Area::Polygon(_)));
        let (may_be_member, may_be_point) = match self.from {
            _ if is_polygon => (false, false),
            None => (true, true),
            Some(From::Member(_)) => (true, false),
            Some(From::Coordinates(_)) => (false, true),
        };
        if may_be_member && options.left() > 1 && options.word("FROMMEMBER") {
            self.from = Some(From::Member(point_of_member(zset, options.value()?)?));
        } else if may_be_point && options.left() > 2 && options.word("FROMLONLAT") {
            let point = parse_point(options.value()?, options.value()?)?;
            self.from = Some(From::Coordinates(point));
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// How far GEOSEARCH looks.
    fn take_area(&mut self, options: &mut Cursor<'a>, command: &[u8]) -> Result<bool, CmdError> {
        let (circle, rectangle, polygon) = match self.area {
            None => (true, true, self.from.is_none()),
            Some(Area::Circle(_)) => (true, false, false),
            Some(Area::Box(..)) => (false, true, false),
            Some(Area::Polygon(_)) => (false, false, true),
        };
        if circle && options.left() > 2 && options.word("BYRADIUS") {
            self.set_radius(options.value()?, options.value()?)?;
        } else if rectangle && options.left() > 3 && options.word("BYBOX") {
            let (width, height, unit) =
                parse_box(options.value()?, options.value()?, options.value()?)?;
            self.area = Some(Area::Box(width, height));
            self.unit = unit;
        } else if polygon && options.left() > 1 && options.word("BYPOLYGON") {
            self.area = Some(Area::Polygon(parse_corners(options, command)?));
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn take_store_distances(&mut self, options: &mut Cursor<'a>) -> bool {
        let taken = options.word("STOREDIST");
        self.store_distances |= taken;
        taken
    }

    fn take_store(&mut self, options: &mut Cursor<'a>) -> Result<bool, CmdError> {
        for (word, distances) in [("STORE", false), ("STOREDIST", true)] {
            if options.left() > 1 && options.word(word) {
                self.store_at = Some(options.value()?);
                self.store_distances = distances;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn check(&self, args: Args<'_>, form: Form) -> CmdResult {
        let command = || quoted(args.get(0), 128);
        if self.store_at.is_some() && (self.with_distance || self.with_hash || self.with_point) {
            let who = match form {
                Form::SearchStore => "GEOSEARCHSTORE",
                _ => "STORE option in GEORADIUS",
            };
            return Err(CmdError::text(format_args!(
                "{who} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            )));
        }
        let is_polygon = matches!(self.area, Some(Area::Polygon(_)));
        if form.is_search() && self.from.is_none() && !is_polygon {
            return Err(CmdError::text(format_args!(
                "exactly one of FROMMEMBER or FROMLONLAT can be specified for {}",
                command()
            )));
        }
        if form.is_search() && self.area.is_none() {
            return Err(CmdError::text(format_args!(
                "exactly one of BYRADIUS and BYBOX can be specified for {}",
                command()
            )));
        }
        if self.any && self.count.is_none() {
            return Err(CmdError::line_of(
                "ERR the ANY argument requires COUNT argument",
            ));
        }
        Ok(())
    }

    /// The shape; `None` if there is no such key.
    fn shape(&self) -> Option<Shape> {
        let center = match self.from {
            Some(From::Coordinates(point)) => Some(point),
            Some(From::Member(point)) => point,
            None => None,
        };
        Some(match self.area.as_ref()? {
            Area::Polygon(corners) => Shape::Polygon(corners.clone()),
            Area::Circle(radius) => Shape::Circle {
                center: center?,
                radius: *radius,
            },
            Area::Box(width, height) => Shape::Box {
                center: center?,
                width: *width,
                height: *height,
            },
        })
    }

    /// The members in the shape, as many and in such an order as wanted.
    fn find(&self, zset: &Zset) -> Vec<Found> {
        let Some(shape) = self.shape() else {
            return Vec::new();
        };
        let most = self.count.filter(|_| self.any).unwrap_or(usize::MAX);
        let mut found = members_within(zset, &shape, most);
        // The nearest ones are meant by a number alone.
        let sort = match (self.sort, self.count) {
            (None, Some(_)) if !self.any => Some(Sort::Ascending),
            (sort, _) => sort,
        };
        match sort {
            Some(Sort::Ascending) => found.sort_by(|a, b| a.distance.total_cmp(&b.distance)),
            Some(Sort::Descending) => found.sort_by(|a, b| b.distance.total_cmp(&a.distance)),
            None => {}
        }
        found.truncate(self.count.unwrap_or(usize::MAX));
        found
    }

    fn write(&self, out: &mut Reply<'_>, found: &[Found]) {
        let options = [self.with_distance, self.with_hash, self.with_point];
        let extra = options.iter().filter(|option| **option).count();
        out.array(found.len());
        for one in found {
            if extra > 0 {
                out.array(extra + 1);
            }
            out.bulk(&one.member);
            if self.with_distance {
                write_distance(out, one.distance / self.unit);
            }
            if self.with_hash {
                out.integer(one.score as i64);
            }
            if self.with_point {
                write_point(out, one.point);
            }
        }
    }
}

/// At most `most` members in a shape, cell by cell.
fn members_within(zset: &Zset, shape: &Shape, most: usize) -> Vec<Found> {
    let center = shape.center();
    let mut text = IntText::default();
    let mut found = Vec::new();
    for cell in shape.cells() {
        let (from, to) = cell.scores();
        let start = zset.partition_point(|score, _| score < from);
        let end = zset.partition_point(|score, _| score < to);
        for (score, member) in zset.range(start, end - start, false) {
            if found.len() >= most {
                return found;
            }
            let point = Point::of_score(score);
            if let Some(distance) = shape.reaches(center, point) {
                found.push(Found {
                    member: member.bytes(&mut text).to_vec(),
                    score,
                    point,
                    distance,
                });
            }
        }
    }
    found
}

fn search(
    tx: &mut Tx<'_>,
    args: Args<'_>,
    out: &mut Reply<'_>,
    form: Form,
    may_store: bool,
) -> CmdResult {
    let source = args.get(if form == Form::SearchStore { 2 } else { 1 });
    let zset = tx.view::<Zset>(source)?;
    let wanted = Wanted::parse(zset.as_deref(), args, form, may_store)?;
    let found = zset.map_or_else(Vec::new, |zset| wanted.find(&zset));
    let Some(target) = wanted.store_at else {
        wanted.write(out, &found);
        return Ok(());
    };
    let score = |one: &Found| match wanted.store_distances {
        true => one.distance / wanted.unit,
        false => one.score,
    };
    let scores: Vec<f64> = found.iter().map(score).collect();
    let members = found.into_iter().map(|one| one.member);
    let elements: Vec<(f64, Vec<u8>)> = scores.into_iter().zip(members).collect();
    let event = match form.is_search() {
        true => Event::GeoSearchStore,
        false => Event::GeoRadiusStore,
    };
    let before = tx.changed();
    let count = store(tx, target, &elements, event)?;
    if count > 0 {
        tx.recount(before, count as u64);
    }
    out.integer(count as i64);
    Ok(())
}

pub(super) fn georadius(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    search(tx, args, out, Form::Coordinates, true)
}

pub(super) fn georadius_ro(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    search(tx, args, out, Form::Coordinates, false)
}

pub(super) fn georadiusbymember(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    search(tx, args, out, Form::Member, true)
}

pub(super) fn georadiusbymember_ro(
    tx: &mut Tx<'_>,
    args: Args<'_>,
    out: &mut Reply<'_>,
) -> CmdResult {
    search(tx, args, out, Form::Member, false)
}

pub(super) fn geosearch(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    search(tx, args, out, Form::Search, false)
}

pub(super) fn geosearchstore(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    search(tx, args, out, Form::SearchStore, true)
}
