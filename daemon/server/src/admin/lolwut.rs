//! LOLWUT: a drawing of an esker, the ridge that a stream of meltwater leaves behind.

use esker_commands::arg::{Arg, integer, optional};
use esker_commands::{Args, CmdResult, Command, Flags, Group, at_least};
use esker_resp::Reply;

use super::{AdminFn, Ctx, ESKER_VERSION, REDIS_VERSION, row};

const LOLWUT_ARGS: &[Arg] = &[optional(integer("version").token("VERSION"))];

pub const ROWS: &[Command<AdminFn>] = &[row("LOLWUT", at_least(1), lolwut)
    .flags(Flags::READONLY.with(Flags::FAST))
    .group(Group::Server)
    .args(LOLWUT_ARGS)
    .doc("5.0.0", "O(1)", "Draws a landscape and names the version.")];

/// Largest drawing; larger wishes are cut.
const COLUMNS_MAX: i64 = 160;
const ROWS_MAX: i64 = 40;

/// `LOLWUT [VERSION n] [columns rows]`. There is one drawing, whatever the version.
fn lolwut(ctx: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    let mut cursor = args.cursor(1);
    if cursor.left() > 1 && cursor.word("VERSION") {
        cursor.int()?;
    }
    let columns = if cursor.is_done() { 66 } else { cursor.int()? }.clamp(1, COLUMNS_MAX);
    let rows = if cursor.is_done() { 12 } else { cursor.int()? }.clamp(1, ROWS_MAX);
    let mut text = draw(columns as usize, rows as usize, ctx.now_ms as u64);
    text.push_str(&format!(
        "\nSand and gravel, layer upon layer. Esker {ESKER_VERSION}, Redis ver. {REDIS_VERSION}\n"
    ));
    reply.verbatim(b"txt", text);
    Ok(())
}

/// A skyline of two waves over layers of sediment; `seed` moves the waves.
fn draw(columns: usize, rows: usize, seed: u64) -> String {
    const LAYERS: [char; 5] = ['.', ':', 'o', '~', '#'];
    let shift = (seed % 1000) as f64 / 1000.0 * std::f64::consts::TAU;
    let height = |x: usize| {
        let at = x as f64 / columns as f64 * std::f64::consts::TAU;
        let wave = 0.55 + 0.3 * (at + shift).sin() + 0.15 * (2.7 * at + 2.0 * shift).sin();
        (wave * rows as f64).clamp(0.0, rows as f64) as usize
    };
    let mut text = String::with_capacity((columns + 1) * rows);
    for row in (0..rows).rev() {
        for x in 0..columns {
            let depth = height(x).checked_sub(row + 1);
            text.push(depth.map_or(' ', |depth| LAYERS[depth.min(LAYERS.len() - 1)]));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_has_the_size_asked_for() {
        for (columns, rows) in [(1, 1), (66, 12), (160, 40)] {
            let text = draw(columns, rows, 7);
            assert_eq!(text.lines().count(), rows);
            assert!(text.lines().all(|line| line.chars().count() == columns));
        }
    }
}
