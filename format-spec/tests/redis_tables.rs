//! The tables on Redis' formats in the specification, compared with the constants of the crate: every constant is in
//! its table, and nothing else is.

use std::collections::BTreeMap;
use std::path::Path;

use esker_format::redis::{intset, listpack, rdb, ziplist, zipmap};

/// The cells of the rows under `## heading` of a page, or of the whole page, that are not table heads.
fn rows(page: &str, heading: &str) -> Vec<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("redis")
        .join(page);
    let text = std::fs::read_to_string(path).expect("a page");
    let section = match heading {
        "" => text.as_str(),
        heading => {
            let (_, section) = text
                .split_once(&format!("## {heading}\n"))
                .expect("a heading");
            section.split("\n## ").next().expect("a section")
        }
    };
    let cells = |line: &str| -> Option<Vec<String>> {
        let line = line.strip_prefix('|')?.strip_suffix('|')?;
        Some(line.split('|').map(|cell| cell.trim().into()).collect())
    };
    section.lines().filter_map(cells).collect()
}

/// Compares a table of constants by name; `value` reads the value out of a row.
fn check(
    page: &str,
    heading: &str,
    constants: &[(&str, u64)],
    name: usize,
    value: fn(&[String]) -> Option<u64>,
) {
    let said: BTreeMap<String, u64> = rows(page, heading)
        .iter()
        .filter_map(|row| Some((row.get(name)?.clone(), value(row)?)))
        .collect();
    let meant: BTreeMap<String, u64> = constants
        .iter()
        .map(|(name, value)| (name.to_string(), *value))
        .collect();
    assert_eq!(said, meant, "{page}: {heading}");
}

/// An encoding byte such as `110xxxxx`: its fixed bits.
fn bits(row: &[String]) -> Option<u64> {
    let pattern = row.get(1)?.strip_prefix('`')?.strip_suffix('`')?;
    let fixed = |digit: char| if digit == '1' { '1' } else { '0' };
    let digits: String = pattern.chars().map(fixed).collect();
    (digits.len() == 8)
        .then(|| u64::from_str_radix(&digits, 2).ok())
        .flatten()
}

#[test]
fn types() {
    let constants = [
        ("STRING", rdb::TYPE_STRING),
        ("LIST", rdb::TYPE_LIST),
        ("SET", rdb::TYPE_SET),
        ("ZSET", rdb::TYPE_ZSET),
        ("HASH", rdb::TYPE_HASH),
        ("ZSET_2", rdb::TYPE_ZSET_2),
        ("HASH_ZIPMAP", rdb::TYPE_HASH_ZIPMAP),
        ("LIST_ZIPLIST", rdb::TYPE_LIST_ZIPLIST),
        ("SET_INTSET", rdb::TYPE_SET_INTSET),
        ("ZSET_ZIPLIST", rdb::TYPE_ZSET_ZIPLIST),
        ("HASH_ZIPLIST", rdb::TYPE_HASH_ZIPLIST),
        ("LIST_QUICKLIST", rdb::TYPE_LIST_QUICKLIST),
        ("STREAM", rdb::TYPE_STREAM),
        ("HASH_LISTPACK", rdb::TYPE_HASH_LISTPACK),
        ("ZSET_LISTPACK", rdb::TYPE_ZSET_LISTPACK),
        ("LIST_QUICKLIST_2", rdb::TYPE_LIST_QUICKLIST_2),
        ("STREAM_2", rdb::TYPE_STREAM_2),
        ("SET_LISTPACK", rdb::TYPE_SET_LISTPACK),
        ("STREAM_3", rdb::TYPE_STREAM_3),
        ("HASH_EXPIRING_PRE", rdb::TYPE_HASH_EXPIRING_PRE),
        ("HASH_EXPIRING_VALKEY", rdb::TYPE_HASH_EXPIRING_VALKEY),
        (
            "HASH_LISTPACK_EXPIRING_PRE",
            rdb::TYPE_HASH_LISTPACK_EXPIRING_PRE,
        ),
        ("HASH_EXPIRING", rdb::TYPE_HASH_EXPIRING),
        ("HASH_LISTPACK_EXPIRING", rdb::TYPE_HASH_LISTPACK_EXPIRING),
    ]
    .map(|(name, value)| (name, u64::from(value)));
    check("dump.md", "Types", &constants, 1, |row| {
        row.first()?.parse().ok()
    });
    let since = |name: &str| -> u16 {
        let rows = rows("dump.md", "Types");
        let row = rows.iter().find(|row| row[1] == name).expect("a type");
        row[3].parse().expect("a version")
    };
    assert_eq!(since("STREAM_3"), rdb::VERSION_STREAM_3);
    assert_eq!(since("HASH_EXPIRING"), rdb::VERSION_HASH_EXPIRING);
    assert_eq!(since("LIST_QUICKLIST_2"), rdb::RDB_VERSION);
    assert_eq!(since("HASH_EXPIRING_VALKEY"), rdb::RDB_VERSION_VALKEY);
}

