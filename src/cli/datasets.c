#include "cli/cli.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/data_option.h"
#include "cli/datasets_diff.h"
#include "cli/listing.h"
#include "cli/store_option.h"
#include "cli/table.h"
#include "cli/tags.h"
#include "learn/dataset_note.h"
#include "learn/labels_export.h"
#include "store/blobs.h"
#include "store/datasets.h"
#include "store/object_json.h"

#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: penstock datasets add NAME --data FOLDER|FILE.csv [--keep] [OPTION…]\n"
    "       penstock datasets from-labels ENDPOINT --name NAME [--out PATH]\n"
    "       penstock datasets list\n"
    "       penstock datasets show NAME[@VERSION] [--rows]\n"
    "       penstock datasets diff A[@VERSION] B[@VERSION] [--limit N]\n"
    "       penstock datasets tag NAME[@VERSION] KEY=VALUE… | untag NAME[@VERSION] KEY… | tags "
    "NAME[@VERSION]\n\n"
    "  add      the next version of NAME: a manifest of rows with labels, sizes and hashes, without the rows "
    "themselves.\n"
    "           What is there already gets no new one; \"penstock train\" adds what it trains on\n"
    "  from-labels  the next version of NAME from what people said of an endpoint's inputs (review queue "
    "and\n"
    "           feedback), written to PATH (NAME.csv; of documents a folder) for \"penstock train\"; one row "
    "in\n"
    "           five is held out, the same ones every time\n"
    "  list     all datasets and versions, the newest first\n"
    "  show     what it is made of, and which models learned from it\n"
    "  diff     rows that were added, removed, relabelled or changed from A to B\n" TAGS_HELP "\n"
    "      --data PATH          a folder with a sub-folder of files for each class, or a CSV file with a "
    "header\n"
    "      --name NAME          with from-labels: the dataset\n"
    "      --out PATH           with from-labels: where its rows are written\n"
    "      --keep               the files, too, into the store, each once\n"
    "      --rows               all rows\n"
    "      --limit N            so many changes of each kind (20; 0: all)\n"
    "      --history            tags that no longer hold, too\n" DATA_OPTIONS_HELP STORE_OPTIONS_HELP;

enum { OUTPUT_MAX = 1 << 30, LIMIT_DEFAULT = 20, REASONS_SHOWN = 5 };
enum { OPTION_KEEP = OPTION_OWN, OPTION_ROWS, OPTION_LIMIT, OPTION_HISTORY, OPTION_NAME, OPTION_OUT };

struct datasets_command {
    struct data_option data;
    bool keep, rows, history, json;
    uint64_t limit;
    const char *name, *out; /* of from-labels */
    struct store *store;
};

/* ---- add ---- */

/* The first few are shown. */
static void show_rejected(const struct training_row *row) {
    static unsigned shown;
    if (shown++ < REASONS_SHOWN)
        fprintf(stderr, "left out: %.*s: %.*s\n", STR_ARG(row->source), STR_ARG(row->reason));
}

static bool note_rows(struct datasets_command *c, struct noted_rows *out, size_t *rejected,
                      struct error *err) {
    const struct dataset_reading reading = {c->data.path, c->keep, show_rejected};
    struct row_reader *rows = data_option_open(&c->data, false, err);
    bool good = rows && dataset_note(c->store, &reading, rows, out, rejected, err);
    row_reader_free(rows);
    return good;
}

static bool add(struct datasets_command *c, const char *name, struct error *err) {
    struct noted_rows noted = {0};
    struct dataset_record r;
    size_t rejected = 0;
    bool added;
    if (!c->data.path)
        return fail(err, ERR_USAGE, "say with --data what the dataset is made of");
    bool good =
        reference_check_name(str_from(name), "dataset", err) && note_rows(c, &noted, &rejected, err) &&
        datasets_add(c->store, name, c->data.path, &noted.manifest, buf_str(&noted.text), &r, &added, err);
    noted_rows_free(&noted);
    if (good && c->json)
        printf("{\"name\":\"%s\",\"version\":%u,\"manifest\":\"%s\",\"rows\":%llu,\"rejected\":%zu,\"added\":"
               "%s}\n",
               r.name, r.version, r.manifest, (unsigned long long)r.rows, rejected, added ? "true" : "false");
    else if (good)
        printf("%s@%u: %llu rows, %llu labels, %zu left out%s\n", r.name, r.version,
               (unsigned long long)r.rows, (unsigned long long)r.labels, rejected,
               added ? "" : " (it was there already)");
    return good;
}

