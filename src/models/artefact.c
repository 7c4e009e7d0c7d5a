#include "models/artefact.h"

#include "base/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(float) == 4, "floats are stored as IEEE 754 binary32");
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "artefacts are used in place and are little-endian"
#endif

static const char magic[8] = "PSTKLIN";
enum { BYTE_ORDER_MARK = 0x01020304, HEADER_SIZE = 32, ENTRY_SIZE = 24 };

struct header {
    char magic[8];
    uint32_t format, byte_order;
    uint64_t size;
    uint32_t sections, reserved;
};
struct entry {
    uint32_t kind, reserved;
    uint64_t offset, size;
};
_Static_assert(sizeof(struct header) == HEADER_SIZE && sizeof(struct entry) == ENTRY_SIZE, "no padding");

static bool check_header(const struct header *h, struct str bytes, struct error *err) {
    if (bytes.n < HEADER_SIZE || memcmp(h->magic, magic, sizeof magic) != 0)
        return fail(err, ERR_ARTEFACT,
                    "This is no model artefact: it does not begin with \"%s\" (%zu bytes).", magic, bytes.n);
    if (h->byte_order != BYTE_ORDER_MARK)
        return fail(err, ERR_ARTEFACT,
                    "The artefact's byte order mark is %08x, expected %08x: it is damaged.", h->byte_order,
                    BYTE_ORDER_MARK);
    if (h->format != ARTEFACT_FORMAT)
        return fail(err, ERR_ARTEFACT,
                    "The artefact has format %u, this program reads format %d: train the model again.",
                    h->format, ARTEFACT_FORMAT);
    if (h->size != bytes.n)
        return fail(err, ERR_ARTEFACT,
                    "The artefact says it has %llu bytes but there are %zu: it is cut off.",
                    (unsigned long long)h->size, bytes.n);
    if (h->sections > ARTEFACT_SECTIONS_MAX || bytes.n - HEADER_SIZE < h->sections * (size_t)ENTRY_SIZE)
        return fail(err, ERR_ARTEFACT, "The artefact claims %u sections, which do not fit.", h->sections);
    return true;
}

bool artefact_read(struct artefact *out, struct str bytes, struct error *err) {
    if (((uintptr_t)bytes.p & 7) != 0)
        return fail(err, ERR_ARTEFACT, "The artefact's bytes are not aligned in memory.");
    const struct header *h = (const void *)bytes.p;
    if (!check_header(h, bytes, err))
        return false;
    struct artefact a = {0};
    const struct entry *entries = (const void *)(bytes.p + HEADER_SIZE);
    for (uint32_t i = 0; i < h->sections; i++) {
        const struct entry *e = &entries[i];
        if (e->kind == 0 || e->kind >= ARTEFACT_SECTIONS_MAX || a.sections[e->kind].p)
            return fail(err, ERR_ARTEFACT, "Section %u of the artefact has the unknown or repeated kind %u.",
                        i, e->kind);
        if (e->offset % ARTEFACT_ALIGN || e->offset > bytes.n || e->size > bytes.n - e->offset)
            return fail(
                err, ERR_ARTEFACT,
                "Section %u of the artefact (kind %u, offset %llu, size %llu) does not lie within it.", i,
                e->kind, (unsigned long long)e->offset, (unsigned long long)e->size);
        a.sections[e->kind] = (struct str){bytes.p + e->offset, e->size};
    }
    *out = a;
    return true;
}

void artefact_begin(struct artefact_writer *w, struct buf *out) {
    *w = (struct artefact_writer){.out = out};
    artefact_zeros(out, HEADER_SIZE + ARTEFACT_SECTIONS_MAX * ENTRY_SIZE);
}

static void end_section(struct artefact_writer *w) {
    if (w->count)
        w->sections[w->count - 1].size = w->out->n - w->sections[w->count - 1].offset;
}

void artefact_section(struct artefact_writer *w, enum artefact_kind kind) {
    CHECK(w->count < ARTEFACT_SECTIONS_MAX);
    end_section(w);
    artefact_zeros(w->out, (ARTEFACT_ALIGN - w->out->n % ARTEFACT_ALIGN) % ARTEFACT_ALIGN);
    w->sections[w->count].kind = kind;
    w->sections[w->count++].offset = w->out->n;
}

