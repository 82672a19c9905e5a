//! Members with a place on the earth, kept as the scores of a sorted set: the rows; the handlers are in the files
//! beside this one.

mod cell;
mod point;
mod search;
mod shape;

use crate::Row;
use crate::arg::{Arg, block, double, integer, key, one_of, string, word};
use crate::command::{at_least, in_group};
use crate::flags::Group;
use crate::keyspec::*;

use point::{geoadd, geodist, geohash, geopos};
use search::{
    georadius, georadius_ro, georadiusbymember, georadiusbymember_ro, geosearch, geosearchstore,
};

const RO_ACCESS: KeyFlags = KeyFlags::RO.with(KeyFlags::ACCESS);
const OW_UPDATE: KeyFlags = KeyFlags::OW.with(KeyFlags::UPDATE);
const ONE: Find = Find::Range {
    last: 0,
    step: 1,
    limit: 0,
};

const fn stored_from(from: i16) -> [KeySpec; 3] {
    [
        KeySpec::at(1, RO_ACCESS),
        KeySpec::keyword("STORE", from, ONE, OW_UPDATE),
        KeySpec::keyword("STOREDIST", from, ONE, OW_UPDATE),
    ]
}

const UNIT: Arg = one_of(
    "unit",
    &[
        word("m", "M"),
        word("km", "KM"),
        word("ft", "FT"),
        word("mi", "MI"),
    ],
);
const MEMBERS: Arg = string("member").optional().many();
const WITHCOORD: Arg = word("withcoord", "WITHCOORD").optional();
const WITHDIST: Arg = word("withdist", "WITHDIST").optional();
const WITHHASH: Arg = word("withhash", "WITHHASH").optional();
const COUNT: Arg = block(
    "count-block",
    &[
        integer("count").token("COUNT"),
        word("any", "ANY").optional(),
    ],
)
.optional();
const COUNT_SINCE: Arg = block(
    "count-block",
    &[
        integer("count").token("COUNT"),
        word("any", "ANY").since("6.2.0").optional(),
    ],
)
.optional();
const ORDER: Arg = one_of("order", &[word("asc", "ASC"), word("desc", "DESC")]).optional();
const STORE: Arg = one_of(
    "store",
    &[
        key("storekey").token("STORE").spec(1).display("key"),
        key("storedistkey")
            .token("STOREDIST")
            .spec(2)
            .display("key"),
    ],
)
.optional();
const FROM: Arg = one_of(
    "from",
    &[
        string("member").token("FROMMEMBER"),
        block("fromlonlat", &[double("longitude"), double("latitude")]).token("FROMLONLAT"),
    ],
);
const BY: Arg = one_of(
    "by",
    &[
        block("circle", &[double("radius").token("BYRADIUS"), UNIT]),
        block(
            "box",
            &[double("width").token("BYBOX"), double("height"), UNIT],
        ),
        block(
            "polygon",
            &[
                integer("num-vertices").token("BYPOLYGON"),
                block("vertices", &[double("longitude"), double("latitude")]).many(),
            ],
        )
        .since("9.0.0"),
    ],
);

const SEARCHED: &str =
    "O(N + log M) where N is the number of members in the cells around the shape and M that of all";
const UNITS_GREW: (&str, &str) = ("7.0.0", "Takes units in upper case.");
const COUNT_GREW: (&str, &str) = ("6.2.0", "Knows `ANY` behind `COUNT`.");
const SEARCH: &str = "`GEOSEARCH` with the `BYRADIUS` argument";
const SEARCH_MEMBER: &str = "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments";
const STORED: &str = "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument";
const STORED_MEMBER: &str =
    "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments";

