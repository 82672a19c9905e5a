//! The manifest: what decodes encodes to something that decodes to the same, and either copy is enough.

use esker_format::native::manifest::{Manifest, TIMELINE_BYTES};

use crate::input::Input;
use crate::seal;

pub fn manifest(data: &[u8]) {
    let mut input = Input::new(data);
    let spoiled = input.u32() as usize;
    let file = input.rest();
    check(file, spoiled);
    let mut sealed = file.to_vec();
    seal::manifest(&mut sealed);
    check(&sealed, spoiled);
    // The first half alone, as one record that is as long as the bytes.
    let mut record = file[..file.len() / 2].to_vec();
    if let (Some(length), Ok(bytes)) = (
        record.get_mut(12..16),
        u32::try_from(file.len() / 2).map(u32::to_le_bytes),
    ) {
        length.copy_from_slice(&bytes);
    }
    seal::record(&mut record);
    if let Ok(manifest) = Manifest::decode_record(&record) {
        same_again(&manifest, record.len(), spoiled);
    }
}

fn check(file: &[u8], spoiled: usize) {
    if let Ok(decoded) = Manifest::decode(file) {
        let half = (file.len() / 2) as u64;
        assert!(
            decoded.damaged.is_none_or(|at| at == 0 || at == half),
            "a copy starts elsewhere"
        );
        same_again(&decoded.manifest, file.len(), spoiled);
    }
}

fn same_again(manifest: &Manifest, bytes: usize, spoiled: usize) {
    // Lists cannot be longer than the bytes that they were read from.
    assert!(manifest.timelines.len() * TIMELINE_BYTES <= bytes);
    let mut file = manifest.encode();
    let decoded = Manifest::decode(&file).expect("our own manifest");
    assert_eq!((&decoded.manifest, decoded.damaged), (manifest, None));

    let record = manifest.encode_record().len();
    let half = file.len() / 2;
    let copy = if spoiled & 1 == 0 { 0 } else { half };
    file[copy + (spoiled >> 4) % record] ^= 1 << ((spoiled >> 1) & 7);
    let decoded = Manifest::decode(&file).expect("one copy is enough");
    assert_eq!(&decoded.manifest, manifest);
    assert_eq!(decoded.damaged, Some(copy as u64));
}
