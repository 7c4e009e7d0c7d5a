#include "base/ids.h"

#include "base/check.h"
#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static void fill_random(void *out, size_t n) {
    size_t done = 0;
    while (done < n) {
        ssize_t got = getrandom((char *)out + done, n - done, 0);
        CHECK(got > 0 || errno == EINTR);
        if (got > 0)
            done += (size_t)got;
    }
}

void random_bytes(void *out, size_t n) {
    /* One system call serves many IDs; bytes are wiped as they are handed out. */
    static _Thread_local struct {
        unsigned char bytes[4096];
        size_t left;
    } pool;
    if (n > sizeof pool.bytes) {
        fill_random(out, n);
        return;
    }
    if (pool.left < n) {
        fill_random(pool.bytes, sizeof pool.bytes);
        pool.left = sizeof pool.bytes;
    }
    pool.left -= n;
    memcpy(out, pool.bytes + pool.left, n);
    memset(pool.bytes + pool.left, 0, n);
}

void id_make(int64_t wall_ns, char out[ID_SIZE]) {
    static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    uint64_t ms = (uint64_t)(wall_ns / NS_PER_MS);
    for (int i = 9; i >= 0; i--, ms >>= 5)
        out[i] = digits[ms & 31];
    unsigned char noise[16];
    random_bytes(noise, sizeof noise);
    for (int i = 0; i < 16; i++)
        out[10 + i] = digits[noise[i] & 31];
    out[ID_LENGTH] = '\0';
}
