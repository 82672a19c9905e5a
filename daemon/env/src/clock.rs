//! Time as the store sees it: a wall clock that may step, and a monotonic one that never goes back.
//!
//! Expiry and log time stamps use the wall clock; every pacing decision uses the monotonic one.

/// A source of time. Implementations must be cheap enough to be asked once per tick.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch. May step in either direction.
    fn now_ms(&self) -> i64;

    /// Microseconds since an arbitrary origin. Never decreases.
    fn monotonic_us(&self) -> u64;
}
