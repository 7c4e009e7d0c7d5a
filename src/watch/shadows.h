/* What a shadow rollout's candidate said to mirrored inputs, row by row, so that a label that comes later
 * says something about both sides. Neither inputs nor texts are kept, only labels. Same threads as the store
 * that is passed. */
#pragma once

#include "base/error.h"
#include "base/ids.h"
#include "store/store.h"
#include "traffic/arm.h"

enum { SHADOW_REQUEST_MAX = 280, SHADOW_LABEL_MAX = 200, SHADOW_ERROR_MAX = 40 };

struct shadow_answer {
    char rollout[ID_SIZE];
    char request_id[SHADOW_REQUEST_MAX + 1]; /* of the request that was mirrored */
    int64_t at;                              /* wall ns */
    char label[SHADOW_LABEL_MAX + 1];        /* "" of chats */
    char error[SHADOW_ERROR_MAX];            /* "" none */
    struct arm_answer candidate, stable;     /* of what was served only the counts stay */
};

/* Both in the caller's transaction. */
bool shadows_add(struct store *s, const struct shadow_answer *a, struct error *err) MUST_USE;
/* Deletes up to some hundred that are older than `before`; *more: there are others. */
bool shadows_forget(struct store *s, int64_t before, bool *more, struct error *err) MUST_USE;

/* What the candidate of that rollout said to that request; *found false: it was not asked. */
bool shadows_find(struct store *s, const char *rollout, struct str request_id, bool *found,
                  struct shadow_answer *out, struct error *err) MUST_USE;
/* What the rollout's candidate has cost since `from`, as far as known; nano-dollars. */
bool shadows_spent(struct store *s, const char *rollout, int64_t from, int64_t *out,
                   struct error *err) MUST_USE;
/* Newest first. */
bool shadows_list(struct store *s, const char *rollout, unsigned limit,
                  void (*visit)(const struct shadow_answer *a, void *ctx), void *ctx,
                  struct error *err) MUST_USE;
