#include "base/trace.h"

#include "base/ids.h"

#include <string.h>

/* 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 */
enum { ID_AT = 3, SPAN_AT = 36, FLAGS_AT = 53 };

static const char digits[] = "0123456789abcdef";

/* Lower case only, as the standard wants it. */
static bool read_hex(const char *p, unsigned char *out, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        const char *high = p[2 * i] ? strchr(digits, p[2 * i]) : NULL;
        const char *low = p[2 * i + 1] ? strchr(digits, p[2 * i + 1]) : NULL;
        if (!high || !low)
            return false;
        out[i] = (unsigned char)((high - digits) << 4 | (low - digits));
    }
    return true;
}

static void write_hex(const unsigned char *bytes, size_t n, char *out) {
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
}

static bool is_zero(const unsigned char *p, size_t n) {
    unsigned char any = 0;
    for (size_t i = 0; i < n; i++)
        any |= p[i];
    return any == 0;
}

static bool read_parent(struct str text, struct trace *t) {
    unsigned char version, flags;
    const char *p = text.p;
    if (text.n < TRACE_PARENT_SIZE - 1 || p[ID_AT - 1] != '-' || p[SPAN_AT - 1] != '-' ||
        p[FLAGS_AT - 1] != '-')
        return false;
    if (!read_hex(p, &version, 1) || !read_hex(p + ID_AT, t->id, TRACE_ID_SIZE) ||
        !read_hex(p + SPAN_AT, t->parent, SPAN_ID_SIZE) || !read_hex(p + FLAGS_AT, &flags, 1))
        return false;
    bool longer = text.n > TRACE_PARENT_SIZE - 1;
    if (version == 0xff || (longer && (version == 0 || p[TRACE_PARENT_SIZE - 1] != '-')))
        return false;
    t->sampled = flags & 1;
    return !is_zero(t->id, TRACE_ID_SIZE) && !is_zero(t->parent, SPAN_ID_SIZE);
}

static bool is_plain(struct str text) {
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < 0x20 || text.p[i] > 0x7e)
            return false;
    return text.n <= TRACE_STATE_MAX;
}

struct trace trace_read(struct str traceparent, struct str tracestate) {
    struct trace t = {.state = STR("")};
    t.given = traceparent.p && read_parent(traceparent, &t);
    if (t.given && tracestate.n && is_plain(tracestate))
        t.state = tracestate;
    return t;
}

/* splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). */
static uint64_t next_random(void) {
    static _Thread_local uint64_t state;
    if (state == 0)
        random_bytes(&state, sizeof state);
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void trace_new_id(unsigned char *out, size_t n) {
    do
        for (size_t at = 0; at < n; at += sizeof(uint64_t)) {
            uint64_t bits = next_random();
            memcpy(out + at, &bits, n - at < sizeof bits ? n - at : sizeof bits);
        }
    while (is_zero(out, n));
}

void trace_begin(struct trace *t, double share) {
    if (t->given || (double)(next_random() >> 11) * 0x1p-53 >= share)
        return;
    t->made = t->sampled = true;
    trace_new_id(t->id, TRACE_ID_SIZE);
}

void trace_parent(const struct trace *t, char out[TRACE_PARENT_SIZE]) {
    unsigned char span[SPAN_ID_SIZE];
    trace_new_id(span, sizeof span);
    memcpy(out, "00-", 3);
    write_hex(t->id, TRACE_ID_SIZE, out + ID_AT);
    out[SPAN_AT - 1] = '-';
    write_hex(span, SPAN_ID_SIZE, out + SPAN_AT);
    memcpy(out + FLAGS_AT - 1, t->sampled ? "-01" : "-00", sizeof "-00");
}

void trace_id_hex(const unsigned char id[TRACE_ID_SIZE], char out[TRACE_ID_HEX_SIZE]) {
    write_hex(id, TRACE_ID_SIZE, out);
    out[TRACE_ID_HEX_SIZE - 1] = '\0';
}

void span_id_hex(const unsigned char id[SPAN_ID_SIZE], char out[SPAN_ID_HEX_SIZE]) {
    write_hex(id, SPAN_ID_SIZE, out);
    out[SPAN_ID_HEX_SIZE - 1] = '\0';
}

void trace_parent_span(const char parent[TRACE_PARENT_SIZE], unsigned char out[SPAN_ID_SIZE]) {
    if (!parent[0] || !read_hex(parent + SPAN_AT, out, SPAN_ID_SIZE))
        memset(out, 0, SPAN_ID_SIZE);
}
