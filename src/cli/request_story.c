#include "cli/request_story.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/table.h"

#include <string.h>

enum { BAR = 30 };

static void line(FILE *out, const char *name) {
    fprintf(out, "  %-11s", name);
}

static void print_arrival(const struct event *e, FILE *out) {
    char time[CLOCK_TEXT_SIZE];
    clock_format(e->wall_ns, time);
    line(out, "arrived");
    fprintf(out, "%s at endpoint ", time);
    print_plain(out, e->endpoint.n ? e->endpoint : STR("(none)"));
    fputs(e->client.n ? ", from client " : ", from nobody known", out);
    print_plain(out, e->client);
    fputc('\n', out);
}

static void print_input(const struct record *r, const struct store *store, FILE *out) {
    char hex[SHA256_HEX_SIZE], time[CLOCK_TEXT_SIZE];
    if (!r->event->has_input && !r->input.blob[0])
        return;
    line(out, "input");
    sha256_hex(r->event->input_hash, hex);
    fprintf(out, "SHA-256 %.16s…", hex);
    if (!r->input.blob[0]) {
        fputs(", not kept\n", out);
        return;
    }
    fputs(", ", out);
    print_plain(out, r->input.type);
    fprintf(out, ", %llu bytes, kept", (unsigned long long)r->input.size);
    clock_format(r->input.keep_until, time);
    fprintf(out, "%s%s\n", r->input.keep_until ? " until " : "", r->input.keep_until ? time : "");
    line(out, "");
    fprintf(out, "%s/blobs/%.2s/%s\n", store_inputs_folder(store), r->input.blob, r->input.blob + 2);
}

/* Bars share one scale, the longest stage's. */
static void print_stages(const struct event *e, FILE *out) {
    uint32_t longest = 1;
    int width = 12;
    for (unsigned i = 0; i < e->stage_count; i++) {
        if (e->stages[i].us > longest)
            longest = e->stages[i].us;
        if ((int)strlen(e->stages[i].name) > width)
            width = (int)strlen(e->stages[i].name);
    }
    line(out, "took");
    fprintf(out, "%.3f ms\n", e->total_us / 1000.0);
    for (unsigned i = 0; i < e->stage_count; i++) {
        unsigned eighths = (unsigned)((uint64_t)e->stages[i].us * BAR * 8 / longest);
        static const char *const parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
        fprintf(out, "    %-*s %10.3f  ", width, e->stages[i].name, e->stages[i].us / 1000.0);
        for (unsigned b = 0; b < eighths / 8; b++)
            fputs("█", out);
        fprintf(out, "%s\n", eighths ? parts[eighths % 8] : "▏");
    }
}

static const char *meaning(enum decision d) {
    switch (d) {
    case DECISION_ACCEPTED: return "confident enough to go straight out";
    case DECISION_VERIFIED: return "less confident, and the business rules passed";
    case DECISION_REVIEW: return "a person decides";
    case DECISION_FALLBACK: return "a step of the fallback chain answered";
    case DECISION_CACHED: return "the same input was answered before";
    case DECISION_REJECTED: return "no prediction was given";
    case DECISION_NONE:
    case DECISION_COUNT: break;
    }
    return "nothing was decided";
}

static void print_text_line(FILE *out, const char *name, struct str text) {
    if (text.n == 0)
        return;
    line(out, name);
    print_plain(out, text);
    fputc('\n', out);
}

static void print_language(const struct event_language *l, FILE *out) {
    line(out, "tokens");
    if (l->usage.input == TOKENS_UNKNOWN && l->usage.output == TOKENS_UNKNOWN)
        fputs("unknown", out);
    else
        fprintf(out, "%lld in, %lld out", (long long)l->usage.input, (long long)l->usage.output);
    if (l->usage.cached_input > 0)
        fprintf(out, ", %lld of the input from the provider's cache", (long long)l->usage.cached_input);
    if (l->usage.reasoning > 0)
        fprintf(out, ", %lld of the output for reasoning", (long long)l->usage.reasoning);
    fputc('\n', out);
    line(out, "upstreams");
    fprintf(out, "%u call%s, %.3f ms", l->attempts, l->attempts == 1 ? "" : "s", l->upstream_us / 1000.0);
    if (l->first_token_us)
        fprintf(out, ", first byte after %.3f ms", l->first_token_us / 1000.0);
    fputc('\n', out);
}

static void print_calls(const struct event *e, FILE *out) {
    for (unsigned i = 0; i < e->call_count; i++) {
        const struct event_call *call = &e->calls[i];
        line(out, i ? "" : "calls");
        fprintf(out, "after %.3f ms: ", call->start_us / 1000.0);
        print_plain(out, call->model);
        fprintf(out, ", attempt %u, %.3f ms, ", call->attempt, call->us / 1000.0);
        print_plain(out, str_eq(call->outcome, STR("none")) ? STR("answered") : call->outcome);
        if (call->status)
            fprintf(out, " (%u)", call->status);
        fputc('\n', out);
    }
}

