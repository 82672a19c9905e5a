/* What a power cut would leave.
 *
 * Preloaded into a server, this library keeps, beside the real files below one root directory, a shadow that holds
 * only what was really made durable: file data and lengths as of the last fsync/fdatasync of that file, names as of
 * the last fsync of their directory. After `kill -9` (which leaves the page cache, and so every write) the harness
 * recovers from the shadow instead, as after a power cut that lost everything that was not synced.
 *
 *   ESKER_SHADOW_ROOT   the directory to follow (it exists, absolute, no symlinks)
 *   ESKER_SHADOW_DIR    where the shadow is kept (outside the root, same file system)
 *   ESKER_SHADOW_FAST   when set, the real sync is left out: the shadow stands in for the disk
 *
 * Layout of the shadow:
 *   inodes/<ino>        durable data of the file that has this inode number now
 *   dirs/<ino>/<name>   durable names of a directory: a hard link to the durable data (a later file that gets a
 *                       recycled inode number has a new object and cannot disturb it), or a symlink to dirs/<ino>
 *   root                symlink to the dirs/ entry of the root
 *
 * Rules. Data is recorded before the real sync and names before the directory sync returns: a kill in between leaves
 * more in the shadow than was promised, never less. Bytes are found by file descriptor and inode, so dup, rename and
 * unlink need no bookkeeping of names: a directory sync reads the real directory. One mutex guards everything.
 *
 * Not followed: writes through mmap; sync, syncfs and sync_file_range promise nothing here.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define RANGES_MAX 16
#define SLOTS 4096 /* files followed at a time, a power of two */

struct range {
    off_t from, to;
};

/* What of one inode is not durable yet. */
struct file {
    ino_t ino; /* 0: slot never used */
    struct statx_timestamp birth; /* tells files apart that had the same inode number one after the other */
    int ranges_count;
    struct range ranges[RANGES_MAX];
    off_t cut; /* the smallest length since the last sync, -1: never cut */
};

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static sigset_t mask_before; /* of the thread that holds the mutex */
static struct file files[SLOTS];
static char root[PATH_MAX], shadow[PATH_MAX];
static dev_t root_dev;
static int on, fast;

static int (*real_openat)(int, const char *, int, ...);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static ssize_t (*real_pwritev2)(int, const struct iovec *, int, off_t, int);
static ssize_t (*real_copy_range)(int, off_t *, int, off_t *, size_t, unsigned);
static int (*real_ftruncate)(int, off_t);
static int (*real_fallocate)(int, int, off_t, off_t);
static int (*real_posix_fallocate)(int, off_t, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

/* Signals wait while the mutex is held: a handler that writes a log line would wait for its own thread. */
static void lock(void) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_mutex_lock(&guard);
    mask_before = before;
}

static void unlock(void) {
    sigset_t mask = mask_before;
    pthread_mutex_unlock(&guard);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

/* A harness that cannot trust its own shadow must stop, not pass. */
static void die(const char *what, const char *path) {
    dprintf(2, "shadow: %s %s: %s\n", what, path, strerror(errno));
    abort();
}

static void find_real(void) {
    if (real_fdatasync) return;
    real_openat = dlsym(RTLD_NEXT, "openat");
    real_write = dlsym(RTLD_NEXT, "write");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_writev = dlsym(RTLD_NEXT, "writev");
    real_pwritev = dlsym(RTLD_NEXT, "pwritev64");
    real_pwritev2 = dlsym(RTLD_NEXT, "pwritev64v2");
    real_copy_range = dlsym(RTLD_NEXT, "copy_file_range");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fallocate = dlsym(RTLD_NEXT, "fallocate64");
    real_posix_fallocate = dlsym(RTLD_NEXT, "posix_fallocate64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
}

/* ---- inodes ------------------------------------------------------------------------------------------------- */

static struct file *find_file(ino_t ino, int add) {
    for (size_t probe = 0; probe < SLOTS; probe++) {
        struct file *file = &files[(ino + probe) & (SLOTS - 1)];
        if (file->ino == ino) return file;
        if (file->ino == 0) {
            if (!add) return NULL;
            file->ino = ino;
            file->ranges_count = 0;
            file->cut = -1;
            return file;
        }
    }
    errno = ENOSPC;
    die("too many files below", root);
    return NULL;
}

static void object_path(char *path, const char *kind, ino_t ino) {
    if (snprintf(path, PATH_MAX, "%s/%s/%llu", shadow, kind, (unsigned long long)ino) >= PATH_MAX) {
        errno = ENAMETOOLONG;
        die("path", shadow);
    }
}

static int path_below_root(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    size_t root_len = strlen(root);
    if (len < 0) return 0;
    path[len] = 0;
    return strncmp(path, root, root_len) == 0 && (path[root_len] == '/' || path[root_len] == 0);
}

static struct statx_timestamp birth_of(int fd) {
    struct statx stx = {0};
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &stx) != 0) die("no birth time below", root);
    return stx.stx_btime;
}

