#include "cli/cli.h"

#include "cache/tuning.h"
#include "cli/cache_vectors.h"
#include "cli/store_option.h"
#include "cli/table.h"
#include "base/json.h"
#include "learn/binomial.h"
#include "learn/pair_tuning.h"
#include "store/registry.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "Usage: penstock cache tune NAME --pairs FILE.csv [OPTION…]\n\n"
    "Learns from labelled pairs which questions ask the same, and chooses how sure the semantic cache must "
    "be, so that\n"
    "at most a wanted share of different questions gets each other's answer. Measured on texts that it was "
    "not fitted\n"
    "on, printed as a curve, stored as the next version of NAME. An endpoint uses it by \"semantic_cache: "
    "NAME\" or\n"
    "NAME@VERSION. Refuses (exit 1) where the pairs cannot carry the claim: without a tuning the cache stays "
    "off.\n\n"
    "      --pairs FILE        a CSV file with a header: text_a, text_b and label (same, different, unsure; "
    "or 1 "
    "and 0),\n"
    "                          or text_a, text_b and score\n"
    "      --false-hits RATE   of different pairs that may be taken for the same: 1% (the default), 0.5% …\n"
    "      --confidence RATE   how surely the rate is kept (95%)\n"
    "      --against LABEL     the different pairs that the rate is about, such as hard ones (all)\n"
    "      --same-from SCORE   scores from which a pair is the same (4)\n"
    "      --different-to SCORE  scores up to which a pair is different (2)\n"
    "      --vectors MODEL     compare the vectors of UPSTREAM/MODEL, with the upstream in --config, or of "
    "the\n"
    "                          encoder NAME@VERSION, as the endpoint's semantic_vectors will (the "
    "wording's)\n"
    "      --seed N            of the parts and the fit (1)\n"
    "      --dry-run           measure only, store nothing\n" STORE_OPTIONS_HELP;

enum {
    OPTION_PAIRS = OPTION_OWN,
    OPTION_FALSE_HITS,
    OPTION_CONFIDENCE,
    OPTION_AGAINST,
    OPTION_SAME_FROM,
    OPTION_DIFFERENT_TO,
    OPTION_VECTORS,
    OPTION_SEED,
    OPTION_DRY_RUN
};

