/* What was changed, by whom, why, from what, to what: one append-only log over everything that an
 * administrator or a rollout changes. Rows are never edited. Same threads as the store that is passed. */
#pragma once

#include "base/error.h"
#include "base/ids.h"
#include "store/store.h"

struct change {
    char id[ID_SIZE];
    int64_t at;           /* wall ns */
    const char *endpoint; /* "" when it is about no single one */
    const char *what;     /* "serving", "rollout.started", "rollout.step", "rollout.promoted" … */
    const char *who, *why;
    const char *before, *after; /* JSON, or "" */
};

/* id and at are made here. To be called in the transaction that makes the change. */
bool history_add(struct store *s, struct change *c, struct error *err) MUST_USE;

/* The same for something that was made or ended: "version.added", "support@3". By whoever the connection's
 * changes are (store_set_actor). */
bool history_note(struct store *s, const char *what, const char *object, struct error *err) MUST_USE;

struct history_filter {
    const char *endpoint; /* NULL: all */
    const char *what;     /* NULL: all */
    int64_t until;        /* wall ns, inclusive; 0: no limit */
    unsigned limit;       /* 0: no limit */
};
/* Newest first. The strings are good within `visit`. */
bool history_list(struct store *s, const struct history_filter *filter,
                  void (*visit)(const struct change *c, void *ctx), void *ctx, struct error *err) MUST_USE;
