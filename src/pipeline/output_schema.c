#include "pipeline/output_schema.h"

#include "chat/schema_subset.h"
#include "chat/structured.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_file(const char *path, struct buf *out, struct error *err) {
    char piece[4096];
    size_t n;
    FILE *file = fopen(path, "re");
    if (!file)
        return fail(err, ERR_CONFIG, "cannot read %s: %m", path);
    while ((n = fread(piece, 1, sizeof piece, file)) > 0)
        buf_add(out, piece, n);
    bool good = !ferror(file);
    fclose(file);
    return (good && !out->failed) ||
           fail(err, ERR_CONFIG, "%s cannot be read whole, or is larger than %d bytes", path,
                SCHEMA_BYTES_MAX);
}

/* Where the byte is that a message names, for people. */
static unsigned line_of(struct str text, size_t at) {
    unsigned line = 1;
    for (size_t i = 0; i < at && i < text.n; i++)
        line += text.p[i] == '\n';
    return line;
}

static yyjson_doc *parse(const char *path, struct str text, struct error *err) {
    yyjson_read_err why = {0};
    yyjson_doc *doc = json_parse(text, err);
    if (doc)
        return doc;
    yyjson_doc_free(yyjson_read_opts((char *)(uintptr_t)text.p, text.n, 0, NULL, &why));
    if (why.code != YYJSON_READ_SUCCESS)
        fail(err, ERR_CONFIG, "%s:%u: not JSON: %s", path, line_of(text, why.pos), why.msg);
    else /* duplicate keys, depth */
        fail_within(err, "%s", path);
    return NULL;
}

static struct schema *compile_object(struct error *err) {
    yyjson_doc *doc = json_parse(STR("{\"type\":\"object\"}"), err);
    struct schema *schema = doc ? schema_compile(yyjson_doc_get_root(doc), NULL, err) : NULL;
    yyjson_doc_free(doc);
    return schema;
}

static bool take(yyjson_val *root, const struct config_output *config, struct output_schema *s,
                 struct error *err) {
    s->own = schema_compile(root, NULL, err);
    if (!s->own)
        return fail_within(err, "%s", config->schema);
    s->text = yyjson_val_write(root, YYJSON_WRITE_NOFLAG, &s->length);
    if (!s->text)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    for (enum chat_dialect d = DIALECT_OPENAI; d <= DIALECT_ANTHROPIC; d++)
        s->sent[d] = config->send_schema == SEND_ALWAYS ||
                     (config->send_schema == SEND_AUTO && schema_is_sendable(root, d));
    return true;
}

static bool load_file(const struct config_output *config, struct output_schema *s, struct error *err) {
    AUTO_BUF text = BUF_INIT(SCHEMA_BYTES_MAX);
    if (!read_file(config->schema, &text, err))
        return false;
    yyjson_doc *doc = parse(config->schema, buf_str(&text), err);
    bool good = doc && take(yyjson_doc_get_root(doc), config, s, err);
    yyjson_doc_free(doc);
    return good;
}

bool output_schema_load(const struct config_output *config, struct output_schema *out, struct error *err) {
    struct output_schema s = {.object = compile_object(err)};
    if (s.object && (!config->schema || load_file(config, &s, err))) {
        *out = s;
        return true;
    }
    output_schema_clear(&s);
    return false;
}

void output_schema_clear(struct output_schema *s) {
    schema_unref(s->own);
    schema_unref(s->object);
    free(s->text);
    *s = (struct output_schema){0};
}

bool output_schema_allows(const struct output_schema *s, const char *text, struct error *err) {
    AUTO_BUF why = BUF_INIT(1024);
    struct structured_verdict *verdict = malloc(sizeof *verdict);
    if (!verdict)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    structured_check(s->own, str_from(text), verdict);
    bool good = verdict->valid;
    if (!good)
        structured_explain(verdict, &why);
    free(verdict);
    return good || fail(err, ERR_CONFIG, "%.*s", STR_ARG(str_slice(buf_str(&why), 0, 300)));
}
