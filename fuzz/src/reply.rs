//! Checks that bytes are one reply of the protocol and nothing else.

use esker_resp::Proto;

/// The length of the reply at the start of `bytes`; panics if there is none.
pub fn one_reply(bytes: &[u8], proto: Proto) -> usize {
    let (sign, text, mut at) = line(bytes);
    let resp3_only = b"_,#!=(~%>|".contains(&sign);
    assert!(
        proto == Proto::Resp3 || !resp3_only,
        "a type of RESP3 in RESP2: {:?}",
        char::from(sign)
    );
    let count = match sign {
        b'+' | b'-' => {
            assert!(!text.is_empty(), "an empty status");
            0
        }
        b':' => {
            number(text);
            0
        }
        b'_' | b',' | b'#' | b'(' => 0,
        b'$' | b'!' | b'=' => {
            let length = number(text);
            if length >= 0 {
                at += length as usize;
                assert_eq!(
                    bytes.get(at..at + 2),
                    Some(&b"\r\n"[..]),
                    "the end of a bulk"
                );
                at += 2;
            }
            assert!(length >= 0 || proto == Proto::Resp2 && text == b"-1");
            0
        }
        b'*' | b'~' | b'>' => number(text).max(0),
        b'%' | b'|' => 2 * number(text),
        other => panic!("a reply begins with {:?}", char::from(other)),
    };
    for _ in 0..count {
        at += one_reply(&bytes[at..], proto);
    }
    at
}

/// Sign and text of the first line, and where the next begins.
fn line(bytes: &[u8]) -> (u8, &[u8], usize) {
    let end = bytes.iter().position(|&byte| byte == b'\r');
    let end = end.unwrap_or_else(|| panic!("no line in {:?}", bytes.escape_ascii().to_string()));
    assert!(
        end > 0 && bytes.get(end + 1) == Some(&b'\n'),
        "CR LF ends a line"
    );
    (bytes[0], &bytes[1..end], end + 2)
}

fn number(text: &[u8]) -> i64 {
    let number = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok());
    number.unwrap_or_else(|| panic!("{:?} is no number", text.escape_ascii().to_string()))
}
