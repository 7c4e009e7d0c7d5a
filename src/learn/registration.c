#include "learn/registration.h"

#include <stdio.h>

static bool add_dataset(struct store *s, const struct registration *r, const struct noted_rows *noted,
                        char out[REFERENCE_SIZE], struct error *err) {
    struct dataset_record d;
    bool found = false;
    out[0] = '\0';
    if (noted->text.n == 0)
        return true;
    if (!r->dataset && !datasets_named(s, noted->hash, r->name, &found, &d, err))
        return false;
    if (!found && !datasets_add(s, r->dataset ? r->dataset : r->name, r->source, &noted->manifest,
                                buf_str(&noted->text), &d, &found, err))
        return false;
    snprintf(out, REFERENCE_SIZE, "%s@%u", d.name, d.version);
    return true;
}

bool registration_add(struct store *s, const struct registration *r, const struct trained *t,
                      struct registered *out, struct error *err) {
    struct registered done;
    if (!add_dataset(s, r, &t->noted, done.dataset, err) ||
        !registry_add_version(s, r->name, r->backend, buf_str(&t->artefact), buf_str(&t->manifest),
                              &done.version, err))
        return false;
    *out = done;
    return true;
}
