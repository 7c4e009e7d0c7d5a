/* Our own form of a suite (docs/evaluation.md). */
#include "evals/suite_parts.h"

#include <stdlib.h>

static bool read_data(struct suite_reader *r, const yaml_node_t *node) {
    AUTO_BUF text = BUF_INIT(0);
    char path[4096];
    struct str name = node_text(node), kept;
    if (!name.p)
        return reader_wrong(r, node_line(node),
                            "data: expected the name of a .csv or .jsonl file, or of a folder");
    if (str_ends(name, STR("/")))
        return suite_read_folder(r, name, node_line(node));
    if (!str_ends(name, STR(".csv")) && !str_ends(name, STR(".jsonl")))
        return reader_wrong(r, node_line(node),
                            "data: a file of cases ends in .csv or .jsonl, the name of a folder in \"/\"");
    if (!reader_open(r, name, node_line(node), SUITE_FILE_MAX, &text, path) ||
        !reader_keep(r, str_from(path), &kept))
        return false;
    return str_ends(name, STR(".csv")) ? suite_read_csv(r, &text, kept.p)
                                       : suite_read_jsonl(r, buf_str(&text), kept.p);
}

static bool read_all_data(struct suite_reader *r, const yaml_node_t *node) {
    if (!node || !node_is_list(node))
        return !node || read_data(r, node);
    for (size_t i = 0; i < node_count(node); i++)
        if (!read_data(r, node_item(r, node, i)))
            return false;
    return true;
}

static bool read_columns(struct suite_reader *r, const yaml_node_t *map) {
    static const char *const keys[] = {"text", "file", "label", "slice"};
    return !map || (node_keys(r, map, "columns", keys, ARRAY_COUNT(keys)) &&
                    node_read_text(r, map, "text", &r->text_column) &&
                    node_read_text(r, map, "file", &r->file_column) &&
                    node_read_text(r, map, "label", &r->label_column) &&
                    node_read_text(r, map, "slice", &r->slice_column));
}

static bool read_variables(struct suite_reader *r, const yaml_node_t *map, struct case_draft *d) {
    if (!map)
        return true;
    if (!node_is_map(map))
        return reader_wrong(r, node_line(map), "vars: expected a mapping");
    for (yaml_node_pair_t *pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++) {
        struct str name = node_text(yaml_document_get_node(r->yaml, pair->key)), value;
        if (!name.p)
            return reader_wrong(r, node_line(map), "vars: a name that is no text");
        if (!node_value_text(r, yaml_document_get_node(r->yaml, pair->value), &value))
            return false;
        if (!reader_add_variable(r, d, name, value))
            return false;
    }
    return true;
}

static bool read_features(struct suite_reader *r, const yaml_node_t *map, struct case_draft *d) {
    AUTO_BUF json = BUF_INIT(READER_JSON_MAX);
    if (!map)
        return true;
    if (!node_is_map(map))
        return reader_wrong(r, node_line(map), "features: expected a mapping");
    return node_json(r, map, &json) && reader_keep(r, buf_str(&json), &d->c.features);
}

static bool read_file(struct suite_reader *r, const yaml_node_t *node, struct case_draft *d) {
    struct str name = {NULL, 0};
    if (!node_read_text(r, node, "file", &name) || !name.p)
        return name.p == NULL && !node_member(r, node, "file");
    if (d->c.text.p || d->c.features.p)
        return reader_wrong(r, d->c.line, "a case asks about a text, features or a file: one of them");
    return reader_keep_document(r, name, d);
}

static bool read_case(struct suite_reader *r, const yaml_node_t *node, struct case_draft *d) {
    static const char *const keys[] = {"id",    "text",  "file",   "features",   "vars",
                                       "label", "slice", "assert", "description"};
    *d = (struct case_draft){.c.line = node_line(node), .own = node_member(r, node, "assert")};
    if (!node_keys(r, node, "a case", keys, ARRAY_COUNT(keys)) || !node_read_text(r, node, "id", &d->c.id) ||
        !node_read_text(r, node, "text", &d->c.text) || !node_read_text(r, node, "label", &d->c.label) ||
        !node_read_text(r, node, "slice", &d->c.slice) ||
        !read_features(r, node_member(r, node, "features"), d) || !read_file(r, node, d))
        return false;
    if (d->c.text.p && !reader_add_variable(r, d, STR("text"), d->c.text))
        return false;
    return read_variables(r, node_member(r, node, "vars"), d) && reader_add_case(r, d);
}