/* ---- from-labels ---- */

static void say_labels(const struct labels_exported *e) {
    fprintf(stderr, "%zu labels: %zu rows, %zu of them held out\n", e->said, e->written, e->held_out);
    if (e->repeated || e->overruled)
        fprintf(stderr, "  %zu more for inputs that have their row already, %zu overruled by more\n",
                e->repeated, e->overruled);
    if (e->corrected)
        fprintf(stderr, "  %zu with corrected fields\n", e->corrected);
    if (e->gone)
        fprintf(stderr, "  %zu without their input: see keep_inputs and retention\n", e->gone);
    if (e->unread)
        fprintf(stderr, "  %zu whose input cannot be written as a row\n", e->unread);
    if (e->ties)
        fprintf(stderr, "  %zu inputs left out, as many people say one thing as another:\n", e->ties);
    for (size_t i = 0; i < e->ties && i < ARRAY_COUNT(e->tie); i++)
        fprintf(stderr, "    request %s\n", e->tie[i]);
}

static bool from_labels(struct datasets_command *c, const char *endpoint, struct error *err) {
    char path[512], train[600];
    struct labels_exported said;
    if (!c->name)
        return fail(err, ERR_USAGE, "say with --name what the dataset is called");
    if (!reference_check_name(str_from(c->name), "dataset", err))
        return false;
    snprintf(path, sizeof path, "%s.csv", c->name);
    const char *out = c->out ? c->out : path;
    if (!labels_export(c->store, endpoint, out, &said, err))
        return false;
    say_labels(&said);
    bool fields = said.corrected > 0, folder = said.folder;
    snprintf(train, sizeof train, "%.500s%s", out, folder ? "/train" : "");
    /* Of documents the rows to learn from; what is held out lies beside them. */
    c->data.path = train;
    c->data.ignored[c->data.csv.ignore_count++] = "split";
    c->data.ignored[c->data.csv.ignore_count++] = "request_id";
    if (fields && !folder)
        c->data.ignored[c->data.csv.ignore_count++] = "fields";
    c->keep = true;
    if (!add(c, c->name, err))
        return false;
    fprintf(stderr, "next: penstock train %s --data %s%s%s\n", c->name, train,
            folder ? "" : " --split train --ignore split --ignore request_id",
            fields && !folder ? " --ignore fields" : "");
    return true;
}

/* ---- list, show ---- */

static void add_json(const struct dataset_record *r, void *ctx) {
    struct json_writer *w = &((struct listing *)ctx)->w;
    json_object(w);
    dataset_fields(r, w);
    json_object_end(w);
}

static void add_line(const struct dataset_record *r, void *ctx) {
    struct table *t = &((struct listing *)ctx)->table;
    char time[CLOCK_TEXT_SIZE];
    clock_format(r->created, time);
    table_cell_format(t, "%s@%u", r->name, r->version);
    table_cell(t, str_from(dataset_kind_name(r->kind)));
    table_cell_format(t, "%llu", (unsigned long long)r->rows);
    table_cell_format(t, "%llu", (unsigned long long)r->labels);
    table_cell_format(t, "%llu", (unsigned long long)r->bytes);
    table_cell(t, str_from(time));
    table_cell(t, str_slice(str_from(r->manifest), 0, 12));
    table_cell(t, str_from(r->source));
}

static bool list(const struct datasets_command *c, struct error *err) {
    static const char *const heads[] = {"DATASET", "KIND",    "ROWS",     "LABELS",
                                        "BYTES",   "CREATED", "MANIFEST", "SOURCE"};
    struct listing l;
    listing_begin(&l, heads, ARRAY_COUNT(heads), c->json);
    return listing_end(&l, datasets_list(c->store, c->json ? add_json : add_line, &l, err));
}

