/* promptfoo's form (promptfoo.dev/docs/configuration/reference, read in 2026): prompts, tests with vars and
 * assert, defaultTest. What it says of providers is left aside: who answers is said on the command line. What
 * cannot be done here is refused rather than left out, since a case without one of its assertions would pass
 * too easily. */
#include "evals/suite_parts.h"

#include <stdio.h>
#include <stdlib.h>

enum { DESCRIPTION_SHOWN = 80 };

bool suite_is_promptfoo(struct suite_reader *r, const yaml_node_t *root) {
    return node_member(r, root, "prompts") || node_member(r, root, "providers") ||
           node_member(r, root, "defaultTest");
}

/* A text that is the name of a file, as older files of promptfoo have it. */
static bool is_path(struct str text) {
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] <= ' ')
            return false;
    return str_starts(text, STR("file://")) || str_ends(text, STR(".txt")) || str_ends(text, STR(".json"));
}

static bool read_prompt(struct suite_reader *r, const yaml_node_t *node) {
    struct str text = node_text(node);
    if (!is_path(text))
        return prompt_read_node(r, node);
    return prompts_read_file(r, str_starts(text, STR("file://")) ? str_slice(text, 7, text.n) : text,
                             node_line(node));
}

static bool read_prompts(struct suite_reader *r, const yaml_node_t *node) {
    static const char *const keys[] = {"id", "label", "raw", "description"};
    if (!node || node_text(node).p)
        return !node || read_prompt(r, node);
    if (!node_is_list(node))
        return reader_wrong(r, node_line(node), "prompts: expected a list of texts");
    for (size_t i = 0; i < node_count(node); i++) {
        const yaml_node_t *one = node_item(r, node, i),
                          *raw = node_is_map(one) ? node_member(r, one, "raw") : one;
        if (node_is_map(one) && !node_keys(r, one, "a prompt", keys, ARRAY_COUNT(keys)))
            return false;
        if (!raw && !(raw = node_member(r, one, "id")))
            return reader_wrong(r, node_line(one), "a prompt without its text (raw)");
        if (!read_prompt(r, raw))
            return false;
    }
    return true;
}

static bool has_variable(const struct case_draft *d, struct str name) {
    for (size_t i = 0; i < d->c.variable_count; i++)
        if (str_eq(d->variables[i].name, name))
            return true;
    return false;
}

static bool add_variables(struct suite_reader *r, const yaml_node_t *map, struct case_draft *d) {
    if (!map)
        return true;
    if (!node_is_map(map))
        return reader_wrong(r, node_line(map), "vars: expected a mapping; files of variables are not read");
    for (yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++) {
        const yaml_node_t *node = yaml_document_get_node(r->yaml, pair->value);
        struct str name = node_text(yaml_document_get_node(r->yaml, pair->key)), value;
        if (!name.p)
            return reader_wrong(r, node_line(map), "vars: a name that is no text");
        if (has_variable(d, name))
            continue;
        if (node_is_list(node))
            return reader_wrong(
                r, node_line(node),
                "vars: a list of values makes several tests; write each as a test of its own");
        if (str_starts(node_text(node), STR("file://")))
            return reader_wrong(r, node_line(node),
                                "vars: a variable from a file is not read; write it here");
        if (!node_value_text(r, node, &value) || !reader_add_variable(r, d, name, value))
            return false;
    }
    return true;
}

/* What a model that knows no prompt is asked. */
static void choose_text(struct case_draft *d) {
    static const char *const names[] = {"text", "input", "question", "query", "message"};
    for (size_t k = 0; k < ARRAY_COUNT(names); k++)
        for (size_t i = 0; i < d->c.variable_count; i++)
            if (str_eq(d->variables[i].name, str_from(names[k]))) {
                d->c.text = d->variables[i].value;
                return;
            }
    if (d->c.variable_count == 1)
        d->c.text = d->variables[0].value;
}

