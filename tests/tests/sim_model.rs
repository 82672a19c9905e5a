//! The simulator's model against the real keyspace, without any disk: a model that is wrong in itself would blame the
//! store for it, and one that agrees by accident would acquit it.

use esker_env::Rng;
use esker_format::units::UnitReader;
use esker_keyspace::{Keyspace, Options as KeyspaceOptions};
use esker_tests::sim::command::draw_request;
use esker_tests::sim::exec::{execute, visible_state};
use esker_tests::sim::model::Model;
use esker_tests::sim::options::Options;

fn keyspace(options: &Options) -> Keyspace {
    Keyspace::new(KeyspaceOptions {
        databases: options.databases,
        ..KeyspaceOptions::with_seed(1)
    })
}

#[test]
fn keyspace_and_model_agree_after_every_request_and_so_does_the_replay() {
    for seed in 0..300 {
        let options = Options::draw(seed);
        let mut rng = Rng::new(seed);
        let mut now = 1_000_000;
        let mut model = Model::new(options.databases);
        let (mut store, mut replica) = (keyspace(&options), keyspace(&options));
        for step in 0..options.steps_max {
            now += rng.below(300) as i64;
            let request = draw_request(&options, now, &mut rng);
            execute(&mut store, &request, now);
            model.apply(&request, now);
            let expected = model.visible_at(now);
            let difference = expected.difference(&visible_state(&mut store, now));
            assert_eq!(difference, None, "seed {seed} step {step} {request:?}");
            replay(&mut store, &mut replica);
            let difference = expected.difference(&visible_state(&mut replica, now));
            assert_eq!(
                difference, None,
                "replay: seed {seed} step {step} {request:?}"
            );
        }
    }
}

fn replay(store: &mut Keyspace, replica: &mut Keyspace) {
    let chunk = store.effects_mut().take();
    for mark in &chunk.marks {
        let mut reader = UnitReader::new(&chunk.bytes[mark.start..mark.end], mark.db);
        while let Some(record) = reader
            .next_record()
            .expect("what the keyspace records can be read")
        {
            replica
                .apply(record.db, &record.effect)
                .expect("what the keyspace records can be applied");
        }
    }
}
