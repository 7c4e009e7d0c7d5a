/* Rules: the two things that scripts are asked. `verify` is a business rule: may this prediction go out
 * without a person looking at it? `classify` is a whole model made of rules: the `rules` backend and the
 * `rules` step of a fallback chain.
 *
 *     function verify(r) … return true | false, "reason" end
 *     function classify(r) … return label, confidence end
 *
 * r.text, r.fields (also r.features), r.endpoint; for verify also r.prediction, r.confidence, r.labels
 * (list of {label, confidence}, best first), r.model, r.ocr_confidence (nil when nothing was recognised
 * optically). r is read-only and built on access: what a script does not look at costs nothing.
 * One thread per script. */
#pragma once

#include "models/rules_view.h"
#include "models/script.h"

struct rules_label {
    struct str label;
    double confidence;
};

enum rules_field_type { RULES_FIELD_TEXT, RULES_FIELD_NUMBER, RULES_FIELD_BOOL };

struct rules_field {
    struct str name;
    enum rules_field_type type;
    struct str text; /* RULES_FIELD_TEXT */
    double number;   /* RULES_FIELD_NUMBER */
    bool flag;       /* RULES_FIELD_BOOL */
};

/* Borrowed for the call. */
struct rules_facts {
    struct str endpoint, model;
    struct str prediction;
    double confidence;
    const struct rules_label *labels;
    size_t label_count;
    struct str text; /* a script sees at most RULES_TEXT_MAX bytes of it */
    const struct rules_field *fields;
    size_t field_count;
    double ocr_confidence; /* NaN: nothing was recognised optically */
};

enum { RULES_REASON_SIZE = 161, RULES_LABEL_SIZE = 129 };

/* `reason` is valid UTF-8, terminated, empty when the script gave none. A script that fails, or answers
 * anything but true or false, is an error: the caller treats the rules as not passed. */
bool rules_verify(struct script *script, const struct rules_facts *facts, bool *passed,
                  char reason[RULES_REASON_SIZE], struct error *err) MUST_USE;

struct rules_answer {
    char label[RULES_LABEL_SIZE]; /* valid UTF-8, 1 to 128 bytes */
    double confidence;            /* 0..1 */
};
/* Uses endpoint, text and fields. ERR_MODEL also when it returns nil: "the rules have no answer". */
bool rules_classify(struct script *script, const struct rules_facts *facts, struct rules_answer *out,
                    struct error *err) MUST_USE;
