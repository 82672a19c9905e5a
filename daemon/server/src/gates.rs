//! The refusals before a handler, in the order that clients can observe.
//!
//! A gate looks at one condition and either lets the command pass, refuses it with the error that Redis
//! gives, or makes the session wait. On a quiet server none of the conditions can hold; `check` then
//! skips the list, which is the hot path.

use esker_commands::{Args, CmdError, Flags};

use esker_persist::Health;

use crate::config::Permission;
use crate::engine::{Engine, Pause};
use crate::session::{ClientId, Wait};
use crate::shared::Shared;
use crate::table::Row;

pub enum Pass {
    Go,
    /// The session waits; the command is executed when it goes on.
    Wait,
}

pub struct GateCtx<'a> {
    pub shared: &'a Shared,
    pub engine: &'a mut Engine,
    pub client: ClientId,
    pub row: &'static Row,
    pub args: Args<'a>,
}

type Gate = fn(&mut GateCtx<'_>) -> Result<Pass, CmdError>;

/// The order is part of the protocol: it decides which of several errors a client sees.
pub const ORDER: &[(&str, Gate)] = &[
    ("arity", arity),
    ("protected command", protected),
    ("authentication", authentication),
    ("transaction", in_transaction),
    ("disk error", disk_error),
    ("paused", paused),
];

pub fn check(
    shared: &Shared,
    engine: &mut Engine,
    client: ClientId,
    row: &'static Row,
    args: Args<'_>,
) -> Result<Pass, CmdError> {
    let quiet =
        engine.pause.is_none() && engine.write_refusal.is_none() && shared.persist.accepts_writes();
    let session = engine.session(client);
    if quiet
        && row.accepts(args.len())
        && !row.protected()
        && session.authenticated
        && session.multi.is_none()
    {
        return Ok(Pass::Go);
    }
    let mut ctx = GateCtx {
        shared,
        engine,
        client,
        row,
        args,
    };
    for (_, gate) in ORDER {
        if let Pass::Wait = gate(&mut ctx)? {
            return Ok(Pass::Wait);
        }
    }
    Ok(Pass::Go)
}

fn arity(ctx: &mut GateCtx<'_>) -> Result<Pass, CmdError> {
    if ctx.row.accepts(ctx.args.len()) {
        return Ok(Pass::Go);
    }
    Err(CmdError::WrongArity(ctx.row.lower_name().into()))
}

/// Families that the configuration closes, or opens to clients on this machine only.
fn protected(ctx: &mut GateCtx<'_>) -> Result<Pass, CmdError> {
    if !ctx.row.protected() {
        return Ok(Pass::Go);
    }
    let local = ctx.engine.session(ctx.client).peer.is_local();
    if allowed(ctx.shared.settings().security.enable_debug_command, local) {
        return Ok(Pass::Go);
    }
    Err(CmdError::line_of(
        "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it \
         from a local connection, otherwise you need to set this option in the configuration file, and then \
         restart the server.",
    ))
}

fn allowed(permission: Permission, local: bool) -> bool {
    match permission {
        Permission::No => false,
        Permission::Yes => true,
        Permission::Local => local,
    }
}

fn authentication(ctx: &mut GateCtx<'_>) -> Result<Pass, CmdError> {
    if ctx.row.flags.has(Flags::NO_AUTH) || ctx.engine.session(ctx.client).authenticated {
        return Ok(Pass::Go);
    }
    Err(CmdError::line_of("NOAUTH Authentication required."))
}

/// Some commands cannot be part of a transaction.
fn in_transaction(ctx: &mut GateCtx<'_>) -> Result<Pass, CmdError> {
    let collecting = ctx.engine.session(ctx.client).multi.is_some();
    if collecting && ctx.row.flags.has(Flags::NO_MULTI) {
        return Err(CmdError::text("Command not allowed inside a transaction"));
    }
    Ok(Pass::Go)
}

/// What the command may do: EXEC what its queue may.
fn effective_flags(ctx: &GateCtx<'_>) -> Flags {
    match &ctx.engine.session(ctx.client).multi {
        Some(transaction) if ctx.row.name() == "EXEC" => ctx.row.flags.with(transaction.flags),
        _ => ctx.row.flags,
    }
}

/// The log is asked itself, since the control thread's word on it may be a tenth of a second old.
fn disk_error(ctx: &mut GateCtx<'_>) -> Result<Pass, CmdError> {
    if !effective_flags(ctx).has(Flags::WRITE) {
        return Ok(Pass::Go);
    }
    let refusal = Refusal::of(&ctx.shared.persist.health());
    match refusal.as_ref().or(ctx.engine.write_refusal.as_ref()) {
        Some(refusal) if !(refusal.spares_deletes && ctx.row.frees_space()) => {
            Err(CmdError::Line(refusal.text.clone().into()))
        }
        _ => Ok(Pass::Go),
    }
}

/// Why writes are refused, and whether those that make room are not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    pub text: String,
    pub spares_deletes: bool,
}

impl Refusal {
    pub fn of(health: &Health) -> Option<Refusal> {
        match health {
            Health::Ok => None,
            Health::Failed { reason } => Some(Refusal {
                text: format!(
                    "MISCONF Errors writing to the AOF file: {reason}. Writes are refused until the log is replaced."
                ),
                spares_deletes: false,
            }),
            Health::DiskLow { free_bytes } => Some(Refusal {
                text: format!(
                    "MISCONF Esker is short of disk space ({free_bytes} bytes are free). Writes are refused until \
                     there is more."
                ),
                spares_deletes: true,
            }),
        }
    }
}

fn paused(ctx: &mut GateCtx<'_>) -> Result<Pass, CmdError> {
    let Some(pause) = ctx.engine.pause else {
        return Ok(Pass::Go);
    };
    let concerned =
        pause.all || effective_flags(ctx).intersects(Flags::WRITE.with(Flags::MAY_REPLICATE));
    let ends_it = ctx.row.name() == "CLIENT|UNPAUSE" && pause != Pause::OWN;
    if !concerned || ends_it {
        return Ok(Pass::Go);
    }
    ctx.engine.session_mut(ctx.client).wait = Some(Wait::Paused);
    Ok(Pass::Wait)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_order_is_the_documented_one() {
        let names: Vec<_> = super::ORDER.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names,
            [
                "arity",
                "protected command",
                "authentication",
                "transaction",
                "disk error",
                "paused"
            ]
        );
    }
}
