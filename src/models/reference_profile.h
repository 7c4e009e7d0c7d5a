/* How inputs and answers of a version looked when it was made: what traffic is compared with. Read from the
 * manifest ("profile", see learn/profile.h; "policy" has the confidences of a calibrated version), fixed from
 * then on. A version without one is compared with its own first requests
 * (watch/monitors/first_reference.h), and until then its confidences are counted all the same.
 *
 * A profile is a list of dimensions: the confidence first, the label second, then the inputs: a tabular
 * version's features in its schema's order, or what a text model sees in a text. Each has bins: intervals of
 * a number, or categories; behind them one for missing values and one for values that were refused since
 * training never saw them. Immutable, reference counted; any thread. */
#pragma once

#include "models/backend.h"

#include <stdatomic.h>

enum {
    PROFILE_INPUTS_MAX = 200, /* features beyond these are not watched */
    PROFILE_BINS_MAX = 2000,  /* categories beyond these count as unseen */
    PROFILE_CONFIDENCE_BINS = 20,
    PROFILE_NAME_MAX = 200
};
enum { DIMENSION_CONFIDENCE, DIMENSION_LABEL, DIMENSION_INPUTS };

/* What of a request an input dimension looks at. */
enum profile_source {
    SOURCE_FEATURE,
    SOURCE_NOVELTY,
    SOURCE_WORDS,
    SOURCE_UNSEEN_WORDS,
    SOURCE_UNSEEN_GRAMS,
    SOURCE_SCARCITY,
    SOURCE_SIZE /* of the input: bytes of text, or tokens; found by the recorder, not on the loop */
};

struct profile_dimension {
    char *name;
    enum profile_source source;
    bool category;
    bool known;     /* the shares were measured; otherwise there is nothing to compare with */
    uint64_t rows;  /* that they were measured over; 0: not known */
    uint32_t bins;  /* 1 or more, without the two behind them */
    double *edges;  /* of a number: bins - 1, rising; bin i: edges[i-1] <= value < edges[i] */
    char **names;   /* of categories: bins */
    double *shares; /* bins + 2; they sum to 1 */
    uint32_t first; /* its first counter among all of the profile's */
};

struct reference_profile {
    atomic_uint refs;
    uint64_t rows;          /* that it was measured over; 0: nothing is known */
    int64_t since;          /* wall ns: made of the first requests from then on; 0: in training */
    double accuracy;        /* on rows it was not trained on; NAN: not known */
    double mean_confidence; /* likewise */
    size_t count;
    struct profile_dimension *dimensions;
    struct profile_dimension *size; /* the one of SOURCE_SIZE; NULL: none */
    uint32_t counters;              /* of all dimensions together */
    uint32_t *label_slots;          /* a hash of the labels' names: label + 1 */
    uint32_t label_slot_count;
};

/* `manifest` NULL, or without a profile: the dimensions of a version of which nothing is known. False: out of
 * memory, or a profile that contradicts itself (ERR_ARTEFACT). */
bool reference_profile_read(struct reference_profile **out, yyjson_val *manifest, struct error *err) MUST_USE;
struct reference_profile *reference_profile_ref(struct reference_profile *p);
void reference_profile_unref(struct reference_profile *p); /* NULL is fine */

static inline size_t reference_profile_inputs(const struct reference_profile *p) {
    return p->count - DIMENSION_INPUTS;
}

/* What is known of a request's input. */
struct profile_sight {
    const struct feature_value *features;
    size_t feature_count;
    const struct model_answer *answer; /* of a text; NULL: the model was not asked */
    const char *refused;               /* the feature whose value was not taken; NULL: none */
};

enum { PROFILE_NOT_SEEN = 65535 };

/* The bin of each input (reference_profile_inputs numbers), PROFILE_NOT_SEEN where nothing is known of it.
 * False: nothing is known of any. Some 5 ns an input. */
bool reference_profile_bins(const struct reference_profile *p, const struct profile_sight *sight,
                            uint16_t *bins);
uint32_t profile_number_bin(const struct profile_dimension *d, double value);
/* The bin of a label; behind the last but one (bins + 1) when it is none of the profile's. */
uint32_t reference_profile_label(const struct reference_profile *p, struct str label);
