/* Which references an endpoint's versions made of their first requests, and the one that is being made. */
#include "watch/monitors/monitored.h"

#include "base/json.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum { REFERENCE_BYTES_MAX = 1 << 20 };

struct reference_profile *monitored_known(const struct monitored *e, const char *version) {
    for (unsigned i = 0; i < e->known_count; i++)
        if (strcmp(e->known[i].version, version) == 0)
            return e->known[i].profile;
    return NULL;
}

bool monitored_know(struct monitored *e, const char *version, struct str manifest, struct error *err) {
    struct reference_profile *profile = NULL;
    yyjson_doc *doc = json_parse(manifest, err);
    bool good = doc && reference_profile_read(&profile, yyjson_doc_get_root(doc), err);
    yyjson_doc_free(doc);
    if (!good)
        return false;
    struct known_reference *more = realloc(e->known, (e->known_count + 1) * sizeof *more);
    if (!more) {
        reference_profile_unref(profile);
        return fail(err, ERR_NO_MEMORY, "Out of memory for the monitors.");
    }
    e->known = more;
    struct known_reference *k = &e->known[e->known_count++];
    *k = (struct known_reference){.profile = profile};
    str_put(str_from(version), k->version, sizeof k->version);
    return true;
}

/* What brought a profile, of training or of a calibration, is compared with that. */
static bool brought_none(const struct window_version *v) {
    return v && v->profile->rows == 0 && !v->profile->dimensions[DIMENSION_CONFIDENCE].known;
}

void monitored_alone(struct monitored *e, const char *version, int64_t now) {
    bool wanted =
        e->configured && e->limits.reference > 0 && brought_none(window_version(&e->live, str_from(version)));
    if (wanted && e->first && strcmp(first_reference_version(e->first), version) == 0)
        return;
    first_reference_free(e->first);
    e->first = wanted ? first_reference_new(version, (uint64_t)e->limits.reference, now) : NULL;
}

static bool fix(struct monitored *e, const char *version, struct monitor_row *row, struct error *err) {
    row->window = BUF_INIT(REFERENCE_BYTES_MAX);
    if (!first_reference_write(e->first, &row->window))
        return fail(err, ERR_NO_MEMORY, "Out of memory for the monitors.");
    if (!monitored_know(e, version, buf_str(&row->window), err))
        return false;
    memcpy(row->version, version, strlen(version) + 1);
    return window_compare_with(&e->live, version, reference_profile_ref(monitored_known(e, version))) ||
           fail(err, ERR_NO_MEMORY, "Out of memory for the monitors.");
}

bool monitored_fix(struct monitored *e, struct monitor_row *row) {
    char version[WINDOW_NAME_SIZE];
    struct error err;
    str_put(str_from(first_reference_version(e->first)), version, sizeof version);
    bool good = fix(e, version, row, &err);
    if (good)
        log_event(LOG_INFO, "monitors.reference",
                  "Version %s of endpoint \"%s\" brought no profile: its first %llu requests are what it is "
                  "compared with from now on.",
                  version, e->name, (unsigned long long)first_reference_count(e->first));
    else
        log_event(LOG_ERROR, "monitors.no_reference",
                  "Version %s of endpoint \"%s\" is compared with nothing. %s", version, e->name,
                  err.message);
    first_reference_free(e->first);
    e->first = NULL;
    return good;
}

void monitored_forget_references(struct monitored *e) {
    for (unsigned i = 0; i < e->known_count; i++)
        reference_profile_unref(e->known[i].profile);
    free(e->known);
    first_reference_free(e->first);
}
