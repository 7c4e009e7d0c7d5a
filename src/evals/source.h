/* Who answers a suite's cases: a version of the registry, loaded into this process; an endpoint of a running
 * server; or a file of answers from earlier. Blocking; one thread. */
#pragma once

#include "evals/asker.h"
#include "evals/suite.h"
#include "store/evaluations.h"

enum { SOURCE_NAME_MAX = EVALUATION_NAME_MAX + 16 };

/* The answers to all cases, runs of a case side by side: list[at * runs + run]. */
struct answers {
    struct arena *arena;
    struct answer *list;
    size_t count;
    unsigned runs;
};
/* None is given yet. */
bool answers_new(struct answers *out, const struct suite *s, unsigned runs, struct error *err) MUST_USE;
void answers_free(struct answers *a);
/* Copies the texts. False: more than fits into memory. */
bool answers_set(struct answers *a, size_t at, const struct answer *answer, struct error *err) MUST_USE;
/* One JSON object a line, as source_recorded reads them. */
void answers_write(const struct answers *a, const struct suite *s, struct buf *out);

struct answer_source {
    char name[SOURCE_NAME_MAX]; /* "documents@3", an endpoint's name, a file's */
    enum evaluation_source kind;
    bool (*ask)(struct answer_source *s, const struct suite *suite, const struct progress *progress,
                struct answers *out, struct error *err);
    void (*free)(struct answer_source *s);
};
static inline void answer_source_free(struct answer_source *s) {
    if (s)
        s->free(s);
}

/* "documents@3", "documents" for the newest, or "documents@stable" as it is meant at the endpoint (NULL: at
 * none); the source has its number. ERR_ARTEFACT, ERR_NOT_FOUND. */
struct answer_source *source_version(struct store *store, const char *endpoint, const char *reference,
                                     struct error *err) MUST_USE;
/* JSON lines {"id","answer","confidence"?,"latency_ms"?,"cost_usd"?,"tool_calls"?,"model"?}; a second line of
 * an ID is its second run. ERR_DATA with file and line. `name`: what the answers are of. */
struct answer_source *source_recorded(const char *path, const char *name, struct error *err) MUST_USE;
/* Borrows the asker. */
struct answer_source *source_endpoint(struct asker *asker, struct str endpoint, struct error *err) MUST_USE;
