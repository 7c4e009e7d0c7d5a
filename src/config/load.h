/* What the parts of loading share: the loader walks the document and the table together (load.c), reads
 * single values (readers.c), and checks what spans several options (checks.c). Private to this floor. */
#pragma once

#include "base/arena.h"
#include "config/config.h"
#include "config/document.h"
#include "config/options.h"

#include <stdatomic.h>

struct secret {
    struct secret *next;
    char *text;
};

struct loaded {
    struct config config;
    struct arena *arena;
    struct secret *secrets; /* wiped at the end */
    atomic_uint references;
};

struct loader {
    struct loaded *loaded;
    struct config_problems *problems;
    const struct config_overrides *overrides; /* never NULL */
    yaml_document_t *document;
};

/* Where a value stands: in the file, and among the options ("endpoints.documents.rollout[0]"). */
struct option_node {
    yaml_node_t *node;         /* NULL: the file does not have it */
    struct config_place place; /* of the node, or of the nearest one around it */
    const struct option_node *parent;
    const char *name; /* NULL: item `index` of a list */
    size_t index;
};

enum { OPTION_PATH_SIZE = 160 };
void option_node_path(const struct option_node *at, char text[OPTION_PATH_SIZE]);

/* A problem at `place`, about the option at `at` (NULL: about none). Returns false. */
bool loader_problem(struct loader *l, struct config_place place, const struct option_node *at,
                    const char *format, ...) PRINTF_LIKE(4, 5);
/* More problems have been found than can be kept; nothing more needs looking at. */
bool loader_is_full(const struct loader *l);
void loader_no_memory(struct loader *l);

struct config_place loader_place_of(const yaml_node_t *node);
/* The place of the value of `name` in the mapping at `at`, or of `at` when it is not there. */
struct config_place loader_place_in(const struct loader *l, const struct option_node *at, const char *name);

/* Does the mapping at `at` have `name`? */
bool loader_has(const struct loader *l, const struct option_node *at, const char *name);

/* A value as a message may show it: cut to `size`, without control characters. */
void loader_show(struct str value, char *text, size_t size);
enum { SHOWN_SIZE = 72, SHOWN_PATH_SIZE = 160 };

/* `text` as the value of option `o`, into the struct at `base`. */
bool loader_read_text(struct loader *l, const struct option *o, struct str text, void *base,
                      const struct option_node *at);
/* The same from a node, for every type that is not made of options. */
bool loader_read_node(struct loader *l, const struct option *o, void *base, const struct option_node *at);

void *loader_keep(struct loader *l, size_t size);             /* zeroed; NULL after a problem */
const char *loader_keep_text(struct loader *l, struct str s); /* NULL after a problem */
