/* Who alarms when: tables with a known shift go through the monitors, window by window, as a server's traffic
 * would, and the first window whose input_drift is breached is told in rows. Then the same with the reference
 * rows alone, shuffled: half makes the profile, half is the traffic, and whatever alarms is false.
 * drift FOLDER [SHUFFLES [WINDOW]] */
#include "learn/dataset.h"
#include "learn/profile_features.h"
#include "learn/random.h"
#include "watch/monitors/monitors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IGNORED_MAX = 12 };
#define HOUR INT64_C(3600000000000)

struct table {
    const char *name, *reference, *traffic; /* traffic NULL: the reference's rows behind the first `split` */
    size_t split;
    const char *label;
    const char *ignore[IGNORED_MAX]; /* the first of them only the reference has, where `first_is_its_own` */
    bool first_is_its_own;
};

static const struct table tables[] = {
    {"california_housing",
     "california_housing/california_housing_reference.csv",
     "california_housing/california_housing_analysis.csv",
     0,
     "y_pred",
     {"clf_target", "id", "timestamp", "y_pred_proba"},
     true},
    {"california_housing without place",
     "california_housing/california_housing_reference.csv",
     "california_housing/california_housing_analysis.csv",
     0,
     "y_pred",
     {"clf_target", "id", "timestamp", "y_pred_proba", "Latitude", "Longitude"},
     true},
    {"bike_sharing (Jan-Feb, then on)",
     "bike_sharing/dev_2011.csv",
     NULL,
     1338,
     "workingday",
     {"instant", "dteday", "season", "yr", "mnth", "atemp", "casual", "registered", "cnt"},
     false},
    {"employment_MA 2015, 2016",
     "employment_MA/dev_2015.csv",
     "employment_MA/dev_2016.csv",
     0,
     "employed",
     {"id", "year", "prediction", "predicted_probability"},
     false},
};

static _Noreturn void give_up(const struct error *err) {
    fprintf(stderr, "drift: %s\n", err->message);
    exit(1);
}

static void load(struct dataset *out, const char *folder, const char *file, const struct table *t) {
    char path[4096];
    struct error err;
    struct csv_rows_options options = {.label = t->label, .ignore = t->ignore};
    struct dataset_limits limits = {.rejected_share = 0.05, .least_per_label = 1};
    bool skip = t->first_is_its_own && strcmp(file, t->reference) != 0;
    while (options.ignore_count < IGNORED_MAX && t->ignore[options.ignore_count])
        options.ignore_count++;
    options.ignore += skip;
    options.ignore_count -= skip;
    snprintf(path, sizeof path, "%s/%s", folder, file);
    struct row_reader *reader = csv_rows_open(path, &options, &err);
    if (!reader || !dataset_load(out, reader, &limits, &err))
        give_up(&err);
    row_reader_free(reader);
}

static struct reference_profile *profile_of(const struct dataset *d, struct learned_schema *schema) {
    struct error err;
    struct reference_profile *profile;
    AUTO_BUF text = BUF_INIT(64 << 20);
    struct json_writer w = JSON_WRITER(&text);
    if (!schema_learn(schema, d, &err))
        give_up(&err);
    json_object(&w);
    json_key(&w, "profile");
    json_object(&w);
    json_field_int(&w, "rows", (int64_t)d->count);
    profile_write_features(&w, schema, d->count);
    json_object_end(&w);
    json_object_end(&w);
    yyjson_doc *doc = json_parse(buf_str(&text), &err);
    if (!doc || !reference_profile_read(&profile, yyjson_doc_get_root(doc), &err))
        give_up(&err);
    yyjson_doc_free(doc);
    return profile;
}

struct outcome {
    unsigned windows, alarms;
    size_t first; /* rows until the first alarm; 0: none */
    double value; /* the first alarm's, or the largest without one */
    char detail[256];
};

static void see(const struct reading *r, void *ctx) {
    struct outcome *o = ctx;
    if (strcmp(r->monitor, "input_drift") != 0 || r->part[0])
        return;
    bool breached = r->state == READING_BREACHED;
    o->windows++;
    o->alarms += breached;
    if ((breached && o->alarms == 1) || (o->alarms == 0 && r->value > o->value)) {
        o->value = r->value;
        snprintf(o->detail, sizeof o->detail, "%s", r->detail);
    }
}

