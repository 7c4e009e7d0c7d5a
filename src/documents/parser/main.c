/* penstock-parser: one sandboxed process that decodes images, one after the other, for the pool that
 * started it (src/documents/parser_pool.c). Descriptor 3 is a socket to the pool; the arguments are the
 * memory limit in bytes. It ends when the pool closes its side. */
#include "documents/frame.h"
#include "documents/parser/image.h"
#include "documents/parser/probe.h"
#include "documents/sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { SOCKET = 3 };

/* C++'s `operator new` and Leptonica's pixel memory: out of memory ends the process with a status that
 * the pool turns into a clear error; a job's limit is not worth unwinding for. */
static void *allocate_or_exit(size_t n) {
    void *p = malloc(n ? n : 1);
    if (!p)
        _exit(FRAME_EXIT_MEMORY);
    return p;
}

void *_Znwm(size_t n);
void *_Znam(size_t n);
void *_Znwm(size_t n) {
    return allocate_or_exit(n);
}
void *_Znam(size_t n) {
    return allocate_or_exit(n);
}

static bool send_reply(const struct frame_reply *head, const struct image_output *output) {
    return frame_write_all(SOCKET, head, sizeof *head) &&
           frame_write_all(SOCKET, output->visual, head->visual_count * sizeof(float)) &&
           frame_write_all(SOCKET, output->text, head->text_size) &&
           frame_write_all(SOCKET, output->message, head->message_size);
}

static bool send_output(const struct image_output *output) {
    struct frame_reply head = {
        .magic = FRAME_MAGIC,
        .status = output->status,
        .flags = output->flags,
        .width = output->width,
        .height = output->height,
        .confidence = output->confidence,
        .visual_count = output->status == FRAME_OK && output->has_visual ? DOCUMENT_VISUAL_COUNT : 0,
        .text_size = output->status == FRAME_OK ? (uint32_t)output->text_size : 0,
        .message_size = (uint32_t)strlen(output->message),
    };
    memcpy(head.microseconds, output->microseconds, sizeof head.microseconds);
    return send_reply(&head, output);
}

static int64_t deadline_in(uint32_t ms) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return ((int64_t)t.tv_sec * 1000 + ms) * 1000000 + t.tv_nsec;
}

/* A job beyond its share is ended by SIGXCPU. */
static void limit_cpu(uint32_t seconds) {
    struct timespec used = {0};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    setrlimit(RLIMIT_CPU, &(struct rlimit){(rlim_t)used.tv_sec + 1 + seconds, RLIM_INFINITY});
}

/* False when the pool is gone. */
static bool serve(struct ocr *ocr, const struct frame_request *request, const unsigned char *bytes) {
    struct image_output output = {0};
    limit_cpu(request->cpu_seconds);
    switch (request->kind) {
    case FRAME_IMAGE: {
        struct image_input input = {
            .bytes = bytes,
            .size = request->size,
            .format = request->format,
            .want = request->want,
            .max_pixels = request->max_pixels,
            .max_text = request->max_text,
            .deadline = deadline_in(request->budget_ms),
            .quick_ns = (int64_t)request->quick_ms * 1000000,
        };
        image_read(&input, ocr, &output);
        break;
    }
    case FRAME_WARM:
        if (!ocr_warm(ocr)) {
            output.status = FRAME_INTERNAL;
            snprintf(output.message, sizeof output.message, "Tesseract did not start");
        }
        break;
    case FRAME_PROBE: probe_sandbox(request->want, output.message, sizeof output.message); break;
    default: return false;
    }
    bool sent = send_output(&output);
    image_output_free(&output);
    return sent;
}

static bool announce(unsigned layers, enum frame_status status, const char *message) {
    struct image_output nothing = {0};
    snprintf(nothing.message, sizeof nothing.message, "%s", message);
    struct frame_reply head = {.magic = FRAME_MAGIC,
                               .status = status,
                               .flags = layers,
                               .message_size = (uint32_t)strlen(nothing.message)};
    return send_reply(&head, &nothing);
}

static void serve_all(struct ocr *ocr) {
    struct frame_request request;
    while (frame_read_all(SOCKET, &request, sizeof request)) {
        if (request.magic != FRAME_MAGIC)
            return;
        unsigned char *bytes = allocate_or_exit(request.size);
        bool more = frame_read_all(SOCKET, bytes, request.size) && serve(ocr, &request, bytes);
        free(bytes);
        if (!more)
            return;
    }
}

static void *pixels_or_exit(size_t n) {
    return allocate_or_exit(n);
}

int main(int argc, char **argv) {
    char why[FRAME_MESSAGE_MAX];
    const char *missing;
    struct sandbox_request sandbox = {.kind = SANDBOX_DECODER};
    if (argc != 2 || (sandbox.memory_bytes = strtoull(argv[1], NULL, 10)) == 0) {
        fprintf(stderr, "penstock-parser is started by penstock, not by hand\n");
        return 2;
    }
    setMsgSeverity(L_SEVERITY_NONE);
    setPixMemoryManager(pixels_or_exit, free);
    struct ocr *ocr = ocr_new(&missing);
    if (!ocr)
        return announce(0, FRAME_INTERNAL, missing) ? 1 : 2;
    int layers = sandbox_enter(&sandbox, why, sizeof why);
    if (layers < 0)
        return announce(0, FRAME_INTERNAL, why) ? 1 : 2;
    if (announce((unsigned)layers, FRAME_READY, ""))
        serve_all(ocr);
    /* Nothing is worth tidying up in a process that ends. */
    _exit(0);
}
