#include "documents/frame.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

bool frame_reply_valid(const struct frame_reply *reply, uint32_t max_text) {
    return reply->magic == FRAME_MAGIC && reply->status <= FRAME_INTERNAL &&
           (reply->visual_count == 0 || reply->visual_count == DOCUMENT_VISUAL_COUNT) &&
           reply->text_size <= max_text && reply->message_size <= FRAME_MESSAGE_MAX;
}

size_t frame_reply_payload(const struct frame_reply *reply) {
    return reply->visual_count * sizeof(float) + reply->text_size + reply->message_size;
}

void frame_clamp(float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!(values[i] >= 0))
            values[i] = 0;
        else if (values[i] > 1)
            values[i] = 1;
    }
}

bool frame_read_all(int fd, void *bytes, size_t n) {
    char *at = bytes;
    while (n > 0) {
        ssize_t got = read(fd, at, n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        n -= (size_t)got;
    }
    return true;
}

bool frame_write_all(int fd, const void *bytes, size_t n) {
    const char *at = bytes;
    while (n > 0) {
        ssize_t put = write(fd, at, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        at += put;
        n -= (size_t)put;
    }
    return true;
}