static int same_birth(struct statx_timestamp a, struct statx_timestamp b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* Starts the life of a file of which nothing is durable. */
static struct file *forget(int fd, ino_t ino) {
    char object[PATH_MAX];
    struct file *file = find_file(ino, 1);
    object_path(object, "inodes", ino);
    unlink(object);
    file->birth = birth_of(fd);
    file->ranges_count = 0;
    file->cut = -1;
    return file;
}

/* The followed file behind fd, or NULL. With adopt (a sync), a file that is seen for the first time counts as
 * unsynced from end to end: stdio opens files without passing here. */
static struct file *followed(int fd, struct stat *st, int adopt) {
    if (!on || fstat(fd, st) != 0 || !S_ISREG(st->st_mode) || st->st_dev != root_dev) return NULL;
    struct file *file = find_file(st->st_ino, 0);
    if (!adopt || (file && same_birth(file->birth, birth_of(fd))) || !path_below_root(fd)) return file;
    file = forget(fd, st->st_ino);
    file->cut = 0;
    file->ranges[file->ranges_count++] = (struct range){0, st->st_size};
    return file;
}

static void add_range(struct file *file, off_t from, off_t to) {
    if (from >= to) return;
    for (int i = 0; i < file->ranges_count; i++) {
        struct range *range = &file->ranges[i];
        if (from <= range->to && to >= range->from) {
            if (from < range->from) range->from = from;
            if (to > range->to) range->to = to;
            return;
        }
    }
    if (file->ranges_count < RANGES_MAX) {
        file->ranges[file->ranges_count++] = (struct range){from, to};
        return;
    }
    /* Out of slots: one range over all. What lies between is durable already, so copying it again is no lie. */
    for (int i = 1; i < RANGES_MAX; i++) {
        if (file->ranges[i].from < file->ranges[0].from) file->ranges[0].from = file->ranges[i].from;
        if (file->ranges[i].to > file->ranges[0].to) file->ranges[0].to = file->ranges[i].to;
    }
    file->ranges_count = 1;
    add_range(file, from, to);
}

static void copy_range(int from_fd, int to_fd, off_t at, off_t end) {
    static char buf[1 << 20];
    while (at < end) {
        size_t want = (size_t)(end - at) < sizeof buf ? (size_t)(end - at) : sizeof buf;
        ssize_t got = pread(from_fd, buf, want, at);
        if (got < 0) die("cannot read in", root);
        if (got == 0) break;
        for (ssize_t done = 0; done < got;) {
            ssize_t put = real_pwrite(to_fd, buf + done, got - done, at + done);
            if (put <= 0) die("cannot write in", shadow);
            done += put;
        }
        at += got;
    }
}

/* Makes the data and length of a followed file durable in the shadow. */
static void sync_file(int fd, struct file *file, const struct stat *st) {
    char path[PATH_MAX], link[64];
    object_path(path, "inodes", file->ino);
    int to = real_openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (to < 0) die("cannot open", path);
    /* fd may be write-only. */
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int from = real_openat(AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
    if (from < 0) die("cannot reopen", link);
    if (file->cut >= 0) {
        struct stat old;
        if (fstat(to, &old) == 0 && old.st_size > file->cut && real_ftruncate(to, file->cut) != 0) die("cut", path);
    }
    for (int i = 0; i < file->ranges_count; i++) copy_range(from, to, file->ranges[i].from, file->ranges[i].to);
    if (real_ftruncate(to, st->st_size) != 0) die("cannot set the length of", path);
    file->ranges_count = 0;
    file->cut = -1;
    close(from);
    close(to);
}

/* ---- names -------------------------------------------------------------------------------------------------- */

static void make_dir(const char *path) {
    if (mkdir(path, 0755) != 0 && errno != EEXIST) die("cannot make", path);
}

/* Ensures that an inode has an object, empty when nothing of it is durable. */
static void ensure_object(ino_t ino) {
    char path[PATH_MAX];
    object_path(path, "inodes", ino);
    int fd = real_openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) die("cannot open", path);
    close(fd);
}

/* Puts one name into a durable directory, in place of what the name meant before, in one step. */
static void publish(const char *dir, const char *name, const struct stat *real) {
    char target[PATH_MAX], object[PATH_MAX], fresh[PATH_MAX];
    struct stat object_st, now;
    if (snprintf(target, sizeof target, "%s/%s", dir, name) >= PATH_MAX) return;
    if (snprintf(fresh, sizeof fresh, "%s/fresh", shadow) >= PATH_MAX) return;
    unlink(fresh);
    if (S_ISDIR(real->st_mode)) {
        char value[64];
        snprintf(value, sizeof value, "../%llu", (unsigned long long)real->st_ino);
        object_path(object, "dirs", real->st_ino);
        make_dir(object);
        if (symlink(value, fresh) != 0) die("cannot link", fresh);
    } else {
        ensure_object(real->st_ino);
        object_path(object, "inodes", real->st_ino);
        if (stat(object, &object_st) != 0) die("cannot find", object);
        if (lstat(target, &now) == 0 && now.st_ino == object_st.st_ino) return;
        if (link(object, fresh) != 0) die("cannot link", object);
    }
    if (rename(fresh, target) != 0) die("cannot rename to", target);
}

/* Makes the names of one directory durable: those that it has now, and no others. */
static void sync_dir(int fd, ino_t ino) {
    char dir[PATH_MAX];
    object_path(dir, "dirs", ino);
    make_dir(dir);
    int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = again < 0 ? NULL : fdopendir(again);
    if (!list) die("cannot list below", root);
    for (struct dirent *entry; (entry = readdir(list));) {
        struct stat st;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) publish(dir, entry->d_name, &st);
    }
    closedir(list);
    list = opendir(dir);
    if (!list) die("cannot list", dir);
    for (struct dirent *entry; (entry = readdir(list));) {
        struct stat st;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0) continue;
        unlinkat(dirfd(list), entry->d_name, 0);
    }
    closedir(list);
}

