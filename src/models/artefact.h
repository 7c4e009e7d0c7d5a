/* The file that a `linear`, `boosted` or `onnx` version is: sections in one block of bytes, made to be mapped
 * and used in place. Numbers are little-endian; IEEE 754 floats. Layout:
 *
 *     "PSTKLIN" NUL, u32 format, u32 byte-order mark 0x01020304, u64 size of the whole, u32 sections, u32 0
 *     per section: u32 kind, u32 0, u64 offset, u64 size
 *     sections, each starting at a multiple of 64
 *
 * The reader trusts nothing: every offset, size, count and index is checked before use, and says what
 * is wrong. Pure functions over bytes; any thread. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

enum { ARTEFACT_FORMAT = 1, ARTEFACT_SECTIONS_MAX = 32, ARTEFACT_ALIGN = 64 };

enum artefact_kind {
    ARTEFACT_LABELS = 1,     /* u32 count, then terminated names */
    ARTEFACT_VOCABULARY = 2, /* models/vocabulary.h */
    ARTEFACT_SCHEMA = 3,     /* models/tabular.h */
    ARTEFACT_NETWORK = 4,    /* models/network.h, over the vocabulary or the schema */
    ARTEFACT_CONFIDENCE = 5, /* models/confidence.h */
    ARTEFACT_VISUAL = 6,     /* mean and scale of each value of the visual vector */
    ARTEFACT_VISUAL_NETWORK = 7,
    ARTEFACT_VISUAL_CONFIDENCE = 8,
    ARTEFACT_LOOKS = 9,          /* models/looks.h; not in versions trained before there was this */
    ARTEFACT_ONNX = 10,          /* an ONNX file; models/onnx_backend.h */
    ARTEFACT_ONNX_SETTINGS = 11, /* u32 logits, float temperature, the terminated name of the output */
    ARTEFACT_TREES = 12,         /* models/trees.h, over the schema */
    ARTEFACT_NEIGHBOURS = 14,    /* models/neighbours.h, over the vocabulary; not in earlier versions */
    ARTEFACT_TRAINED_ROWS = 13,  /* rising u32 fingerprints of the rows' contents; learn/trained_rows.h */
    ARTEFACT_WORDPIECE = 20,     /* a vocabulary file; models/text_encoder.h */
    ARTEFACT_ENCODER = 21, /* u32 cased, first token, tokens, dimensions; the terminated name of the output */
};

struct artefact {
    struct str sections[ARTEFACT_SECTIONS_MAX]; /* by kind; .p is NULL where there is none */
};

/* `bytes` must be aligned to 8 at least, as a mapping or malloc gives. ERR_ARTEFACT. */
bool artefact_read(struct artefact *out, struct str bytes, struct error *err) MUST_USE;

/* Sections are written one after the other into `out`, which holds the artefact at the end. */
struct artefact_writer {
    struct buf *out;
    uint32_t count;
    struct {
        uint32_t kind;
        uint64_t offset, size;
    } sections[ARTEFACT_SECTIONS_MAX];
};

void artefact_begin(struct artefact_writer *w, struct buf *out);
void artefact_section(struct artefact_writer *w, enum artefact_kind kind); /* ends the one before */
/* Check out->failed afterwards. */
void artefact_end(struct artefact_writer *w);

/* Little-endian numbers into a buffer. */
void artefact_u32(struct buf *out, uint32_t value);
void artefact_floats(struct buf *out, const float *values, size_t count);
void artefact_zeros(struct buf *out, size_t bytes);

/* A cursor over a section: each take_ checks the bounds; `what` names the thing in the error. */
struct artefact_cursor {
    struct str rest;
    const char *section;
    struct error *err;
};
bool artefact_take_u32(struct artefact_cursor *c, const char *what, uint32_t least, uint32_t most,
                       uint32_t *out) MUST_USE;
/* count * size bytes, in place; fails when they are not there. */
bool artefact_take(struct artefact_cursor *c, const char *what, size_t count, size_t size,
                   const void **out) MUST_USE;
bool artefact_take_floats(struct artefact_cursor *c, const char *what, size_t count,
                          const float **out) MUST_USE;  /* all finite */
bool artefact_done(struct artefact_cursor *c) MUST_USE; /* nothing must be left but padding */

/* The section ARTEFACT_LABELS: 2 to `most` names, which lead into it; the list is the caller's to free. */
bool artefact_read_labels(struct str section, uint32_t most, const char ***labels, size_t *count,
                          struct error *err) MUST_USE;