/* The number first, since descriptions repeat. */
static bool name_case(struct suite_reader *r, const yaml_node_t *node, size_t number, struct case_draft *d) {
    char name[DESCRIPTION_SHOWN + 40];
    struct str description = node_text(node_member(r, node, "description"));
    if (description.n == 0)
        return true;
    size_t n = description.n;
    while (n > DESCRIPTION_SHOWN || (n < description.n && ((unsigned char)description.p[n] & 0xC0) == 0x80))
        n--;
    snprintf(name, sizeof name, "%zu: %.*s", number, (int)n, description.p);
    return reader_keep(r, str_from(name), &d->c.id);
}

static bool read_slice(struct suite_reader *r, const yaml_node_t *node, struct case_draft *d) {
    const yaml_node_t *metadata = node_member(r, node, "metadata");
    return node_read_text(r, metadata, "slice", &d->c.slice) &&
           (d->c.slice.n || node_read_text(r, metadata, "tag", &d->c.slice));
}

/* A judge of its own is named on the command line here; all else changes what is asked or judged. */
static bool check_options(struct suite_reader *r, const yaml_node_t *options) {
    static const char *const keys[] = {"provider"};
    return !options || node_keys(r, options, "options (what is supported of it)", keys, ARRAY_COUNT(keys));
}

static const char *const case_keys[] = {"description", "vars", "assert", "metadata", "options", "threshold"};

static bool read_case(struct suite_reader *r, const yaml_node_t *node, const yaml_node_t *every,
                      size_t number, struct case_draft *d) {
    *d = (struct case_draft){.c.line = node_line(node), .own = node_member(r, node, "assert")};
    const yaml_node_t *options = node_member(r, node, "options"),
                      *threshold = node_member(r, node, "threshold");
    if (!node_keys(r, node, "a test", case_keys, ARRAY_COUNT(case_keys)))
        return false;
    if (!check_options(r, options))
        return false;
    if (threshold)
        return reader_wrong(r, node_line(threshold),
                            "threshold: here a test passes when all its assertions do; leave it out");
    if (!add_variables(r, node_member(r, node, "vars"), d) ||
        !add_variables(r, node_member(r, every, "vars"), d) || !name_case(r, node, number, d) ||
        !read_slice(r, node, d))
        return false;
    choose_text(d);
    if (!d->own && !r->every) {
        r->suite->left_out++;
        return true;
    }
    return reader_add_case(r, d);
}

static bool read_cases(struct suite_reader *r, const yaml_node_t *list, const yaml_node_t *every) {
    if (!node_is_list(list))
        return reader_wrong(r, node_line(list),
                            "tests: expected a list of tests; files of tests are not read");
    struct case_draft *d = malloc(sizeof *d);
    bool good = d != NULL || reader_no_memory(r);
    for (size_t i = 0; good && i < node_count(list); i++)
        good = read_case(r, node_item(r, list, i), every, i + 1, d);
    free(d);
    return good;
}

static bool read_every(struct suite_reader *r, const yaml_node_t *every) {
    static const char *const keys[] = {"vars", "assert", "options", "metadata"};
    if (!every)
        return true;
    if (!node_keys(r, every, "defaultTest", keys, ARRAY_COUNT(keys)) ||
        !check_options(r, node_member(r, every, "options")))
        return false;
    return !node_member(r, every, "assert") || assertions_prepare_every(r, node_member(r, every, "assert"));
}

bool suite_read_promptfoo(struct suite_reader *r, const yaml_node_t *root) {
    static const char *const keys[] = {
        "description", "prompts",    "providers",         "tests", "defaultTest", "evaluateOptions",
        "tags",        "outputPath", "sharing",           "env",   "targets",     "assertionTemplates",
        "metadata",    "$schema",    "commandLineOptions"};
    const yaml_node_t *every = node_member(r, root, "defaultTest"),
                      *options = node_member(r, root, "evaluateOptions");
    struct suite *s = r->suite;
    double runs = 1;
    r->templates = node_member(r, root, "assertionTemplates");
    if (!node_keys(r, root, "a promptfoo file", keys, ARRAY_COUNT(keys)) ||
        !read_prompts(r, node_member(r, root, "prompts")) || !read_every(r, every) ||
        !node_read_number(r, options, "repeat", 1, SUITE_RUNS_MAX, &runs))
        return false;
    s->runs = (unsigned)runs;
    s->chat = r->prompt_count > 0;
    return read_cases(r, node_member(r, root, "tests"), every);
}
