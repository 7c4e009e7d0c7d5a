/* Prompt templates (chat/prompt.h) and their immutable versions. Same threads as the store that is passed. */
#pragma once

#include "base/error.h"
#include "base/hash.h"
#include "store/store.h"

enum { PROMPT_RECORD_NAME_MAX = 64 };

struct prompt_record {
    char name[PROMPT_RECORD_NAME_MAX + 1];
    unsigned version; /* from 1 */
    char hash[SHA256_HEX_SIZE];
    int64_t created; /* wall ns */
    char *text;      /* terminated; owned; NULL in a listing */
};
void prompt_record_clear(struct prompt_record *r);

/* The next version of `name`. A text that one of its versions has gets that one's number, and *added is
 * false. */
bool prompts_add(struct store *s, const char *name, struct str text, unsigned *version, bool *added,
                 struct error *err) MUST_USE;
/* version 0: the newest. ERR_NOT_FOUND names the nearest that there is. */
bool prompts_find(struct store *s, const char *name, unsigned version, struct prompt_record *out,
                  struct error *err) MUST_USE;
/* Every version, newest first per name, without its text. */
bool prompts_list(struct store *s, void (*visit)(const struct prompt_record *r, void *ctx), void *ctx,
                  struct error *err) MUST_USE;
/* For import: the row as it was elsewhere, within the caller's transaction; r->version is the number that is
 * wanted, and what it got: another one where that is taken, the one that the same text has with *added false.
 */
bool prompts_restore(struct store *s, struct prompt_record *r, bool *added, struct error *err) MUST_USE;
