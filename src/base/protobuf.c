#include "base/protobuf.h"

#include <string.h>

enum { VARINT_MAX = 10, WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LENGTH = 2 };

static size_t put_varint(uint64_t value, unsigned char to[VARINT_MAX]) {
    size_t n = 0;
    do {
        to[n] = (unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
        n++;
    } while (value);
    return n;
}

static void add_varint(struct buf *out, uint64_t value) {
    unsigned char bytes[VARINT_MAX];
    buf_add_str(out, (struct str){(const char *)bytes, put_varint(value, bytes)});
}

static void add_tag(struct buf *out, unsigned field, unsigned wire) {
    add_varint(out, field << 3 | wire);
}

void protobuf_int(struct buf *out, unsigned field, uint64_t value) {
    add_tag(out, field, WIRE_VARINT);
    add_varint(out, value);
}

/* Little-endian, whatever the machine is. */
void protobuf_fixed64(struct buf *out, unsigned field, uint64_t value) {
    char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)(unsigned char)(value >> 8 * i);
    add_tag(out, field, WIRE_64);
    buf_add_str(out, (struct str){bytes, sizeof bytes});
}

void protobuf_double(struct buf *out, unsigned field, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    protobuf_fixed64(out, field, bits);
}

void protobuf_bytes(struct buf *out, unsigned field, struct str bytes) {
    add_tag(out, field, WIRE_LENGTH);
    add_varint(out, bytes.n);
    buf_add_str(out, bytes);
}

size_t protobuf_begin(struct buf *out, unsigned field) {
    add_tag(out, field, WIRE_LENGTH);
    return out->n;
}

/* The length goes before what was written: our messages are some hundred bytes, moving them costs nothing. */
void protobuf_end(struct buf *out, size_t begun) {
    unsigned char bytes[VARINT_MAX];
    if (out->failed)
        return;
    size_t length = out->n - begun, n = put_varint(length, bytes);
    if (!buf_reserve(out, n))
        return;
    memmove(out->p + begun + n, out->p + begun, length);
    memcpy(out->p + begun, bytes, n);
    out->n += n;
}
