//! Snapshots: opened as they are and with their checksums put right, read block by block, and loaded.

use esker_format::cursor::Cursor;
use esker_format::native::audit::check_block;
use esker_format::native::entry::{Entries, Entry};
use esker_format::native::snapshot::{
    BlockKind, BlockRef, HEADER_BYTES, SnapshotHeader, SnapshotIndex,
};
use esker_keyspace::hash::hash_key;
use esker_keyspace::loader::decode_block;
use esker_keyspace::{Keyspace, Options};

use crate::input::Input;
use crate::seal;

/// A block may say that it expands to 65536 times its stored bytes, and its reader allocates that much.
const FILE_BYTES_MAX: usize = 16 << 10;
const DATABASES: u32 = 16;

pub fn snapshot(data: &[u8]) {
    let mut input = Input::new(data);
    let copies = !input.one_in(4);
    let file = input.take(FILE_BYTES_MAX);
    check(file);
    let mut sealed = file.to_vec();
    seal::snapshot(&mut sealed, copies);
    check(&sealed);
    entries(file);
}

fn check(file: &[u8]) {
    if let Ok(header) = SnapshotHeader::decode(file) {
        let mut again = Vec::new();
        header.encode(&mut again);
        assert_eq!(again.len(), HEADER_BYTES);
        assert_eq!(SnapshotHeader::decode(&again), Ok(header));
    }
    let Ok(index) = SnapshotIndex::open(file) else {
        return;
    };
    // An open snapshot accounts for every byte of its file.
    assert!(index.blocks.len() * 64 <= file.len());
    let totals = |field: fn(&BlockRef) -> u64| {
        let blocks = index.blocks.iter();
        let with_keys = blocks.filter(|block| holds_keys(block));
        with_keys.map(field).sum::<u64>()
    };
    assert_eq!(totals(|block| block.header.keys()), index.footer.keys);
    assert_eq!(
        totals(|block| u64::from(block.header.expires)),
        index.footer.expires
    );
    load(file, &index);
}

fn holds_keys(block: &BlockRef) -> bool {
    matches!(block.header.kind, BlockKind::Main | BlockKind::Side)
}

/// As recovery does: decodes every block and inserts it. What the checker calls sound decodes and loads.
fn load(file: &[u8], index: &SnapshotIndex) {
    let mut keyspace = Keyspace::new(Options {
        databases: DATABASES,
        ..Options::with_seed(index.header.hash_seed)
    });
    let mut all_loaded = true;
    for block in index.blocks.iter().filter(|block| holds_keys(block)) {
        let sound = check_block(index, file, block, Some(hash_key));
        let Ok(raw) = index.block(file, block) else {
            assert!(sound.is_err(), "a block that is sound can be read");
            all_loaded = false;
            continue;
        };
        entries(&raw);
        let expected = block.header.entries as usize;
        let decoded = match decode_block(&raw, keyspace.limits(), expected) {
            Ok(decoded) => decoded,
            Err(_) => {
                all_loaded = false;
                continue;
            }
        };
        assert_eq!(decoded.len(), expected);
        let range = block.header.hash_first..=block.header.hash_last;
        if sound.is_ok() {
            assert!(decoded.entries().all(|(hash, _)| range.contains(&hash)));
        }
        if keyspace.insert_block(block.header.db, decoded).is_err() {
            return;
        }
    }
    all_loaded &= keyspace.end_loading().is_empty();
    let keys: usize = (0..DATABASES).map(|db| keyspace.len(db)).sum();
    assert!(!all_loaded || keys as u64 == index.footer.keys);
    assert!(keyspace.digest() != 0 || keys == 0);
}

/// Entries that decode encode to entries that decode to the same.
fn entries(raw: &[u8]) {
    for entry in Entries::new(raw).map_while(Result::ok) {
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        let mut cursor = Cursor::new(&bytes);
        assert_eq!(Entry::decode(&mut cursor), Ok(entry));
        assert!(cursor.is_empty());
    }
}
