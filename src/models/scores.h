/* From the scores that a backend gives to every label to its answer: the same way in training, which fits the
 * confidence, and in serving, which uses it. Pure functions; any thread. */
#pragma once

#include "models/backend.h"
#include "models/confidence.h"

/* Scores before confidence, and what else was seen. The pointers lead into the scratch and hold until its
 * next use. */
struct label_scores {
    size_t labels;
    const float *linear, *hidden; /* of each label, on any scale; a backend with one kind has zeros for the
                                     other */
    const float
        *looks; /* relative distances (models/looks.h); NULL: no page was looked at, or none was learned */
    float known_words, known_grams, scarcity;
    uint32_t words;
    /* Neighbours: asked about the first labels only, or already known of every label; both NULL: there are
     * none. */
    const struct neighbour_query *neighbours;
    const struct nearness *nearness;
};

/* Probabilities (labels floats) by step 1 of models/confidence.h, and the signals for steps 2 and 3. Returns
 * the first label. */
unsigned scores_signals(const struct label_scores *scores, const struct confidence *c, float *probabilities,
                        struct confidence_signals *out);

/* All three steps. `probabilities` has room for all labels. */
void scores_answer(const struct label_scores *scores, const struct confidence *c, float *probabilities,
                   struct model_answer *out);
