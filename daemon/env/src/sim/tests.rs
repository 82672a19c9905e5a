//! The simulated disk is itself a program under test: a wrong one would acquit a wrong store.

use std::collections::BTreeSet;
use std::io::ErrorKind;

use super::{Faults, PowerCut, SimDisk};
use crate::{Extents, FileOps, Files, SyncOp};

fn contents(disk: &SimDisk, name: &str) -> Option<Vec<u8>> {
    disk.open(name)
        .unwrap()
        .map(|file| file.read_all().unwrap())
}

/// A disk with one durable file.
fn disk_with(name: &str, bytes: &[u8]) -> SimDisk {
    let disk = SimDisk::new(1);
    let file = disk.create(name).unwrap();
    file.write_at(0, bytes).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir().unwrap();
    disk
}

#[test]
fn unsynced_state_is_lost_when_a_cut_loses_all() {
    let disk = disk_with("a", b"old");
    let file = disk.open("a").unwrap().unwrap();
    file.write_at(0, b"newer").unwrap();
    disk.create("b").unwrap();
    assert_eq!(contents(&disk, "a").unwrap(), b"newer");
    let disk = disk.restart_after(PowerCut::LoseAll);
    assert_eq!(contents(&disk, "a").unwrap(), b"old");
    assert_eq!(disk.list().unwrap(), ["a"]);
}

#[test]
fn unsynced_state_is_kept_when_a_cut_keeps_all() {
    let disk = disk_with("a", b"old");
    disk.open("a")
        .unwrap()
        .unwrap()
        .write_at(0, b"newer")
        .unwrap();
    disk.rename("a", "b").unwrap();
    let disk = disk
        .restart_after(PowerCut::KeepAll)
        .restart_after(PowerCut::LoseAll);
    assert_eq!(contents(&disk, "b").unwrap(), b"newer");
    assert_eq!(disk.list().unwrap(), ["b"]);
}

#[test]
fn a_process_death_keeps_the_cache_and_makes_nothing_durable() {
    let disk = disk_with("a", b"old");
    disk.open("a")
        .unwrap()
        .unwrap()
        .write_at(0, b"new")
        .unwrap();
    disk.create("b").unwrap();
    let disk = disk.restart_process();
    assert_eq!(contents(&disk, "a").unwrap(), b"new");
    assert_eq!(disk.list().unwrap(), ["a", "b"]);
    let disk = disk.restart_after(PowerCut::LoseAll);
    assert_eq!(contents(&disk, "a").unwrap(), b"old");
    assert_eq!(disk.list().unwrap(), ["a"]);
}

#[test]
fn a_synced_file_without_a_synced_name_is_gone() {
    let disk = SimDisk::new(1);
    let file = disk.create("a").unwrap();
    file.write_at(0, b"x").unwrap();
    file.sync_data().unwrap();
    let disk = disk.restart_after(PowerCut::LoseAll);
    assert!(disk.open("a").unwrap().is_none());
}

#[test]
fn a_synced_name_without_synced_data_is_an_empty_file() {
    let disk = SimDisk::new(1);
    disk.create("a").unwrap().write_at(0, b"x").unwrap();
    disk.sync_dir().unwrap();
    let disk = disk.restart_after(PowerCut::LoseAll);
    assert_eq!(contents(&disk, "a").unwrap(), b"");
}

#[test]
fn a_rename_moves_the_inode_and_not_whatever_has_the_name() {
    // The unlink of the stale file and the link of the new one are lost, the rename of the new one survives.
    let disk = disk_with("tmp", b"stale");
    disk.remove("tmp").unwrap();
    let fresh = disk.create("tmp").unwrap();
    fresh.write_at(0, b"fresh").unwrap();
    fresh.sync_data().unwrap();
    disk.rename("tmp", "target").unwrap();
    let mut names = [false, false, true].into_iter();
    let disk = disk.restart_keeping(|| names.next().unwrap());
    assert_eq!(contents(&disk, "target").unwrap(), b"fresh");
    assert_eq!(contents(&disk, "tmp").unwrap(), b"stale");
}

#[test]
fn a_rename_may_survive_without_the_data_of_its_file() {
    let disk = disk_with("target", b"old");
    disk.create("tmp").unwrap().write_at(0, b"new").unwrap();
    disk.rename("tmp", "target").unwrap();
    disk.sync_dir().unwrap();
    let disk = disk.restart_after(PowerCut::LoseAll);
    assert_eq!(contents(&disk, "target").unwrap(), b"");
}

