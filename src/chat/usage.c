#include "chat/usage.h"

#include "chat/usage_read.h"

/* More than any context holds; keeps sums from overflowing whatever an upstream says. */
enum { COUNT_MAX = 2000000000 };

static void take_count(int64_t *to, yyjson_val *object, const char *name) {
    yyjson_val *value = yyjson_obj_get(object, name);
    if (yyjson_is_int(value) && yyjson_get_sint(value) >= 0 && yyjson_get_sint(value) <= COUNT_MAX)
        *to = yyjson_get_sint(value);
}

static int64_t known(int64_t count) {
    return count > 0 ? count : 0;
}

/* https://docs.anthropic.com/en/api/messages: input_tokens, cache_creation_input_tokens and
 * cache_read_input_tokens add up to the prompt. A stream says some of them in its first event, others (or the
 * same again) in its last. */
static void read_anthropic(yyjson_val *usage, struct chat_usage *out) {
    yyjson_val *writes = yyjson_obj_get(usage, "cache_creation");
    int64_t fresh =
        out->input < 0 ? TOKENS_UNKNOWN : out->input - known(out->cached_input) - known(out->cache_write);
    take_count(&fresh, usage, "input_tokens");
    take_count(&out->cached_input, usage, "cache_read_input_tokens");
    take_count(&out->cache_write, usage, "cache_creation_input_tokens");
    take_count(&out->cache_write_hour, writes, "ephemeral_1h_input_tokens");
    take_count(&out->output, usage, "output_tokens");
    take_count(&out->reasoning, yyjson_obj_get(usage, "output_tokens_details"), "thinking_tokens");
    if (fresh >= 0)
        out->input = fresh + known(out->cached_input) + known(out->cache_write);
}

/* Completions: prompt_tokens, completion_tokens; responses: input_tokens, output_tokens. */
static void read_openai(yyjson_val *usage, struct chat_usage *out) {
    yyjson_val *input = yyjson_obj_get(usage, "prompt_tokens_details");
    yyjson_val *output = yyjson_obj_get(usage, "completion_tokens_details");
    if (!input)
        input = yyjson_obj_get(usage, "input_tokens_details");
    if (!output)
        output = yyjson_obj_get(usage, "output_tokens_details");
    take_count(&out->input, usage, "input_tokens");
    take_count(&out->input, usage, "prompt_tokens");
    take_count(&out->output, usage, "output_tokens");
    take_count(&out->output, usage, "completion_tokens");
    take_count(&out->cached_input, input, "cached_tokens");
    take_count(&out->reasoning, output, "reasoning_tokens");
    take_count(&out->input_audio, input, "audio_tokens");
    take_count(&out->output_audio, output, "audio_tokens");
}

void chat_usage_read(yyjson_val *usage, enum chat_surface from, struct chat_usage *out) {
    if (!yyjson_is_obj(usage))
        return;
    if (from == CHAT_MESSAGES)
        read_anthropic(usage, out);
    else
        read_openai(usage, out);
}

static void write_detail(struct json_writer *w, const char *object, const char *name, int64_t count) {
    json_key(w, object);
    json_object(w);
    json_field_int(w, name, known(count));
    json_object_end(w);
}

void chat_usage_write(struct json_writer *w, const struct chat_usage *u, enum chat_surface to) {
    bool responses = to == CHAT_RESPONSES;
    int64_t input = known(u->input), output = known(u->output);
    json_object(w);
    if (to == CHAT_MESSAGES) {
        int64_t cached = known(u->cached_input), written = known(u->cache_write);
        json_field_int(w, "input_tokens", input > cached + written ? input - cached - written : 0);
        json_field_int(w, "cache_creation_input_tokens", written);
        json_field_int(w, "cache_read_input_tokens", cached);
        json_field_int(w, "output_tokens", output);
    } else {
        json_field_int(w, responses ? "input_tokens" : "prompt_tokens", input);
        write_detail(w, responses ? "input_tokens_details" : "prompt_tokens_details", "cached_tokens",
                     u->cached_input);
        json_field_int(w, responses ? "output_tokens" : "completion_tokens", output);
        write_detail(w, responses ? "output_tokens_details" : "completion_tokens_details", "reasoning_tokens",
                     u->reasoning);
        json_field_int(w, "total_tokens", input + output);
    }
    json_object_end(w);
}

static int64_t sum_of(int64_t a, int64_t b) {
    return a < 0 || b < 0 ? TOKENS_UNKNOWN : a + b;
}

static int64_t sum_of_parts(int64_t a, int64_t b) {
    return a < 0 && b < 0 ? TOKENS_UNKNOWN : known(a) + known(b);
}

void chat_usage_add(struct chat_usage *sum, const struct chat_usage *u) {
    *sum = (struct chat_usage){
        .input = sum_of(sum->input, u->input),
        .cached_input = sum_of_parts(sum->cached_input, u->cached_input),
        .cache_write = sum_of_parts(sum->cache_write, u->cache_write),
        .output = sum_of(sum->output, u->output),
        .reasoning = sum_of_parts(sum->reasoning, u->reasoning),
        .cache_write_hour = sum_of_parts(sum->cache_write_hour, u->cache_write_hour),
        .input_audio = sum_of_parts(sum->input_audio, u->input_audio),
        .output_audio = sum_of_parts(sum->output_audio, u->output_audio),
    };
}
