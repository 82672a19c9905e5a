//! The shadow of what was really synced: builds the preloaded library and reads back what it kept.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Compiles `shim/shadow.c` once per process and returns the library.
pub fn library() -> io::Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT
        .get_or_init(|| build().map_err(|error| error.to_string()))
        .clone()
        .map_err(io::Error::other)
}

fn build() -> io::Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("shim/shadow.c");
    let out = std::env::temp_dir().join(format!("esker-shadow-{}.so", std::process::id()));
    let output = Command::new("cc")
        .args([
            "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o",
        ])
        .arg(&out)
        .arg(&source)
        .args(["-ldl", "-lpthread"])
        .output()?;
    if output.status.success() {
        Ok(out)
    } else {
        Err(io::Error::other(format!(
            "cc failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        )))
    }
}

/// The environment of a process that is followed.
pub fn environment(root: &Path, shadow: &Path) -> io::Result<Vec<(String, String)>> {
    let text = |path: &Path| {
        path.to_str()
            .map(str::to_string)
            .ok_or_else(|| io::Error::other("a path is not UTF-8"))
    };
    Ok(vec![
        ("LD_PRELOAD".into(), text(&library()?)?),
        ("ESKER_SHADOW_ROOT".into(), text(root)?),
        ("ESKER_SHADOW_DIR".into(), text(shadow)?),
        // The shadow is the disk of this run: a real sync would only cost time.
        ("ESKER_SHADOW_FAST".into(), "1".into()),
    ])
}

/// Writes the durable tree of a shadow as a fresh data directory.
pub fn restore(shadow: &Path, data: &Path) -> io::Result<()> {
    copy_tree(&shadow.join("root"), data)
}

fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        // Follows the symlinks between the directories of the shadow.
        let kind = std::fs::metadata(entry.path())?;
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