/* What is there when the server starts counts as durable. */
static void import(const char *path) {
    int fd = real_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) die("cannot open", path);
    DIR *list = opendir(path);
    if (!list) die("cannot list", path);
    for (struct dirent *entry; (entry = readdir(list));) {
        struct stat of;
        char below[PATH_MAX];
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (fstatat(fd, entry->d_name, &of, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (snprintf(below, sizeof below, "%s/%s", path, entry->d_name) >= PATH_MAX) continue;
        if (S_ISDIR(of.st_mode)) import(below);
        if (!S_ISREG(of.st_mode)) continue;
        int file_fd = real_openat(AT_FDCWD, below, O_RDONLY | O_CLOEXEC);
        if (file_fd < 0) die("cannot open", below);
        struct file *file = forget(file_fd, of.st_ino);
        file->cut = 0;
        add_range(file, 0, of.st_size);
        sync_file(file_fd, file, &of);
        close(file_fd);
    }
    closedir(list);
    sync_dir(fd, st.st_ino);
    close(fd);
}

__attribute__((constructor)) static void start(void) {
    find_real();
    const char *from = getenv("ESKER_SHADOW_ROOT"), *to = getenv("ESKER_SHADOW_DIR");
    struct stat st;
    char path[PATH_MAX], value[64];
    if (!from || !to) return;
    if (!realpath(from, root) || stat(root, &st) != 0) die("no root", from);
    if (!realpath(to, shadow)) die("no shadow", to);
    root_dev = st.st_dev;
    fast = getenv("ESKER_SHADOW_FAST") != NULL;
    snprintf(path, sizeof path, "%.4000s/root", shadow);
    if (access(path, F_OK) != 0) {
        char dir[PATH_MAX];
        snprintf(dir, sizeof dir, "%.4000s/inodes", shadow);
        make_dir(dir);
        snprintf(dir, sizeof dir, "%.4000s/dirs", shadow);
        make_dir(dir);
        import(root);
        snprintf(value, sizeof value, "dirs/%llu", (unsigned long long)st.st_ino);
        if (symlink(value, path) != 0) die("cannot link", path);
    }
    pthread_atfork(lock, unlock, unlock);
    on = 1;
}

/* ---- the calls ---------------------------------------------------------------------------------------------- */

static int open_common(int dir, const char *path, int flags, mode_t mode) {
    find_real();
    if (!on || !(flags & (O_WRONLY | O_RDWR | O_CREAT)) || (flags & O_TMPFILE) == O_TMPFILE)
        return real_openat(dir, path, flags, mode);
    lock();
    struct stat before, st;
    int existed = fstatat(dir, path, &before, 0) == 0;
    int fd = real_openat(dir, path, flags, mode);
    int saved = errno;
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_dev == root_dev && path_below_root(fd)) {
        struct file *file = find_file(st.st_ino, 0);
        if (existed && !file) {
            /* Another process of the same run made it; its object says what is durable. */
            file = find_file(st.st_ino, 1);
            file->birth = birth_of(fd);
        }
        /* A new file, perhaps with a recycled inode number: nothing of it is durable. */
        if (!existed || !same_birth(file->birth, birth_of(fd)))
            forget(fd, st.st_ino);
        else if (flags & O_TRUNC)
            file->cut = 0;
    }
    unlock();
    errno = saved;
    return fd;
}

