//! SORT as clients see it.

use crate::testing::check_script;

#[test]
fn numbers_text_and_limits() {
    check_script(
        r#"
        RPUSH l 10 9 -1 1.5 1e3 => :5
        SORT l => ["-1" "1.5" "9" "10" "1e3"]
        SORT l DESC LIMIT 1 2 => ["10" "9"]
        SORT l ALPHA => ["-1" "1.5" "10" "1e3" "9"]
        SORT_RO l LIMIT 3 -1 => ["10" "1e3"]
        SORT l LIMIT 1 => -ERR syntax error
        SORT l LIMIT 1 x => -ERR value is not an integer or out of range
        SORT_RO l STORE x => -ERR syntax error
        RPUSH t b a => :2
        SORT t => -ERR One or more scores can't be converted into double
        SORT t ALPHA => ["a" "b"]
        SORT none => []
        SET s 1 => OK
        SORT s => -WRONGTYPE Operation against a key holding the wrong kind of value
        RPUSH e 3 "" 1 => :3
        SORT e => ["" "1" "3"]
        RPUSH c 2 "1\x00x" "\x00" => :3
        SORT c => ["\x00" "1\x00x" "2"]
        "#,
    );
}

#[test]
fn patterns_lead_to_other_keys() {
    check_script(
        r#"
        RPUSH l 1 2 3 => :3
        MSET w1 30 w2 20 name_1 one name_3 three => OK
        SORT l BY w* => ["3" "2" "1"]
        SORT l BY w* GET # GET name_* => ["3" "three" "2" nil "1" "one"]
        SORT l BY nosort GET name_* => ["one" nil "three"]
        SORT l GET name => [nil nil nil]
        SORT l BY nosort DESC LIMIT 0 2 => ["3" "2"]
        SORT l BY nosort LIMIT 7 2 => []
        SORT l BY name_* ALPHA => ["2" "1" "3"]
        SORT l BY name_* => -ERR One or more scores can't be converted into double
        SORT l BY w* GET name_* STORE d => :3
        LRANGE d 0 -1 => ["three" "" "one"]
        SORT none STORE d => :0
        EXISTS d => :0
        "#,
    );
}
