//! Members as points: GEOADD, GEOPOS, GEOHASH, GEODIST.

use esker_keyspace::{Tx, ZaddRule, Zset};
use esker_resp::Reply;

use super::cell::Point;
use super::shape::distance;
use crate::args::Args;
use crate::double::parse_double;
use crate::error::{CmdError, CmdResult};

/// Reads a longitude and a latitude that are on the map.
pub(super) fn parse_point(longitude: &[u8], latitude: &[u8]) -> Result<Point, CmdError> {
    let number = |text| parse_double(text).ok_or(CmdError::NotFloat);
    let point = Point {
        longitude: number(longitude)?,
        latitude: number(latitude)?,
    };
    if point.is_on_map() {
        return Ok(point);
    }
    Err(CmdError::text(format_args!(
        "invalid longitude,latitude pair {:.6},{:.6}",
        point.longitude, point.latitude
    )))
}

/// Meters in a unit of length.
pub(super) fn parse_unit(text: &[u8]) -> Result<f64, CmdError> {
    const UNITS: [(&str, f64); 4] = [("m", 1.0), ("km", 1000.0), ("ft", 0.3048), ("mi", 1609.34)];
    UNITS
        .iter()
        .find(|(name, _)| text.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, meters)| *meters)
        .ok_or(CmdError::line_of(
            "ERR unsupported unit provided. please use M, KM, FT, MI",
        ))
}

/// A distance is a bulk string with four decimals in both protocols.
pub(super) fn write_distance(out: &mut Reply<'_>, distance: f64) {
    let rounded = (distance * 10_000.0).round_ties_even() / 10_000.0;
    out.bulk(format!("{rounded:.4}"));
}

pub(super) fn write_point(out: &mut Reply<'_>, point: Point) {
    out.array(2);
    out.double(point.longitude);
    out.double(point.latitude);
}

pub(super) fn geoadd(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let mut options = args.cursor(2);
    let (mut rule, mut changed) = (ZaddRule::default(), false);
    loop {
        if options.word("NX") {
            rule.nx = true;
        } else if options.word("XX") {
            rule.xx = true;
        } else if options.word("CH") {
            changed = true;
        } else {
            break;
        }
    }
    let left = options.left();
    if left == 0 || !left.is_multiple_of(3) || rule.nx && rule.xx {
        return Err(CmdError::Syntax);
    }
    let mut pairs: Vec<(f64, &[u8])> = Vec::with_capacity(left / 3);
    while !options.is_done() {
        let point = parse_point(options.value()?, options.value()?)?;
        pairs.push((point.bits() as f64, options.value()?));
    }
    let added = tx.zset_add(args.get(1), &pairs, rule)?;
    let count = added.added + if changed { added.updated } else { 0 };
    out.integer(count as i64);
    Ok(())
}

fn point_of(zset: &Zset, member: &[u8]) -> Option<Point> {
    zset.score(member).map(Point::of_score)
}

pub(super) fn geopos(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let zset = tx.view::<Zset>(args.get(1))?;
    let members = args.rest(2);
    out.array(members.len());
    for member in members.iter() {
        match zset.as_ref().and_then(|zset| point_of(zset, member)) {
            Some(point) => write_point(out, point),
            None => out.null_array(),
        }
    }
    Ok(())
}

pub(super) fn geohash(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let zset = tx.view::<Zset>(args.get(1))?;
    let members = args.rest(2);
    out.array(members.len());
    for member in members.iter() {
        match zset.as_ref().and_then(|zset| point_of(zset, member)) {
            Some(point) => out.bulk(point.text()),
            None => out.null(),
        }
    }
    Ok(())
}

pub(super) fn geodist(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let meters = match args.len() {
        4 => 1.0,
        5 => parse_unit(args.get(4))?,
        _ => return Err(CmdError::Syntax),
    };
    let zset = tx.view::<Zset>(args.get(1))?;
    let points = zset.and_then(|zset| {
        let from = point_of(&zset, args.get(2))?;
        Some((from, point_of(&zset, args.get(3))?))
    });
    match points {
        Some((from, to)) => write_distance(out, distance(from, to) / meters),
        None => out.null(),
    }
    Ok(())
}