static mode_t mode_of(int flags, va_list *args) {
    return flags & (O_CREAT | __O_TMPFILE) ? (mode_t)va_arg(*args, int) : 0;
}

#define OPEN_BODY(dir)                                                                                                 \
    va_list args;                                                                                                      \
    va_start(args, flags);                                                                                             \
    mode_t mode = mode_of(flags, &args);                                                                               \
    va_end(args);                                                                                                      \
    return open_common(dir, path, flags, mode)

int open(const char *path, int flags, ...) { OPEN_BODY(AT_FDCWD); }
int open64(const char *path, int flags, ...) { OPEN_BODY(AT_FDCWD); }
int openat(int dir, const char *path, int flags, ...) { OPEN_BODY(dir); }
int openat64(int dir, const char *path, int flags, ...) { OPEN_BODY(dir); }
int creat(const char *path, mode_t mode) { return open_common(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

/* Notes written bytes. at < 0: the descriptor's own position, which is past them now. The mutex is held from before
 * the real call, so that a sync in another thread sees both the bytes and the note, or neither. */
static ssize_t note(int fd, ssize_t written, off_t at) {
    struct stat st;
    int saved = errno;
    struct file *file = written > 0 ? followed(fd, &st, 0) : NULL;
    if (file) {
        if (at < 0) at = lseek(fd, 0, SEEK_CUR) - written;
        add_range(file, at, at + written);
        int flags = fcntl(fd, F_GETFL);
        if (flags >= 0 && (flags & O_DSYNC)) sync_file(fd, file, &st);
    }
    errno = saved;
    return written;
}

/* Sockets and pipes must not wait under the mutex. */
static int is_file(int fd) {
    struct stat st;
    int saved = errno;
    int yes = on && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    errno = saved;
    return yes;
}

#define NOTED(fd, at, call)                                                                                            \
    find_real();                                                                                                       \
    if (!is_file(fd)) return call;                                                                                     \
    lock();                                                                                        \
    ssize_t written = note(fd, call, at);                                                                              \
    unlock();                                                                                      \
    return written

ssize_t write(int fd, const void *buf, size_t len) { NOTED(fd, -1, real_write(fd, buf, len)); }
ssize_t pwrite(int fd, const void *buf, size_t len, off_t at) { NOTED(fd, at, real_pwrite(fd, buf, len, at)); }
ssize_t pwrite64(int fd, const void *buf, size_t len, off64_t at) { NOTED(fd, at, real_pwrite(fd, buf, len, at)); }
ssize_t writev(int fd, const struct iovec *iov, int count) { NOTED(fd, -1, real_writev(fd, iov, count)); }
ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t at) { NOTED(fd, at, real_pwritev(fd, iov, count, at)); }
ssize_t pwritev64(int fd, const struct iovec *iov, int count, off64_t at) {
    NOTED(fd, at, real_pwritev(fd, iov, count, at));
}
ssize_t pwritev2(int fd, const struct iovec *iov, int count, off_t at, int flags) {
    NOTED(fd, at, real_pwritev2(fd, iov, count, at, flags));
}
ssize_t pwritev64v2(int fd, const struct iovec *iov, int count, off64_t at, int flags) {
    NOTED(fd, at, real_pwritev2(fd, iov, count, at, flags));
}
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t len, unsigned flags) {
    off_t at = to_at ? *to_at : -1;
    NOTED(to, at, real_copy_range(from, from_at, to, to_at, len, flags));
}