#[test]
fn elements() {
    let constants = [
        ("UINT_7", listpack::UINT_7),
        ("STR_6", listpack::STR_6),
        ("INT_13", listpack::INT_13),
        ("STR_12", listpack::STR_12),
        ("STR_32", listpack::STR_32),
        ("INT_16", listpack::INT_16),
        ("INT_24", listpack::INT_24),
        ("INT_32", listpack::INT_32),
        ("INT_64", listpack::INT_64),
        ("END", listpack::END),
    ]
    .map(|(name, value)| (name, u64::from(value)));
    check("listpack.md", "Elements", &constants, 0, bits);
    let constants = [
        ("STR_6", ziplist::STR_6),
        ("STR_14", ziplist::STR_14),
        ("STR_32", ziplist::STR_32),
        ("INT_16", ziplist::INT_16),
        ("INT_32", ziplist::INT_32),
        ("INT_64", ziplist::INT_64),
        ("INT_24", ziplist::INT_24),
        ("INT_8", ziplist::INT_8),
        ("INT_0", ziplist::INT_0),
        ("INT_12", ziplist::INT_12),
        ("END", ziplist::END),
    ]
    .map(|(name, value)| (name, u64::from(value)));
    check("ziplist.md", "Elements", &constants, 0, bits);
    let constants = [
        ("END", zipmap::END),
        ("BIG_LENGTH", zipmap::BIG_LENGTH),
        ("COUNT_UNKNOWN", zipmap::COUNT_UNKNOWN),
    ]
    .map(|(name, value)| (name, u64::from(value)));
    check("zipmap.md", "", &constants, 0, bits);
}

/// Offsets of the fields of a header, and its size.
fn header(page: &str, size: usize) -> Vec<(String, usize)> {
    let mut end = 0;
    let mut fields = Vec::new();
    for row in rows(page, "Header") {
        let Ok(offset) = row[0].parse::<usize>() else {
            continue;
        };
        assert_eq!(offset, end, "{page}");
        end = offset + row[1].parse::<usize>().expect("a size");
        fields.push((row[3].clone(), offset));
    }
    assert_eq!(end, size, "{page}");
    fields
}

#[test]
fn headers() {
    let value = |bytes: &[u8], fields: &[(String, usize)], name: &str| -> u8 {
        let (_, offset) = fields.iter().find(|field| field.0 == name).expect(name);
        bytes[*offset]
    };
    let mut builder = listpack::Builder::new();
    builder.push(listpack::Item::Int(1));
    let bytes = builder.finish();
    let fields = header("listpack.md", listpack::HEADER_BYTES);
    assert_eq!(value(&bytes, &fields, "total"), 9);
    assert_eq!(value(&bytes, &fields, "count"), 1);
    let bytes = intset::build(&[1, 2, 70_000]);
    let fields = header("intset.md", intset::HEADER_BYTES);
    assert_eq!(value(&bytes, &fields, "width"), 4);
    assert_eq!(value(&bytes, &fields, "count"), 3);
    header("ziplist.md", ziplist::HEADER_BYTES);
}
