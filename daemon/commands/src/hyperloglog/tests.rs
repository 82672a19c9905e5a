//! Replies as redis-server 8.0.6 gives them.

use crate::testing::check_script;

#[test]
fn as_redis_replies() {
    check_script(
        r#"
        PFADD h a b c => :1
        GET h => "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80`\xf3\x80P\xb1\x84K\xfb\x80BZ"
        PFADD h a b c => :0
        PFADD h => :0
        PFDEBUG DECODE h => "Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603"
        PFDEBUG encoding h => sparse
        PFCOUNT h => :3
        GET h => "HYLL\x01\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00`\xf3\x80P\xb1\x84K\xfb\x80BZ"
        PFCOUNT h => :3
        PFCOUNT h nokey => :3
        PFCOUNT nokey => :0
        PFCOUNT nokey nokey => :0
        PFADD empty => :1
        PFADD empty => :0
        PFCOUNT empty => :0
        OBJECT ENCODING h => "raw"
        PFMERGE d h => OK
        GET d => "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80`\xf3\x80P\xb1\x84K\xfb\x80BZ"
        PFADD i c d e => :1
        PFMERGE d h i => OK
        PFCOUNT d => :5
        PFCOUNT h i => :5
        PFMERGE new => OK
        PFCOUNT new => :0
        PFDEBUG TODENSE d => :1
        PFDEBUG TODENSE d => :0
        PFDEBUG ENCODING d => dense
        STRLEN d => :12304
        PFCOUNT d => :5
        PFADD d a b c d e => :0
        PFADD d f => :1
        PFCOUNT d => :6
        PFDEBUG DECODE d => -ERR HLL encoding is not sparse
        PFMERGE h d => OK
        PFDEBUG ENCODING h => dense
        PFCOUNT h => :6
        PFDEBUG FOO h => -ERR Unknown PFDEBUG subcommand 'FOO'
        PFDEBUG ENCODING nokey => -ERR The specified key does not exist
        SET s abc => OK
        PFADD s x => -WRONGTYPE Key is not a valid HyperLogLog string value.
        PFCOUNT s => -WRONGTYPE Key is not a valid HyperLogLog string value.
        PFCOUNT h s => -WRONGTYPE Key is not a valid HyperLogLog string value.
        PFMERGE h s => -WRONGTYPE Key is not a valid HyperLogLog string value.
        PFMERGE s h => -WRONGTYPE Key is not a valid HyperLogLog string value.
        SET n 12 => OK
        PFADD n x => -WRONGTYPE Key is not a valid HyperLogLog string value.
        SETRANGE i 16 "\x00\x00" => :27
        PFCOUNT i => -INVALIDOBJ Corrupted HLL object detected
        PFSELFTEST => OK
        "#,
    );
}

#[test]
fn an_expiry_stays() {
    check_script(
        r#"
        PFADD h a => :1
        EXPIRE h 100 => :1
        PFADD h b => :1
        PFMERGE h nokey => OK
        PFCOUNT h => :2
        TTL h => :100
        "#,
    );
}
