/* A preloaded library that lets chosen calls of a running penstock fail: the n-th allocation, each k-th
 * allocation, the n-th write to a file. Its caller steers it through the file that PENSTOCK_FAULTS names,
 * which is mapped here: 64-bit numbers in the order of struct orders. Works under AddressSanitizer too (with
 * ASAN_OPTIONS=verify_asan_link_order=0), whose malloc is then the next one. Any thread. */
#undef _FILE_OFFSET_BITS /* or pwrite would be another name for pwrite64 here; both are called */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct orders {
    _Atomic int64_t allocation; /* counts down; the one that brings it from 1 to 0 fails; 0: none */
    _Atomic int64_t each;       /* > 0: each such allocation fails */
    _Atomic int64_t write;      /* like allocation, for writes, syncs and truncations of files on a disk */
    _Atomic int64_t allocations, writes, failed; /* counted since the start */
};

static struct orders *orders;

/* The parser processes inherit the environment, but not the faults. */
static __attribute__((constructor)) void attach(void) {
    const char *path = getenv("PENSTOCK_FAULTS");
    if (!path || strcmp(program_invocation_short_name, "penstock") != 0)
        return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *mapped =
        fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        abort();
    close(fd);
    orders = mapped;
}

static bool is_due(_Atomic int64_t *countdown) {
    int64_t left = atomic_load(countdown);
    while (left > 0 && !atomic_compare_exchange_weak(countdown, &left, left - 1))
        continue;
    return left == 1;
}

static bool allocation_fails(void) {
    if (!orders)
        return false;
    int64_t count = atomic_fetch_add(&orders->allocations, 1) + 1, each = atomic_load(&orders->each);
    if (!is_due(&orders->allocation) && (each <= 0 || count % each != 0))
        return false;
    atomic_fetch_add(&orders->failed, 1);
    errno = ENOMEM;
    return true;
}

static bool write_fails(int fd) {
    struct stat st;
    /* What lies in memory only (memfd_create) has no link. */
    if (!orders || fd == STDERR_FILENO || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink == 0)
        return false;
    atomic_fetch_add(&orders->writes, 1);
    if (!is_due(&orders->write))
        return false;
    atomic_fetch_add(&orders->failed, 1);
    errno = EIO;
    return true;
}

/* The function that would have been called without this library. */
#define NEXT(name)                                                                                           \
    static __typeof__(&name) next;                                                                           \
    if (!next)                                                                                               \
        next = (__typeof__(&name))dlsym(RTLD_NEXT, #name);

void *malloc(size_t size) {
    NEXT(malloc);
    return allocation_fails() ? NULL : next(size);
}

void *calloc(size_t count, size_t size) {
    NEXT(calloc);
    return allocation_fails() ? NULL : next(count, size);
}

void *realloc(void *old, size_t size) {
    NEXT(realloc);
    return allocation_fails() ? NULL : next(old, size);
}

ssize_t write(int fd, const void *bytes, size_t n) {
    NEXT(write);
    return write_fails(fd) ? -1 : next(fd, bytes, n);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) {
    NEXT(pwrite);
    return write_fails(fd) ? -1 : next(fd, bytes, n, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at) {
    NEXT(pwrite64);
    return write_fails(fd) ? -1 : next(fd, bytes, n, at);
}

int fsync(int fd) {
    NEXT(fsync);
    return write_fails(fd) ? -1 : next(fd);
}

int fdatasync(int fd) {
    NEXT(fdatasync);
    return write_fails(fd) ? -1 : next(fd);
}

int ftruncate(int fd, off_t size) {
    NEXT(ftruncate);
    return write_fails(fd) ? -1 : next(fd, size);
}

int ftruncate64(int fd, off64_t size) {
    NEXT(ftruncate64);
    return write_fails(fd) ? -1 : next(fd, size);
}
