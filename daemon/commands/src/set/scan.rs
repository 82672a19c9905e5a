//! SSCAN: the members of a set in steps.

use esker_keyspace::{IntText, Set, Tx};
use esker_resp::{OutBuf, Reply, parse_u64};

use crate::args::Args;
use crate::error::{CmdError, CmdResult};
use crate::scan::{Of, ScanOptions};

pub(super) fn sscan(tx: &mut Tx<'_>, args: Args<'_>, out: &mut Reply<'_>) -> CmdResult {
    let cursor = parse_u64(args.get(2)).ok_or(CmdError::line_of("ERR invalid cursor"))?;
    let Some(set) = tx.view::<Set>(args.get(1))? else {
        // Nobody looks at the options of a walk over nothing.
        out.array(2);
        out.bulk("0");
        out.array(0);
        return Ok(());
    };
    let options = ScanOptions::parse(args.cursor(3), Of::Set)?;
    // The next cursor comes first in the reply and is known last.
    let mut shown = OutBuf::new();
    let mut members = Reply::new(&mut shown, out.proto());
    let mut count = 0;
    let next = set.scan(cursor, options.count, |item| {
        let mut text = IntText::default();
        let member = item.bytes(&mut text);
        if options.shows(member) {
            members.bulk(member);
            count += 1;
        }
    });
    out.array(2);
    out.bulk(next.to_string());
    out.array(count);
    out.out().append(&mut shown);
    Ok(())
}
