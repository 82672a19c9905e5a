//! What a daemon asks of its process: going to the background, descriptor limits, telling the service manager, and how
//! much memory the machine and the process have.

#![expect(
    unsafe_code,
    reason = "fork, setsid, dup2 and setrlimit have no safe wrapper here"
)]

use std::fs::OpenOptions;
use std::io;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Detaches from the terminal: forks (the parent exits with 0), starts a session, points stdio at /dev/null.
///
/// Must be called while the process has one thread: a forked child keeps only the calling one.
pub fn daemonize() -> io::Result<()> {
    // SAFETY: with a single thread no lock can be held by a thread that the child lacks.
    match unsafe { libc::fork() } {
        -1 => return Err(io::Error::last_os_error()),
        0 => {}
        // SAFETY: ends the parent at once, without running its destructors or flushing buffers that the child also has.
        _ => unsafe { libc::_exit(0) },
    }
    // SAFETY: takes no memory; a fresh child is never a group leader, so it cannot fail for that reason.
    if unsafe { libc::setsid() } == -1 {
        return Err(io::Error::last_os_error());
    }
    let null = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    for target in 0..=2 {
        // SAFETY: both descriptors are valid; std's stdio handles stay valid because the numbers stay open.
        if unsafe { libc::dup2(null.as_raw_fd(), target) } == -1 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Lets the calling thread give way to others (19 is the most). Background threads call it, so that they take what
/// the commands leave.
pub fn give_way(nice: i32) -> io::Result<()> {
    // SAFETY: a plain system call without memory; on Linux process 0 is the calling thread.
    let done = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Has the kernel back this process with pages of the normal size only. Pages of 2 MiB are resident as a whole once a
/// byte of them is touched, which costs some 10 MiB over all threads' heaps.
pub fn disable_huge_pages() -> io::Result<()> {
    // SAFETY: a plain system call without memory; the unused arguments have to be 0.
    let done = unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Raises the soft limit of open descriptors towards `wanted`; returns the limit now in force.
pub fn raise_open_files(wanted: u64) -> io::Result<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is a valid, writable structure of the type that the call fills.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur >= wanted {
        return Ok(limit.rlim_cur);
    }
    // Raising the hard limit needs a privilege that a container's root may lack: then take what is allowed.
    for hard in [limit.rlim_max.max(wanted), limit.rlim_max] {
        let raised = libc::rlimit {
            rlim_cur: wanted.min(hard),
            rlim_max: hard,
        };
        // SAFETY: the structure is read only during the call.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raised) } == 0 {
            return Ok(raised.rlim_cur);
        }
    }
    Ok(limit.rlim_cur)
}

/// Sends a state line such as `READY=1` to the service manager named by `NOTIFY_SOCKET`; false when there is none.
pub fn sd_notify(state: &str) -> io::Result<bool> {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else {
        return Ok(false);
    };
    let path = path.into_encoded_bytes();
    let socket = UnixDatagram::unbound()?;
    let address = match path.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(std::str::from_utf8(&path).map_err(io::Error::other)?)?,
    };
    socket.send_to_addr(state.as_bytes(), &address)?;
    Ok(true)
}

/// Resident set size of this process in bytes, 0 where /proc does not tell.
pub fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm
        .split_ascii_whitespace()
        .nth(1)
        .and_then(|f| f.parse().ok())
        .unwrap_or(0);
    pages * page_bytes()
}

/// Physical memory of the machine in bytes, 0 where /proc does not tell.
pub fn machine_memory_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|l| l.strip_prefix("MemTotal:"))
        .unwrap_or_default();
    line.split_ascii_whitespace()
        .next()
        .and_then(|f| f.parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}

/// CPU seconds of this process: (system, user).
pub fn cpu_seconds() -> (f64, f64) {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the call fills the structure, which is valid when all zero too.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    (seconds(usage.ru_stime), seconds(usage.ru_utime))
}

fn page_bytes() -> u64 {
    // SAFETY: a query without memory arguments.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(bytes).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_answers() {
        assert!(resident_bytes() > 100_000);
        assert!(machine_memory_bytes() > resident_bytes());
        assert!(raise_open_files(64).is_ok_and(|n| n >= 64));
        let (system, user) = cpu_seconds();
        assert!(system >= 0.0 && user >= 0.0);
    }

    #[test]
    fn without_a_service_manager_nothing_is_sent() {
        if std::env::var_os("NOTIFY_SOCKET").is_none() {
            assert!(sd_notify("READY=1").is_ok_and(|sent| !sent));
        }
    }
}