pub const COMMANDS: &[Row] = &in_group(
    Group::Geo,
    [
        Row::write("GEOADD", at_least(5), geoadd)
            .deny_oom()
            .keys(KEY1_RW_UPDATE)
            .args(&[
                key("key"),
                one_of("condition", &[word("nx", "NX"), word("xx", "XX")])
                    .since("6.2.0")
                    .optional(),
                word("change", "CH").since("6.2.0").optional(),
                block(
                    "data",
                    &[double("longitude"), double("latitude"), string("member")],
                )
                .many(),
            ])
            .doc(
                "3.2.0",
                "O(log N) for each member where N is the number of members",
                "Adds members with their places.",
            )
            .history(&[("6.2.0", "Knows `CH`, `NX` and `XX`.")]),
        Row::read("GEODIST", at_least(4), geodist)
            .keys(KEY1_RO_ACCESS)
            .args(&[
                key("key"),
                string("member1"),
                string("member2"),
                UNIT.optional(),
            ])
            .doc(
                "3.2.0",
                "O(1)",
                "Tells how far two members are from each other.",
            ),
        Row::read("GEOHASH", at_least(2), geohash)
            .keys(KEY1_RO_ACCESS)
            .args(&[key("key"), MEMBERS])
            .doc(
                "3.2.0",
                "O(1) for each member",
                "Reads the places of members as geohash texts.",
            ),
        Row::read("GEOPOS", at_least(2), geopos)
            .keys(KEY1_RO_ACCESS)
            .args(&[key("key"), MEMBERS])
            .doc(
                "3.2.0",
                "O(1) for each member",
                "Reads the longitudes and latitudes of members.",
            ),
        Row::write("GEORADIUS", at_least(6), georadius)
            .deny_oom()
            .keys(&stored_from(6))
            .args(&[
                key("key"),
                double("longitude"),
                double("latitude"),
                double("radius"),
                UNIT,
                WITHCOORD,
                WITHDIST,
                WITHHASH,
                COUNT_SINCE,
                ORDER,
                STORE,
            ])
            .doc(
                "3.2.0",
                SEARCHED,
                "Finds the members within a distance from a place, and may store them.",
            )
            .deprecated("6.2.0", STORED)
            .history(&[COUNT_GREW, UNITS_GREW]),
        Row::write("GEORADIUSBYMEMBER", at_least(5), georadiusbymember)
            .deny_oom()
            .keys(&stored_from(5))
            .args(&[
                key("key"),
                string("member"),
                double("radius"),
                UNIT,
                WITHCOORD,
                WITHDIST,
                WITHHASH,
                COUNT,
                ORDER,
                STORE,
            ])
            .doc(
                "3.2.0",
                SEARCHED,
                "Finds the members within a distance from a member, and may store them.",
            )
            .deprecated("6.2.0", STORED_MEMBER)
            .history(&[COUNT_GREW, UNITS_GREW]),
        Row::read("GEORADIUSBYMEMBER_RO", at_least(5), georadiusbymember_ro)
            .keys(KEY1_RO_ACCESS)
            .args(&[
                key("key"),
                string("member"),
                double("radius"),
                UNIT,
                WITHCOORD,
                WITHDIST,
                WITHHASH,
                COUNT,
                ORDER,
            ])
            .doc(
                "3.2.10",
                SEARCHED,
                "Finds the members within a distance from a member.",
            )
            .deprecated("6.2.0", SEARCH_MEMBER)
            .history(&[COUNT_GREW, UNITS_GREW]),
        Row::read("GEORADIUS_RO", at_least(6), georadius_ro)
            .keys(KEY1_RO_ACCESS)
            .args(&[
                key("key"),
                double("longitude"),
                double("latitude"),
                double("radius"),
                UNIT,
                WITHCOORD,
                WITHDIST,
                WITHHASH,
                COUNT_SINCE,
                ORDER,
            ])
            .doc(
                "3.2.10",
                SEARCHED,
                "Finds the members within a distance from a place.",
            )
            .deprecated("6.2.0", SEARCH)
            .history(&[COUNT_GREW, UNITS_GREW]),
        Row::read("GEOSEARCH", at_least(7), geosearch)
            .keys(KEY1_RO_ACCESS)
            .args(&[
                key("key"),
                FROM,
                BY,
                ORDER,
                COUNT,
                WITHCOORD,
                WITHDIST,
                WITHHASH,
            ])
            .doc(
                "6.2.0",
                SEARCHED,
                "Finds the members in a circle, a box or a polygon.",
            )
            .history(&[UNITS_GREW, ("9.0.0", "Knows `BYPOLYGON`.")]),
        Row::write("GEOSEARCHSTORE", at_least(8), geosearchstore)
            .deny_oom()
            .keys(&[KeySpec::at(1, OW_UPDATE), KeySpec::at(2, RO_ACCESS)])
            .args(&[
                key("destination"),
                key("source").spec(1),
                FROM,
                BY,
                ORDER,
                COUNT,
                word("storedist", "STOREDIST").optional(),
            ])
            .doc(
                "6.2.0",
                SEARCHED,
                "Stores the members in a circle, a box or a polygon.",
            )
            .history(&[UNITS_GREW, ("9.0.0", "Knows `BYPOLYGON`.")]),
    ],
);

#[cfg(test)]
mod tests;
