/* What a stage is. A pipeline is a list of stages; the driver (pipeline.h) walks a request down it. A
 * stage runs on the request's loop and answers how to go on. Every stage that was entered gets its
 * on_end exactly once, in reverse order, however the request ends; a stage that is waiting when the
 * client leaves, or when the deadline passes, gets `cancel` first and must let go of the request. */
#pragma once

#include <stdbool.h>

struct request;

enum stage_answer {
    STAGE_NEXT,    /* on to the next stage */
    STAGE_SUSPEND, /* waiting: request_resume will be called, on this loop */
    STAGE_REPLY,   /* the answer stands: on to the closing stages (record, reply) */
    STAGE_FAIL,    /* r->error is set: on to the closing stages */
};

struct stage {
    const char *name;
    bool (*applies)(const struct request *r); /* NULL: always. A stage that does not apply is not entered */
    enum stage_answer (*run)(struct request *r);
    void (*cancel)(struct request *r); /* NULL where it never suspends */
    void (*on_end)(struct request *r); /* may be NULL */
    bool closing;                      /* runs for failed and answered requests too */
    bool brief; /* not worth a look at the clock: its time counts with the next stage's */
};
