/* What the readers of suites share (suite.c, suite_yaml.c, suite_promptfoo.c, suite_rows.c,
 * suite_assertions.c): the suite under construction, nodes of YAML with their places, templates. Not for
 * others. */
#pragma once

#include "evals/suite.h"

#include <yaml.h>

enum {
    READER_PROMPTS_MAX = 16,
    READER_MESSAGES_MAX = 64,
    READER_SHARED_MAX = 256, /* assertions of one case */
    READER_JSON_MAX = 1 << 20,
    READER_JSON_DEPTH = 32,
    CASE_TEXT_MAX = 1 << 20
};

struct prompt_message {
    struct str role, text;
};

struct reader_prompt {
    struct prompt_message messages[READER_MESSAGES_MAX];
    size_t count;
};

struct reader_files {
    bool allowed;          /* false: fuzzing reads none */
    suite_file_note *note; /* NULL: nobody wants to know */
    void *ctx;
};

struct suite_reader {
    struct suite *suite;
    const char *file;  /* that is being read, for messages */
    struct str folder; /* of the suite's own file, "" or with a "/" at its end */
    struct error *err;
    struct sha256 *hash;
    yaml_document_t *yaml;
    const yaml_node_t *every;     /* assertions of every case; NULL: none */
    const yaml_node_t *templates; /* assertions by name, for "$ref"; NULL: none */
    bool every_is_template;       /* else read once into shared */
    struct assertion *shared[READER_SHARED_MAX];
    size_t shared_count;
    struct reader_prompt prompts[READER_PROMPTS_MAX];
    size_t prompt_count;
    struct str text_column, file_column, label_column, slice_column; /* "" the usual ones */
    bool slice_by_label;
    struct reader_files files;
    size_t json_bytes; /* made of YAML so far: aliases may not blow it up */
};

/* A case under construction; views of anything. */
struct case_draft {
    struct suite_case c;
    struct suite_variable variables[SUITE_VARIABLES_MAX];
    const yaml_node_t *own; /* its assertions; NULL: none */
};

/* ---- suite.c ---- */

/* "file:line: reason"; false. Line 0: the file as a whole. */
bool reader_wrong(struct suite_reader *r, unsigned line, const char *format, ...) PRINTF_LIKE(3, 4);
bool reader_no_memory(struct suite_reader *r);
/* A terminated copy in the suite's arena; views that are NULL stay so. */
bool reader_keep(struct suite_reader *r, struct str s, struct str *out) MUST_USE;
/* Copies the draft into the suite: once, or once for each prompt. */
bool reader_add_case(struct suite_reader *r, struct case_draft *d) MUST_USE;
bool reader_add_variable(struct suite_reader *r, struct case_draft *d, struct str name,
                         struct str value) MUST_USE;
struct assertion *reader_add_assertion(struct suite_reader *r, unsigned line) MUST_USE;
/* Where a file that the suite names is: beside it. */
bool reader_path(struct suite_reader *r, struct str name, unsigned line, char path[4096]) MUST_USE;
/* A file that the suite names, beside it; counted in its hash. Freed by the caller (buf_free). */
bool reader_open(struct suite_reader *r, struct str name, unsigned line, size_t most, struct buf *out,
                 char path[4096]) MUST_USE;

/* ---- suite_node.c ---- */

struct str node_text(const yaml_node_t *node); /* .p NULL: not a plain value */
unsigned node_line(const yaml_node_t *node);
const yaml_node_t *node_member(struct suite_reader *r, const yaml_node_t *map, const char *key); /* NULL */
const yaml_node_t *node_item(struct suite_reader *r, const yaml_node_t *list, size_t i);         /* NULL */
size_t node_count(const yaml_node_t *list); /* of a list; 0 else */
bool node_is_map(const yaml_node_t *node);
bool node_is_list(const yaml_node_t *node);
/* Is it a mapping of nothing but these keys, each once? */
bool node_keys(struct suite_reader *r, const yaml_node_t *map, const char *what, const char *const *known,
               size_t count) MUST_USE;
/* Absent members leave *out as it is. */
bool node_read_text(struct suite_reader *r, const yaml_node_t *map, const char *key,
                    struct str *out) MUST_USE;
bool node_read_number(struct suite_reader *r, const yaml_node_t *map, const char *key, double least,
                      double most, double *out) MUST_USE;
bool node_number(struct suite_reader *r, const yaml_node_t *node, const char *what, double least, double most,
                 double *out) MUST_USE;
/* As JSON: plain scalars are what YAML's core schema takes them for, quoted ones are texts. */
bool node_json(struct suite_reader *r, const yaml_node_t *node, struct buf *out) MUST_USE;
/* A value as a text: scalars as they stand, all else as JSON. */
bool node_value_text(struct suite_reader *r, const yaml_node_t *node, struct str *out) MUST_USE;
bool node_has_template(struct suite_reader *r, const yaml_node_t *node, unsigned depth);

/* ---- suite_template.c ---- */

bool template_in(struct str text);
/* {{name}} becomes the case's variable, \{{ two braces. */
bool template_fill(struct suite_reader *r, struct str text, const struct case_draft *d, unsigned line,
                   struct str *out) MUST_USE;
/* A prompt from a scalar (a text, or a JSON array of messages), a list of messages, or file://…. */
bool prompt_read_node(struct suite_reader *r, const yaml_node_t *node) MUST_USE;
/* The prompts in a file: several where lines "---" stand between them. */
bool prompts_read_file(struct suite_reader *r, struct str name, unsigned line) MUST_USE;
bool prompt_fill(struct suite_reader *r, const struct reader_prompt *p, const struct case_draft *d,
                 struct str *out) MUST_USE;

/* ---- suite_assertions.c ---- */

/* Every assertion of a list, added to list[*count…]. `d` NULL: templates are not filled. */
bool assertions_read(struct suite_reader *r, const yaml_node_t *list, const struct case_draft *d,
                     struct assertion **out, size_t *count) MUST_USE;
bool assertions_prepare_every(struct suite_reader *r, const yaml_node_t *list) MUST_USE;

/* ---- suite_document.c ---- */

/* The file that the draft asks about, counted in the suite's hash. */
bool reader_keep_document(struct suite_reader *r, struct str name, struct case_draft *d) MUST_USE;
/* A case for each file of a folder with a sub-folder for each label. `name` ends in "/". */
bool suite_read_folder(struct suite_reader *r, struct str name, unsigned line) MUST_USE;

/* ---- the forms ---- */

bool suite_read_yaml(struct suite_reader *r, const yaml_node_t *root) MUST_USE;
bool suite_is_promptfoo(struct suite_reader *r, const yaml_node_t *root);
bool suite_read_promptfoo(struct suite_reader *r, const yaml_node_t *root) MUST_USE;
bool suite_read_csv(struct suite_reader *r, struct buf *text, const char *file) MUST_USE;
bool suite_read_jsonl(struct suite_reader *r, struct str text, const char *file) MUST_USE;
