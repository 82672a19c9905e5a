//! Stand-in until the type is there.