void artefact_end(struct artefact_writer *w) {
    end_section(w);
    if (w->out->failed)
        return;
    struct header h = {
        .format = ARTEFACT_FORMAT, .byte_order = BYTE_ORDER_MARK, .size = w->out->n, .sections = w->count};
    memcpy(h.magic, magic, sizeof magic);
    memcpy(w->out->p, &h, sizeof h);
    for (uint32_t i = 0; i < w->count; i++) {
        struct entry e = {
            .kind = w->sections[i].kind, .offset = w->sections[i].offset, .size = w->sections[i].size};
        memcpy(w->out->p + HEADER_SIZE + i * sizeof e, &e, sizeof e);
    }
}

void artefact_u32(struct buf *out, uint32_t value) {
    buf_add(out, &value, sizeof value);
}

void artefact_floats(struct buf *out, const float *values, size_t count) {
    buf_add(out, values, count * sizeof *values);
}

void artefact_zeros(struct buf *out, size_t bytes) {
    static const char zeros[256];
    for (; bytes > sizeof zeros; bytes -= sizeof zeros)
        buf_add(out, zeros, sizeof zeros);
    buf_add(out, zeros, bytes);
}

bool artefact_take(struct artefact_cursor *c, const char *what, size_t count, size_t size, const void **out) {
    if (size && count > c->rest.n / size)
        return fail(
            c->err, ERR_ARTEFACT,
            "The artefact's %s section is cut off: %zu %s of %zu bytes do not fit in what is left (%zu).",
            c->section, count, what, size, c->rest.n);
    *out = c->rest.p;
    c->rest.p += count * size;
    c->rest.n -= count * size;
    return true;
}

bool artefact_take_u32(struct artefact_cursor *c, const char *what, uint32_t least, uint32_t most,
                       uint32_t *out) {
    const void *at = NULL;
    if (!artefact_take(c, what, 1, sizeof *out, &at))
        return false;
    uint32_t value;
    memcpy(&value, at, sizeof value);
    if (value < least || value > most)
        return fail(c->err, ERR_ARTEFACT, "The artefact's %s section has %s = %u, expected %u to %u.",
                    c->section, what, value, least, most);
    *out = value;
    return true;
}

bool artefact_take_floats(struct artefact_cursor *c, const char *what, size_t count, const float **out) {
    const void *at = NULL;
    if (!artefact_take(c, what, count, sizeof(float), &at))
        return false;
    const float *values = at;
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return fail(c->err, ERR_ARTEFACT,
                        "The artefact's %s section has a number that is not finite (%s).", c->section, what);
    *out = values;
    return true;
}

bool artefact_done(struct artefact_cursor *c) {
    if (c->rest.n)
        return fail(c->err, ERR_ARTEFACT, "The artefact's %s section has %zu bytes too many.", c->section,
                    c->rest.n);
    return true;
}

bool artefact_read_labels(struct str section, uint32_t most, const char ***labels, size_t *count,
                          struct error *err) {
    struct artefact_cursor c = {section, "labels", err};
    uint32_t wanted;
    if (!artefact_take_u32(&c, "count", 2, most, &wanted))
        return false;
    const char **list = calloc(wanted, sizeof *list);
    if (!list)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    bool ok = true;
    for (uint32_t i = 0; ok && i < wanted; i++) {
        size_t end = str_find_char(c.rest, '\0');
        if (end == SIZE_MAX || end == 0 || !str_is_utf8(str_slice(c.rest, 0, end), NULL))
            ok =
                fail(err, ERR_ARTEFACT, "Label %u of the artefact is empty, not terminated or not UTF-8.", i);
        else {
            list[i] = c.rest.p;
            c.rest = str_slice(c.rest, end + 1, c.rest.n);
        }
    }
    if (!ok || !artefact_done(&c)) {
        free(list);
        return false;
    }
    *labels = list;
    *count = wanted;
    return true;
}
