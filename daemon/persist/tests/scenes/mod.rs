//! Single scenes: what each promise looks like when nothing is left to chance.

use esker_env::Clock;
use esker_env::sim::{Faults, PowerCut};
use esker_keyspace::Expiry;
use esker_keyspace::entry::StrInput;
use esker_persist::{Health, LogState, Options, SnapshotReason, WriteOutcome};

use crate::world::World;

fn set(world: &mut World, key: u64, bytes: usize) {
    let value = vec![b'a' + (key % 26) as u8; bytes];
    world.change(|tx| tx.set(&key.to_le_bytes(), StrInput::Bytes(&value), Expiry::Clear));
}

#[test]
fn an_orderly_end_is_known_to_be_complete() {
    let mut world = World::new(1, Options::default());
    set(&mut world, 1, 10);
    world.flush();
    world
        .persist
        .close(&world.engine, world.now())
        .expect("nothing fails here");
    let world = world.next_life(2, Some(PowerCut::LoseAll));
    assert!(world.report.clean && !world.report.new_timeline);
    assert_eq!(world.report.timeline, 1);
    let world = world.next_life(3, Some(PowerCut::LoseAll));
    assert!(world.report.new_timeline, "an open end proves nothing");
}

#[test]
fn a_unit_may_be_longer_than_frame_and_segment() {
    let options = Options {
        segment_bytes: 64 << 10,
        ..Options::default()
    };
    for survives in [false, true] {
        let mut world = World::new(4, options.clone());
        set(&mut world, 1, 10);
        world.flush();
        set(&mut world, 2, 3 << 20);
        if survives {
            world.flush();
        } else {
            // Some of it reaches the disk, and stays there.
            for _ in 0..5 {
                assert_eq!(world.tick(), WriteOutcome::Stalled);
                world.run_jobs();
            }
            assert_eq!(world.persist.written_lsn(), world.persist.durable_lsn());
        }
        let world = world.next_life(5, Some(PowerCut::KeepAll));
        assert_eq!(world.report.cut.is_some(), !survives);
    }
}

#[test]
fn long_values_do_not_make_long_blocks() {
    let mut world = World::new(5, Options::default());
    (0..40).for_each(|key| set(&mut world, key, 300_000));
    world.flush();
    world
        .snapshot(SnapshotReason::Asked)
        .expect("nothing fails here");
    let world = world.next_life(6, Some(PowerCut::LoseAll));
    assert_eq!(world.report.snapshot_keys, 40);
    assert_eq!(world.report.replayed_bytes, 0);
}

#[test]
fn a_failed_sync_is_followed_by_a_rescue() {
    let mut world = World::new(7, Options::default());
    set(&mut world, 1, 10);
    world.flush();
    set(&mut world, 2, 10);
    world.tick();
    world.disk.set_faults(Faults {
        sync_error: 1_000_000,
        ..Faults::default()
    });
    world.sync_all();
    assert!(matches!(world.persist.health(), Health::Failed { .. }));
    let range = world.persist.failed_range().expect("the log has failed");
    assert!(range.durable < range.end);
    let before = world.refusals();
    set(&mut world, 3, 10);
    assert_eq!(world.refusals(), before + 1, "a failed log refuses writes");
    assert!(
        world.snapshot(SnapshotReason::Rescue).is_err(),
        "the disk still fails"
    );
    world.disk.set_faults(Faults::default());
    world.clock.advance_ms(60_000);
    assert_eq!(
        world.persist.snapshot_wanted(world.now(), 0),
        Some(SnapshotReason::Rescue)
    );
    world
        .snapshot(SnapshotReason::Rescue)
        .expect("the disk works again");
    assert_eq!(world.persist.health(), Health::Ok);
    set(&mut world, 4, 10);
    world.flush();
    let world = world.next_life(8, Some(PowerCut::LoseAll));
    assert_eq!(world.report.snapshot_keys, 2);
}

#[test]
fn a_full_disk_refuses_and_resumes_by_itself() {
    let options = Options {
        segment_bytes: 16 << 10,
        reserve_bytes: 32 << 10,
        ..Options::default()
    };
    let mut world = World::new(9, options);
    world.disk.set_faults(Faults {
        capacity_bytes: Some(150_000),
        ..Faults::default()
    });
    for key in 0..200 {
        set(&mut world, key, 2000);
        world.clock.advance_ms(1000);
        world.run_jobs();
        world.flush();
    }
    assert!(
        matches!(world.persist.health(), Health::DiskLow { .. }),
        "{:?}",
        world.persist.health()
    );
    assert_eq!(
        world.persist.failed_range(),
        None,
        "a full disk is not a failure"
    );
    world.disk.set_faults(Faults {
        capacity_bytes: Some(10_000_000),
        ..Faults::default()
    });
    for _ in 0..5 {
        world.clock.advance_ms(2000);
        world.run_jobs();
    }
    assert_eq!(world.persist.health(), Health::Ok);
    set(&mut world, 1, 10);
    world.flush();
    world.next_life(10, Some(PowerCut::LoseAll));
}

#[test]
fn the_log_goes_off_and_on_again() {
    let mut world = World::new(11, Options::default());
    set(&mut world, 1, 10);
    world
        .persist
        .stop_log(&world.engine, world.now())
        .expect("nothing fails here");
    assert_eq!(world.persist.log_state(), LogState::Off);
    set(&mut world, 2, 10);
    world.options.log = false;
    let mut world = world.next_life(12, Some(PowerCut::KeepAll));
    assert_eq!(world.persist.log_state(), LogState::Off);
    assert_eq!(
        world.engine.0.borrow().len(0),
        1,
        "what came after the end of the log is lost"
    );
    set(&mut world, 3, 10);
    world.persist.start_log();
    assert_eq!(
        world.persist.snapshot_wanted(world.now(), 0),
        Some(SnapshotReason::LogStart)
    );
    world
        .snapshot(SnapshotReason::LogStart)
        .expect("nothing fails here");
    assert_eq!(world.persist.log_state(), LogState::On);
    world.options.log = true;
    set(&mut world, 4, 10);
    world.flush();
    let world = world.next_life(13, Some(PowerCut::LoseAll));
    assert_eq!(world.engine.0.borrow().len(0), 3);
}

#[test]
fn without_a_log_the_last_snapshot_counts() {
    let mut world = World::new(
        14,
        Options {
            log: false,
            ..Options::default()
        },
    );
    set(&mut world, 1, 10);
    world
        .snapshot(SnapshotReason::Shutdown)
        .expect("nothing fails here");
    set(&mut world, 2, 10);
    let world = world.next_life(15, Some(PowerCut::KeepAll));
    assert_eq!(world.engine.0.borrow().len(0), 1);
}

#[test]
fn a_quiet_log_proves_what_is_durable() {
    let mut world = World::new(16, Options::default());
    set(&mut world, 1, 10);
    world.flush();
    assert!(world.persist.mark_idle(world.now()));
    world.sync_all();
    assert!(
        !world.persist.mark_idle(world.now()),
        "one marker is enough"
    );
    assert!(!world.persist.unsynced());
    let rotten = world.disk.rot(|name| name.ends_with(".seg"));
    assert!(rotten.is_some());
    assert!(world.clock.now_ms() > 0);
}
