//! The CRC-64 of Redis' files and DUMP payloads: the Jones polynomial, bits reflected, start and final
//! value 0.

/// The polynomial 0xad93d23594c935a9 with its bits reversed.
const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

/// `TABLES[k][b]`: what byte `b` does to the sum when `k` more bytes follow in the same step of eight.
static TABLES: [[u64; 256]; 8] = tables();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time, where a wrong index is an error"
)]
const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0u64; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 {
                (sum >> 1) ^ POLYNOMIAL
            } else {
                sum >> 1
            };
            bit += 1;
        }
        tables[0][byte] = sum;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = (before >> 8) ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

/// The checksum of `bytes`, continued from `crc` (0 at the start).
pub fn crc64(crc: u64, bytes: &[u8]) -> u64 {
    let mut sum = crc;
    let (steps, rest) = bytes.as_chunks::<8>();
    for step in steps {
        let word = (sum ^ u64::from_le_bytes(*step)).to_le_bytes();
        sum = 0;
        for (table, byte) in TABLES.iter().rev().zip(word) {
            sum ^= entry(table, byte);
        }
    }
    let [table, ..] = &TABLES;
    for byte in rest {
        sum = entry(table, sum as u8 ^ byte) ^ (sum >> 8);
    }
    sum
}

#[inline]
#[expect(clippy::indexing_slicing, reason = "a byte indexes a table of 256")]
fn entry(table: &[u64; 256], byte: u8) -> u64 {
    table[usize::from(byte)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_value_of_the_catalogue() {
        assert_eq!(crc64(0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    }

    #[test]
    fn continues_at_any_split() {
        let bytes: Vec<u8> = (0..100u8).collect();
        let whole = crc64(0, &bytes);
        for split in 0..bytes.len() {
            assert_eq!(crc64(crc64(0, &bytes[..split]), &bytes[split..]), whole);
        }
    }
}
