//! Frames of the log: a header that decodes encodes to the same bytes, is valid in one place only, and no damage of
//! a few bits goes unnoticed.

use esker_format::DatasetId;
use esker_format::crc::Seed;
use esker_format::cursor::Fault;
use esker_format::native::frame::{FrameHeader, HEADER_BYTES, MAGIC};

use crate::input::Input;
use crate::seal;

const DATASET: DatasetId = DatasetId(*b"esker golden set");
/// The places at which the golden frame and its relatives stand.
const OFFSETS: &[u64] = &[128, 136, 4096, 0, u64::MAX];

pub fn frame(data: &[u8]) {
    let mut input = Input::new(data);
    let seed = Seed::segment(DATASET, 1 + input.below(4) as u64);
    let offset = *input.pick(OFFSETS);
    let bit = input.u32() as usize;
    let bytes = input.rest();
    // As it is: only the seeds of the corpus get through the checksum.
    check(bytes, seed, offset, bit);
    let mut sealed = bytes.to_vec();
    if let Some(magic) = sealed.first_chunk_mut() {
        *magic = MAGIC;
    }
    seal_at(&mut sealed, seed, offset);
    check(&sealed, seed, offset, bit);
}

/// Gives the frame at the start of `bytes` the checksums that it needs at `offset`.
fn seal_at(bytes: &mut [u8], seed: Seed, offset: u64) {
    let previous = bytes.get(64..).and_then(|field| field.first_chunk());
    let previous = previous.map_or(0, |field| u32::from_le_bytes(*field));
    seal::frame(bytes, 0, seed, previous);
    if let Some(header) = bytes.get_mut(..HEADER_BYTES) {
        let crc = seed.sum_at(&header[..HEADER_BYTES - 4], offset);
        header[HEADER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
    }
}

fn check(bytes: &[u8], seed: Seed, offset: u64, bit: usize) {
    let Ok((header, crc)) = FrameHeader::decode(bytes, seed, offset) else {
        return;
    };
    let (again, again_crc) = header.header_bytes(seed, offset);
    assert_eq!((&again[..], again_crc), (&bytes[..HEADER_BYTES], crc));
    assert!(header.end_lsn() >= header.first_lsn);
    for elsewhere in [offset ^ 8, offset ^ 1 << 20] {
        let fault = FrameHeader::decode(bytes, seed, elsewhere).expect_err("another place");
        assert_eq!(fault, Fault::BadCrc("frame header"));
    }
    let recycled = Seed::segment(DATASET, 5);
    let fault = FrameHeader::decode(bytes, recycled, offset).expect_err("another segment");
    assert_eq!(fault, Fault::BadCrc("frame header"));
    let damaged = flipped(&bytes[..HEADER_BYTES], bit);
    assert!(FrameHeader::decode(&damaged, seed, offset).is_err());
    check_payload(&header, bytes, seed, offset, bit);
}

fn check_payload(header: &FrameHeader, bytes: &[u8], seed: Seed, offset: u64, bit: usize) {
    let Ok(payload) = header.payload(bytes, seed) else {
        return;
    };
    let mut again = Vec::new();
    header.encode(seed, offset, payload, &mut again);
    assert_eq!(again, bytes[..header.frame_bytes()]);
    if !payload.is_empty() {
        let mut damaged = again[..HEADER_BYTES].to_vec();
        damaged.extend(flipped(&again[HEADER_BYTES..], bit));
        assert!(header.payload(&damaged, seed).is_err(), "a bit was flipped");
    }
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut damaged = bytes.to_vec();
    let bit = bit % (8 * damaged.len());
    damaged[bit / 8] ^= 1 << (bit % 8);
    damaged
}
