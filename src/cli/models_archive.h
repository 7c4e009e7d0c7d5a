/* `penstock models export` and `import`. */
#pragma once

#include "store/archive.h"

enum { ARCHIVE_WORDS_MAX = 64 };

struct archive_words {
    char **models; /* NAME[@VERSION] */
    size_t model_count;
    const char *prompts[ARCHIVE_WORDS_MAX];
    size_t prompt_count;
    bool files, json;
};

bool models_export(struct store *s, const struct archive_words *words, const char *path,
                   struct error *err) MUST_USE;
bool models_import(struct store *s, const char *path, bool json, struct error *err) MUST_USE;
