#include "evals/suite.h"

#include "config/document.h"
#include "evals/suite_parts.h"
#include "learn/file_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_MAX = 1 << 30, CASES_MINIMUM = 200, SHOWN = 60 };
#define MARGIN 0.05

/* ---- the reader ---- */

bool reader_wrong(struct suite_reader *r, unsigned line, const char *format, ...) {
    char reason[ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    size_t n = strlen(reason); /* of another's message, which ends as ours will */
    if (n && reason[n - 1] == '.')
        reason[n - 1] = '\0';
    if (line)
        return fail(r->err, ERR_DATA, "%.200s:%u: %s.", r->file, line, reason);
    return fail(r->err, ERR_DATA, "%.200s: %s.", r->file, reason);
}

bool reader_no_memory(struct suite_reader *r) {
    return fail(r->err, ERR_NO_MEMORY, "%.200s: out of memory, or more than %d bytes in memory.", r->file,
                ARENA_MAX);
}

bool reader_keep(struct suite_reader *r, struct str s, struct str *out) {
    struct str copy = {NULL, 0};
    if (s.p)
        copy = arena_copy(r->suite->arena, s);
    if (s.p && !copy.p)
        return reader_no_memory(r);
    *out = copy;
    return true;
}

static bool grow(void **list, size_t *room, size_t count, size_t size) {
    if (count < *room)
        return true;
    size_t wanted = *room ? 2 * *room : 64;
    void *more = realloc(*list, wanted * size);
    if (!more)
        return false;
    *list = more;
    *room = wanted;
    return true;
}

struct assertion *reader_add_assertion(struct suite_reader *r, unsigned line) {
    struct suite *s = r->suite;
    if (s->assertion_count == SUITE_ASSERTIONS_MAX) {
        (void)reader_wrong(r, line, "more than %d assertions", SUITE_ASSERTIONS_MAX);
        return NULL;
    }
    struct assertion *a = calloc(1, sizeof *a);
    if (!a || !grow((void **)&s->assertions, &s->assertion_room, s->assertion_count, sizeof *s->assertions)) {
        free(a);
        (void)reader_no_memory(r);
        return NULL;
    }
    a->line = line;
    a->threshold = NAN;
    s->assertions[s->assertion_count++] = a;
    return a;
}

bool reader_add_variable(struct suite_reader *r, struct case_draft *d, struct str name, struct str value) {
    if (d->c.variable_count == SUITE_VARIABLES_MAX)
        return reader_wrong(r, d->c.line, "more than %d variables in one case", SUITE_VARIABLES_MAX);
    struct suite_variable *v = &d->variables[d->c.variable_count];
    if (!reader_keep(r, name, &v->name) || !reader_keep(r, value, &v->value))
        return false;
    d->c.variable_count++;
    return true;
}

static bool note_file(struct suite_reader *r, struct str name, struct str bytes) {
    sha256_add(r->hash, bytes);
    return !r->files.note || r->files.note(r->files.ctx, name, bytes, r->err);
}

bool reader_path(struct suite_reader *r, struct str name, unsigned line, char path[4096]) {
    bool absolute = name.n && name.p[0] == '/';
    int written = snprintf(path, 4096, "%.*s%.*s", absolute ? 0 : (int)r->folder.n, r->folder.p,
                           (int)(name.n < 4096 ? name.n : 4096), name.p);
    if (name.n == 0 || written < 0 || written >= 4096 || strlen(path) != (size_t)written)
        return reader_wrong(r, line, "no name of a file");
    return r->files.allowed || reader_wrong(r, line, "files are not read here");
}

bool reader_open(struct suite_reader *r, struct str name, unsigned line, size_t most, struct buf *out,
                 char path[4096]) {
    struct error reason;
    size_t n;
    if (!reader_path(r, name, line, path))
        return false;
    char *text = file_text(path, most, &n, &reason);
    if (!text)
        return reader_wrong(r, line, "%.300s", reason.message);
    *out = (struct buf){.p = text, .n = n, .room = n + 1, .cap = n + 1};
    if (note_file(r, name, buf_str(out)))
        return true;
    buf_free(out);
    return false;
}

/* ---- cases ---- */

static bool add_label(struct suite_reader *r, const struct suite_case *c, struct assertion **list,
                      size_t *count) {
    if (!c->label.p)
        return true;
    if (*count == READER_SHARED_MAX)
        return reader_wrong(r, c->line, "more than %d assertions in one case", READER_SHARED_MAX);
    struct assertion *a = reader_add_assertion(r, c->line);
    if (!a)
        return false;
    a->kind = ASSERT_EQUALS;
    a->value = c->label;
    list[(*count)++] = a;
    return true;
}

static bool take_assertions(struct suite_reader *r, struct case_draft *d) {
    struct assertion *list[READER_SHARED_MAX];
    size_t count = r->shared_count;
    memcpy(list, r->shared, count * sizeof *list);
    if (r->every_is_template && !assertions_read(r, r->every, d, list, &count))
        return false;
    if (!add_label(r, &d->c, list, &count) || !assertions_read(r, d->own, d, list, &count))
        return false;
    if (count == 0)
        return reader_wrong(
            r, d->c.line,
            "the case has neither a label nor an assertion: nothing could be wrong with an answer");
    struct assertion **kept = arena_alloc(r->suite->arena, count * sizeof *kept);
    if (!kept)
        return reader_no_memory(r);
    memcpy(kept, list, count * sizeof *kept);
    d->c.assertions = kept;
    d->c.assertion_count = count;
    return true;
}

static bool keep_texts(struct suite_reader *r, struct suite_case *c) {
    struct str *const texts[] = {&c->id, &c->text, &c->features, &c->label, &c->slice};
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        if (!reader_keep(r, *texts[i], texts[i]))
            return false;
    return true;
}

static bool keep_variables(struct suite_reader *r, struct case_draft *d) {
    size_t bytes = d->c.variable_count * sizeof *d->variables;
    struct suite_variable *kept = arena_alloc(r->suite->arena, bytes);
    if (!kept)
        return reader_no_memory(r);
    memcpy(kept, d->variables, bytes);
    d->c.variables = kept;
    return true;
}

static bool name_case(struct suite_reader *r, struct suite_case *c, size_t prompt) {
    char name[64];
    size_t number = r->suite->case_count / (r->prompt_count ? r->prompt_count : 1) + 1;
    if (!c->id.p || c->id.n == 0) {
        snprintf(name, sizeof name, "%zu", number);
        c->id = str_from(name);
    }
    if (r->prompt_count < 2)
        return reader_keep(r, c->id, &c->id);
    AUTO_BUF both = BUF_INIT(CASE_TEXT_MAX);
    buf_add_str(&both, c->id);
    buf_printf(&both, " #%zu", prompt + 1);
    return reader_keep(r, buf_str(&both), &c->id);
}

static bool add_one(struct suite_reader *r, const struct case_draft *d, size_t prompt) {
    struct suite *s = r->suite;
    struct suite_case c = d->c;
    char slice[32];
    if (s->case_count == SUITE_CASES_MAX)
        return reader_wrong(r, c.line, "more than %d cases", SUITE_CASES_MAX);
    if (!name_case(r, &c, prompt))
        return false;
    if (r->prompt_count && !prompt_fill(r, &r->prompts[prompt], d, &c.messages))
        return false;
    if (r->prompt_count > 1 && c.slice.n == 0) {
        snprintf(slice, sizeof slice, "prompt %zu", prompt + 1);
        if (!reader_keep(r, str_from(slice), &c.slice))
            return false;
    }
    if (!grow((void **)&s->cases, &s->case_room, s->case_count, sizeof *s->cases))
        return reader_no_memory(r);
    s->cases[s->case_count++] = c;
    return true;
}

bool reader_add_case(struct suite_reader *r, struct case_draft *d) {
    if (r->slice_by_label && d->c.slice.n == 0 && d->c.label.p)
        d->c.slice = d->c.label;
    if (!d->c.slice.p)
        d->c.slice = STR("");
    d->c.file = r->file;
    if (!keep_texts(r, &d->c) || !keep_variables(r, d) || !take_assertions(r, d))
        return false;
    size_t prompts = r->prompt_count ? r->prompt_count : 1;
    for (size_t i = 0; i < prompts; i++)
        if (!add_one(r, d, i))
            return false;
    return true;
}

/* ---- the whole ---- */

static int by_id(const void *a, const void *b) {
    const struct suite_case *x = *(const struct suite_case *const *)a,
                            *y = *(const struct suite_case *const *)b;
    size_t n = x->id.n < y->id.n ? x->id.n : y->id.n;
    int order = memcmp(x->id.p, y->id.p, n);
    return order ? order : x->id.n < y->id.n ? -1 : x->id.n > y->id.n;
}

static bool ids_differ(struct suite_reader *r) {
    struct suite *s = r->suite;
    const struct suite_case **list = malloc((s->case_count + 1) * sizeof(const struct suite_case *));
    bool good = list || reader_no_memory(r);
    for (size_t i = 0; good && i < s->case_count; i++)
        list[i] = &s->cases[i];
    if (good)
        qsort(list, s->case_count, sizeof(const struct suite_case *), by_id);
    for (size_t i = 1; good && i < s->case_count; i++)
        if (by_id(&list[i - 1], &list[i]) == 0) {
            unsigned a = list[i - 1]->line, b = list[i]->line;
            r->file = list[i]->file;
            good = reader_wrong(r, a > b ? a : b, "a second case \"%.*s\"; the other is on line %u",
                                (int)(list[i]->id.n > SHOWN ? SHOWN : list[i]->id.n), list[i]->id.p,
                                a > b ? b : a);
        }
    free(list);
    return good;
}

static bool read_document(struct suite_reader *r, struct str text) {
    yaml_document_t yaml;
    struct document_fault fault;
    if (!document_read(text, &yaml, &fault))
        return reader_wrong(r, fault.line, "%.300s", fault.message);
    r->yaml = &yaml;
    const yaml_node_t *root = yaml_document_get_root_node(&yaml);
    bool good = node_is_map(root)
                    ? suite_is_promptfoo(r, root) ? suite_read_promptfoo(r, root) : suite_read_yaml(r, root)
                    : reader_wrong(r, 1, "a suite is a mapping with tests or data");
    yaml_document_delete(&yaml);
    r->yaml = NULL;
    return good;
}

static bool read_form(struct suite_reader *r, struct str text) {
    struct str name = str_from(r->file);
    if (str_ends(name, STR(".jsonl")))
        return suite_read_jsonl(r, text, r->file);
    if (!str_ends(name, STR(".csv")))
        return read_document(r, text);
    AUTO_BUF copy = BUF_INIT(SUITE_FILE_MAX + 1);
    buf_add_str(&copy, text);
    return buf_terminated(&copy) ? suite_read_csv(r, &copy, r->file) : reader_no_memory(r);
}

/* "suites/routing.yaml" -> "routing" */
static struct str stem_of(struct str path) {
    for (size_t i = path.n; i > 0; i--)
        if (path.p[i - 1] == '/') {
            path = str_slice(path, i, path.n);
            break;
        }
    for (size_t i = path.n; i > 1; i--)
        if (path.p[i - 1] == '.')
            return str_slice(path, 0, i - 1);
    return path;
}

static struct str folder_of(struct str path) {
    size_t n = path.n;
    while (n > 0 && path.p[n - 1] != '/')
        n--;
    return str_slice(path, 0, n);
}

static bool read_all(struct suite_reader *r, struct str text) {
    struct suite *s = r->suite;
    unsigned char digest[SHA256_SIZE];
    struct str own = str_from(r->file);
    if (!note_file(r, str_slice(own, r->folder.n, own.n), text) ||
        !reader_keep(r, stem_of(str_from(r->file)), &s->name))
        return false;
    if (!read_form(r, text) || !ids_differ(r))
        return false;
    if (s->case_count == 0)
        return reader_wrong(r, 0, "there is no case in it");
    sha256_end(r->hash, digest);
    r->hash = NULL;
    sha256_hex(digest, s->hash);
    return true;
}

static bool parse(struct str text, const char *name, struct reader_files files, struct suite **out,
                  struct error *err) {
    struct suite *s = calloc(1, sizeof *s);
    struct suite_reader *r = calloc(1, sizeof *r);
    bool good = false;
    if (s && r && (s->arena = arena_new(ARENA_MAX)) && (r->hash = sha256_begin())) {
        s->cases_minimum = CASES_MINIMUM;
        s->margin = MARGIN;
        s->runs = 1;
        s->endpoint = s->baseline = s->judge = STR("");
        struct str kept = arena_copy(s->arena, str_from(name));
        *r = (struct suite_reader){.suite = s, .err = err, .hash = r->hash, .files = files, .file = kept.p};
        r->text_column = r->file_column = r->label_column = r->slice_column = STR("");
        r->folder = folder_of(kept);
        good = kept.p ? read_all(r, text) : fail(err, ERR_NO_MEMORY, "Out of memory while reading a suite.");
    } else
        fail(err, ERR_NO_MEMORY, "Out of memory while reading a suite.");
    if (r && r->hash)
        sha256_end(r->hash, NULL);
    free(r);
    if (good)
        *out = s;
    else
        suite_free(s);
    return good;
}

bool suite_parse(struct str text, const char *name, struct suite **out, struct error *err) {
    return parse(text, name, (struct reader_files){0}, out, err);
}

bool suite_load_noting(const char *path, suite_file_note *note, void *ctx, struct suite **out,
                       struct error *err) {
    const struct reader_files files = {true, note, ctx};
    size_t n;
    char *text = file_text(path, SUITE_FILE_MAX, &n, err);
    if (!text)
        return false;
    bool good = parse((struct str){text, n}, path, files, out, err);
    free(text);
    return good;
}

bool suite_load(const char *path, struct suite **out, struct error *err) {
    return suite_load_noting(path, NULL, NULL, out, err);
}

void suite_free(struct suite *s) {
    if (!s)
        return;
    for (size_t i = 0; i < s->assertion_count; i++)
        assertion_free(s->assertions[i]);
    free(s->assertions);
    free(s->cases);
    arena_free(s->arena);
    free(s);
}

void suite_case_messages(const struct suite_case *c, struct buf *out) {
    struct json_writer w = JSON_WRITER(out);
    if (c->messages.p) {
        json_raw(&w, c->messages);
        return;
    }
    json_array(&w);
    json_object(&w);
    json_field_text(&w, "role", "user");
    json_field_str(&w, "content", c->text.p ? c->text : STR(""));
    json_object_end(&w);
    json_array_end(&w);
}
