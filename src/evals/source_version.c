/* A version of the registry, in this process: the same backend that a server would run, without its
 * surroundings. */
#include "evals/source.h"

#include "base/clock.h"
#include "evals/version_document.h"
#include "models/version.h"

#include <stdio.h>
#include <stdlib.h>

enum { TOLD_EVERY = 50 };

struct version_source {
    struct answer_source source;
    struct model_version *version;
};

static void free_source(struct answer_source *s) {
    struct version_source *v = CONTAINER_OF(s, struct version_source, source);
    model_version_unref(v->version);
    free(v);
}

struct predicting {
    const struct backend *backend;
    const struct policy *policy;
    struct scratch *scratch;
    struct version_documents *documents; /* NULL: no case has one */
    struct feature_value values[MODEL_FEATURES_MAX];
};

static bool read_features(struct predicting *p, struct str json, struct model_input *in,
                          struct error *problem) {
    yyjson_doc *doc = json_parse(json, problem);
    bool good = doc && backend_read_features(p->backend, yyjson_doc_get_root(doc), p->values,
                                             MODEL_FEATURES_MAX, &in->feature_count, problem);
    in->features = p->values;
    yyjson_doc_free(doc);
    return good;
}

/* What the case has not, and the model takes, is the suite's fault and not the model's. */
static bool fits(const struct predicting *p, const struct suite_case *c, struct error *err) {
    unsigned inputs = backend_inputs(p->backend);
    bool text = c->text.p && (inputs & MODEL_TAKES_TEXT),
         document = c->document.p && (inputs & (MODEL_TAKES_TEXT | MODEL_TAKES_VISUAL)),
         features = c->features.p && (inputs & MODEL_TAKES_FEATURES);
    return text || document || features ||
           fail(err, ERR_DATA, "%s:%u: the case \"%.*s\" has no %s, which is what the model takes.", c->file,
                c->line, (int)(c->id.n > 80 ? 80 : c->id.n), c->id.p,
                inputs & MODEL_TAKES_TEXT     ? "text"
                : inputs & MODEL_TAKES_VISUAL ? "file"
                                              : "features");
}

static bool predict(struct predicting *p, const struct suite_case *c, struct model_answer *answer,
                    struct policy_facts *facts, struct error *problem) {
    struct model_input in = {.text = c->text.p ? c->text : STR("")};
    *facts = (struct policy_facts){.text_bytes = in.text.n};
    return (!c->features.p || read_features(p, c->features, &in, problem)) &&
           backend_predict(p->backend, p->scratch, &in, 1, answer, problem);
}

static void answer_case(struct predicting *p, const struct suite_case *c, struct answer *out,
                        struct error *problem) {
    struct model_answer answer;
    struct policy_facts facts;
    double reading_ms = 0;
    size_t labels;
    int64_t started = clock_monotonic();
    *problem = (struct error){0};
    bool good = c->document.p ? version_documents_predict(p->documents, p->scratch, &answer, &facts,
                                                          &reading_ms, problem)
                              : predict(p, c, &answer, &facts, problem);
    *out = ANSWER_NONE;
    out->given = true;
    out->refused = !good;
    out->latency_ms = c->document.p ? reading_ms : (double)(clock_monotonic() - started) / 1e6;
    out->text = out->model = STR("");
    out->problem = str_from(problem->message);
    if (good) {
        policy_apply(p->policy, &facts, &answer);
        out->text = str_from(backend_labels(p->backend, &labels)[answer.label]);
        out->confidence = (double)answer.confidence;
    }
}

static bool begin(struct predicting *p, const struct version_source *v, const struct suite *s,
                  struct error *err) {
    p->backend = v->version->backend;
    p->policy = &v->version->policy;
    p->scratch = scratch_new();
    return (p->scratch || fail(err, ERR_NO_MEMORY, "Out of memory for the predictions.")) &&
           version_documents_new(&p->documents, s, p->backend, err);
}

static bool ask(struct answer_source *source, const struct suite *s, const struct progress *progress,
                struct answers *out, struct error *err) {
    struct version_source *v = CONTAINER_OF(source, struct version_source, source);
    struct predicting *p = calloc(1, sizeof *p);
    struct error problem;
    bool good = p ? begin(p, v, s, err) : fail(err, ERR_NO_MEMORY, "Out of memory for the predictions.");
    for (size_t i = 0; good && i < out->count; i++) {
        const struct suite_case *c = &s->cases[i / out->runs];
        struct answer answer;
        good = fits(p, c, err) && (!c->document.p || version_documents_get(p->documents, i / out->runs, err));
        if (good) {
            answer_case(p, c, &answer, &problem);
            answer.model = str_from(v->version->reference);
            good = answers_set(out, i, &answer, err);
        }
        if (progress && ((i + 1) % (p->documents ? 1 : TOLD_EVERY) == 0 || i + 1 == out->count))
            progress->tell(progress->ctx, i + 1, out->count);
    }
    if (p) {
        version_documents_free(p->documents);
        scratch_free(p->scratch);
    }
    free(p);
    return good;
}

struct answer_source *source_version(struct store *store, const char *endpoint, const char *reference,
                                     struct error *err) {
    char name[MODEL_NAME_MAX + 1];
    unsigned number;
    struct model_version *version;
    if (!registry_parse_reference(str_from(reference), name, &number, err) ||
        !model_version_load(store, endpoint, name, number, NULL, &version, err))
        return NULL;
    struct version_source *v = calloc(1, sizeof *v);
    if (!version->backend || !v) {
        if (!version->backend)
            (void)fail(err, ERR_ARTEFACT, "%s does not load: %.300s", version->reference,
                       version->load_error.message);
        else
            (void)fail(err, ERR_NO_MEMORY, "Out of memory.");
        model_version_unref(version);
        free(v);
        return NULL;
    }
    v->source = (struct answer_source){.kind = EVALUATION_OF_VERSION, .ask = ask, .free = free_source};
    snprintf(v->source.name, sizeof v->source.name, "%s", version->reference);
    v->version = version;
    return &v->source;
}
