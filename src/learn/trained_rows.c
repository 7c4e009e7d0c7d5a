#include "learn/trained_rows.h"

#include <stdlib.h>
#include <string.h>

static uint32_t fingerprint(const struct data_row *row) {
    return (uint32_t)(row->identity * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static int rising(const void *a, const void *b) {
    const uint32_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

bool trained_rows_write(struct artefact_writer *w, const struct dataset *d, const uint32_t *chosen,
                        size_t count, struct error *err) {
    uint32_t *prints = malloc((count + 1) * sizeof *prints);
    if (!prints)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++)
        prints[i] = fingerprint(&d->rows[chosen[i]]);
    qsort(prints, count, sizeof *prints, rising);
    artefact_section(w, ARTEFACT_TRAINED_ROWS);
    buf_add(w->out, prints, count * sizeof *prints);
    free(prints);
    return true;
}

/* Other backends' bytes may be anything: a source of rules, say. */
static bool is_artefact(struct str bytes) {
    return bytes.n >= 8 && memcmp(bytes.p, "PSTKLIN", 8) == 0;
}

bool trained_rows_read(struct trained_rows *out, struct str artefact, struct error *err) {
    struct artefact a;
    *out = (struct trained_rows){0};
    if (!is_artefact(artefact))
        return true;
    if (!artefact_read(&a, artefact, err))
        return false;
    struct str section = a.sections[ARTEFACT_TRAINED_ROWS];
    if (section.n % sizeof *out->fingerprints)
        return fail(err, ERR_ARTEFACT, "The artefact's list of trained rows has %zu bytes, no multiple of 4.",
                    section.n);
    if (section.p)
        *out = (struct trained_rows){(const void *)section.p, section.n / sizeof *out->fingerprints};
    return true;
}

bool trained_rows_has(const struct trained_rows *t, const struct data_row *row) {
    uint32_t wanted = fingerprint(row);
    return t->count && bsearch(&wanted, t->fingerprints, t->count, sizeof wanted, rising);
}
