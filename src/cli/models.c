#include "cli/cli.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/listing.h"
#include "cli/models_add.h"
#include "cli/models_alias.h"
#include "cli/models_archive.h"
#include "cli/models_encoder.h"
#include "cli/models_lineage.h"
#include "cli/models_onnx.h"
#include "cli/models_xgboost.h"
#include "cli/store_option.h"
#include "cli/table.h"
#include "cli/tags.h"
#include "store/object_json.h"
#include "store/registry.h"

#include <string.h>

static const char help[] =
    "Usage: penstock models list [--model NAME] [--limit N] [--after NAME@VERSION]\n"
    "       penstock models show NAME[@VERSION] [--endpoint ENDPOINT]\n"
    "       penstock models add NAME --rules FILE --label LABEL [--label LABEL…]\n"
    "       penstock models add NAME --onnx FILE {--labels FILE | --label LABEL…} [OPTION…]\n"
    "       penstock models add NAME --onnx FILE --vocabulary FILE [--cased] [--first-token] [--output "
    "NAME]\n"
    "       penstock models add NAME --xgboost FILE.json --label LABEL… [--feature NAME…]\n"
    "       penstock models lineage NAME[@VERSION]\n"
    "       penstock models export NAME[@VERSION]… FILE.tar [--prompt NAME[@VERSION]] [--files]\n"
    "       penstock models import FILE.tar\n"
    "       penstock models tag NAME[@VERSION] KEY=VALUE… | untag NAME[@VERSION] KEY… | tags "
    "NAME[@VERSION]\n"
    "       penstock models alias NAME@VERSION ALIAS | unalias NAME ALIAS | aliases [NAME] [--endpoint "
    "ENDPOINT]\n\n"
    "  list     all models and versions, the newest first\n"
    "  show     what a version was made of and how good it was\n"
    "  lineage  its artefact, the dataset it was trained on and that one's manifest, each with its hash\n"
    "  export   versions with their datasets and tags, and prompts, as one archive (docs/registry.md)\n"
    "  import   what an archive holds: all of it or, where anything is wrong, nothing\n" TAGS_HELP
    "  alias    NAME@ALIAS means that version from now on; rollouts move \"stable\" and \"candidate\" of "
    "their\n"
    "           endpoint\n"
    "  add      a version made of rules: a Lua file with classify(r), see docs/rules.md; or of a classifier "
    "in an\n"
    "           ONNX file, see docs/onnx-models.md, or of XGBoost, see docs/boosted-models.md; \"penstock "
    "train\"\n"
    "           makes those that learn\n\n"
    "      --rules FILE      the Lua file\n"
    "      --onnx FILE       the ONNX file\n"
    "      --xgboost FILE    what XGBoost's save_model(\"FILE.json\") wrote\n"
    "      --label LABEL     an answer that the rules may give; of a model's file, in the order of its "
    "scores\n"
    "      --labels FILE     the same from a file, one a line\n"
    "      --feature NAME    a column of a model's rows, in their order (as the file says, or f0, f1, …)\n"
    "      --output NAME     the output with the scores, where an ONNX file has several\n"
    "      --logits          its scores come before the softmax\n"
    "      --temperature T   that such scores are divided by first (1)\n"
    "      --vocabulary FILE of a sentence encoder, for semantic_vectors (docs/semantic-cache.md): BERT's "
    "vocab.txt\n"
    "      --cased           that vocabulary tells capitals and accents apart\n"
    "      --first-token     a text's vector is its first token's, not the mean of all\n"
    "      --endpoint NAME   an alias at that endpoint alone (of the model, ending those of endpoints)\n"
    "      --model NAME      only this model's versions\n"
    "      --limit N         so many versions (all)\n"
    "      --after NAME@N    going on behind this one\n"
    "      --prompt NAME     a prompt that goes with the models; may be repeated\n"
    "      --files           the datasets' files, too, where they were kept\n"
    "      --history         tags that no longer hold, too\n" STORE_OPTIONS_HELP;

enum { OUTPUT_MAX = 64 << 20, LIMIT_MAX = 1000000 };

