#include "documents/parser_process.h"

#include "base/clock.h"
#include "documents/child.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CHILD_SOCKET = 3, TESSDATA_MAX = 512 };

struct child_environment {
    char tessdata[TESSDATA_MAX];
    char *list[4];
};

/* OMP_THREAD_LIMIT must be there at exec: Tesseract's OpenMP threads make it slower, and the filter
 * forbids them. Nothing else of the server's environment goes in. */
static void make_environment(struct child_environment *environment) {
    static char one_thread[] = "OMP_THREAD_LIMIT=1", language[] = "LANG=C.UTF-8";
    const char *own = getenv("TESSDATA_PREFIX");
    size_t n = 0;
    environment->list[n++] = one_thread;
    environment->list[n++] = language;
    if (own && snprintf(environment->tessdata, TESSDATA_MAX, "TESSDATA_PREFIX=%s", own) < TESSDATA_MAX)
        environment->list[n++] = environment->tessdata;
    environment->list[n] = NULL;
}

static bool spawn(struct parser_process *process, const char *program, size_t memory_bytes,
                  struct error *err) {
    int pair[2];
    char memory[24], name[] = "penstock-parser";
    char *arguments[] = {name, memory, NULL};
    struct child_environment environment;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return fail(err, ERR_INTERNAL, "no socket for a parser process could be made");
    make_environment(&environment);
    snprintf(memory, sizeof memory, "%zu", memory_bytes);
    int descriptors[CHILD_DESCRIPTORS] = {-1, -1, -1, pair[1]};
    bool ok = child_spawn(program, arguments, environment.list, descriptors, &process->pid, err);
    close(pair[1]);
    if (!ok) {
        close(pair[0]);
        return false;
    }
    process->fd = pair[0];
    return true;
}

static void make_printable(char *text) {
    for (char *at = text; *at; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
}

enum wait_end parser_answer_receive(int fd, uint32_t max_text, const struct patience *patience,
                                    struct parser_answer *answer) {
    struct frame_reply *head = &answer->head;
    enum wait_end end = patience_receive(patience, fd, head, sizeof *head);
    if (end != WAIT_READY)
        return end;
    answer->nonsense = !frame_reply_valid(head, max_text);
    if (answer->nonsense)
        return WAIT_FAILED;
    end = patience_receive(patience, fd, answer->visual, head->visual_count * sizeof(float));
    if (end == WAIT_READY && head->text_size > 0) {
        answer->text = malloc(head->text_size);
        end = answer->text ? patience_receive(patience, fd, answer->text, head->text_size) : WAIT_FAILED;
    }
    if (end == WAIT_READY)
        end = patience_receive(patience, fd, answer->message, head->message_size);
    answer->message[end == WAIT_READY ? head->message_size : 0] = '\0';
    make_printable(answer->message);
    frame_clamp(answer->visual, head->visual_count);
    frame_clamp(&head->confidence, 1);
    return end;
}

void parser_answer_free(struct parser_answer *answer) {
    free(answer->text);
    answer->text = NULL;
}

bool parser_process_start(struct parser_process *process, const char *program, size_t memory_bytes,
                          unsigned required_layers, const struct patience *patience, struct error *err) {
    struct parser_answer answer = {0};
    struct parser_process started = {0};
    int64_t since = clock_monotonic();
    if (!spawn(&started, program, memory_bytes, err))
        return false;
    enum wait_end end = parser_answer_receive(started.fd, 0, patience, &answer);
    parser_answer_free(&answer);
    bool ready = end == WAIT_READY && answer.head.status == FRAME_READY;
    unsigned missing = required_layers & ~answer.head.flags;
    if (ready && !missing) {
        started.layers = answer.head.flags;
        started.spawn_ms = (float)(clock_monotonic() - since) / (float)NS_PER_MS;
        *process = started;
        return true;
    }
    parser_process_stop(&started);
    if (ready) {
        char text[SANDBOX_TEXT_SIZE];
        sandbox_layers_text(missing, text);
        return fail(err, ERR_INTERNAL, "parser processes cannot be isolated as required here; missing: %s",
                    text);
    }
    if (end == WAIT_READY)
        return fail(err, ERR_INTERNAL, "%s did not start: %s", program, answer.message);
    if (end != WAIT_FAILED)
        return patience_fail(patience, end, err);
    return fail(err, ERR_INTERNAL, "%s ended while starting", program);
}

bool parser_process_idle(const struct parser_process *process) {
    struct pollfd fd = {.fd = process->fd, .events = POLLIN};
    return process->pid != 0 && poll(&fd, 1, 0) == 0;
}

void parser_process_stop(struct parser_process *process) {
    int status;
    if (process->pid == 0)
        return;
    close(process->fd);
    (void)child_kill(process->pid, &status);
    process->pid = 0;
}

static enum parser_end verdict(enum wait_end waited, enum child_end ended) {
    if (waited == WAIT_LATE)
        return PARSER_LATE;
    if (waited == WAIT_CANCELLED)
        return PARSER_CANCELLED;
    return ended == CHILD_OUT_OF_MEMORY || ended == CHILD_OUT_OF_CPU ? PARSER_OUT_OF_MEMORY : PARSER_CRASHED;
}

bool parser_process_ask(struct parser_process *process, const struct frame_request *request,
                        struct str payload, const struct patience *patience, struct parser_answer *answer,
                        enum parser_end *end, struct error *err) {
    int status = 0;
    *answer = (struct parser_answer){0};
    *end = PARSER_FINE;
    enum wait_end waited = patience_send(patience, process->fd, request, sizeof *request);
    if (waited == WAIT_READY)
        waited = patience_send(patience, process->fd, payload.p, payload.n);
    if (waited == WAIT_READY)
        waited = parser_answer_receive(process->fd, request->max_text, patience, answer);
    process->jobs++;
    if (waited == WAIT_READY)
        return true;
    parser_answer_free(answer);
    close(process->fd);
    enum child_end ended = child_kill(process->pid, &status);
    process->pid = 0;
    if (answer->nonsense)
        ended = CHILD_CRASHED;
    *end = verdict(waited, ended);
    return waited == WAIT_FAILED ? child_fail(ended, status, err) : patience_fail(patience, waited, err);
}
