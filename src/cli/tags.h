/* Tags on models, datasets and prompts: the verbs that their commands have in common. */
#pragma once

#include "cli/store_option.h"
#include "store/tags.h"

#define TAGS_HELP                                                                                            \
    "  tag      set tags; without @VERSION on the name itself. What they supersede stays to be read\n"       \
    "  untag    take tags away\n"                                                                            \
    "  tags     what holds; with --history what held before, too\n"

struct tags_command {
    enum tag_subject subject;
    const char *noun; /* "model", for messages */
    /* Is it there? version 0: any. */
    bool (*exists)(struct store *s, const char *name, unsigned version, struct error *err);
    bool history, json;
};

/* "tag NAME KEY=VALUE…", "untag NAME KEY…" or "tags NAME"? */
bool tags_is_verb(char **words, int count);
bool tags_run(struct store *s, const struct tags_command *c, char **words, int count,
              struct error *err) MUST_USE;
/* "tags      a=b, c=d", or nothing. */
bool tags_print_line(struct store *s, enum tag_subject subject, const char *name, unsigned version,
                     struct error *err) MUST_USE;