static void add_json(const struct version_record *r, void *ctx) {
    struct json_writer *w = &((struct listing *)ctx)->w;
    json_object(w);
    version_fields(r, w);
    json_object_end(w);
}

static void add_row(const struct version_record *r, void *ctx) {
    struct table *t = &((struct listing *)ctx)->table;
    char time[CLOCK_TEXT_SIZE];
    clock_format(r->created, time);
    table_cell_format(t, "%s@%u", r->name, r->version);
    table_cell(t, str_from(r->backend));
    table_cell(t, str_from(time));
    table_cell(t, str_slice(str_from(r->artefact), 0, 12));
}

struct models_command {
    struct rules_version rules;
    struct onnx_version onnx;
    struct encoder_version encoder;
    bool learned_file; /* --onnx or what belongs to it */
    const char *xgboost;
    const char *model, *after, *endpoint;
    unsigned limit;
    struct archive_words archive;
    bool history, json;
};

static bool list_page(struct store *store, const struct models_command *c, const struct version_page *page,
                      struct error *err) {
    static const char *const heads[] = {"MODEL", "BACKEND", "CREATED", "ARTEFACT"};
    struct listing l;
    listing_begin(&l, heads, ARRAY_COUNT(heads), c->json);
    return listing_end(&l, registry_page(store, page, c->json ? add_json : add_row, &l, err));
}

static bool list(struct store *store, const struct models_command *c, struct error *err) {
    char after[MODEL_NAME_MAX + 1];
    struct version_page page = {.name = c->model, .limit = c->limit};
    if (c->after) {
        if (!reference_parse(str_from(c->after), "model", after, &page.after_version, err))
            return false;
        page.after = after;
    }
    return list_page(store, c, &page, err);
}

static void print_value(yyjson_val *value) {
    if (yyjson_is_str(value))
        print_plain(stdout, json_str_of(value));
    else if (yyjson_is_int(value))
        printf("%lld", (long long)yyjson_get_sint(value));
    else if (yyjson_is_num(value))
        printf("%.4f", yyjson_get_num(value));
    else if (yyjson_is_bool(value))
        fputs(yyjson_get_bool(value) ? "yes" : "no", stdout);
    else
        fputs("-", stdout);
}

/* A list of alike objects, such as the metrics of each label. */
static void print_rows(const char *name, yyjson_val *rows) {
    const char *heads[TABLE_COLUMNS_MAX];
    unsigned columns = 0;
    size_t index, max, at, end;
    yyjson_val *row, *key, *value;
    yyjson_obj_foreach(yyjson_arr_get_first(rows), at, end, key, value) if (columns < TABLE_COLUMNS_MAX)
        heads[columns++] = yyjson_get_str(key);
    struct table t = table_new(heads, columns);
    yyjson_arr_foreach(rows, index, max, row) for (unsigned i = 0; i < columns; i++) {
        value = yyjson_obj_get(row, heads[i]);
        if (yyjson_is_str(value))
            table_cell(&t, json_str_of(value));
        else if (yyjson_is_int(value))
            table_cell_format(&t, "%lld", (long long)yyjson_get_sint(value));
        else
            table_cell_format(&t, "%.4f", yyjson_get_num(value));
    }
    printf("\n%s\n", name);
    table_print(&t, stdout);
}

/* The plain values of an object, then its lists. */
static void print_object(const char *name, yyjson_val *object) {
    size_t index, max;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(object))
        return;
    printf("\n%s\n", name);
    yyjson_obj_foreach(object, index, max, key, value) {
        if (yyjson_is_ctn(value))
            continue;
        printf("  %-18.*s", STR_ARG(json_str_of(key)));
        print_value(value);
        putchar('\n');
    }
    yyjson_obj_foreach(object, index, max, key, value) {
        char title[200];
        snprintf(title, sizeof title, "%s: %s", name, yyjson_get_str(key));
        if (yyjson_is_arr(value) && yyjson_is_obj(yyjson_arr_get_first(value)))
            print_rows(title, value);
    }
}