#[test]
fn a_sync_covers_what_was_written_before_it_began() {
    let mut seen = BTreeSet::new();
    for seed in 0..50 {
        let disk = SimDisk::new(seed);
        let file = disk.create("a").unwrap();
        disk.sync_dir().unwrap();
        file.write_at(0, b"1").unwrap();
        let sync = file.begin_sync();
        file.write_at(1, b"2").unwrap();
        sync.finish().unwrap();
        let disk = disk.restart_after(PowerCut::LoseAll);
        seen.insert(contents(&disk, "a").unwrap());
    }
    assert_eq!(seen, BTreeSet::from([b"1".to_vec(), b"12".to_vec()]));
}

#[test]
fn a_sync_that_was_never_finished_promises_nothing() {
    let disk = disk_with("a", b"old");
    let file = disk.open("a").unwrap().unwrap();
    file.write_at(0, b"new").unwrap();
    drop(file.begin_sync());
    assert_eq!(
        contents(&disk.restart_after(PowerCut::LoseAll), "a").unwrap(),
        b"old"
    );
}

#[test]
fn a_sync_of_one_file_says_nothing_of_another() {
    let disk = disk_with("a", b"old");
    let other = disk.create("b").unwrap();
    disk.open("a")
        .unwrap()
        .unwrap()
        .write_at(0, b"new")
        .unwrap();
    other.sync_data().unwrap();
    assert_eq!(
        contents(&disk.restart_after(PowerCut::LoseAll), "a").unwrap(),
        b"old"
    );
}

#[test]
fn after_a_failed_sync_a_good_one_does_not_bring_the_pages_back() {
    let mut lost = 0;
    for seed in 0..50 {
        let disk = SimDisk::new(seed);
        let file = disk.create("a").unwrap();
        file.write_at(0, b"old").unwrap();
        file.sync_data().unwrap();
        disk.sync_dir().unwrap();
        file.write_at(0, b"new").unwrap();
        disk.set_faults(Faults {
            sync_error: 1_000_000,
            ..Faults::default()
        });
        assert!(file.sync_data().is_err());
        disk.set_faults(Faults::default());
        file.sync_data().unwrap();
        assert_eq!(
            file.read_all().unwrap(),
            b"new",
            "the cache still shows what is lost"
        );
        let disk = disk.restart_after(PowerCut::KeepAll);
        lost += usize::from(contents(&disk, "a").unwrap() != b"new");
    }
    assert!(lost > 5, "{lost}");
}

#[test]
fn a_cut_tears_inside_sectors_and_never_touches_neighbouring_bytes() {
    let (mut whole, mut none, mut torn, mut inside) = (0, 0, 0, 0);
    for seed in 0..400 {
        let disk = SimDisk::new(seed);
        let file = disk.create("a").unwrap();
        file.write_at(0, &[1; 4096]).unwrap();
        file.sync_data().unwrap();
        disk.sync_dir().unwrap();
        file.write_at(100, &[2; 2000]).unwrap();
        let disk = disk.restart_after(PowerCut::KeepSome);
        let bytes = contents(&disk, "a").unwrap();
        assert_eq!(bytes.len(), 4096);
        assert!(
            bytes[..100]
                .iter()
                .chain(&bytes[2100..])
                .all(|byte| *byte == 1)
        );
        let fresh = bytes[100..2100].iter().filter(|byte| **byte == 2).count();
        whole += usize::from(fresh == 2000);
        none += usize::from(bytes[100..2100].iter().all(|byte| *byte == 1));
        torn += usize::from(fresh > 0 && fresh < 2000);
        inside += usize::from(
            bytes[100..2100]
                .windows(2)
                .enumerate()
                .any(|(index, pair)| pair == [2, 1] && (100 + index + 1) % 512 != 0),
        );
    }
    assert!(
        whole > 40 && none > 20 && torn > 40 && inside > 20,
        "{whole} {none} {torn} {inside}"
    );
}

#[test]
fn a_length_may_survive_without_its_data_and_the_reverse() {
    let (mut zeros, mut short, mut good) = (0, 0, 0);
    for seed in 0..400 {
        let disk = SimDisk::new(seed);
        let file = disk.create("a").unwrap();
        disk.sync_dir().unwrap();
        file.write_at(0, &[7; 300]).unwrap();
        let bytes = contents(&disk.restart_after(PowerCut::KeepSome), "a").unwrap();
        zeros += usize::from(bytes == [0; 300]);
        short += usize::from(bytes.is_empty());
        good += usize::from(bytes == [7; 300]);
    }
    assert!(
        zeros > 10 && short > 10 && good > 10,
        "{zeros} {short} {good}"
    );
}

