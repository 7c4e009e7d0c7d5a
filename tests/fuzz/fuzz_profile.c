/* A version's reference profile in its manifest, and a monitor's window and readings as the store keeps them:
 * any bytes are refused, or are something that can be compared and packed again. */
#include "base/check.h"
#include "watch/monitors/divergence.h"
#include "watch/monitors/monitor_series.h"
#include "watch/monitors/window.h"

static struct reference_profile *read_profile(struct str text) {
    struct reference_profile *p = NULL;
    struct error err = {0};
    yyjson_doc *doc = json_parse(text, &err);
    if (doc && !reference_profile_read(&p, yyjson_doc_get_root(doc), &err))
        CHECK(err.code != ERR_NONE && err.message[0]);
    yyjson_doc_free(doc);
    return p;
}

static void compare(struct reference_profile *p) {
    struct window w = {0};
    uint16_t bins[PROFILE_INPUTS_MAX];
    struct model_answer answer = {.novelty = 0.5F, .known_words = 0.2F, .words = 7};
    if (reference_profile_bins(p, &(struct profile_sight){.answer = &answer}, bins))
        for (size_t i = 0; i < reference_profile_inputs(p); i++)
            CHECK(bins[i] == PROFILE_NOT_SEEN || bins[i] < p->dimensions[DIMENSION_INPUTS + i].bins + 2);
    CHECK(reference_profile_label(p, STR("nobody's")) < p->dimensions[DIMENSION_LABEL].bins + 2);
    if (!window_watch(&w, "m@1", p))
        return;
    for (size_t i = 0; i < p->count; i++) {
        const struct profile_dimension *d = &p->dimensions[i];
        CHECK(d->first + d->bins + 2 <= p->counters);
        w.versions[0].counts[d->first] = 9;
        divergence_of(w.versions[0].counts + d->first, d->shares, d->bins + 2, d->known ? p->rows : 0,
                      !d->category);
    }
    AUTO_BUF bytes = BUF_INIT(64 << 20);
    window_pack(&w, &bytes);
    CHECK(window_add_packed(&w, buf_str(&bytes)));
    window_free(&w);
}

static void count(const struct reading *r, void *ctx) {
    CHECK(r->monitor && r->unit && r->part);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str bytes = {(const char *)data, size};
    struct reference_profile *p = read_profile(bytes), *bare;
    struct window w = {0};
    if (p)
        compare(p);
    if (reference_profile_read(&bare, NULL, NULL) && window_watch(&w, "m@1", bare) &&
        window_add_packed(&w, bytes)) {
        AUTO_BUF again = BUF_INIT(64 << 20);
        window_pack(&w, &again);
        CHECK(window_add_packed(&w, buf_str(&again)));
    }
    window_free(&w);
    if (!monitor_readings_visit(bytes, count, NULL))
        return 0;
    return 0;
}
