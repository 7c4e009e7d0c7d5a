/* What was done, by whom, why, from what, to what: one append-only log over everything that an administrator
 * or a rollout changes, that people decide, and that keys were used for. Rows are never edited, and chained
 * (store/audit.h). Same threads as the store that is passed. */
#pragma once

#include "base/error.h"
#include "base/hash.h"
#include "base/ids.h"
#include "store/store.h"

/* What a row is about; follows from `what`. */
enum change_class {
    CHANGE_CONFIGURATION, /* what is configured, deployed, made, ended or forgotten */
    CHANGE_DECISION,      /* what a person decided: "review.…", "approval.…" */
    CHANGE_ACCESS,        /* who came in: "key.used", "session.…" */
    CHANGE_CLASSES,
    CHANGE_ANY = CHANGE_CLASSES
};
const char *change_class_name(enum change_class class);
bool change_class_parse(struct str name, enum change_class *out) MUST_USE;

struct change {
    char id[ID_SIZE];
    int64_t at;           /* wall ns */
    const char *endpoint; /* "" when it is about no single one */
    const char *what;     /* "serving", "rollout.started", "rollout.step", "rollout.promoted" … */
    const char *who, *why;
    const char *before, *after; /* JSON, or "" */
    /* set by history_add */
    int64_t number;
    enum change_class class;
    unsigned char hash[SHA256_SIZE];
};

/* id and at are made here. To be called in the transaction that makes the change. */
bool history_add(struct store *s, struct change *c, struct error *err) MUST_USE;

/* The same for something that was made or ended: "version.added", "support@3". By whoever the connection's
 * changes are (store_set_actor). */
bool history_note(struct store *s, const char *what, const char *object, struct error *err) MUST_USE;

struct history_filter {
    const char *endpoint;    /* NULL: all */
    const char *what;        /* NULL: all */
    const char *who;         /* NULL: all */
    int64_t since, until;    /* wall ns, inclusive; 0: no limit */
    int64_t before;          /* rows before this number; 0: from the newest */
    enum change_class class; /* CHANGE_ANY: all */
    unsigned limit;          /* 0: no limit */
};
/* Newest first. The strings are good within `visit`. */
bool history_list(struct store *s, const struct history_filter *filter,
                  void (*visit)(const struct change *c, void *ctx), void *ctx, struct error *err) MUST_USE;
