/* From scores to a confidence that means something. Three steps, each fitted in training on rows that
 * the scores' model had not seen:
 *
 *  1. probabilities: softmax of linear_factor * linear score + hidden_factor * hidden score (temperature
 *     scaling, Guo et al. 2017, with a temperature for each part);
 *  2. novelty: is this anything of what was trained? A logistic model, fitted on texts of classes left
 *     out of training and on texts with shuffled letters, against rows of known classes;
 *  3. confidence: the probability that the answer is right, a logistic model over probabilities, their
 *     margin, novelty, how little there is in the text, and how near texts of training are
 * (models/neighbours.h) that had the first or the second label, fitted on out-of-fold rows, on
 * strangers, and on single words of the texts.
 *
 * Versions trained before novelty had its seventh term, or before confidence had neighbours, are read, too.
 * Plain values; any thread. */
#pragma once

#include "models/artefact.h"
#include "models/neighbours.h"

enum { NOVELTY_TERMS = 7, CONFIDENCE_NEAR = 2 };
enum { CONFIDENCE_NEAR_TERM = 6, CONFIDENCE_TERMS = CONFIDENCE_NEAR_TERM + 2 * CONFIDENCE_NEAR };

/* The most that a strange page can get, however sure its text seems: a person looks at it. */
#define CONFIDENCE_STRANGE 0.5f

/* Of a row without a page, or whose label had too few pages: what a page usually has. */
#define STRANGENESS_USUAL (-0.35f)

struct confidence {
    float linear_factor, hidden_factor;
    float novelty[NOVELTY_TERMS];    /* weights of confidence_novelty_terms(), the first is the constant */
    float correct[CONFIDENCE_TERMS]; /* weights of confidence_terms() */
    float gate;                      /* of a visual part: sure enough to go without text; above 1: never */
    float reserved;
};

/* What is looked at besides the probabilities. */
struct confidence_signals {
    float best, second; /* probabilities of the first two labels */
    float decision;     /* linear score of the first label: below 0, no class claims the row */
    float known_words, known_grams;
    float scarcity;    /* how much less there is in the text than in those of training; 0: as much */
    float strangeness; /* logarithm of the page's relative distance (models/looks.h); above 0: strange */
    bool parts_agree;  /* linear and hidden part have the same first label */
    struct nearness near[CONFIDENCE_NEAR]; /* of the first labels; zeros: nothing is known of neighbours */
};

void confidence_novelty_terms(const struct confidence_signals *s, float terms[NOVELTY_TERMS]);
void confidence_terms(const struct confidence_signals *s, float novelty, float terms[CONFIDENCE_TERMS]);

float confidence_novelty(const struct confidence *c, const struct confidence_signals *s);
float confidence_of(const struct confidence *c, const struct confidence_signals *s, float novelty);

bool confidence_read(struct confidence *out, struct str section, const char *name,
                     struct error *err) MUST_USE;
void confidence_write(struct buf *out, const struct confidence *c);

/* Before calibration: softmax at the given factors, confidence the plain probability. */
struct confidence confidence_plain(float linear_factor, float hidden_factor);
