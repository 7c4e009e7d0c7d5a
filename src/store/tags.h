/* Tags: KEY=VALUE on a model, a version of one, or a dataset. Never changed in place: each setting is a row,
 * the newest of a key holds, and what it superseded stays to be read. Same threads as the store that is
 * passed. */
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "store/reference.h"
#include "store/store.h"

enum { TAG_KEY_MAX = 64, TAG_VALUE_MAX = 1024, TAGS_MAX = 256 /* keys of one subject */ };

/* Numbers are stored. */
enum tag_subject { TAG_MODEL = 0, TAG_DATASET = 1, TAG_PROMPT = 2 };

struct tag {
    enum tag_subject subject;
    char name[REFERENCE_NAME_MAX + 1];
    unsigned version; /* 0: of the name itself, whatever its versions */
    char key[TAG_KEY_MAX + 1];
    char value[TAG_VALUE_MAX + 1];
    bool removed;    /* it no longer holds; the value is "" */
    bool superseded; /* a later row has the same key */
    int64_t created; /* wall ns; set by tags_set when 0 */
};

/* "KEY=VALUE", or with `remove` "KEY", into *out. Keys: letters, digits, - _ . and / ; values: text without
 * control characters. */
bool tag_parse(struct str text, bool remove, struct tag *out, struct error *err) MUST_USE;
/* Only what changes something is written: *changed. The caller made sure that the subject is there. Durable
 * when it returns true; within a transaction, with it. */
bool tags_set(struct store *s, const struct tag *tag, bool *changed, struct error *err) MUST_USE;
/* Of one subject, by key, newest first; `history`: superseded and removed ones, too. */
bool tags_visit(struct store *s, enum tag_subject subject, const char *name, unsigned version, bool history,
                void (*visit)(const struct tag *tag, void *ctx), void *ctx, struct error *err) MUST_USE;
/* "tags":{"key":"value",…} into an object, those that hold. */
bool tags_write(struct store *s, enum tag_subject subject, const char *name, unsigned version,
                struct json_writer *w, struct error *err) MUST_USE;