#[test]
fn a_full_disk_refuses_growth_and_frees_what_is_removed() {
    let disk = disk_with("a", &[1; 100]);
    disk.set_faults(Faults {
        capacity_bytes: Some(150),
        ..Faults::default()
    });
    assert_eq!(disk.free_bytes().unwrap(), 50);
    let file = disk.create("b").unwrap();
    assert_eq!(
        file.write_at(0, &[2; 60]).unwrap_err().kind(),
        ErrorKind::StorageFull
    );
    assert_eq!(file.len().unwrap(), 50, "a prefix was written");
    assert_eq!(
        file.allocate(60, Extents::Written).unwrap_err().kind(),
        ErrorKind::StorageFull
    );
    disk.open("a")
        .unwrap()
        .unwrap()
        .write_at(0, &[3; 100])
        .unwrap();
    disk.remove("a").unwrap();
    assert_eq!(disk.free_bytes().unwrap(), 100);
    file.allocate(150, Extents::Reserved).unwrap();
}

#[test]
fn links_are_counted_and_an_open_file_outlives_its_name() {
    let disk = disk_with("a", b"x");
    disk.hard_link("a", "pin").unwrap();
    assert_eq!(disk.link_count("a").unwrap(), 2);
    let file = disk.open("a").unwrap().unwrap();
    disk.remove("a").unwrap();
    assert_eq!(disk.link_count("pin").unwrap(), 1);
    disk.remove("pin").unwrap();
    disk.sync_dir().unwrap();
    assert_eq!(file.read_all().unwrap(), b"x");
    assert_eq!(disk.remove("a").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn handles_and_locks_die_with_their_process() {
    let disk = disk_with("a", b"x");
    let file = disk.open("a").unwrap().unwrap();
    let lock = disk.lock().unwrap();
    assert_eq!(disk.lock().err().unwrap().kind(), ErrorKind::WouldBlock);
    let next = disk.restart_process();
    assert!(file.write_at(0, b"y").is_err());
    assert!(disk.list().is_err());
    let _second = next.lock().unwrap();
    drop(lock);
    assert_eq!(
        next.lock().err().unwrap().kind(),
        ErrorKind::WouldBlock,
        "a dead lock frees nothing"
    );
}

#[test]
fn the_crash_point_stops_everything() {
    let disk = disk_with("a", b"0000");
    let file = disk.open("a").unwrap().unwrap();
    disk.crash_after(Some(1));
    file.write_at(0, b"1").unwrap();
    assert!(file.write_at(1, b"234").is_err());
    assert!(disk.is_dead());
    assert!(file.read_all().is_err());
    let bytes = contents(&disk.restart_process(), "a").unwrap();
    assert!([&b"1000"[..], b"1200", b"1230", b"1234"].contains(&&bytes[..]));
}

#[test]
fn a_fork_goes_its_own_way() {
    let disk = disk_with("a", b"old");
    disk.open("a")
        .unwrap()
        .unwrap()
        .write_at(0, b"new")
        .unwrap();
    assert_eq!(disk.pending_count(), 1);
    let fork = disk.fork();
    assert_eq!(
        contents(&fork.restart_after(PowerCut::LoseAll), "a").unwrap(),
        b"old"
    );
    assert_eq!(
        contents(&disk.restart_after(PowerCut::KeepAll), "a").unwrap(),
        b"new"
    );
}

#[test]
fn rot_flips_one_durable_bit() {
    let disk = disk_with("a", &[0; 64]);
    assert!(disk.rot(|name| name == "b").is_none());
    let rot = disk.rot(|_| true).unwrap();
    let bytes = contents(&disk.restart_after(PowerCut::LoseAll), "a").unwrap();
    assert_eq!(bytes.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
    assert_ne!(bytes[rot.offset as usize], 0);
}

#[test]
fn one_seed_is_one_history() {
    let run = |seed| {
        let disk = SimDisk::new(seed);
        disk.set_faults(Faults {
            write_error: 300_000,
            sync_error: 300_000,
            ..Faults::default()
        });
        let file = disk.create("a").unwrap();
        for round in 0..20u8 {
            let _failed = file
                .write_at(u64::from(round) * 700, &[round; 900])
                .is_err();
            let _failed = file.sync_data().is_err();
        }
        let disk = disk.restart_after(PowerCut::KeepSome);
        (disk.trace(), disk.image_digest())
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5).0, run(6).0);
}