static const struct option options[] = {{"pairs", required_argument, NULL, OPTION_PAIRS},
                                        {"false-hits", required_argument, NULL, OPTION_FALSE_HITS},
                                        {"confidence", required_argument, NULL, OPTION_CONFIDENCE},
                                        {"against", required_argument, NULL, OPTION_AGAINST},
                                        {"same-from", required_argument, NULL, OPTION_SAME_FROM},
                                        {"different-to", required_argument, NULL, OPTION_DIFFERENT_TO},
                                        {"vectors", required_argument, NULL, OPTION_VECTORS},
                                        {"seed", required_argument, NULL, OPTION_SEED},
                                        {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
                                        STORE_LONG_OPTIONS,
                                        {0}};

struct cache_command {
    const char *pairs, *vectors;
    struct pair_rows_options rows;
    struct pair_tuning_options tuning;
    bool dry_run;
};

/* "1%" or "0.01". */
static bool read_rate(const char *option, const char *text, double least, double most, double *out,
                      struct error *err) {
    struct str number = str_from(text);
    double value, factor = 1;
    if (str_ends(number, STR("%"))) {
        number.n--;
        factor = 0.01;
    }
    if (str_to_double(number, &value) && value * factor >= least && value * factor <= most) {
        *out = value * factor;
        return true;
    }
    return fail(err, ERR_USAGE, "%s is \"%.60s\"; expected a share from %g%% to %g%%, such as 1%%.", option,
                text, least * 100, most * 100);
}

static bool read_score(const char *option, const char *text, double *out, struct error *err) {
    return str_to_double(str_from(text), out) ||
           fail(err, ERR_USAGE, "%s is \"%.60s\"; expected a number.", option, text);
}

static bool read_option(void *ctx, int option, const char *value, struct error *err) {
    struct cache_command *c = ctx;
    switch (option) {
    case OPTION_PAIRS: c->pairs = value; return true;
    case OPTION_FALSE_HITS: return read_rate("--false-hits", value, 0.0001, 0.2, &c->tuning.false_hits, err);
    case OPTION_CONFIDENCE: return read_rate("--confidence", value, 0.5, 0.9999, &c->tuning.confidence, err);
    case OPTION_AGAINST: c->tuning.against = value; return true;
    case OPTION_SAME_FROM: return read_score("--same-from", value, &c->rows.same_from, err);
    case OPTION_DIFFERENT_TO: return read_score("--different-to", value, &c->rows.different_to, err);
    case OPTION_VECTORS: c->vectors = value; return true;
    case OPTION_SEED:
        return str_to_u64(str_from(value), &c->tuning.seed) ||
               fail(err, ERR_USAGE, "--seed is \"%.60s\"; expected a whole number.", value);
    case OPTION_DRY_RUN: c->dry_run = true; return true;
    default: return fail(err, ERR_USAGE, "see \"penstock cache --help\"");
    }
}

static void show_progress(void *ctx, unsigned done, unsigned all) {
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\rtuning: %u of %u fits%s", done, all, done == all ? "\n" : "");
}

/* ---- what was measured ---- */

static double share(size_t part, size_t all) {
    return all ? 100 * (double)part / (double)all : 0;
}

static void print_curve(const struct pair_tuning *t, double confidence) {
    static const char *const heads[] = {"THRESHOLD", "HITS", "FALSE HITS", "BOUNDS"};
    struct table table = table_new(heads, ARRAY_COUNT(heads));
    for (int i = 0; i < TUNING_POINTS; i++) {
        const struct tuning_point *p = &t->points[i];
        table_cell_format(&table, "%.4f", (double)p->threshold);
        table_cell_format(&table, "%.1f %% (%zu)", share(p->hits, t->same), p->hits);
        table_cell_format(&table, "%.2f %% (%zu)", share(p->false_hits, t->different), p->false_hits);
        table_cell_format(&table, "%.2f to %.2f %%",
                          100 * binomial_lower(p->false_hits, t->different, confidence),
                          100 * binomial_upper(p->false_hits, t->different, confidence));
    }
    table_print(&table, stdout);
}

static void print_measured(const struct pair_tuning *t, const struct pair_set *p,
                           const struct cache_command *c) {
    printf("%zu same and %zu different pairs measured, each on texts that nothing was fitted on\n", t->same,
           t->different);
    printf("(left out: %zu unsure, %zu too long or empty, %zu between two parts)\n\n", p->left_out,
           p->too_long, t->unmeasured);
    print_curve(t, c->tuning.confidence);
    printf("\nat %g %% false hits as observed: %.1f %% of the same pairs found; by plain cosine: %.1f %%\n",
           c->tuning.false_hits * 100, 100 * t->hit_rate_at_wanted, 100 * t->cosine_rate_at_wanted);
    if (c->tuning.vectors)
        printf("by the cosine of %s alone (%zu dimensions): %.1f %%\n", c->vectors,
               c->tuning.vectors->dimensions, 100 * t->vectors_rate_at_wanted);
    printf("kept apart by rule (numbers, names, negation, order …): %.1f %% of the same, %.1f %% of the "
           "different\n",
           share(t->ruled_out_same, t->same), share(t->ruled_out_different, t->different));
}

static void print_chosen(const struct pair_tuning *t, const struct pair_set *p,
                         const struct cache_command *c) {
    printf("\nthreshold %.4f: %.1f %% hits, %.2f %% false hits (at most %.2f %% at %g %% confidence)\n",
           (double)t->chosen.threshold, 100 * t->hit_rate, 100 * t->false_hit_rate, 100 * t->upper,
           c->tuning.confidence * 100);
    for (size_t i = 0; i < p->label_count; i++) {
        printf("  ");
        print_plain(stdout, str_from(p->labels[i]));
        printf(": %zu of %zu found the same (%.2f %%)\n", t->label_hits[i], t->label_pairs[i],
               share(t->label_hits[i], t->label_pairs[i]));
    }
}

static void write_point(struct json_writer *w, const struct tuning_point *at, const struct pair_tuning *t,
                        double confidence) {
    json_object(w);
    json_field_fixed(w, "threshold", (double)at->threshold, 6);
    json_field_fixed(w, "hit_rate", share(at->hits, t->same) / 100, 6);
    json_field_fixed(w, "false_hit_rate", share(at->false_hits, t->different) / 100, 6);
    json_field_fixed(w, "false_hit_rate_lower", binomial_lower(at->false_hits, t->different, confidence), 6);
    json_field_fixed(w, "false_hit_rate_upper", binomial_upper(at->false_hits, t->different, confidence), 6);
    json_object_end(w);
}

/* The version's manifest. */
static void write_manifest(struct buf *out, const struct pair_tuning *t, const struct pair_set *p,
                           const struct cache_command *c) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_text(&w, "kind", TUNING_BACKEND);
    json_field_text(&w, "vectors", c->vectors ? c->vectors : "wording");
    if (c->tuning.vectors)
        json_field_int(&w, "dimensions", (int64_t)c->tuning.vectors->dimensions);
    json_key(&w, "metrics");
    json_object(&w);
    json_field_int(&w, "same_pairs", (int64_t)t->same);
    json_field_int(&w, "different_pairs", (int64_t)t->different);
    json_field_fixed(&w, "wanted_false_hit_rate", c->tuning.false_hits, 6);
    json_field_fixed(&w, "confidence", c->tuning.confidence, 6);
    json_field_text(&w, "against", c->tuning.against ? c->tuning.against : "");
    json_field_int(&w, "seed", (int64_t)c->tuning.seed);
    json_field_fixed(&w, "threshold", (double)t->chosen.threshold, 6);
    json_field_fixed(&w, "hit_rate", t->hit_rate, 6);
    json_field_fixed(&w, "false_hit_rate", t->false_hit_rate, 6);
    json_field_fixed(&w, "false_hit_rate_upper", t->upper, 6);
    json_field_fixed(&w, "observed_hit_rate", t->hit_rate_at_wanted, 6);
    json_field_fixed(&w, "cosine_hit_rate", t->cosine_rate_at_wanted, 6);
    if (c->tuning.vectors)
        json_field_fixed(&w, "vectors_hit_rate", t->vectors_rate_at_wanted, 6);
    json_key(&w, "curve");
    json_array(&w);
    for (int i = 0; i < TUNING_POINTS; i++)
        write_point(&w, &t->points[i], t, c->tuning.confidence);
    json_array_end(&w);
    json_object_end(&w);
    json_object_end(&w);
}

