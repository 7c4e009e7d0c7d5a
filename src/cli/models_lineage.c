#include "cli/models_lineage.h"

#include "cli/table.h"
#include "store/reference.h"

enum { OUTPUT_MAX = 16 << 20 };

struct printing {
    const char *indent;
    int width;
    FILE *out;
};

static void line(const struct printing *p, const char *name) {
    fprintf(p->out, "%s%-*s", p->indent, p->width, name);
}

static void print_blob(const struct printing *p, const char *name, struct str hash, yyjson_val *state) {
    line(p, name);
    fprintf(p->out, "%.*s, ", STR_ARG(hash));
    print_plain(p->out, json_str_of(state));
    fputc('\n', p->out);
}

static void print_dataset(const struct printing *p, yyjson_val *dataset) {
    struct str reference = json_str_of(yyjson_obj_get(dataset, "reference"));
    line(p, "dataset");
    if (!dataset || yyjson_is_null(dataset)) {
        fputs("none: it was not trained on data that the registry knows\n", p->out);
        return;
    }
    if (reference.n) {
        fprintf(p->out, "%.*s: %lld rows, %lld labels, read from ", STR_ARG(reference),
                (long long)yyjson_get_sint(yyjson_obj_get(dataset, "rows")),
                (long long)yyjson_get_sint(yyjson_obj_get(dataset, "labels")));
        print_plain(p->out, json_str_of(yyjson_obj_get(dataset, "source")));
    } else {
        fputs("of no name here", p->out);
    }
    fputc('\n', p->out);
    print_blob(p, "manifest", json_str_of(yyjson_obj_get(dataset, "manifest")),
               yyjson_obj_get(dataset, "state"));
}

static void print_input(const struct printing *p, yyjson_val *input) {
    yyjson_val *row_line = yyjson_obj_get(input, "line");
    if (!input)
        return;
    line(p, "input");
    fputs("is a row of that dataset: ", p->out);
    if (row_line)
        fprintf(p->out, "line %lld", (long long)yyjson_get_sint(row_line));
    else
        print_plain(p->out, json_str_of(yyjson_obj_get(input, "path")));
    fputs(", labelled ", p->out);
    print_plain(p->out, json_str_of(yyjson_obj_get(input, "label")));
    fputc('\n', p->out);
}

static void print_tags(const struct printing *p, yyjson_val *tags) {
    size_t index, max;
    yyjson_val *key, *value;
    if (yyjson_obj_size(tags) == 0)
        return;
    line(p, "tags");
    yyjson_obj_foreach(tags, index, max, key, value) {
        fprintf(p->out, "%s%.*s=", index ? ", " : "", STR_ARG(json_str_of(key)));
        print_plain(p->out, json_str_of(value));
    }
    fputc('\n', p->out);
}

void lineage_print(yyjson_val *lineage, const char *indent, int width, FILE *out) {
    const struct printing p = {indent, width, out};
    yyjson_val *artefact = yyjson_obj_get(lineage, "artefact"), *prompt = yyjson_obj_get(lineage, "prompt");
    if (artefact) {
        print_blob(&p, "artefact", json_str_of(yyjson_obj_get(artefact, "sha256")),
                   yyjson_obj_get(artefact, "state"));
        print_dataset(&p, yyjson_obj_get(lineage, "dataset"));
        print_input(&p, yyjson_obj_get(lineage, "input"));
        print_tags(&p, yyjson_obj_get(lineage, "tags"));
    }
    if (yyjson_is_obj(prompt))
        print_blob(&p, "prompt", json_str_of(yyjson_obj_get(prompt, "reference")),
                   yyjson_obj_get(prompt, "hash"));
}

static void print_head(yyjson_val *root) {
    struct str model = json_str_of(yyjson_obj_get(root, "model")),
               backend = json_str_of(yyjson_obj_get(root, "backend")),
               created = json_str_of(yyjson_obj_get(root, "created"));
    printf("%.*s", STR_ARG(model));
    if (backend.n)
        printf(" (%.*s, made %.*s)", STR_ARG(backend), STR_ARG(created));
    putchar('\n');
}

bool models_lineage(struct store *s, const char *reference, bool json, struct error *err) {
    AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
    struct json_writer w = JSON_WRITER(&out);
    const struct lineage_wish wish = {.model = str_from(reference), .verify = true};
    char name[REFERENCE_NAME_MAX + 1];
    unsigned version;
    if (!reference_parse(wish.model, "model", name, &version, err) || !lineage_write(s, &wish, &w, err))
        return false;
    if (json) {
        puts(buf_terminated(&out) ? out.p : "{}");
        return true;
    }
    yyjson_doc *doc = json_parse(buf_str(&out), err);
    if (!doc)
        return false;
    print_head(yyjson_doc_get_root(doc));
    lineage_print(yyjson_doc_get_root(doc), "", 10, stdout);
    yyjson_doc_free(doc);
    return true;
}
