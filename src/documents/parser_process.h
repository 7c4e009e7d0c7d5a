/* One `penstock-parser` process and the conversation with it. The process is treated as hostile: it may
 * answer wrongly, late or never, which ends it. One thread of the pool each. */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "documents/documents.h"
#include "documents/frame.h"
#include "documents/patience.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct parser_process {
    pid_t pid; /* 0: none runs */
    int fd;
    unsigned layers;
    float spawn_ms;
    uint64_t jobs;
};

enum parser_end { PARSER_FINE, PARSER_CRASHED, PARSER_OUT_OF_MEMORY, PARSER_LATE, PARSER_CANCELLED };

/* Starts the program and waits for its word that the sandbox is closed, with at least these
 * layers. */
bool parser_process_start(struct parser_process *process, const char *program, size_t memory_bytes,
                          unsigned required_layers, const struct patience *patience,
                          struct error *err) MUST_USE;

/* Between jobs a process is silent. One that is not has died, or talks out of turn: it is not to be used. */
bool parser_process_idle(const struct parser_process *process);

/* Kills and reaps it; nothing when none runs. */
void parser_process_stop(struct parser_process *process);

struct parser_answer {
    struct frame_reply head;
    float visual[DOCUMENT_VISUAL_COUNT];
    char *text; /* malloc'ed, head.text_size bytes, NULL when empty; as it came, maybe not UTF-8 */
    char message[FRAME_MESSAGE_MAX + 1]; /* printable */
    bool nonsense;                       /* what came is no answer */
};
void parser_answer_free(struct parser_answer *answer);

/* Reads one answer, checking every number in it; *answer starts zeroed. Used by parser_process_ask. */
enum wait_end parser_answer_receive(int fd, uint32_t max_text, const struct patience *patience,
                                    struct parser_answer *answer) MUST_USE;

/* Sends one request and its payload, waits for the answer. On failure the process is gone and *end says
 * how it went. */
bool parser_process_ask(struct parser_process *process, const struct frame_request *request,
                        struct str payload, const struct patience *patience, struct parser_answer *answer,
                        enum parser_end *end, struct error *err) MUST_USE;