static void print_outcome(const struct event *e, FILE *out) {
    if (e->model.n || e->prediction.n) {
        line(out, "model");
        print_plain(out, e->model.n ? e->model : STR("(none)"));
        if (e->prediction.n) {
            fputs(" says ", out);
            print_plain(out, e->prediction);
        }
        if (e->confidence >= 0)
            fprintf(out, ", confidence %.4f", (double)e->confidence);
        fputc('\n', out);
    }
    line(out, "decision");
    fprintf(out, "%s: %s\n", decision_name(e->decision), meaning(e->decision));
    print_text_line(out, "fallback", e->fallback);
    if (e->cache != CACHE_NONE)
        print_text_line(out, "cache", str_from(cache_state_name(e->cache)));
    if (e->scan != SCAN_NONE)
        print_text_line(out, "malware", str_from(scan_state_name(e->scan)));
    if (e->ocr_confidence >= 0) {
        line(out, "OCR");
        fprintf(out, "confidence %.4f on the worst page\n", (double)e->ocr_confidence);
    }
    if (e->has_trace) {
        char hex[TRACE_ID_HEX_SIZE];
        trace_id_hex(e->trace, hex);
        print_text_line(out, "trace", str_from(hex));
    }
    if (e->has_language)
        print_language(&e->language, out);
    if (event_tells_calls(e))
        print_calls(e, out);
    line(out, "cost");
    if (e->cost_nanodollars < 0)
        fputs("unknown\n", out);
    else
        fprintf(out, "$%.9f\n", (double)e->cost_nanodollars / 1e9);
}

static void print_json_line(yyjson_val *item, const char *key, const char *indent, FILE *out) {
    struct str text = json_str_of(yyjson_obj_get(item, key));
    if (text.n == 0)
        return;
    fprintf(out, "%s%-11s", indent, key);
    print_plain(out, text);
    fputc('\n', out);
}

static void print_candidates(yyjson_val *labels, const char *indent, FILE *out) {
    size_t index, max;
    yyjson_val *label;
    if (yyjson_arr_size(labels) == 0)
        return;
    fprintf(out, "%s%-11s", indent, "candidates");
    yyjson_arr_foreach(labels, index, max, label) {
        fputs(index ? ", " : "", out);
        print_plain(out, json_str_of(yyjson_obj_get(label, "label")));
        fprintf(out, " %.4f", yyjson_get_num(yyjson_obj_get(label, "confidence")));
    }
    fputc('\n', out);
}

void story_print_review(struct yyjson_val *item, const char *store_inputs, const char *indent, FILE *out) {
    bool resolved = str_eq(json_str_of(yyjson_obj_get(item, "status")), STR("resolved"));
    print_json_line(item, "reason", indent, out);
    print_json_line(item, "detail", indent, out);
    print_candidates(yyjson_obj_get(item, "labels"), indent, out);
    fprintf(out, "%s%-11s", indent, "status");
    if (resolved) {
        fputs("resolved as ", out);
        print_plain(out, json_str_of(yyjson_obj_get(item, "label")));
        fputs(" by ", out);
        print_plain(out, json_str_of(yyjson_obj_get(item, "reviewer")));
        fputs(" at ", out);
        print_plain(out, json_str_of(yyjson_obj_get(item, "resolved")));
        fputc('\n', out);
    } else {
        fputs("open: somebody has to decide\n", out);
    }
    yyjson_val *input = yyjson_obj_get(item, "input");
    const char *blob = yyjson_get_str(yyjson_obj_get(input, "blob"));
    print_json_line(input, "text", indent, out);
    print_json_line(input, "unavailable", indent, out);
    if (blob && !yyjson_obj_get(input, "text"))
        fprintf(out, "%s%-11s%s/blobs/%.2s/%s\n", indent, "file", store_inputs, blob, blob + 2);
}

static void print_reviews(struct str reviews, const struct store *store, FILE *out) {
    yyjson_doc *doc = json_parse(reviews, NULL);
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(yyjson_doc_get_root(doc), index, max, item) {
        print_text_line(out, "review", json_str_of(yyjson_obj_get(item, "id")));
        story_print_review(item, store_inputs_folder(store), "    ", out);
    }
    yyjson_doc_free(doc);
}

void story_print(const struct record *r, const struct store *store, struct str reviews, FILE *out) {
    const struct event *e = r->event;
    fputs("Request ", out);
    print_plain(out, e->request_id);
    fprintf(out, ": %d\n", e->status);
    print_arrival(e, out);
    print_input(r, store, out);
    print_stages(e, out);
    print_outcome(e, out);
    if (e->error_code.n) {
        line(out, "error");
        print_plain(out, e->error_code);
        fputs(": ", out);
        print_plain(out, e->error_message);
        fputc('\n', out);
    }
    print_reviews(reviews, store, out);
}
