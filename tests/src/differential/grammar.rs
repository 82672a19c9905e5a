//! Argument trees of commands, and strategies that draw calls from them.

use std::io;

use proptest::prelude::*;
use proptest::strategy::Union;

use crate::client::{Client, Value};

use super::values;

pub type Words = Vec<Vec<u8>>;

/// One node of an argument tree.
#[derive(Clone, Debug, Default)]
pub struct Node {
    pub name: String,
    pub kind: String,
    pub token: Option<String>,
    pub optional: bool,
    pub multiple: bool,
    pub multiple_token: bool,
    pub children: Vec<Node>,
}

/// A command or subcommand that can be called.
#[derive(Clone, Debug)]
pub struct Shape {
    /// As COMMAND shows it: `getex`, `object|freq`.
    pub name: String,
    pub group: String,
    pub args: Vec<Node>,
}

/// The shapes of all commands that a server documents, ordered by name so that a seed means the same every time.
pub fn documented(client: &mut Client) -> io::Result<Vec<Shape>> {
    let mut shapes = Vec::new();
    for (name, facts) in pairs(client.words("COMMAND DOCS")?) {
        add_shape(&mut shapes, &name, facts);
    }
    shapes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(shapes)
}

fn add_shape(shapes: &mut Vec<Shape>, name: &str, facts: Value) {
    let mut shape = Shape {
        name: name.to_string(),
        group: String::new(),
        args: Vec::new(),
    };
    let mut has_subs = false;
    for (fact, value) in pairs(facts) {
        match fact.as_str() {
            "group" => shape.group = text(&value),
            "arguments" => shape.args = nodes(value),
            "subcommands" => {
                has_subs = true;
                for (name, facts) in pairs(value) {
                    add_shape(shapes, &name, facts);
                }
            }
            _ => {}
        }
    }
    if !has_subs {
        shapes.push(shape);
    }
}

fn nodes(value: Value) -> Vec<Node> {
    value
        .into_array()
        .unwrap_or_default()
        .into_iter()
        .map(node)
        .collect()
}

