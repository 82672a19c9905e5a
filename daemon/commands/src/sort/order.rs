//! The order of elements: by numbers or by bytes, their own or those that a pattern leads to.

use std::cmp::Ordering;

use esker_keyspace::Tx;

use super::options::Options;
use super::pattern::Pattern;
use crate::double::parse_lenient;
use crate::error::CmdError;

/// What an element is compared by.
enum Weight {
    Number(f64),
    /// The bytes behind the pattern; what has none comes first.
    Text(Option<Vec<u8>>),
    /// The element's own bytes.
    Own,
}

/// Sorts the elements. Without STORE, Redis compares text by the rules of the locale; here, as there under the locale
/// "C", bytes are compared.
pub(super) fn sort_elements(
    tx: &mut Tx<'_>,
    options: &Options<'_>,
    elements: Vec<Vec<u8>>,
) -> Result<Vec<Vec<u8>>, CmdError> {
    let by = options.by.map(Pattern::new);
    let mut weighed = Vec::with_capacity(elements.len());
    for element in elements {
        let weight = weight(tx, options, by.as_ref(), &element)?;
        weighed.push((weight, element));
    }
    weighed.sort_by(|a, b| match options.descending {
        false => compare(a, b),
        true => compare(b, a),
    });
    Ok(weighed.into_iter().map(|(_, element)| element).collect())
}

fn weight(
    tx: &mut Tx<'_>,
    options: &Options<'_>,
    by: Option<&Pattern<'_>>,
    element: &[u8],
) -> Result<Weight, CmdError> {
    if options.alphabetic {
        return Ok(match by {
            None => Weight::Own,
            Some(pattern) => Weight::Text(pattern.look_up(tx, element)),
        });
    }
    let number = match by {
        None => parse_lenient(element),
        Some(pattern) => match pattern.look_up(tx, element) {
            None => Some(0.0),
            Some(value) => parse_lenient(&value),
        },
    };
    let number = number.ok_or_else(not_a_number)?;
    Ok(Weight::Number(number))
}

fn not_a_number() -> CmdError {
    CmdError::text("One or more scores can't be converted into double")
}

/// Of equal numbers the elements decide.
fn compare(a: &(Weight, Vec<u8>), b: &(Weight, Vec<u8>)) -> Ordering {
    match (&a.0, &b.0) {
        (Weight::Number(left), Weight::Number(right)) => left
            .partial_cmp(right)
            .expect("no number is NaN")
            .then_with(|| a.1.cmp(&b.1)),
        (Weight::Text(left), Weight::Text(right)) => left.cmp(right),
        _ => a.1.cmp(&b.1),
    }
}
