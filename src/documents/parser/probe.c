#include "documents/parser/probe.h"

#include "base/attributes.h"
#include "documents/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool try_write_file(void) {
    return open("/tmp/penstock-probe", O_CREAT | O_WRONLY | O_CLOEXEC, 0600) >= 0;
}

static bool try_read_file(void) {
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0;
}

static bool try_socket(void) {
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0;
}

static bool try_exec(void) {
    return execl("/bin/true", "true", (char *)NULL) == 0;
}

static bool try_fork(void) {
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    return child > 0;
}

static bool try_executable_memory(void) {
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
           MAP_FAILED;
}

static bool try_raise_limit(void) {
    return setrlimit(RLIMIT_AS, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY}) == 0;
}

/* Touches what it takes, as a decoder's bomb would. */
static bool try_eat_memory(void) {
    char *block;
    while ((block = malloc(1 << 20)))
        memset(block, 1, 1 << 20);
    _exit(FRAME_EXIT_MEMORY);
}

static volatile bool forever = true;

static bool try_loop(void) {
    while (forever)
        continue;
    return false;
}

static bool try_crash(void) {
    raise(SIGSEGV);
    abort();
}

/* Waits without using the processor: only the wall clock ends this one. */
static bool try_hang(void) {
    uint32_t never = 0;
    while (forever)
        syscall(SYS_futex, &never, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    return false;
}

void probe_sandbox(unsigned probe, char *report, size_t size) {
    static bool (*const probes[])(void) = {
        [PROBE_WRITE_FILE] = try_write_file,
        [PROBE_READ_FILE] = try_read_file,
        [PROBE_SOCKET] = try_socket,
        [PROBE_EXEC] = try_exec,
        [PROBE_FORK] = try_fork,
        [PROBE_EXECUTABLE_MEMORY] = try_executable_memory,
        [PROBE_RAISE_LIMIT] = try_raise_limit,
        [PROBE_EAT_MEMORY] = try_eat_memory,
        [PROBE_LOOP] = try_loop,
        [PROBE_CRASH] = try_crash,
        [PROBE_HANG] = try_hang,
    };
    if (probe == 0 || probe >= ARRAY_COUNT(probes)) {
        snprintf(report, size, "no such probe");
        return;
    }
    errno = 0;
    if (probes[probe]())
        snprintf(report, size, "allowed");
    else
        snprintf(report, size, "refused: %s", strerror(errno));
}
