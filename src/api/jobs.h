/* Calls that need the store: the work is done on the recorder's (or its reader's) thread, the reply is
 * given back on the call's loop. */
#pragma once

#include "api/routes.h"
#include "review/review.h"
#include "store/store.h"

enum { API_TYPE_SIZE = 128 };

/* What a call wants done. Texts live in the job, since the call may end before the work does. */
struct api_job {
    struct str endpoint, status, after, id, label, reviewer, tenant;
    struct str texts[8]; /* of calls with names of their own for them */
    struct str actor;    /* whose the changes are, for the history; "" = nobody's in particular */
    bool admin, take;    /* of review */
    unsigned limit;
    int correct;      /* of feedback (watch/feedback.h) */
    double score;     /* of feedback */
    int64_t keep_ns;  /* of what is made */
    int64_t from, to; /* wall ns */
    struct monitors *monitors;
    /* Writes the reply's JSON; on the store's thread. */
    bool (*work)(struct api_job *job, struct store *store, struct buf *out, struct error *err);
    bool writes; /* needs the recorder's transaction */
    /* When set: what is done then, in the recorder's transaction, with what `work` made (malloc'ed; freed by
     * the job). For work that takes long and writes little. */
    bool (*then)(struct api_job *job, struct store *store, struct buf *out, struct error *err);
    void *made;
    /* Set by call_submit: what the call saw, and the process's parts, of which `work` may use what any thread
     * may. */
    const struct snapshot *snapshot;
    const struct engine_parts *parts;
    /* Other than JSON: set by `work`, which then writes those bytes, foreign ones. */
    char type[API_TYPE_SIZE];
};

/* Copies *job with its texts and runs it; the call is answered with what it wrote, or its error. */
void call_submit(struct call *c, const struct api_job *job);

/* Reads the query's values of those names, NULL .p where one is missing. False: the call was answered. */
bool call_query(struct call *c, const char *const *names, struct str *values, size_t count) MUST_USE;
/* The query's "limit", 1 to most; *limit stays as it is where there is none. False: the call was answered. */
bool call_limit(struct call *c, unsigned most, unsigned *limit) MUST_USE;
/* The query's "from" and "to" into job->from and job->to, which stay as they are where there is none. False:
 * the call was answered. */
bool call_times(struct call *c, struct api_job *job) MUST_USE;
/* A terminated copy of a text; a missing one is "". ERR_INVALID_FIELD: it does not fit, or has control
 * characters. */
bool job_text(struct str text, const char *name, char *to, size_t size, struct error *err) MUST_USE;
/* {"data":[…],"has_more":…} of at most `left` items, behind the one called `after`. */
struct job_list {
    struct json_writer w;
    unsigned left;
    struct str after; /* "" = from the first */
    bool more;
};
void job_list_begin(struct job_list *l, const struct api_job *job, struct buf *out);
/* Shall the item of that name be written? */
bool job_list_wants(struct job_list *l, const char *name, unsigned version);
void job_list_end(struct job_list *l);
/* Whose name an act goes by. */
struct str call_actor(const struct call *c);