static void print_labels(yyjson_val *labels) {
    size_t index, max;
    yyjson_val *label;
    if (!yyjson_is_arr(labels))
        return;
    printf("labels    %zu:", yyjson_arr_size(labels));
    yyjson_arr_foreach(labels, index, max, label) {
        putchar(' ');
        print_plain(stdout, json_str_of(label));
        if (index == 11 && max > 12) {
            printf(" and %zu more", max - 12);
            break;
        }
    }
    putchar('\n');
}

static bool print_version(struct store *store, const struct version_record *r, struct error *err) {
    char time[CLOCK_TEXT_SIZE];
    yyjson_doc *doc = json_parse(str_from(r->manifest), err);
    if (!doc)
        return fail_within(err, "The manifest of %s@%u", r->name, r->version);
    yyjson_val *root = yyjson_doc_get_root(doc);
    clock_format(r->created, time);
    printf("%s@%u\nbackend   %s\ncreated   %s\nartefact  %s\n", r->name, r->version, r->backend, time,
           r->artefact);
    bool good = tags_print_line(store, TAG_MODEL, r->name, r->version, err);
    print_labels(yyjson_obj_get(root, "labels"));
    print_object("dataset", yyjson_obj_get(root, "dataset"));
    print_object("parameters", yyjson_obj_get(root, "parameters"));
    print_object("policy", yyjson_obj_get(root, "policy"));
    print_object("certificate", yyjson_obj_get(yyjson_obj_get(root, "policy"), "certificate"));
    print_object("metrics", yyjson_obj_get(root, "metrics"));
    yyjson_doc_free(doc);
    return good;
}

static bool show(struct store *store, const struct models_command *c, const char *reference,
                 struct error *err) {
    char name[MODEL_NAME_MAX + 1];
    unsigned version;
    struct version_record r = {0};
    if (!registry_parse_reference(str_from(reference), name, &version, err) ||
        !registry_find_at(store, c->endpoint, name, version, &r, err))
        return false;
    bool ok = true;
    if (c->json) {
        AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
        struct json_writer w = JSON_WRITER(&out);
        json_object(&w);
        version_fields(&r, &w);
        ok = tags_write(store, TAG_MODEL, r.name, r.version, &w, err);
        json_key(&w, "manifest");
        json_raw(&w, str_from(r.manifest));
        json_object_end(&w);
        if (ok)
            puts(buf_terminated(&out) ? out.p : "{}");
    } else {
        ok = print_version(store, &r, err);
    }
    version_record_clear(&r);
    return ok;
}

enum models_verb {
    VERB_LIST,
    VERB_SHOW,
    VERB_ADD,
    VERB_LINEAGE,
    VERB_EXPORT,
    VERB_IMPORT,
    VERB_TAGS,
    VERB_ALIAS,
    VERB_NONE
};

static enum models_verb verb_of(char **words, int count) {
    static const struct {
        const char *name;
        int least, most; /* words */
    } verbs[VERB_TAGS] = {
        {"list", 1, 1},  {"show", 2, 2}, {"add", 2, 2}, {"lineage", 2, 2}, {"export", 3, ARCHIVE_WORDS_MAX},
        {"import", 2, 2}};
    for (int i = 0; i < VERB_TAGS; i++)
        if (strcmp(words[0], verbs[i].name) == 0)
            return count >= verbs[i].least && count <= verbs[i].most ? (enum models_verb)i : VERB_NONE;
    return tags_is_verb(words, count)           ? VERB_TAGS
           : models_alias_is_verb(words, count) ? VERB_ALIAS
                                                : VERB_NONE;
}

static bool add_encoder(struct store *store, struct models_command *c, const char *name, struct error *err) {
    if (c->rules.label_count || c->onnx.labels_file || c->onnx.feature_count || c->onnx.logits)
        return fail(err, ERR_USAGE, "an encoder (--vocabulary) has no labels, features and scores");
    c->encoder.name = name;
    c->encoder.file = c->onnx.file;
    c->encoder.declared.output = c->onnx.output;
    return models_add_encoder(store, &c->encoder, err);
}

