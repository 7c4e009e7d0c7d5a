#include "models/scores.h"

#include "models/vector.h"

#include <math.h>

static size_t index_of(const float *values, size_t n, float value) {
    for (size_t i = 0; i < n; i++)
        if (values[i] == value)
            return i;
    return 0; /* only where a damaged artefact made scores that are no numbers */
}

static struct nearness nearness_of(const struct label_scores *scores, size_t label) {
    if (scores->nearness)
        return scores->nearness[label];
    return scores->neighbours ? neighbours_of(scores->neighbours, (uint32_t)label) : (struct nearness){0};
}

unsigned scores_signals(const struct label_scores *scores, const struct confidence *c, float *p,
                        struct confidence_signals *out) {
    size_t n = scores->labels;
    for (size_t i = 0; i < n; i++)
        p[i] = c->linear_factor * scores->linear[i] + c->hidden_factor * scores->hidden[i];
    float top = vector_max(p, n);
    size_t best = index_of(p, n, top);
    float factor = 1 / vector_exp(p, top, n);
    for (size_t i = 0; i < n; i++)
        p[i] *= factor;
    float first = p[best];
    p[best] = 0;
    *out = (struct confidence_signals){
        .best = first,
        .second = vector_max(p, n),
        .decision = scores->linear[best],
        .known_words = scores->known_words,
        .known_grams = scores->known_grams,
        .scarcity = scores->scarcity,
        .strangeness =
            scores->looks && scores->looks[best] > 0 ? logf(scores->looks[best]) : STRANGENESS_USUAL,
        .parts_agree = c->hidden_factor <= 0 || (scores->linear[best] >= vector_max(scores->linear, n) &&
                                                 scores->hidden[best] >= vector_max(scores->hidden, n)),
    };
    out->near[0] = nearness_of(scores, best);
    out->near[1] = nearness_of(scores, index_of(p, n, out->second));
    p[best] = first;
    return (unsigned)best;
}

static void keep_best(struct model_answer *a, unsigned label, float p) {
    size_t at = a->top_count < MODEL_TOP_MAX ? a->top_count++ : MODEL_TOP_MAX - 1;
    while (at > 0 && a->top[at - 1].confidence < p) {
        a->top[at] = a->top[at - 1];
        at--;
    }
    a->top[at] = (struct model_top){label, p};
}

/* The first label gets the confidence; what is left of 1 goes to the others in proportion to their
 * probabilities, but never makes one of them surer than it was relative to the first. */
static void spread(struct model_answer *a) {
    float first = a->top[0].confidence;
    float factor = a->confidence / first;
    if (factor > 1)
        factor = first < 1 ? (1 - a->confidence) / (1 - first) : 0;
    for (size_t i = 1; i < a->top_count; i++)
        a->top[i].confidence *= factor;
    a->top[0].confidence = a->confidence;
}

void scores_answer(const struct label_scores *scores, const struct confidence *c, float *probabilities,
                   struct model_answer *out) {
    struct confidence_signals signals;
    struct model_answer a = {.label = scores_signals(scores, c, probabilities, &signals)};
    a.novelty = confidence_novelty(c, &signals);
    a.confidence = confidence_of(c, &signals, a.novelty);
    keep_best(&a, a.label, probabilities[a.label]);
    for (unsigned i = 0; i < scores->labels; i++)
        if (i != a.label &&
            (a.top_count < MODEL_TOP_MAX || probabilities[i] > a.top[MODEL_TOP_MAX - 1].confidence))
            keep_best(&a, i, probabilities[i]);
    spread(&a);
    *out = a;
}
