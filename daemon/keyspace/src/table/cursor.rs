//! The scan cursor: a 48-bit hash prefix behind a keyed bijection.
//!
//! The prefix itself would tell a client about the hash of keys, and so how to make them collide. A Feistel network
//! of four rounds over two halves of 24 bits hides it. Position 0 is the start and never handed out, so the one
//! position that the network maps to 0 takes the image of position 0 instead (cycle walking): cursor 0 then means
//! only start and end.

const HALF_BITS: u32 = 24;
const HALF_MASK: u64 = (1 << HALF_BITS) - 1;
pub(super) const POSITION_MASK: u64 = (1 << 48) - 1;

fn round_key(seed: u64, round: u64) -> u64 {
    mix(seed ^ (round + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The finaliser of splitmix64.
pub(super) fn mix(mut word: u64) -> u64 {
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

fn permute(seed: u64, position: u64) -> u64 {
    let (mut left, mut right) = (position >> HALF_BITS, position & HALF_MASK);
    for round in 0..4 {
        (left, right) = (
            right,
            left ^ mix(right ^ round_key(seed, round)) & HALF_MASK,
        );
    }
    left << HALF_BITS | right
}

fn permute_back(seed: u64, cursor: u64) -> u64 {
    let (mut left, mut right) = (cursor >> HALF_BITS, cursor & HALF_MASK);
    for round in (0..4).rev() {
        (left, right) = (right ^ mix(left ^ round_key(seed, round)) & HALF_MASK, left);
    }
    left << HALF_BITS | right
}

/// The cursor of a position. Position 0 is the end, cursor 0.
pub(super) fn encode(seed: u64, position: u64) -> u64 {
    if position == 0 {
        return 0;
    }
    match permute(seed, position) {
        0 => permute(seed, 0),
        cursor => cursor,
    }
}

/// The position of a cursor; any number is taken, since clients may send any.
pub(super) fn decode(seed: u64, cursor: u64) -> u64 {
    let cursor = cursor & POSITION_MASK;
    if cursor == 0 {
        return 0;
    }
    match permute_back(seed, cursor) {
        0 => permute_back(seed, 0),
        position => position,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_inverts_encode() {
        for seed in [0, 1, 0xdead_beef_0123_4567] {
            for step in 0..20_000_u64 {
                let position = mix(step) & POSITION_MASK;
                let cursor = encode(seed, position);
                assert_eq!(decode(seed, cursor), position);
                assert_eq!(cursor == 0, position == 0);
            }
        }
    }

    #[test]
    fn the_position_behind_zero_walks_on() {
        for seed in 0..50 {
            let hidden = permute_back(seed, 0);
            let cursor = encode(seed, hidden);
            assert!(cursor != 0 || hidden == 0);
            assert_eq!(decode(seed, cursor), hidden);
        }
    }
}
