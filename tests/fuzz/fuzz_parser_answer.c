/* A parser process that a file has taken over may answer anything: the pool reads it as it comes. */
#include "documents/parser_process.h"

#include "base/clock.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_TEXT = 4096, MOST = 16384 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const atomic_bool never = false;
    static int wake = -1;
    int pair[2];
    struct parser_answer answer = {0};
    if (wake < 0)
        wake = eventfd(0, EFD_CLOEXEC);
    if (size > MOST || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return 0;
    if (frame_write_all(pair[1], data, size)) {
        close(pair[1]);
        struct patience patience = {.until = clock_monotonic() + NS_PER_SECOND,
                                    .wake = wake,
                                    .cancelled = &never,
                                    .allowed_ms = 1000};
        if (parser_answer_receive(pair[0], MAX_TEXT, &patience, &answer) == WAIT_READY)
            for (size_t i = 0; i < answer.head.visual_count; i++)
                if (!(answer.visual[i] >= 0 && answer.visual[i] <= 1))
                    abort();
        parser_answer_free(&answer);
    } else {
        close(pair[1]);
    }
    close(pair[0]);
    return 0;
}
