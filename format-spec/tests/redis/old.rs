//! Payloads as Redis wrote them before version 7: built here, since no server that is around writes them.

use esker_format::redis::rdb::{self, put_length, put_string};

/// A payload of that type.
pub fn payload(kind: u8, fill: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = vec![kind];
    fill(&mut out);
    rdb::put_footer(&mut out);
    out
}

fn ziplist_element(value: &[u8]) -> Vec<u8> {
    let int = std::str::from_utf8(value)
        .ok()
        .and_then(|text| text.parse::<i64>().ok())
        .filter(|int| int.to_string().as_bytes() == value);
    let Some(int) = int else {
        let length = value.len();
        let mut out = match length {
            0..64 => vec![length as u8],
            64..16_384 => vec![0x40 | (length >> 8) as u8, length as u8],
            _ => {
                let [a, b, c, d, ..] = length.to_le_bytes();
                vec![0x80, d, c, b, a]
            }
        };
        out.extend_from_slice(value);
        return out;
    };
    let bytes = int.to_le_bytes();
    let (head, size) = match int {
        0..13 => (0xf1 + int as u8, 0),
        -128..128 => (0xfe, 1),
        -32_768..32_768 => (0xc0, 2),
        -8_388_608..8_388_608 => (0xf0, 3),
        -2_147_483_648..2_147_483_648 => (0xd0, 4),
        _ => (0xe0, 8),
    };
    [&[head], &bytes[..size]].concat()
}

/// A ziplist of these strings.
pub fn ziplist(values: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0; 10];
    let (mut last, mut size) = (10, 0usize);
    for value in values {
        last = bytes.len();
        if size < 254 {
            bytes.push(size as u8);
        } else {
            bytes.push(254);
            bytes.extend_from_slice(&(size as u32).to_le_bytes());
        }
        bytes.extend_from_slice(&ziplist_element(value));
        size = bytes.len() - last;
    }
    bytes.push(255);
    let total = bytes.len() as u32;
    bytes[..4].copy_from_slice(&total.to_le_bytes());
    bytes[4..8].copy_from_slice(&(last as u32).to_le_bytes());
    bytes[8..10].copy_from_slice(&(values.len() as u16).to_le_bytes());
    bytes
}

/// A zipmap of fields and values that follow each other.
pub fn zipmap(values: &[Vec<u8>]) -> Vec<u8> {
    let length = |out: &mut Vec<u8>, value: &[u8]| match value.len() {
        length @ 0..254 => out.push(length as u8),
        length => {
            out.push(254);
            out.extend_from_slice(&(length as u32).to_le_bytes());
        }
    };
    let mut out = vec![(values.len() / 2).min(254) as u8];
    for pair in values.chunks_exact(2) {
        length(&mut out, &pair[0]);
        out.extend_from_slice(&pair[0]);
        length(&mut out, &pair[1]);
        out.push(3);
        out.extend_from_slice(&pair[1]);
        out.extend_from_slice(b"...");
    }
    out.push(255);
    out
}

/// The old forms of a list of these strings; of a set or hash of them if they differ; of a sorted set.
pub fn forms(values: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let count = values.len() as u64;
    let (head, tail) = values.split_at(values.len() / 2);
    let even = &values[..values.len() / 2 * 2];
    let scored: Vec<Vec<u8>> = (0..)
        .zip(values)
        .flat_map(|(score, value)| [value.clone(), format!("{score}").into_bytes()])
        .collect();
    let mut forms = vec![
        payload(1, |out| {
            put_length(out, count);
            values.iter().for_each(|value| put_string(out, value));
        }),
        payload(3, |out| {
            put_length(out, count + 2);
            for (score, value) in values.iter().enumerate() {
                put_string(out, value);
                let text = format!("{}", score as f64 * 0.1);
                out.push(text.len() as u8);
                out.extend_from_slice(text.as_bytes());
            }
            put_string(out, b"most");
            out.push(254);
            put_string(out, b"least");
            out.push(255);
        }),
        payload(9, |out| put_string(out, &zipmap(even))),
        payload(10, |out| put_string(out, &ziplist(values))),
        payload(12, |out| put_string(out, &ziplist(&scored))),
        payload(13, |out| put_string(out, &ziplist(even))),
    ];
    if !head.is_empty() {
        forms.push(payload(14, |out| {
            put_length(out, 2);
            put_string(out, &ziplist(head));
            put_string(out, &ziplist(tail));
        }));
    }
    forms
}