static bool find(struct store *s, const char *reference, struct dataset_record *r, struct dataset_manifest *m,
                 struct error *err) {
    char name[REFERENCE_NAME_MAX + 1];
    unsigned version;
    return reference_parse(str_from(reference), "dataset", name, &version, err) &&
           datasets_find(s, name, version, r, err) && datasets_load(s, r->manifest, m, err);
}

static bool print_labels(const struct dataset_manifest *m, struct error *err) {
    static const char *const heads[] = {"LABEL", "ROWS"};
    size_t *counts = dataset_label_rows(m, err);
    if (!counts)
        return false;
    struct table t = table_new(heads, ARRAY_COUNT(heads));
    for (size_t i = 0; i < m->label_count; i++) {
        table_cell(&t, m->labels[i]);
        table_cell_format(&t, "%zu", counts[i]);
    }
    free(counts);
    putchar('\n');
    table_print(&t, stdout);
    return true;
}

static void row_cells(struct table *t, const struct dataset_manifest *m, const struct dataset_row *row) {
    char hex[SHA256_HEX_SIZE];
    sha256_hex(row->hash, hex);
    if (m->kind == DATASET_FILES)
        table_cell(t, row->path);
    else
        table_cell_format(t, "line %llu", (unsigned long long)row->line);
    table_cell(t, m->labels[row->label]);
    table_cell_format(t, "%llu", (unsigned long long)row->size);
    table_cell(t, str_slice(str_from(hex), 0, 12));
}

static void print_rows(const struct dataset_manifest *m) {
    static const char *const heads[] = {"ROW", "LABEL", "BYTES", "HASH"};
    struct table t = table_new(heads, ARRAY_COUNT(heads));
    for (size_t i = 0; i < m->count; i++)
        row_cells(&t, m, &m->rows[i]);
    putchar('\n');
    table_print(&t, stdout);
}

static void print_user(const char *reference, void *ctx) {
    bool *any = ctx;
    printf("%s%s", *any ? ", " : "used by   ", reference);
    *any = true;
}

static bool print_dataset(const struct datasets_command *c, const struct dataset_record *r,
                          const struct dataset_manifest *m, struct error *err) {
    struct datasets_kept kept = datasets_kept(c->store, m);
    char time[CLOCK_TEXT_SIZE];
    bool any = false;
    clock_format(r->created, time);
    printf("%s@%u\nkind      %s, %llu rows, %llu labels\nmanifest  %s\nsource    ", r->name, r->version,
           dataset_kind_name(r->kind), (unsigned long long)r->rows, (unsigned long long)r->labels,
           r->manifest);
    print_plain(stdout, str_from(r->source));
    printf("\ncreated   %s\nfiles     %zu of %zu are in the store (%llu bytes)\n", time, kept.kept,
           kept.files, (unsigned long long)r->bytes);
    if (!datasets_users(c->store, r->manifest, print_user, &any, err))
        return false;
    if (any)
        putchar('\n');
    if (!tags_print_line(c->store, TAG_DATASET, r->name, r->version, err) || !print_labels(m, err))
        return false;
    if (c->rows)
        print_rows(m);
    return true;
}

/* The manifest as it is, which its hash is of. */
static bool write_rows(struct store *s, const char *manifest, struct json_writer *w, struct error *err) {
    struct blob blob;
    if (!blob_map(store_folder(s), manifest, true, &blob, err))
        return false;
    json_key(w, "rows_of");
    json_raw(w, blob.bytes);
    blob_unmap(&blob);
    return true;
}

static bool show(const struct datasets_command *c, const char *reference, struct error *err) {
    struct dataset_record r;
    struct dataset_manifest m;
    if (!find(c->store, reference, &r, &m, err))
        return false;
    AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
    struct json_writer w = JSON_WRITER(&out);
    if (c->json) {
        json_object(&w);
        dataset_fields(&r, &w);
    }
    bool good = c->json ? dataset_detail_fields(c->store, &r, &m, &w, err) &&
                              (!c->rows || write_rows(c->store, r.manifest, &w, err))
                        : print_dataset(c, &r, &m, err);
    dataset_manifest_free(&m);
    if (good && c->json) {
        json_object_end(&w);
        puts(buf_terminated(&out) ? out.p : "{}");
    }
    return good;
}

/* ---- diff ---- */