fn node(value: Value) -> Node {
    let mut node = Node::default();
    for (fact, value) in pairs(value) {
        match fact.as_str() {
            "name" => node.name = text(&value),
            "type" => node.kind = text(&value),
            "token" => node.token = Some(text(&value)),
            "arguments" => node.children = nodes(value),
            "flags" => {
                for flag in value.into_array().unwrap_or_default() {
                    match text(&flag).as_str() {
                        "optional" => node.optional = true,
                        "multiple" => node.multiple = true,
                        "multiple_token" => node.multiple_token = true,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    node
}

/// A map of RESP2 or RESP3 as pairs.
fn pairs(value: Value) -> Vec<(String, Value)> {
    let mut items = value.into_array().unwrap_or_default().into_iter();
    let mut pairs = Vec::new();
    while let (Some(name), Some(value)) = (items.next(), items.next()) {
        pairs.push((text(&name), value));
    }
    pairs
}

fn text(value: &Value) -> String {
    String::from_utf8_lossy(value.as_bytes().unwrap_or_default()).into_owned()
}

/// Well-formed calls of a command, as far as the tree tells.
pub fn calls(shape: &Shape) -> BoxedStrategy<Words> {
    let name: Words = shape
        .name
        .split('|')
        .map(|word| word.as_bytes().to_vec())
        .collect();
    let upper: Words = name.iter().map(|word| word.to_ascii_uppercase()).collect();
    let name = prop_oneof![3 => Just(upper), 1 => Just(name)].boxed();
    let args = if shape.name.starts_with("command|getkeys") {
        values::inner_command()
    } else {
        sequence(shape, &shape.args)
    };
    (name, args)
        .prop_map(|(name, args)| [name, args].concat())
        .boxed()
}

fn sequence(shape: &Shape, nodes: &[Node]) -> BoxedStrategy<Words> {
    let mut parts: Vec<BoxedStrategy<Words>> = Vec::new();
    let mut rest = nodes;
    while let [first, after @ ..] = rest {
        rest = after;
        parts.push(match rest {
            [second, after @ ..] if counts(first, second) => {
                rest = after;
                counted(shape, first, second)
            }
            [second, after @ ..] if first.multiple && second.multiple && second.name == "id" => {
                rest = after;
                paired(shape, first, second)
            }
            _ => of_node(shape, first),
        });
    }
    parts.prop_map(|parts| parts.concat()).boxed()
}

/// `numkeys key [key ...]` and its like.
fn counts(first: &Node, second: &Node) -> bool {
    first.name.starts_with("num") && first.kind == "integer" && second.multiple && !second.optional
}

/// The number mostly says how many follow.
fn counted(shape: &Shape, number: &Node, many: &Node) -> BoxedStrategy<Words> {
    let one = Node {
        multiple: false,
        ..many.clone()
    };
    let all = prop::collection::vec(of_node(shape, &one), 1..4);
    (all, of_node(shape, number), 0u8..12)
        .prop_map(|(all, wrong, draw)| {
            let right = vec![all.len().to_string().into_bytes()];
            let number = if draw == 0 { wrong } else { right };
            [number, all.concat()].concat()
        })
        .boxed()
}

/// `key [key ...] id [id ...]`: as many of the one as of the other.
fn paired(shape: &Shape, first: &Node, second: &Node) -> BoxedStrategy<Words> {
    let one = |node: &Node| Node {
        multiple: false,
        ..node.clone()
    };
    let pair = (of_node(shape, &one(first)), of_node(shape, &one(second)));
    prop::collection::vec(pair, 1..3)
        .prop_map(|pairs| {
            let (first, second): (Vec<Words>, Vec<Words>) = pairs.into_iter().unzip();
            [first.concat(), second.concat()].concat()
        })
        .boxed()
}

/// `XADD key *` makes an id of the clock.
fn is_left_to_the_clock(shape: &Shape, node: &Node) -> bool {
    shape.name == "xadd" && node.token.as_deref() == Some("*")
}

fn of_node(shape: &Shape, node: &Node) -> BoxedStrategy<Words> {
    let inner = match node.kind.as_str() {
        "pure-token" => Just(Words::new()).boxed(),
        "oneof" => Union::new(
            node.children
                .iter()
                .filter(|child| !is_left_to_the_clock(shape, child))
                .map(|child| of_node(shape, child)),
        )
        .boxed(),
        "block" => sequence(shape, &node.children),
        _ => values::argument(shape, &node.name, &node.kind)
            .prop_map(|value| vec![value])
            .boxed(),
    };
    let token = match &node.token {
        Some(token) if !token.is_empty() => {
            let (upper, lower) = (token.to_ascii_uppercase(), token.to_ascii_lowercase());
            prop_oneof![3 => Just(vec![upper.into_bytes()]), 1 => Just(vec![lower.into_bytes()])]
                .boxed()
        }
        // An empty token stands for an empty argument ("").
        Some(_) => Just(vec![Vec::new()]).boxed(),
        None => Just(Words::new()).boxed(),
    };
    let with_token = |value: BoxedStrategy<Words>| {
        (token.clone(), value)
            .prop_map(|(token, value)| [token, value].concat())
            .boxed()
    };
    let repeat = |one: BoxedStrategy<Words>| {
        prop::collection::vec(one, 1..4)
            .prop_map(|parts| parts.concat())
            .boxed()
    };
    let whole = match (node.multiple, node.multiple_token) {
        (false, _) => with_token(inner),
        (true, false) => with_token(repeat(inner)),
        (true, true) => repeat(with_token(inner)),
    };
    if node.token.as_deref() == Some("BLOCK") {
        // Each wait costs some milliseconds.
        prop_oneof![16 => Just(Words::new()), 1 => whole].boxed()
    } else if node.optional {
        prop_oneof![3 => Just(Words::new()), 2 => whole].boxed()
    } else {
        whole
    }
}
