//! Small damages to a byte string, as told by an [`Input`]: what the targets do to valid files, and what the
//! deterministic runs do to the stored corpus.

use crate::input::Input;

/// Numbers at which lengths and counts go wrong.
const EDGES: &[u64] = &[
    0,
    1,
    7,
    8,
    63,
    64,
    127,
    128,
    255,
    256,
    4096,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff8,
    0xffff_ffff,
    0x1_0000_0000,
    i64::MAX as u64,
    1 << 63,
    u64::MAX - 7,
    u64::MAX,
];

/// Pieces of text that matter to the parsers of text.
const TOKENS: &[&[u8]] = &[
    b"0",
    b"-",
    b"+",
    b" ",
    b"\"",
    b"\r\n",
    b"*1\r\n",
    b"$0\r\n",
    b"*1\r\n$5\r\nMULTI\r\n",
    b"*1\r\n$4\r\nEXEC\r\n",
];

/// What no edit makes a byte string longer than.
const BYTES_MAX: usize = 64 << 10;

/// One edit.
pub fn edit(input: &mut Input<'_>, bytes: &mut Vec<u8>) {
    let at = input.below(bytes.len().max(1)).min(bytes.len());
    match input.below(11) {
        0 => flip(bytes, at, 1 << input.below(8)),
        1 => flip(bytes, at, input.byte()),
        2 => add(bytes, at, input.byte()),
        3 => overwrite(bytes, at, &input.pick(EDGES).to_le_bytes()[..4]),
        4 => overwrite(bytes, at, &input.pick(EDGES).to_le_bytes()),
        5 => {
            let end = (at + 1 + input.below(64)).min(bytes.len());
            bytes.drain(at.min(end)..end);
        }
        6 => {
            let (from, count) = (input.below(bytes.len().max(1)), 1 + input.below(64));
            let piece = bytes[from.min(bytes.len())..].iter().copied();
            let piece: Vec<u8> = piece.take(count).collect();
            insert(bytes, at, &piece);
        }
        7 => {
            let count = 1 + input.below(16);
            let piece = input.take(count).to_vec();
            insert(bytes, at, &piece);
        }
        8 => bytes.truncate(at),
        9 => {
            let token = *input.pick(TOKENS);
            insert(bytes, at, token);
        }
        _ => {
            let count = input.below(256);
            insert(bytes, bytes.len(), &vec![0; count]);
        }
    }
}

/// Between one and `max` edits.
pub fn edits(input: &mut Input<'_>, bytes: &mut Vec<u8>, max: usize) {
    for _ in 0..=input.below(max) {
        edit(input, bytes);
    }
}

/// Overwrites a part of `bytes` with one of `other`: both may come from the same kind of file.
pub fn splice(input: &mut Input<'_>, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = input.below(bytes.len() + 1);
    let from = input.below(other.len() + 1);
    let piece = &other[from..];
    let piece = &piece[..input.below(piece.len() + 1)];
    if input.one_in(2) {
        insert(bytes, at, piece);
    } else {
        overwrite(bytes, at, piece);
    }
}

fn flip(bytes: &mut [u8], at: usize, mask: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= mask;
    }
}

fn add(bytes: &mut [u8], at: usize, more: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = byte.wrapping_add(more);
    }
}

fn overwrite(bytes: &mut [u8], at: usize, with: &[u8]) {
    for (byte, &new) in bytes.iter_mut().skip(at).zip(with) {
        *byte = new;
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    let piece = &piece[..piece.len().min(BYTES_MAX.saturating_sub(bytes.len()))];
    bytes.splice(at..at, piece.iter().copied());
}