static bool diff(const struct datasets_command *c, const char *first, const char *second, struct error *err) {
    struct dataset_record r;
    struct dataset_manifest a = {0}, b = {0};
    const struct datasets_diff d = {.a = &a, .b = &b, .limit = c->limit, .json = c->json};
    bool good = find(c->store, first, &r, &a, err) && find(c->store, second, &r, &b, err) &&
                datasets_diff_print(&d, err);
    dataset_manifest_free(&a);
    dataset_manifest_free(&b);
    return good;
}

/* ---- the command ---- */

static bool exists(struct store *s, const char *name, unsigned version, struct error *err) {
    struct dataset_record r;
    return datasets_find(s, name, version, &r, err);
}

static bool dispatch(struct datasets_command *c, char **words, int count, struct error *err) {
    const char *verb = words[0];
    const struct tags_command tags = {TAG_DATASET, "dataset", exists, c->history, c->json};
    if (tags_is_verb(words, count))
        return tags_run(c->store, &tags, words, count, err);
    if (strcmp(verb, "list") == 0)
        return list(c, err);
    if (strcmp(verb, "add") == 0)
        return add(c, words[1], err);
    if (strcmp(verb, "from-labels") == 0)
        return from_labels(c, words[1], err);
    return strcmp(verb, "show") == 0 ? show(c, words[1], err) : diff(c, words[1], words[2], err);
}

static bool is_known(char **words, int count) {
    const char *verb = words[0];
    return tags_is_verb(words, count) || (strcmp(verb, "list") == 0 && count == 1) ||
           ((strcmp(verb, "from-labels") == 0 || strcmp(verb, "add") == 0 || strcmp(verb, "show") == 0) &&
            count == 2) ||
           (strcmp(verb, "diff") == 0 && count == 3);
}

static bool run(void *ctx, const struct store_option *option, char **words, int count, struct error *err) {
    struct datasets_command *c = ctx;
    if (!is_known(words, count))
        return fail(err, ERR_USAGE,
                    "expected \"add NAME --data PATH\", \"from-labels ENDPOINT --name NAME\", \"list\", "
                    "\"show NAME\", \"diff A B\", \"tag NAME "
                    "KEY=VALUE\", "
                    "\"untag NAME KEY\" or \"tags NAME\"");
    if (!store_option_open(option, strcmp(words[0], "add") == 0, &c->store, err))
        return false;
    c->json = option->json;
    bool good = dispatch(c, words, count, err);
    store_close(c->store);
    return good;
}

static bool read_limit(struct datasets_command *c, const char *value, struct error *err) {
    if (!str_to_u64(str_from(value), &c->limit))
        return fail(err, ERR_USAGE, "--limit is \"%.40s\"; expected a whole number", value);
    if (c->limit == 0)
        c->limit = UINT64_MAX;
    return true;
}

static bool read_option(void *ctx, int option, const char *value, struct error *err) {
    struct datasets_command *c = ctx;
    bool known;
    switch (option) {
    case OPTION_KEEP: c->keep = true; return true;
    case OPTION_ROWS: c->rows = true; return true;
    case OPTION_HISTORY: c->history = true; return true;
    case OPTION_NAME: c->name = value; return true;
    case OPTION_OUT: c->out = value; return true;
    case OPTION_LIMIT: return read_limit(c, value, err);
    default: break;
    }
    if (!data_option_take(&c->data, option, (char *)(uintptr_t)value, &known, err))
        return false;
    return known || fail(err, ERR_USAGE, "see \"penstock datasets --help\"");
}

int cli_datasets(int argc, char **argv) {
    static const struct option options[] = {DATA_LONG_OPTIONS,
                                            {"keep", no_argument, NULL, OPTION_KEEP},
                                            {"rows", no_argument, NULL, OPTION_ROWS},
                                            {"limit", required_argument, NULL, OPTION_LIMIT},
                                            {"name", required_argument, NULL, OPTION_NAME},
                                            {"out", required_argument, NULL, OPTION_OUT},
                                            {"history", no_argument, NULL, OPTION_HISTORY},
                                            STORE_LONG_OPTIONS,
                                            {0}};
    static const struct store_command command = {"datasets", help, options, read_option, run};
    struct datasets_command c = {.limit = LIMIT_DEFAULT};
    return store_command_run(&command, &c, argc, argv);
}
