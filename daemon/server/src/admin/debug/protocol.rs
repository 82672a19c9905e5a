//! DEBUG PROTOCOL: a sample of each kind of reply, for tests of client libraries.

use esker_commands::{Args, CmdError, CmdResult};
use esker_resp::Reply;

use super::super::Ctx;

/// As Redis has it, which is not quite a constant of mathematics.
const SAMPLE_DOUBLE: f64 = 3141.0 / 1000.0;

pub fn sample(_: &mut Ctx<'_>, args: Args<'_>, reply: &mut Reply<'_>) -> CmdResult {
    match args.get(2).to_ascii_lowercase().as_slice() {
        b"string" => reply.bulk("Hello World"),
        b"integer" => reply.integer(12345),
        b"double" => reply.double(SAMPLE_DOUBLE),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|n| reply.integer(n));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|n| reply.integer(n));
        }
        b"map" => {
            reply.map(3);
            for n in 0..3 {
                reply.integer(n);
                reply.bool(n == 1);
            }
        }
        b"attrib" => {
            if reply.attribute(1) {
                reply.bulk("key-popularity");
                reply.array(2);
                reply.bulk("key:123");
                reply.integer(90);
            }
            reply.bulk("Some real reply following the attribute");
        }
        b"push" => {
            if !reply.is_resp3() {
                return Err(CmdError::text("RESP2 is not supported by this command"));
            }
            // Pushes come out of band: the reply proper follows or goes before, as in Redis.
            reply.bulk("Some real reply following the push reply");
            reply.push(2);
            reply.bulk("server-cpu-usage");
            reply.integer(42);
        }
        b"true" => reply.bool(true),
        b"false" => reply.bool(false),
        b"verbatim" => reply.verbatim(b"txt", "This is a verbatim\nstring"),
        b"bignum" => reply.big_number("1234567999999999999999999999999999999"),
        _ => {
            return Err(CmdError::text(
                "Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(())
}