static bool add(struct store *store, struct models_command *c, const char *name, struct error *err) {
    if (c->rules.rules && c->learned_file)
        return fail(err, ERR_USAGE, "--rules and the options of --onnx exclude each other");
    if (c->xgboost) {
        const struct boosted_declaration d = {c->rules.labels, c->rules.label_count, c->onnx.features,
                                              c->onnx.feature_count};
        if (c->rules.rules || c->onnx.file || c->onnx.labels_file || c->onnx.output || c->onnx.logits)
            return fail(err, ERR_USAGE, "--xgboost goes with --label and --feature only");
        return models_add_xgboost(store, name, c->xgboost, &d, err);
    }
    if (c->encoder.vocabulary)
        return add_encoder(store, c, name, err);
    c->rules.name = c->onnx.name = name;
    c->onnx.labels = c->rules.labels;
    c->onnx.label_count = c->rules.label_count;
    return c->learned_file ? models_add_onnx(store, &c->onnx, err) : models_add(store, &c->rules, err);
}

static bool exists(struct store *store, const char *name, unsigned version, struct error *err) {
    struct version_record r;
    if (!registry_find(store, name, version, &r, err))
        return false;
    version_record_clear(&r);
    return true;
}

static bool dispatch(struct store *store, struct models_command *c, enum models_verb verb, char **words,
                     int count, struct error *err) {
    const struct tags_command tags = {TAG_MODEL, "model", exists, c->history, c->json};
    switch (verb) {
    case VERB_LIST: return list(store, c, err);
    case VERB_SHOW: return show(store, c, words[1], err);
    case VERB_ADD: return add(store, c, words[1], err);
    case VERB_LINEAGE: return models_lineage(store, words[1], c->json, err);
    case VERB_IMPORT: return models_import(store, words[1], c->json, err);
    case VERB_TAGS: return tags_run(store, &tags, words, count, err);
    case VERB_ALIAS: return models_alias_run(store, c->endpoint, words, count, c->json, err);
    default: break;
    }
    c->archive.models = words + 1;
    c->archive.model_count = (size_t)count - 2;
    c->archive.json = c->json;
    return models_export(store, &c->archive, words[count - 1], err);
}

static bool run(void *ctx, const struct store_option *option, char **words, int count, struct error *err) {
    struct models_command *c = ctx;
    struct store *store;
    enum models_verb verb = verb_of(words, count);
    if (verb == VERB_NONE)
        return fail(err, ERR_USAGE,
                    "expected \"list\", \"show NAME[@VERSION]\", \"add NAME\", \"lineage NAME\", \"export "
                    "NAME FILE\", "
                    "\"import FILE\", \"tag NAME KEY=VALUE\", \"untag NAME KEY\", \"tags NAME\", \"alias "
                    "NAME@VERSION ALIAS\", "
                    "\"unalias NAME ALIAS\" or \"aliases\"");
    if (!store_option_open(option, verb == VERB_ADD || verb == VERB_IMPORT, &store, err))
        return false;
    c->json = option->json;
    bool ok = dispatch(store, c, verb, words, count, err);
    store_close(store);
    return ok;
}

enum {
    OPTION_RULES = OPTION_OWN,
    OPTION_LABEL,
    OPTION_ONNX,
    OPTION_XGBOOST,
    OPTION_LABELS,
    OPTION_FEATURE,
    OPTION_OUTPUT,
    OPTION_LOGITS,
    OPTION_TEMPERATURE,
    OPTION_VOCABULARY,
    OPTION_CASED,
    OPTION_FIRST_TOKEN,
    OPTION_MODEL,
    OPTION_LIMIT,
    OPTION_AFTER,
    OPTION_PROMPT,
    OPTION_FILES,
    OPTION_HISTORY,
    OPTION_ENDPOINT
};

static bool add_name(const char **list, size_t *count, size_t most, const char *what, const char *value,
                     struct error *err) {
    if (*count == most)
        return fail(err, ERR_USAGE, "there are more than %zu %s", most, what);
    list[(*count)++] = value;
    return true;
}

static bool read_onnx_option(struct onnx_version *v, int option, const char *value, struct error *err) {
    switch (option) {
    case OPTION_ONNX: v->file = value; return true;
    case OPTION_LABELS: v->labels_file = value; return true;
    case OPTION_OUTPUT: v->output = value; return true;
    case OPTION_LOGITS: v->logits = true; return true;
    case OPTION_FEATURE:
        return add_name(v->features, &v->feature_count, ARRAY_COUNT(v->features), "features", value, err);
    default:
        return str_to_double(str_from(value), &v->temperature) ||
               fail(err, ERR_USAGE, "--temperature is \"%.60s\"; expected a number", value);
    }
}