static int note_length(int fd, int result, off_t cut, off_t from, off_t to) {
    struct stat st;
    int saved = errno;
    struct file *file = result == 0 ? followed(fd, &st, 0) : NULL;
    if (file && cut >= 0 && (file->cut < 0 || cut < file->cut)) file->cut = cut;
    if (file) add_range(file, from, to);
    errno = saved;
    return result;
}

#define LOCKED(expression)                                                                                             \
    find_real();                                                                                                       \
    lock();                                                                                        \
    int result = expression;                                                                                           \
    unlock();                                                                                      \
    return result

int ftruncate(int fd, off_t len) { LOCKED(note_length(fd, real_ftruncate(fd, len), len, 0, 0)); }
int ftruncate64(int fd, off64_t len) { LOCKED(note_length(fd, real_ftruncate(fd, len), len, 0, 0)); }
int fallocate(int fd, int mode, off_t at, off_t len) {
    LOCKED(note_length(fd, real_fallocate(fd, mode, at, len), -1, mode == 0 ? 0 : at, mode == 0 ? 0 : at + len));
}
int fallocate64(int fd, int mode, off64_t at, off64_t len) {
    LOCKED(note_length(fd, real_fallocate(fd, mode, at, len), -1, mode == 0 ? 0 : at, mode == 0 ? 0 : at + len));
}
int posix_fallocate(int fd, off_t at, off_t len) {
    LOCKED(note_length(fd, real_posix_fallocate(fd, at, len), -1, 0, 0));
}
int posix_fallocate64(int fd, off64_t at, off64_t len) {
    LOCKED(note_length(fd, real_posix_fallocate(fd, at, len), -1, 0, 0));
}

static int sync_common(int fd, int (*real)(int)) {
    struct stat st;
    int followed_here = 0;
    lock();
    struct file *file = followed(fd, &st, 1);
    if (file) {
        sync_file(fd, file, &st);
        followed_here = 1;
    } else if (on && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && path_below_root(fd)) {
        sync_dir(fd, st.st_ino);
        followed_here = 1;
    }
    unlock();
    return fast && followed_here ? 0 : real(fd);
}

int fsync(int fd) {
    find_real();
    return sync_common(fd, real_fsync);
}
int fdatasync(int fd) {
    find_real();
    return sync_common(fd, real_fdatasync);
}
