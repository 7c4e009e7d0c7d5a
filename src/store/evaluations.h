/* What evaluations of model versions came to (`penstock eval`): one row each, never changed. A gate asks here
 * whether a version has passed. Same threads as the store that is passed. */
#pragma once

#include "base/error.h"
#include "base/hash.h"
#include "base/ids.h"
#include "store/store.h"

enum { EVALUATION_NAME_MAX = 128 };

/* Numbers are stored. */
enum evaluation_verdict { EVALUATION_PASS = 0, EVALUATION_WORSE = 1, EVALUATION_NOT_ENOUGH_DATA = 2 };
const char *evaluation_verdict_name(enum evaluation_verdict verdict); /* "pass" */

/* Who answered the cases. Numbers are stored. */
enum evaluation_source {
    EVALUATION_OF_VERSION = 0,  /* the version itself, loaded from the registry */
    EVALUATION_OF_ENDPOINT = 1, /* a running server */
    EVALUATION_RECORDED = 2     /* a file of answers: it says what they are of, nobody saw them made */
};
const char *evaluation_source_name(enum evaluation_source source); /* "version" */

struct evaluation_record {
    char id[ID_SIZE];
    char suite[EVALUATION_NAME_MAX + 1];
    char suite_hash[SHA256_HEX_SIZE];       /* of the suite and all files that it names */
    char endpoint[EVALUATION_NAME_MAX + 1]; /* that the suite is for; "" it says none */
    char model[EVALUATION_NAME_MAX + 1];
    unsigned version; /* 0: not a version of the registry, such as a language model behind an endpoint */
    char baseline[EVALUATION_NAME_MAX + 16]; /* "documents@3"; "" none */
    enum evaluation_source source;
    unsigned cases, passed;
    enum evaluation_verdict verdict;
    int64_t created; /* wall ns */
    char who[EVALUATION_NAME_MAX + 1];
    char *report; /* JSON, terminated; owned; NULL in a listing */
};
void evaluation_record_clear(struct evaluation_record *r);

/* id and created are made here. Durable when it returns true. */
bool evaluations_add(struct store *s, struct evaluation_record *r, struct error *err) MUST_USE;
/* With its report. ERR_NOT_FOUND. */
bool evaluations_find(struct store *s, const char *id, struct evaluation_record *out,
                      struct error *err) MUST_USE;

/* What is left "" or 0 is not asked for. */
struct evaluation_filter {
    const char *suite, *suite_hash, *endpoint, *model;
    unsigned version, cases_min;
    bool recorded; /* evaluations of recorded answers count, too */
};

/* The newest evaluation that passed and after which no evaluation of the same suite, model and version came
 * out worse (one without enough data changes nothing). *found false: there is none. *out has no report. */
bool evaluations_latest_passing(struct store *s, const struct evaluation_filter *filter, bool *found,
                                struct evaluation_record *out, struct error *err) MUST_USE;
/* Newest first, at most `limit`, without reports. */
bool evaluations_list(struct store *s, const struct evaluation_filter *filter, unsigned limit,
                      void (*visit)(const struct evaluation_record *r, void *ctx), void *ctx,
                      struct error *err) MUST_USE;
