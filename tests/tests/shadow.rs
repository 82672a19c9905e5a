//! The shadow library itself: what is synced is in the shadow, what is not is absent, names go by directory syncs.
//!
//! The subject is a small program in Python, preloaded like a server.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use esker_tests::crash::shadow;
use tempfile::TempDir;

/// Runs lines of Python in a fresh root and returns the files that a power cut would leave, with their content.
fn survivors(program: &str) -> BTreeMap<String, Vec<u8>> {
    let work = TempDir::with_prefix("esker-shadow-").expect("a temporary directory");
    let (root, kept, out) = (
        work.path().join("root"),
        work.path().join("shadow"),
        work.path().join("out"),
    );
    std::fs::create_dir_all(&root).expect("a directory");
    std::fs::create_dir_all(&kept).expect("a directory");
    std::fs::write(root.join("before"), b"old").expect("a file");
    let prelude = "import os\n\
         def o(name, flags=0): return os.open(name, os.O_RDWR | os.O_CREAT | flags, 0o644)\n\
         def d(name='.'):\n  fd = os.open(name, os.O_RDONLY); os.fsync(fd); os.close(fd)\n";
    let status = Command::new("python3")
        .arg("-c")
        .arg(format!("{prelude}{program}"))
        .current_dir(&root)
        .envs(shadow::environment(&root, &kept).expect("the library builds"))
        .status()
        .expect("python3 runs");
    assert!(status.success(), "the program failed:\n{program}");
    shadow::restore(&kept, &out).expect("the shadow is readable");
    let mut files = BTreeMap::new();
    collect(&out, "", &mut files);
    files
}

fn collect(dir: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let entry = entry.expect("an entry");
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else {
            files.insert(name, std::fs::read(entry.path()).expect("a file"));
        }
    }
}

fn check(program: &str, expect: &[(&str, &[u8])]) {
    let expect: BTreeMap<String, Vec<u8>> = expect
        .iter()
        .map(|(name, bytes)| ((*name).to_string(), bytes.to_vec()))
        .collect();
    assert_eq!(survivors(program), expect, "after\n{program}");
}

#[test]
fn only_synced_data_survives() {
    check(
        "f = o('before')\nos.pwrite(f, b'NEW', 0)\n",
        &[("before", b"old")],
    );
    check(
        "f = o('before')\nos.pwrite(f, b'NEW', 0)\nos.fdatasync(f)\nos.pwrite(f, b'er!', 3)\n",
        &[("before", b"NEW")],
    );
    check(
        "f = o('before', os.O_APPEND)\nos.write(f, b'+1')\nos.fsync(f)\nos.write(f, b'+2')\n",
        &[("before", b"old+1")],
    );
    check(
        "f = o('before')\ng = os.dup(f)\nos.write(g, b'x')\nos.fdatasync(f)\n",
        &[("before", b"xld")],
    );
}

#[test]
fn lengths_survive_with_a_sync_only() {
    check(
        "f = o('before')\nos.ftruncate(f, 1)\n",
        &[("before", b"old")],
    );
    check(
        "f = o('before')\nos.ftruncate(f, 1)\nos.fdatasync(f)\n",
        &[("before", b"o")],
    );
    check(
        "f = o('before')\nos.ftruncate(f, 1)\nos.ftruncate(f, 3)\nos.fdatasync(f)\n",
        &[("before", b"o\0\0")],
    );
    check(
        "f = o('before')\nos.posix_fallocate(f, 0, 5)\nos.fdatasync(f)\n",
        &[("before", b"old\0\0")],
    );
}

#[test]
fn names_survive_with_a_directory_sync_only() {
    let data = "f = o('new')\nos.write(f, b'data')\nos.fdatasync(f)\n";
    check(data, &[("before", b"old")]);
    check(
        &format!("{data}d()\n"),
        &[("before", b"old"), ("new", b"data")],
    );
    check(
        "f = o('new')\nos.write(f, b'data')\nd()\n",
        &[("before", b"old"), ("new", b"")],
    );
    check(
        &format!("{data}d()\nos.rename('new', 'before')\n"),
        &[("before", b"old"), ("new", b"data")],
    );
    check(
        &format!("{data}d()\nos.rename('new', 'before')\nd()\n"),
        &[("before", b"data")],
    );
    check("os.unlink('before')\n", &[("before", b"old")]);
    check("os.unlink('before')\nd()\n", &[]);
}

#[test]
fn a_recycled_inode_number_does_not_disturb_the_old_file() {
    check(
        "os.unlink('before')\nf = o('other')\nos.write(f, b'later')\nos.fdatasync(f)\n",
        &[("before", b"old")],
    );
}

#[test]
fn a_new_directory_needs_its_parent_synced() {
    let make = "os.mkdir('sub')\nf = o('sub/x')\nos.write(f, b'1')\nos.fdatasync(f)\nd('sub')\n";
    check(make, &[("before", b"old")]);
    check(
        &format!("{make}d()\n"),
        &[("before", b"old"), ("sub/x", b"1")],
    );
}
