/* Answers that have to be JSON of a given shape: is this one, what to say to the model so that it repairs it,
 * and how sure the model was. Pure but for what it is handed; any thread. */
#pragma once

#include "chat/answer.h"
#include "guard/schema.h"

/* ---- the verdict ---- */

struct structured_verdict {
    bool valid;
    bool is_json;    /* false: `problem` says why not */
    struct str json; /* the JSON in the answer, without a fence around it; a view into the text */
    char problem[ERROR_MESSAGE_MAX]; /* where it is not JSON, or nothing was said; terminated */
    struct schema_verdict schema;    /* where it is JSON; undecided counts as not valid */
};

/* What a check may cost on a loop: some milliseconds at the worst, hundreds of kilobytes of plain answers. */
enum { STRUCTURED_STEPS = 250000 };

/* Takes one JSON value, alone or within one ```json fence (or ``` without a word) with nothing but white
 * space around it; words around it are a fault, since a client that parses the answer would fail. Duplicate
 * keys are one too. */
void structured_check(const struct schema *schema, struct str text, struct structured_verdict *out);

/* One line for error messages and records. */
void structured_explain(const struct structured_verdict *v, struct buf *out);

/* The turns that ask for a repair: {"role":"assistant",…the answer…},{"role":"user",…the faults…}, to be put
 * behind the messages of a chat completions request. The answer is cut to `answer_max` bytes. */
void structured_repair_turns(const struct structured_verdict *v, struct str answer, size_t answer_max,
                             struct buf *out);

/* The schema that a request of OpenAI's asks for (response_format of chat completions, text.format of
 * responses): NULL where it asks for none. `object_only` is set for {"type":"json_object"}. A view. */
yyjson_val *structured_schema_of(yyjson_val *request, bool *object_only);

/* ---- how sure ---- */

/* exp of the mean log-probability of the answer's tokens (OpenAI's logprobs array "content"): the geometric
 * mean probability of a token, in 0..1, or NAN where nothing is given. It is how predictable the wording was
 * to the model, not the probability that the answer is right: calibrate it on labelled answers before it
 * decides anything. Source: length-normalised likelihood, Malinin & Gales 2021 (arXiv:2002.07650). */
double structured_confidence(yyjson_val *logprobs);

/* The same over the tokens of one top-level string, number or literal of the JSON answer, such as a class
 * label: the product, not the mean, since the label is one decision. NAN where the field or the tokens are
 * not found. */
double structured_field_confidence(yyjson_val *logprobs, struct str field);

/* The share of `count` samples that agree with the commonest one, in 0..1, and which one that is (first of
 * them). Answers agree when they are equal as JSON (order of keys and spelling of numbers do not matter) or,
 * where they are not both JSON, as text without letter case, white space and final punctuation. It measures
 * how steady the model is: steadily wrong is 1.0, too. Source: self-consistency, Wang et al. 2023
 * (arXiv:2203.11171). */
enum { STRUCTURED_SAMPLES_MAX = 64 }; /* further ones are not looked at */
double structured_agreement(const struct str *samples, size_t count, size_t *commonest);
/* first[i]: the first of those that sample i agrees with (itself, where it is the first). */
void structured_groups(const struct str *samples, size_t count, size_t first[STRUCTURED_SAMPLES_MAX]);
