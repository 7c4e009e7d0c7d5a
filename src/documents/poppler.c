#include "documents/poppler.h"

#include "documents/child.h"
#include "documents/sandbox_layer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 24, CHUNK = 64 * 1024, STATUS_MAX = 256, EXIT_NO_SANDBOX = 125 };

enum stream { OUTPUT, COMPLAINTS, STATUS, STREAMS };

struct pipes {
    int read[STREAMS], write[STREAMS];
};

int poppler_input(struct str bytes, struct error *err) {
    int fd = memfd_create("document", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    size_t put = 0;
    while (fd >= 0 && put < bytes.n) {
        ssize_t n = write(fd, bytes.p + put, bytes.n - put);
        if (n <= 0 && errno != EINTR)
            break;
        put += n > 0 ? (size_t)n : 0;
    }
    bool sealed = fd >= 0 && put == bytes.n && lseek(fd, 0, SEEK_SET) == 0 &&
                  fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0;
    if (sealed)
        return fd;
    if (fd >= 0)
        close(fd);
    fail(err, ERR_NO_MEMORY, "the document could not be held in memory for its parser");
    return -1;
}

static void close_all(int fds[STREAMS]) {
    for (int i = 0; i < STREAMS; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}

static bool open_pipes(struct pipes *pipes, struct error *err) {
    for (int i = 0; i < STREAMS; i++)
        pipes->read[i] = pipes->write[i] = -1;
    for (int i = 0; i < STREAMS; i++) {
        int pair[2];
        if (pipe2(pair, O_CLOEXEC) != 0) {
            close_all(pipes->read);
            close_all(pipes->write);
            return fail(err, ERR_INTERNAL, "no pipe for a PDF program could be made: %s", strerror(errno));
        }
        pipes->read[i] = pair[0];
        pipes->write[i] = pair[1];
        (void)fcntl(pair[0], F_SETFL, O_NONBLOCK);
    }
    return true;
}

static bool spawn(const struct poppler_run *run, struct pipes *pipes, pid_t *pid, struct error *err) {
    char memory[24], cpu[16];
    const char *arguments[ARGUMENTS_MAX] = {"penstock-sandbox", memory, cpu};
    static char *const environment[] = {NULL};
    size_t n = 3;
    snprintf(memory, sizeof memory, "%zu", run->limits->memory_bytes);
    snprintf(cpu, sizeof cpu, "%u", run->limits->cpu_seconds);
    for (size_t i = 0; run->arguments[i] && n + 1 < ARGUMENTS_MAX; i++)
        arguments[n++] = run->arguments[i];
    arguments[n] = NULL;
    int descriptors[CHILD_DESCRIPTORS] = {run->input, pipes->write[OUTPUT], pipes->write[COMPLAINTS],
                                          pipes->write[STATUS]};
    /* posix_spawn does not write to the arguments; its type is older than const. */
    return child_spawn(run->sandbox, (char *const *)(uintptr_t)arguments, environment, descriptors, pid, err);
}

/* What has come so far of the two small streams. */
struct notes {
    size_t complaints, status;
    char status_bytes[STATUS_MAX];
};

static void keep(char *to, size_t room, size_t *have, const char *bytes, size_t n) {
    size_t take = n < room - *have ? n : room - *have;
    memcpy(to + *have, bytes, take);
    *have += take;
}

/* Reads what one pipe holds; false when that stream is over. */
static bool drain(enum stream stream, int fd, struct buf *output, struct poppler_outcome *outcome,
                  struct notes *notes) {
    char chunk[CHUNK];
    ssize_t n = read(fd, chunk, sizeof chunk);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    if (stream == COMPLAINTS)
        keep(outcome->complaints, POPPLER_COMPLAINTS_MAX - 1, &notes->complaints, chunk, (size_t)n);
    else if (stream == STATUS)
        keep(notes->status_bytes, STATUS_MAX - 1, &notes->status, chunk, (size_t)n);
    else {
        size_t room = output->cap - output->n;
        outcome->overflowed = (size_t)n > room;
        buf_add(output, chunk, (size_t)n < room ? (size_t)n : room);
    }
    return true;
}

static enum wait_end collect(const struct poppler_run *run, struct pipes *pipes, struct buf *output,
                             struct poppler_outcome *outcome, struct notes *notes) {
    for (;;) {
        struct pollfd fds[STREAMS];
        bool open = false;
        for (int i = 0; i < STREAMS; i++) {
            fds[i] = (struct pollfd){.fd = pipes->read[i], .events = POLLIN};
            open = open || pipes->read[i] >= 0;
        }
        if (!open || outcome->overflowed || output->failed)
            return WAIT_READY;
        enum wait_end end = patience_wait(run->patience, fds, STREAMS);
        if (end != WAIT_READY)
            return end;
        for (int i = 0; i < STREAMS; i++)
            if (fds[i].revents && !drain((enum stream)i, fds[i].fd, output, outcome, notes)) {
                close(fds[i].fd);
                pipes->read[i] = -1;
            }
    }
}

/* A program may close its pipes some time before it ends, or close them and never end. */
static enum wait_end wait_for_end(const struct poppler_run *run, pid_t pid) {
    struct pollfd ended = {.fd = pidfd_open(pid, 0), .events = POLLIN};
    if (ended.fd < 0)
        return WAIT_FAILED;
    enum wait_end end = patience_wait(run->patience, &ended, 1);
    close(ended.fd);
    return end;
}

/* The launcher's word: four bytes of layers, and a message behind them when it could not go on. */
static bool check_status(const struct poppler_run *run, const struct notes *notes,
                         struct poppler_outcome *outcome, struct error *err) {
    uint32_t layers = 0;
    if (notes->status >= sizeof layers)
        memcpy(&layers, notes->status_bytes, sizeof layers);
    if (notes->status > sizeof layers)
        return fail(err, ERR_INTERNAL, "%s", notes->status_bytes + sizeof layers);
    if ((layers & run->required_layers) != run->required_layers)
        return fail(err, ERR_INTERNAL, "the sandbox for PDF programs could not be set up");
    outcome->layers = layers;
    return true;
}

static bool says_out_of_memory(const char *complaints) {
    return strstr(complaints, "Out of memory") || strstr(complaints, "bad_alloc") ||
           strstr(complaints, "out of memory");
}

static bool judge(const struct poppler_run *run, enum child_end end, int status, const struct notes *notes,
                  struct poppler_outcome *outcome, struct error *err) {
    if (!check_status(run, notes, outcome, err))
        return false;
    outcome->exit_status = status;
    if (outcome->overflowed)
        return true;
    if (says_out_of_memory(outcome->complaints))
        end = CHILD_OUT_OF_MEMORY;
    return end == CHILD_EXITED || child_fail(end, status, err);
}

bool poppler_run(const struct poppler_run *run, struct buf *output, struct poppler_outcome *outcome,
                 struct error *err) {
    struct pipes pipes;
    struct notes notes = {0};
    pid_t pid;
    int status = 0;
    memset(outcome, 0, sizeof *outcome);
    if (!open_pipes(&pipes, err))
        return false;
    bool spawned = lseek(run->input, 0, SEEK_SET) == 0 && spawn(run, &pipes, &pid, err);
    close_all(pipes.write);
    if (!spawned) {
        close_all(pipes.read);
        return false;
    }
    enum wait_end waited = collect(run, &pipes, output, outcome, &notes);
    close_all(pipes.read);
    if (waited == WAIT_READY && !outcome->overflowed && !output->failed)
        waited = wait_for_end(run, pid);
    enum child_end end = child_kill(pid, &status);
    if (waited != WAIT_READY)
        return patience_fail(run->patience, waited, err);
    if (output->failed)
        return fail(err, ERR_NO_MEMORY, "no memory was left for the document's content");
    return judge(run, end, status, &notes, outcome, err);
}