static bool read_cases(struct suite_reader *r, const yaml_node_t *list) {
    if (!list)
        return true;
    if (!node_is_list(list))
        return reader_wrong(r, node_line(list), "tests: expected a list of cases");
    struct case_draft *d = malloc(sizeof *d);
    bool good = d != NULL || reader_no_memory(r);
    for (size_t i = 0; good && i < node_count(list); i++)
        good = read_case(r, node_item(r, list, i), d);
    free(d);
    return good;
}

static bool read_numbers(struct suite_reader *r, const yaml_node_t *root) {
    struct suite *s = r->suite;
    double cases = (double)s->cases_minimum, runs = 1;
    if (!node_read_number(r, root, "minimum", 0, 1, &s->minimum) ||
        !node_read_number(r, root, "margin", 0, 1, &s->margin) ||
        !node_read_number(r, root, "cases", 1, SUITE_CASES_MAX, &cases) ||
        !node_read_number(r, root, "runs", 1, SUITE_RUNS_MAX, &runs))
        return false;
    s->cases_minimum = (size_t)cases;
    s->runs = (unsigned)runs;
    return true;
}

static bool read_request(struct suite_reader *r, const yaml_node_t *map) {
    AUTO_BUF json = BUF_INIT(READER_JSON_MAX);
    if (!map)
        return true;
    static const char *const ours[] = {"model", "messages", "stream"};
    for (size_t i = 0; i < ARRAY_COUNT(ours); i++)
        if (node_member(r, map, ours[i]))
            return reader_wrong(r, node_line(map), "request: \"%s\" is the evaluation's own", ours[i]);
    if (!node_is_map(map))
        return reader_wrong(r, node_line(map), "request: expected a mapping, such as temperature: 0");
    return node_json(r, map, &json) && reader_keep(r, buf_str(&json), &r->suite->request);
}

static bool read_kind(struct suite_reader *r, const yaml_node_t *root) {
    const yaml_node_t *node = node_member(r, root, "kind");
    struct str kind = node_text(node);
    r->suite->chat = r->prompt_count > 0 || r->suite->request.p || str_eq(kind, STR("chat"));
    return !node || str_eq(kind, STR("chat")) || str_eq(kind, STR("predict")) ||
           reader_wrong(r, node_line(node), "kind: chat or predict");
}

static bool read_slices(struct suite_reader *r, const yaml_node_t *node) {
    r->slice_by_label = str_eq(node_text(node), STR("label"));
    return !node || r->slice_by_label ||
           reader_wrong(r, node_line(node), "slice_by: only \"label\" is known");
}

bool suite_read_yaml(struct suite_reader *r, const yaml_node_t *root) {
    static const char *const keys[] = {"name",    "description", "endpoint", "baseline", "judge",  "minimum",
                                       "margin",  "cases",       "runs",     "kind",     "prompt", "request",
                                       "columns", "slice_by",    "assert",   "data",     "tests"};
    struct suite *s = r->suite;
    const yaml_node_t *prompt = node_member(r, root, "prompt");
    return node_keys(r, root, "a suite", keys, ARRAY_COUNT(keys)) &&
           node_read_text(r, root, "name", &s->name) && node_read_text(r, root, "endpoint", &s->endpoint) &&
           node_read_text(r, root, "baseline", &s->baseline) && node_read_text(r, root, "judge", &s->judge) &&
           read_numbers(r, root) && (!prompt || prompt_read_node(r, prompt)) &&
           read_request(r, node_member(r, root, "request")) && read_kind(r, root) &&
           read_columns(r, node_member(r, root, "columns")) &&
           read_slices(r, node_member(r, root, "slice_by")) &&
           assertions_prepare_every(r, node_member(r, root, "assert")) &&
           read_all_data(r, node_member(r, root, "data")) && read_cases(r, node_member(r, root, "tests"));
}
