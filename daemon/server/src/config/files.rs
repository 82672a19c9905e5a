//! The files of the configuration: reading at the start, and the atomic replacement of CONFIG REWRITE.
//!
//! `load` runs before any thread exists, `rewrite_file` on the control thread.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::load::{CommandLine, LoadError, Sources, load_from};
use super::rewrite::rewrite;
use super::settings::Settings;
use esker_commands::glob;

/// Reads the configuration that the arguments (without the program's name) give.
pub fn load(args: &[String]) -> Result<Settings, LoadError> {
    load_from(&CommandLine::parse(args), defaults(), &mut Disk).map(with_absolute_dir)
}

/// What an empty configuration means on this machine.
fn defaults() -> Settings {
    with_absolute_dir(Settings::for_cores(
        std::thread::available_parallelism().map_or(1, usize::from),
    ))
}

/// The server works inside `dir`, where a relative name would mean another place.
fn with_absolute_dir(mut settings: Settings) -> Settings {
    if let Ok(path) = std::path::absolute(&settings.persistence.dir) {
        // `absolute` leaves a trailing `.` out, as getcwd would.
        settings.persistence.dir = path.display().to_string();
    }
    settings
}

/// Brings the file that the server was started with up to date.
pub fn rewrite_file(settings: &Settings) -> io::Result<()> {
    let Some(path) = &settings.config_file else {
        return Err(io::Error::other(
            "The server is running without a config file",
        ));
    };
    let before = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read?,
    };
    replace(path, rewrite(&before, settings, &defaults()).as_bytes())
}

/// After a crash at any point the file holds the old text or the new one, whole.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A symbolic link stays one: its target is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = directory.join(name);
    let written = write_new(&temporary, &path, bytes).and_then(|()| fs::rename(&temporary, &path));
    if let Err(error) = written {
        // The write's error is the one worth reporting, whether or not the temporary file goes.
        fs::remove_file(&temporary).ok();
        return Err(error);
    }
    File::open(directory)?.sync_all()
}

fn write_new(temporary: &Path, like: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(temporary)?;
    if let Ok(metadata) = fs::metadata(like) {
        file.set_permissions(metadata.permissions())?;
    }
    file.write_all(bytes)?;
    file.sync_all()
}

struct Disk;

impl Sources for Disk {
    fn file(&mut self, path: &str) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn matching(&mut self, pattern: &str) -> io::Result<Vec<String>> {
        let mut found = expand(pattern);
        found.sort();
        Ok(found
            .into_iter()
            .map(|path| path.to_string_lossy().into_owned())
            .collect())
    }

    fn stdin(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn absolute(&self, path: &str) -> PathBuf {
        std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path))
    }
}

/// Expands a pattern component by component; what cannot be listed matches nothing.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let start = if pattern.starts_with('/') { "/" } else { "" };
    let mut paths = vec![PathBuf::from(start)];
    for component in pattern.split('/').filter(|component| !component.is_empty()) {
        paths = if component.contains(['*', '?', '[']) {
            paths
                .iter()
                .flat_map(|path| children(path, component))
                .collect()
        } else {
            paths
                .into_iter()
                .map(|path| path.join(component))
                .filter(|path| path.exists())
                .collect()
        };
    }
    paths
}

fn children(directory: &Path, pattern: &str) -> Vec<PathBuf> {
    let listed = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    };
    let Ok(entries) = fs::read_dir(listed) else {
        return Vec::new();
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    names
        .filter(|name| {
            let bytes = name.as_encoded_bytes();
            (!bytes.starts_with(b".") || pattern.starts_with('.'))
                && glob::matches(pattern.as_bytes(), bytes)
        })
        .map(|name| directory.join(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_files_across_directories() {
        let dir = tempfile::tempdir().expect("a directory");
        for name in [
            "a/1.conf",
            "a/2.conf",
            "a/.hidden.conf",
            "a/x.txt",
            "b/3.conf",
        ] {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, "").expect("written");
        }
        let root = dir.path().to_str().expect("UTF-8");
        let found = Disk
            .matching(&format!("{root}/*/[0-9].conf"))
            .expect("listed");
        let names: Vec<&str> = found.iter().map(|path| &path[root.len()..]).collect();
        assert_eq!(names, ["/a/1.conf", "/a/2.conf", "/b/3.conf"]);
        assert!(
            Disk.matching(&format!("{root}/none/*"))
                .expect("listed")
                .is_empty()
        );
    }

    #[test]
    fn rewriting_replaces_the_file_and_keeps_its_mode() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("x.conf");
        fs::write(&path, "# mine\nport 1\n").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
        let mut settings = defaults();
        settings.config_file = Some(path.clone());
        settings.network.port = 9;
        rewrite_file(&settings).expect("rewritten");
        assert_eq!(fs::read_to_string(&path).expect("read"), "# mine\nport 9\n");
        assert_eq!(
            fs::metadata(&path).expect("there").permissions().mode() & 0o777,
            0o640
        );
        assert_eq!(
            fs::read_dir(dir.path()).expect("listed").count(),
            1,
            "no temporary file is left"
        );
    }
}
