//! The order against a sorted vector, and its own invariants after every step.

use super::super::compare_scores;
use super::super::item::ScoredItem;
use super::node::{FANOUT, LEAF, Node};
use super::*;
use proptest::prelude::*;

/// An order with its items and a naive twin.
struct Twins {
    order: Order,
    items: Vec<ScoredItem>,
}

fn before(a: &ScoredItem, b: &ScoredItem) -> std::cmp::Ordering {
    compare_scores(a.score(), b.score()).then_with(|| a.member().cmp(b.member()))
}

fn refer(item: &ScoredItem) -> ItemRef {
    item.refer_in_test()
}

impl Twins {
    fn new() -> Twins {
        Twins {
            order: Order::new(),
            items: Vec::new(),
        }
    }

    fn insert(&mut self, score: f64, member: &[u8]) {
        let item = ScoredItem::new(score, member);
        if let Err(at) = self.items.binary_search_by(|other| before(other, &item)) {
            self.order.insert(refer(&item));
            self.items.insert(at, item);
        }
    }

    fn remove(&mut self, at: usize) {
        self.order.remove(refer(&self.items[at]));
        self.items.remove(at);
    }

    fn check(&self) {
        let (count, _, heap_bytes) = check_node(&self.order.root);
        assert_eq!(count, self.items.len());
        assert_eq!(heap_bytes, self.order.heap_bytes());
        let mut rank = 0;
        while rank < self.items.len() {
            let (leaf, at) = self.order.leaf_at(rank);
            assert_eq!(at, 0, "leaves follow each other");
            for item in leaf {
                assert!(item.is(refer(&self.items[rank])), "rank {rank}");
                rank += 1;
            }
        }
    }
}

/// Items, height and bytes below a node whose columns are right.
fn check_node(node: &Node) -> (usize, usize, usize) {
    match node {
        Node::Leaf(leaf) => (leaf.items().len(), 0, node.heap_bytes()),
        Node::Inner(inner) => {
            let (mut count, mut height, mut heap_bytes) = (0, None, node.heap_bytes());
            for at in 0..inner.len() {
                let child = inner.node(at);
                let (below, level, bytes) = check_node(child);
                assert_eq!(inner.counts()[at], below);
                assert!(below > 0 && inner.least(at).is(child.least()));
                assert_eq!(inner.score(at).to_bits(), child.least().score().to_bits());
                assert_eq!(*height.get_or_insert(level), level, "equally deep");
                count += below;
                heap_bytes += bytes;
            }
            (count, height.expect("a child") + 1, heap_bytes)
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(i32, u16),
    InsertRun(i32, u16),
    Remove(usize),
    RemoveRun(usize),
    Rescore(usize, i32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (-20..20, any::<u16>()).prop_map(|(score, member)| Step::Insert(score, member)),
        2 => (-20..20, any::<u16>()).prop_map(|(score, member)| Step::InsertRun(score, member)),
        3 => any::<usize>().prop_map(Step::Remove),
        1 => any::<usize>().prop_map(Step::RemoveRun),
        2 => (any::<usize>(), -20..20).prop_map(|(at, score)| Step::Rescore(at, score)),
    ]
}

fn perform(twins: &mut Twins, step: &Step) {
    let len = twins.items.len().max(1);
    match *step {
        Step::Insert(score, member) => {
            twins.insert(f64::from(score), &member.to_le_bytes());
        }
        Step::InsertRun(score, member) => {
            for more in 0..2 * LEAF as u16 {
                twins.insert(f64::from(score), &member.wrapping_add(more).to_le_bytes());
            }
        }
        Step::Remove(at) if !twins.items.is_empty() => twins.remove(at % len),
        Step::RemoveRun(at) => {
            for _ in 0..LEAF + 10 {
                if at % len < twins.items.len() {
                    twins.remove(at % len);
                }
            }
        }
        Step::Rescore(at, score) if !twins.items.is_empty() => {
            let item = twins.items.remove(at % len);
            let score = f64::from(score) / 2.0;
            let twin = ScoredItem::new(score, item.member());
            let Err(to) = twins.items.binary_search_by(|other| before(other, &twin)) else {
                return twins.order.remove(refer(&item));
            };
            if twins.order.stays(refer(&item), score) {
                assert_eq!(to, at % len);
                item.set_score(score);
            } else {
                twins.order.remove(refer(&item));
                item.set_score(score);
                twins.order.insert(refer(&item));
            }
            twins.items.insert(to, item);
        }
        Step::Remove(_) | Step::Rescore(..) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 128 }))]

    #[test]
    fn like_a_sorted_vector(steps in prop::collection::vec(step(), 1..60)) {
        let mut twins = Twins::new();
        for step in &steps {
            perform(&mut twins, step);
            twins.check();
        }
        for (rank, item) in twins.items.iter().enumerate() {
            prop_assert_eq!(twins.order.rank(refer(item)), rank);
            let found = twins.order.partition_point(|score, other| {
                compare_scores(score, item.score())
                    .then_with(|| other.member().cmp(item.member()))
                    .is_lt()
            });
            prop_assert_eq!(found, rank);
        }
    }

    #[test]
    fn built_whole(members in prop::collection::btree_set(any::<u16>(), 0..1000)) {
        let mut items: Vec<ScoredItem> = members
            .iter()
            .map(|member| ScoredItem::new(f64::from(member % 7), &member.to_le_bytes()))
            .collect();
        let order = Order::build(items.iter().map(refer).collect());
        items.sort_by(before);
        let mut twins = Twins { order, items };
        twins.check();
        twins.insert(3.0, b"one more");
        twins.check();
    }
}

/// Levels of thousands of leaves, filled from either end and in the middle, and emptied again.
#[test]
fn deep_trees_grow_and_shrink() {
    let many = if cfg!(miri) { 300 } else { 3 * LEAF * FANOUT };
    for pattern in [
        |at: usize| at,
        |at: usize| usize::MAX - at,
        |at: usize| at.wrapping_mul(0x9e37_79b9_7f4a_7c15),
    ] {
        let items: Vec<ScoredItem> = (0..many)
            .map(|at| ScoredItem::new(pattern(at) as f64, &at.to_le_bytes()))
            .collect();
        let mut order = Order::new();
        items.iter().for_each(|item| order.insert(refer(item)));
        let (count, height, _) = check_node(&order.root);
        assert_eq!(count, many);
        assert!(cfg!(miri) || height == 2, "{height}");
        for item in items
            .iter()
            .step_by(2)
            .chain(items.iter().skip(1).step_by(2))
        {
            order.remove(refer(item));
        }
        assert_eq!(
            (order.root.count(), order.heap_bytes()),
            (0, Order::new().heap_bytes())
        );
    }
}

/// Bytes of nodes for each item, after inserts of several patterns.
#[test]
fn leaves_are_well_filled() {
    let many = if cfg!(miri) { 500 } else { 50_000 };
    let fill = |name: &str, score: &dyn Fn(usize) -> f64, most: f64| {
        let items: Vec<ScoredItem> = (0..many)
            .map(|at| ScoredItem::new(score(at), &at.to_le_bytes()))
            .collect();
        let mut order = Order::new();
        items.iter().for_each(|item| order.insert(refer(item)));
        let each = order.heap_bytes() as f64 / many as f64;
        assert!(cfg!(miri) || each <= most, "{name}: {each} bytes each");
    };
    fill("ascending", &|at| at as f64, 9.0);
    fill("in seven passes", &|at| (at * 7 % many) as f64, 12.0);
    fill(
        "at random",
        &|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15) as f64,
        12.0,
    );
    fill("descending", &|at| -(at as f64), 17.0);
}
