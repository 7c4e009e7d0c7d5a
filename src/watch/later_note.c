#include "watch/later_note.h"

#include "base/log.h"
#include "store/history.h"
#include "watch/recorder.h"

#include <stdio.h>
#include <stdlib.h>

struct later {
    struct store_job job;
    char what[64], who[128], after[1024];
};

static bool write_row(struct store_job *job, struct store *store, struct error *err) {
    const struct later *l = CONTAINER_OF(job, struct later, job);
    struct change c = {
        .endpoint = "", .what = l->what, .who = l->who, .why = "", .before = "", .after = l->after};
    return history_add(store, &c, err);
}

static void complain(const struct later *l, const struct error *err) {
    log_event(LOG_ERROR, "history.failed", "\"%s\" by \"%s\" is not in the history. %s", l->what, l->who,
              err->message);
}

static void done(struct store_job *job, bool ok, const struct error *err) {
    struct later *l = CONTAINER_OF(job, struct later, job);
    if (!ok)
        complain(l, err);
    free(l);
}

void history_note_later(struct recorder *r, const char *what, const char *who, const char *after) {
    struct later *l = malloc(sizeof *l), lost = {.job.run = write_row};
    struct error err;
    struct later *to = l ? l : &lost;
    to->job = (struct store_job){.run = write_row, .done = done};
    snprintf(to->what, sizeof to->what, "%s", what);
    snprintf(to->who, sizeof to->who, "%s", who);
    int n = snprintf(to->after, sizeof to->after, "%s", after);
    if (n >= (int)sizeof to->after)
        to->after[0] = '\0'; /* half a JSON is none */
    if (!l) {
        fail(&err, ERR_NO_MEMORY, "Out of memory.");
        complain(&lost, &err);
    } else if (!recorder_submit(r, &l->job, &err)) {
        complain(l, &err);
        free(l);
    }
}
