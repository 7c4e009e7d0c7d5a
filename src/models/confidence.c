#include "models/confidence.h"

#include <math.h>
#include <string.h>

static float clamp(float value, float least, float most) {
    return value < least ? least : value > most ? most : value;
}

/* log(p / (1 - p)), kept within +-9: beyond that the data say nothing. */
static float log_odds(float p) {
    p = clamp(p, 1e-6f, 1 - 1e-6f);
    return clamp(logf(p / (1 - p)), -9, 9);
}

static float logistic(const float *weights, const float *terms, int count) {
    float sum = 0;
    for (int i = 0; i < count; i++)
        sum += weights[i] * terms[i];
    return 1 / (1 + expf(-clamp(sum, -30, 30)));
}

void confidence_novelty_terms(const struct confidence_signals *s, float terms[NOVELTY_TERMS]) {
    terms[0] = 1;
    terms[1] = 1 - s->known_words;
    terms[2] = 1 - s->known_grams;
    terms[3] = -clamp(s->decision, -2, 2);
    terms[4] = -log_odds(s->best);
    terms[5] = s->known_words <= 0;
    terms[6] = clamp(s->strangeness, -1, 1);
}

void confidence_terms(const struct confidence_signals *s, float novelty, float terms[CONFIDENCE_TERMS]) {
    terms[0] = 1;
    terms[1] = log_odds(s->best);
    terms[2] = clamp(logf(fmaxf(s->best, 1e-6f) / fmaxf(s->second, 1e-6f)), 0, 9);
    terms[3] = -log_odds(novelty);
    terms[4] = s->parts_agree;
    terms[5] = -s->scarcity;
    for (int i = 0; i < CONFIDENCE_NEAR; i++) {
        terms[CONFIDENCE_NEAR_TERM + 2 * i] = s->near[i].nearest;
        /* A mean over many texts is some tenths at most: on the others' scale. */
        terms[CONFIDENCE_NEAR_TERM + 2 * i + 1] = 4 * s->near[i].mean;
    }
}

float confidence_novelty(const struct confidence *c, const struct confidence_signals *s) {
    float terms[NOVELTY_TERMS];
    confidence_novelty_terms(s, terms);
    return logistic(c->novelty, terms, NOVELTY_TERMS);
}

float confidence_of(const struct confidence *c, const struct confidence_signals *s, float novelty) {
    float terms[CONFIDENCE_TERMS];
    confidence_terms(s, novelty, terms);
    float sure = logistic(c->correct, terms, CONFIDENCE_TERMS);
    return s->strangeness > 0 ? fminf(sure, CONFIDENCE_STRANGE) : sure;
}

enum { CONFIDENCE_FLOATS = sizeof(struct confidence) / sizeof(float) };

/* Without neighbours, and before that without the seventh term of novelty and with a number that meant
 * nothing at the end. */
enum { EARLIER_TERMS = 6, EARLIER_FLOATS = 17, EARLIEST_FLOATS = 16 };

static struct confidence from_earlier(const float *values, size_t novelty_terms) {
    struct confidence c = {.linear_factor = values[0], .hidden_factor = values[1]};
    memcpy(c.novelty, values + 2, novelty_terms * sizeof *values);
    memcpy(c.correct, values + 2 + novelty_terms, EARLIER_TERMS * sizeof *values);
    c.gate = values[2 + novelty_terms + EARLIER_TERMS];
    return c;
}

bool confidence_read(struct confidence *out, struct str section, const char *name, struct error *err) {
    struct artefact_cursor c = {section, name, err};
    size_t count = section.n == EARLIEST_FLOATS * sizeof(float)  ? EARLIEST_FLOATS
                   : section.n == EARLIER_FLOATS * sizeof(float) ? EARLIER_FLOATS
                                                                 : CONFIDENCE_FLOATS;
    const float *values;
    _Static_assert((int)CONFIDENCE_FLOATS != (int)EARLIER_FLOATS, "told apart by size");
    if (!artefact_take_floats(&c, "numbers", count, &values) || !artefact_done(&c))
        return false;
    if (count == CONFIDENCE_FLOATS)
        memcpy(out, values, sizeof *out);
    else
        *out = from_earlier(values, count == EARLIER_FLOATS ? NOVELTY_TERMS : NOVELTY_TERMS - 1);
    return true;
}

void confidence_write(struct buf *out, const struct confidence *c) {
    artefact_floats(out, (const float *)(const void *)c, CONFIDENCE_FLOATS);
}

struct confidence confidence_plain(float linear_factor, float hidden_factor) {
    struct confidence c = {.linear_factor = linear_factor, .hidden_factor = hidden_factor, .gate = 2};
    c.novelty[0] = -9;
    c.correct[1] = 1;
    return c;
}