static bool read_limit(struct models_command *c, const char *value, struct error *err) {
    uint64_t limit;
    if (!str_to_u64(str_from(value), &limit) || limit == 0 || limit > LIMIT_MAX)
        return fail(err, ERR_USAGE, "--limit is \"%.40s\"; expected 1 to %d", value, LIMIT_MAX);
    c->limit = (unsigned)limit;
    return true;
}

/* Of those that have nothing to do with adding. *known false: it is none. */
static bool read_other_option(struct models_command *c, int option, const char *value, bool *known,
                              struct error *err) {
    *known = true;
    switch (option) {
    case OPTION_MODEL: c->model = value; return true;
    case OPTION_LIMIT: return read_limit(c, value, err);
    case OPTION_AFTER: c->after = value; return true;
    case OPTION_ENDPOINT: c->endpoint = value; return true;
    case OPTION_PROMPT:
        return add_name(c->archive.prompts, &c->archive.prompt_count, ARRAY_COUNT(c->archive.prompts),
                        "prompts", value, err);
    case OPTION_FILES: c->archive.files = true; return true;
    case OPTION_HISTORY: c->history = true; return true;
    case OPTION_VOCABULARY: c->encoder.vocabulary = value; return true;
    case OPTION_CASED: c->encoder.declared.cased = true; return true;
    case OPTION_FIRST_TOKEN: c->encoder.declared.first_token = true; return true;
    default: *known = false; return true;
    }
}

static bool read_option(void *ctx, int option, const char *value, struct error *err) {
    struct models_command *c = ctx;
    bool known;
    if (!read_other_option(c, option, value, &known, err))
        return false;
    if (known)
        return true;
    if (option == OPTION_LABEL)
        return add_name(c->rules.labels, &c->rules.label_count, RULES_LABELS_MAX, "labels", value, err);
    if (option == OPTION_RULES) {
        c->rules.rules = value;
        return true;
    }
    if (option == OPTION_XGBOOST) {
        c->xgboost = value;
        return true;
    }
    c->learned_file = true;
    return read_onnx_option(&c->onnx, option, value, err);
}

int cli_models(int argc, char **argv) {
    static const struct option options[] = {{"rules", required_argument, NULL, OPTION_RULES},
                                            {"label", required_argument, NULL, OPTION_LABEL},
                                            {"endpoint", required_argument, NULL, OPTION_ENDPOINT},
                                            {"vocabulary", required_argument, NULL, OPTION_VOCABULARY},
                                            {"cased", no_argument, NULL, OPTION_CASED},
                                            {"first-token", no_argument, NULL, OPTION_FIRST_TOKEN},
                                            {"onnx", required_argument, NULL, OPTION_ONNX},
                                            {"xgboost", required_argument, NULL, OPTION_XGBOOST},
                                            {"labels", required_argument, NULL, OPTION_LABELS},
                                            {"feature", required_argument, NULL, OPTION_FEATURE},
                                            {"output", required_argument, NULL, OPTION_OUTPUT},
                                            {"logits", no_argument, NULL, OPTION_LOGITS},
                                            {"temperature", required_argument, NULL, OPTION_TEMPERATURE},
                                            {"model", required_argument, NULL, OPTION_MODEL},
                                            {"limit", required_argument, NULL, OPTION_LIMIT},
                                            {"after", required_argument, NULL, OPTION_AFTER},
                                            {"prompt", required_argument, NULL, OPTION_PROMPT},
                                            {"files", no_argument, NULL, OPTION_FILES},
                                            {"history", no_argument, NULL, OPTION_HISTORY},
                                            STORE_LONG_OPTIONS,
                                            {0}};
    static const struct store_command command = {"models", help, options, read_option, run};
    struct models_command c = {.onnx.temperature = 1};
    return store_command_run(&command, &c, argc, argv);
}