/* ---- doing it ---- */

static bool keep(const struct store_option *o, const char *name, const struct pair_tuning *t,
                 struct str manifest, unsigned *version, struct error *err) {
    struct store *store;
    if (!store_option_open(o, true, &store, err))
        return false;
    struct version_record newest = {0};
    bool ok = true;
    if (registry_find(store, name, 0, &newest, err)) {
        ok = strcmp(newest.backend, TUNING_BACKEND) == 0 ||
             fail(err, ERR_CONFLICT, "\"%s\" is a model already; give the tuning another name.", name);
        version_record_clear(&newest);
    } else
        ok = err->code == ERR_NOT_FOUND;
    ok = ok &&
         registry_add_version(store, name, TUNING_BACKEND, buf_str(&t->artefact), manifest, version, err);
    store_close(store);
    return ok;
}

static bool tune_on(const struct pair_set *pairs, const struct cache_command *c, const struct store_option *o,
                    const char *name, struct error *err) {
    struct pair_tuning t = {0};
    AUTO_BUF manifest = BUF_INIT(1 << 20);
    unsigned version = 0;
    bool ok = pair_tuning_make(&t, pairs, &c->tuning, err);
    if (t.pairs && !o->json)
        print_measured(&t, pairs, c);
    if (ok) {
        write_manifest(&manifest, &t, pairs, c);
        ok = !manifest.failed || fail(err, ERR_NO_MEMORY, "out of memory");
    }
    if (ok && !c->dry_run)
        ok = keep(o, name, &t, buf_str(&manifest), &version, err);
    if (ok && o->json)
        puts(buf_terminated(&manifest));
    else if (ok) {
        print_chosen(&t, pairs, c);
        if (!c->dry_run)
            printf("\n%s@%u\n", name, version);
    }
    pair_tuning_free(&t);
    return ok;
}

static bool tune(struct cache_command *c, const struct store_option *o, const char *name, struct error *err) {
    struct pair_set pairs;
    struct text_vectors vectors = {0};
    char reference[TUNING_VECTORS_SIZE];
    if (!pair_rows_read(&pairs, c->pairs, &c->rows, err))
        return false;
    bool ok = !c->vectors || cache_vectors_fetch(&vectors, c->vectors, o, &pairs, reference, err);
    if (ok) {
        c->tuning.vectors = c->vectors ? &vectors : NULL;
        if (c->vectors)
            c->tuning.vectors_name = c->vectors = reference;
        ok = tune_on(&pairs, c, o, name, err);
    }
    text_vectors_free(&vectors);
    pair_set_free(&pairs);
    return ok;
}

static bool run(void *ctx, const struct store_option *store, char **words, int count, struct error *err) {
    struct cache_command *c = ctx;
    if (strcmp(words[0], "tune") != 0)
        return fail(err, ERR_USAGE, "there is no \"cache %.60s\"; see \"penstock cache --help\"", words[0]);
    if (count != 2)
        return fail(err, ERR_USAGE, "name one tuning: penstock cache tune NAME --pairs FILE.csv");
    if (!c->pairs)
        return fail(err, ERR_USAGE, "say with --pairs what to learn from");
    if (c->rows.different_to >= c->rows.same_from)
        return fail(err, ERR_USAGE, "--different-to %g must be below --same-from %g", c->rows.different_to,
                    c->rows.same_from);
    return tune(c, store, words[1], err);
}

int cli_cache(int argc, char **argv) {
    struct cache_command c = {
        .rows = {.same_from = 4, .different_to = 2},
        .tuning = {.false_hits = 0.01, .confidence = 0.95, .seed = 1, .progress = show_progress}};
    const struct store_command command = {"cache", help, options, read_option, run};
    return store_command_run(&command, &c, argc, argv);
}