/* A row of which a value is refused tells only that, as in a server. */
static void note(struct monitors *m, unsigned handle, const struct reference_profile *p,
                 const struct learned_schema *schema, const struct data_row *row) {
    struct feature_value values[MODEL_FEATURES_MAX];
    uint16_t bins[PROFILE_INPUTS_MAX];
    struct error err;
    struct event *e = event_new(0);
    bool good = tabular_from_cells(&schema->tabular, row->cells, values, &err);
    struct profile_sight sight = {.features = good ? values : NULL,
                                  .feature_count = good ? schema->tabular.count : 0,
                                  .refused = good ? NULL : err.param};
    e->monitored = handle;
    e->status = good ? 200 : 400;
    e->model = good ? STR("m@1") : STR("");
    e->confidence = good ? 0.9F : -1;
    e->binned_by = STR("m@1");
    e->bins = bins;
    if (reference_profile_bins(p, &sight, bins))
        e->bin_count = (unsigned)reference_profile_inputs(p);
    monitors_note(m, e);
    event_free(e);
}

static struct outcome play(const struct dataset *reference, const struct data_row *rows, size_t count,
                           size_t window) {
    static const struct config_monitors limits = {.enabled = true,
                                                  .latency_p95 = HOUR,
                                                  .drift = 0.1,
                                                  .error_factor = 2,
                                                  .review_depth = 100,
                                                  .review_age = HOUR,
                                                  .samples = 200};
    struct learned_schema schema;
    struct reference_profile *p = profile_of(reference, &schema);
    struct monitors *m = monitors_new();
    struct monitor_facts facts = {0};
    struct outcome o = {0};
    int64_t now = 1000000 * HOUR;
    unsigned handle = monitors_endpoint(m, "table");
    monitors_configure(m, handle, &limits);
    monitors_watch(m, handle, "m@1", p);
    monitors_close(m, now, &facts);
    for (size_t i = 0; i + window <= count; i += window) {
        for (size_t k = 0; k < window; k++)
            note(m, handle, p, &schema, &rows[i + k]);
        now += 2 * HOUR; /* so that each window is looked at by itself */
        monitors_close(m, now - HOUR, &facts);
        unsigned before = o.alarms;
        if (!monitors_read(m, see, &o))
            exit(1);
        if (o.alarms > before && o.first == 0)
            o.first = i + window;
        monitors_close(m, now, &facts);
    }
    monitors_free(m);
    reference_profile_unref(p);
    schema_free(&schema);
    return o;
}

static void shuffle(struct data_row *rows, size_t count, struct random *random) {
    for (size_t i = count; i > 1; i--) {
        size_t other = (size_t)(random_below(random, (uint32_t)i));
        struct data_row kept = rows[i - 1];
        rows[i - 1] = rows[other];
        rows[other] = kept;
    }
}

static void run(const char *folder, const struct table *t, unsigned shuffles, size_t window) {
    struct dataset reference, traffic = {0};
    load(&reference, folder, t->reference, t);
    if (t->traffic)
        load(&traffic, folder, t->traffic, t);
    struct dataset first = reference;
    first.count = t->traffic ? reference.count : t->split;
    struct outcome o = t->traffic
                           ? play(&first, traffic.rows, traffic.count, window)
                           : play(&first, reference.rows + t->split, reference.count - t->split, window);
    printf("| %s | %u of %u | ", t->name, o.alarms, o.windows);
    if (o.first)
        printf("%zu | ", o.first);
    else
        printf("never | ");
    printf("%.3f: %s | ", o.value, o.detail);
    unsigned false_windows = 0, all = 0, false_runs = 0;
    struct random random = random_from(1);
    for (unsigned i = 0; i < shuffles; i++) {
        shuffle(reference.rows, reference.count, &random);
        first.count = reference.count / 2;
        o = play(&first, reference.rows + first.count, reference.count - first.count, window);
        false_windows += o.alarms;
        all += o.windows;
        false_runs += o.alarms > 0;
    }
    printf("%u of %u windows, in %u of %u shuffles |\n", false_windows, all, false_runs, shuffles);
    fflush(stdout);
    dataset_free(&reference);
    if (t->traffic)
        dataset_free(&traffic);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: drift FOLDER [SHUFFLES [WINDOW]]\n");
        return 2;
    }
    unsigned shuffles = argc > 2 ? (unsigned)atoi(argv[2]) : 1000;
    size_t window = argc > 3 ? (size_t)atoi(argv[3]) : 500;
    printf("| table, windows of %zu rows | windows that alarm | rows until the first | Jensen-Shannon "
           "distance there, or "
           "the largest | false alarms |\n|---|---|---|---|---|\n",
           window);
    for (size_t i = 0; i < ARRAY_COUNT(tables); i++)
        run(argv[1], &tables[i], shuffles, window);
    return 0;
}
