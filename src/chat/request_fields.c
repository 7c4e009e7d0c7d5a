#include "chat/request_fields.h"

#include <stdio.h>
#include <string.h>

enum {
    IS_BOOL = 1,
    IS_STRING = 2,
    IS_NUMBER = 4,
    IS_INTEGER = 8,
    IS_ARRAY = 16,
    IS_OBJECT = 32,
    IS_LIST = 64, /* a string, or an array of strings or tokens */
};

struct shape;

struct field {
    const char *name;
    size_t length;
    unsigned types;
    double min, max;           /* of numbers; equal: no bounds */
    unsigned items;            /* types of an array's; 0: any */
    const struct shape *shape; /* of an object, or of an array's objects */
    bool required;
    const char *unless; /* required where this other member is not there */
};

struct variant {
    const char *type;
    const struct shape *shape;
};

struct shape {
    const struct field *fields;
    size_t count;
    const struct variant *variants; /* more fields, by what "type" says */
    size_t variant_count;
};

#define FIELD(text, is, ...)                                                                                 \
    { .name = text, .length = sizeof(text) - 1, .types = is, __VA_ARGS__ }
#define OF(fields_)                                                                                          \
    { .fields = fields_, .count = ARRAY_COUNT(fields_) }
#define SHAPE(name, ...)                                                                                     \
    static const struct field name##_fields[] = {__VA_ARGS__};                                               \
    static const struct shape name = OF(name##_fields)
#define BETWEEN(least, most) .min = least, .max = most
#define VARIANTS(name, base, list)                                                                           \
    static const struct shape name = {base##_fields, ARRAY_COUNT(base##_fields), list, ARRAY_COUNT(list)}

/* ---- chat completions ---- */

SHAPE(text_part, FIELD("text", IS_STRING, .required = true));
SHAPE(image_url, FIELD("url", IS_STRING, .required = true), FIELD("detail", IS_STRING));
SHAPE(image_part, FIELD("image_url", IS_OBJECT, .required = true, .shape = &image_url));
SHAPE(audio_part, FIELD("input_audio", IS_OBJECT, .required = true));
SHAPE(file, FIELD("file_data", IS_STRING), FIELD("file_id", IS_STRING), FIELD("filename", IS_STRING));
SHAPE(file_part, FIELD("file", IS_OBJECT, .required = true, .shape = &file));
SHAPE(refusal_part, FIELD("refusal", IS_STRING, .required = true));
static const struct field typed_fields[] = {FIELD("type", IS_STRING, .required = true)};
static const struct variant chat_part_types[] = {
    {"text", &text_part}, {"image_url", &image_part}, {"input_audio", &audio_part},
    {"file", &file_part}, {"refusal", &refusal_part},
};
VARIANTS(chat_part, typed, chat_part_types);
SHAPE(called, FIELD("name", IS_STRING, .required = true), FIELD("arguments", IS_STRING, .required = true));
SHAPE(tool_call, FIELD("id", IS_STRING, .required = true), FIELD("type", IS_STRING),
      FIELD("function", IS_OBJECT, .shape = &called), FIELD("custom", IS_OBJECT));
SHAPE(chat_message, FIELD("role", IS_STRING, .required = true),
      FIELD("content", IS_STRING | IS_ARRAY, .items = IS_OBJECT, .shape = &chat_part),
      FIELD("name", IS_STRING), FIELD("refusal", IS_STRING), FIELD("tool_call_id", IS_STRING),
      FIELD("tool_calls", IS_ARRAY, .items = IS_OBJECT, .shape = &tool_call),
      FIELD("function_call", IS_OBJECT), FIELD("audio", IS_OBJECT));
SHAPE(function, FIELD("name", IS_STRING, .required = true), FIELD("description", IS_STRING),
      FIELD("parameters", IS_OBJECT), FIELD("strict", IS_BOOL));
SHAPE(chat_function, FIELD("function", IS_OBJECT, .required = true, .shape = &function));
static const struct variant chat_tool_types[] = {{"function", &chat_function}};
VARIANTS(chat_tool, typed, chat_tool_types);
SHAPE(stream_options, FIELD("include_usage", IS_BOOL), FIELD("include_obfuscation", IS_BOOL));
SHAPE(json_schema, FIELD("name", IS_STRING, .required = true), FIELD("schema", IS_OBJECT),
      FIELD("description", IS_STRING), FIELD("strict", IS_BOOL));
SHAPE(schema_format, FIELD("json_schema", IS_OBJECT, .required = true, .shape = &json_schema));
static const struct variant format_types[] = {{"json_schema", &schema_format}};
VARIANTS(response_format, typed, format_types);

SHAPE(chat, FIELD("model", IS_STRING, .required = true),
      FIELD("messages", IS_ARRAY, .required = true, .unless = "prompt_variables", .items = IS_OBJECT,
            .shape = &chat_message),
      FIELD("prompt_variables", IS_OBJECT), FIELD("stream", IS_BOOL),
      FIELD("stream_options", IS_OBJECT, .shape = &stream_options),
      FIELD("temperature", IS_NUMBER, BETWEEN(0, 2)), FIELD("top_p", IS_NUMBER, BETWEEN(0, 1)),
      FIELD("n", IS_INTEGER, BETWEEN(1, 128)), FIELD("max_tokens", IS_INTEGER, BETWEEN(1, 1e9)),
      FIELD("max_completion_tokens", IS_INTEGER, BETWEEN(1, 1e9)),
      FIELD("presence_penalty", IS_NUMBER, BETWEEN(-2, 2)),
      FIELD("frequency_penalty", IS_NUMBER, BETWEEN(-2, 2)), FIELD("logprobs", IS_BOOL),
      FIELD("top_logprobs", IS_INTEGER, BETWEEN(0, 20)), FIELD("logit_bias", IS_OBJECT),
      FIELD("seed", IS_INTEGER), FIELD("stop", IS_STRING | IS_ARRAY, .items = IS_STRING),
      FIELD("tools", IS_ARRAY, .items = IS_OBJECT, .shape = &chat_tool),
      FIELD("tool_choice", IS_STRING | IS_OBJECT), FIELD("parallel_tool_calls", IS_BOOL),
      FIELD("response_format", IS_OBJECT, .shape = &response_format), FIELD("user", IS_STRING),
      FIELD("metadata", IS_OBJECT), FIELD("modalities", IS_ARRAY, .items = IS_STRING),
      FIELD("audio", IS_OBJECT), FIELD("prediction", IS_OBJECT), FIELD("reasoning_effort", IS_STRING),
      FIELD("service_tier", IS_STRING), FIELD("store", IS_BOOL), FIELD("verbosity", IS_STRING),
      FIELD("prompt_cache_key", IS_STRING), FIELD("safety_identifier", IS_STRING),
      FIELD("web_search_options", IS_OBJECT), FIELD("functions", IS_ARRAY, .items = IS_OBJECT),
      FIELD("function_call", IS_STRING | IS_OBJECT));

/* ---- completions, embeddings ---- */

SHAPE(legacy, FIELD("model", IS_STRING, .required = true), FIELD("prompt", IS_LIST, .required = true),
      FIELD("stream", IS_BOOL), FIELD("stream_options", IS_OBJECT, .shape = &stream_options),
      FIELD("temperature", IS_NUMBER, BETWEEN(0, 2)), FIELD("top_p", IS_NUMBER, BETWEEN(0, 1)),
      FIELD("n", IS_INTEGER, BETWEEN(1, 128)), FIELD("best_of", IS_INTEGER, BETWEEN(0, 128)),
      FIELD("max_tokens", IS_INTEGER, BETWEEN(0, 1e9)), FIELD("presence_penalty", IS_NUMBER, BETWEEN(-2, 2)),
      FIELD("frequency_penalty", IS_NUMBER, BETWEEN(-2, 2)), FIELD("logprobs", IS_INTEGER, BETWEEN(0, 20)),
      FIELD("logit_bias", IS_OBJECT), FIELD("seed", IS_INTEGER), FIELD("echo", IS_BOOL),
      FIELD("suffix", IS_STRING), FIELD("stop", IS_STRING | IS_ARRAY, .items = IS_STRING),
      FIELD("user", IS_STRING));

SHAPE(embedding, FIELD("model", IS_STRING, .required = true), FIELD("input", IS_LIST, .required = true),
      FIELD("dimensions", IS_INTEGER, BETWEEN(1, 1e6)), FIELD("encoding_format", IS_STRING),
      FIELD("user", IS_STRING));

/* ---- responses ---- */

SHAPE(input_image, FIELD("image_url", IS_STRING), FIELD("file_id", IS_STRING), FIELD("detail", IS_STRING));
SHAPE(input_file, FIELD("file_data", IS_STRING), FIELD("file_id", IS_STRING), FIELD("file_url", IS_STRING),
      FIELD("filename", IS_STRING));
static const struct variant input_part_types[] = {
    {"input_text", &text_part},    {"output_text", &text_part}, {"refusal", &refusal_part},
    {"input_image", &input_image}, {"input_file", &input_file},
};
VARIANTS(input_part, typed, input_part_types);
SHAPE(input_message, FIELD("role", IS_STRING, .required = true),
      FIELD("content", IS_STRING | IS_ARRAY, .required = true, .items = IS_OBJECT, .shape = &input_part));
SHAPE(function_call, FIELD("call_id", IS_STRING, .required = true),
      FIELD("name", IS_STRING, .required = true), FIELD("arguments", IS_STRING, .required = true));
SHAPE(function_output, FIELD("call_id", IS_STRING, .required = true),
      FIELD("output", IS_STRING | IS_ARRAY, .required = true, .items = IS_OBJECT, .shape = &input_part));
SHAPE(reasoning_item, FIELD("summary", IS_ARRAY, .items = IS_OBJECT), FIELD("encrypted_content", IS_STRING));
static const struct field untyped_fields[] = {FIELD("type", IS_STRING)};
static const struct variant item_types[] = {
    {"", &input_message}, /* messages may leave it out */
    {"message", &input_message},
    {"function_call", &function_call},
    {"function_call_output", &function_output},
    {"reasoning", &reasoning_item},
};
VARIANTS(input_item, untyped, item_types);
static const struct variant tool_types[] = {{"function", &function}};
VARIANTS(response_tool, typed, tool_types);
static const struct variant text_types[] = {{"json_schema", &json_schema}};
VARIANTS(text_format, typed, text_types);
SHAPE(text, FIELD("format", IS_OBJECT, .shape = &text_format), FIELD("verbosity", IS_STRING));
SHAPE(reasoning, FIELD("effort", IS_STRING), FIELD("summary", IS_STRING));

SHAPE(response, FIELD("model", IS_STRING, .required = true),
      FIELD("input", IS_STRING | IS_ARRAY, .items = IS_OBJECT, .shape = &input_item),
      FIELD("instructions", IS_STRING), FIELD("stream", IS_BOOL), FIELD("stream_options", IS_OBJECT),
      FIELD("temperature", IS_NUMBER, BETWEEN(0, 2)), FIELD("top_p", IS_NUMBER, BETWEEN(0, 1)),
      FIELD("max_output_tokens", IS_INTEGER, BETWEEN(1, 1e9)),
      FIELD("max_tool_calls", IS_INTEGER, BETWEEN(0, 1e9)), FIELD("top_logprobs", IS_INTEGER, BETWEEN(0, 20)),
      FIELD("tools", IS_ARRAY, .items = IS_OBJECT, .shape = &response_tool),
      FIELD("tool_choice", IS_STRING | IS_OBJECT), FIELD("parallel_tool_calls", IS_BOOL),
      FIELD("text", IS_OBJECT, .shape = &text), FIELD("reasoning", IS_OBJECT, .shape = &reasoning),
      FIELD("previous_response_id", IS_STRING), FIELD("conversation", IS_STRING | IS_OBJECT),
      FIELD("prompt", IS_OBJECT), FIELD("prompt_variables", IS_OBJECT),
      FIELD("include", IS_ARRAY, .items = IS_STRING), FIELD("background", IS_BOOL), FIELD("store", IS_BOOL),
      FIELD("truncation", IS_STRING), FIELD("service_tier", IS_STRING), FIELD("prompt_cache_key", IS_STRING),
      FIELD("safety_identifier", IS_STRING), FIELD("user", IS_STRING), FIELD("metadata", IS_OBJECT));

/* ---- messages ---- */

SHAPE(source, FIELD("type", IS_STRING, .required = true), FIELD("media_type", IS_STRING),
      FIELD("data", IS_STRING), FIELD("url", IS_STRING));
SHAPE(sourced, FIELD("source", IS_OBJECT, .required = true, .shape = &source));
SHAPE(thinking_block, FIELD("thinking", IS_STRING, .required = true), FIELD("signature", IS_STRING));
SHAPE(redacted_block, FIELD("data", IS_STRING, .required = true));
SHAPE(tool_use, FIELD("id", IS_STRING, .required = true), FIELD("name", IS_STRING, .required = true),
      FIELD("input", IS_OBJECT, .required = true));
static const struct variant result_part_types[] = {
    {"text", &text_part}, {"image", &sourced}, {"document", &sourced}};
VARIANTS(result_part, typed, result_part_types);
SHAPE(tool_result, FIELD("tool_use_id", IS_STRING, .required = true),
      FIELD("content", IS_STRING | IS_ARRAY, .items = IS_OBJECT, .shape = &result_part),
      FIELD("is_error", IS_BOOL));
static const struct variant block_types[] = {
    {"text", &text_part},          {"image", &sourced},     {"document", &sourced},
    {"thinking", &thinking_block}, {"tool_use", &tool_use}, {"redacted_thinking", &redacted_block},
    {"tool_result", &tool_result},
};
VARIANTS(block, typed, block_types);
SHAPE(message, FIELD("role", IS_STRING, .required = true),
      FIELD("content", IS_STRING | IS_ARRAY, .required = true, .items = IS_OBJECT, .shape = &block));
static const struct variant system_types[] = {{"text", &text_part}};
VARIANTS(system_block, typed, system_types);
SHAPE(message_tool, FIELD("name", IS_STRING), FIELD("type", IS_STRING), FIELD("description", IS_STRING),
      FIELD("input_schema", IS_OBJECT), FIELD("strict", IS_BOOL));
SHAPE(message_choice, FIELD("type", IS_STRING, .required = true), FIELD("name", IS_STRING),
      FIELD("disable_parallel_tool_use", IS_BOOL));
SHAPE(thinking, FIELD("type", IS_STRING, .required = true),
      FIELD("budget_tokens", IS_INTEGER, BETWEEN(0, 1e9)));
SHAPE(output_format, FIELD("type", IS_STRING, .required = true), FIELD("schema", IS_OBJECT));
SHAPE(output_config, FIELD("effort", IS_STRING), FIELD("format", IS_OBJECT, .shape = &output_format));
SHAPE(message_metadata, FIELD("user_id", IS_STRING));

SHAPE(anthropic, FIELD("model", IS_STRING, .required = true),
      FIELD("messages", IS_ARRAY, .required = true, .unless = "prompt_variables", .items = IS_OBJECT,
            .shape = &message),
      FIELD("prompt_variables", IS_OBJECT),
      FIELD("max_tokens", IS_INTEGER, BETWEEN(1, 1e9), .required = true),
      FIELD("system", IS_STRING | IS_ARRAY, .items = IS_OBJECT, .shape = &system_block),
      FIELD("stream", IS_BOOL), FIELD("temperature", IS_NUMBER, BETWEEN(0, 1)),
      FIELD("top_p", IS_NUMBER, BETWEEN(0, 1)), FIELD("top_k", IS_INTEGER, BETWEEN(0, 1e9)),
      FIELD("stop_sequences", IS_ARRAY, .items = IS_STRING),
      FIELD("tools", IS_ARRAY, .items = IS_OBJECT, .shape = &message_tool),
      FIELD("tool_choice", IS_OBJECT, .shape = &message_choice),
      FIELD("thinking", IS_OBJECT, .shape = &thinking),
      FIELD("output_config", IS_OBJECT, .shape = &output_config), FIELD("service_tier", IS_STRING),
      FIELD("metadata", IS_OBJECT, .shape = &message_metadata));

static const struct shape *const surfaces[CHAT_SURFACE_COUNT] = {
    [CHAT_COMPLETIONS] = &chat,   [CHAT_LEGACY] = &legacy,      [CHAT_EMBEDDINGS] = &embedding,
    [CHAT_RESPONSES] = &response, [CHAT_MESSAGES] = &anthropic,
};

/* ---- checking; paths are only written out for an error ---- */

struct place {
    const struct place *in;
    const char *name; /* NULL: the index */
    size_t index;
};

static size_t write_path(const struct place *at, char *out, size_t size, size_t n) {
    if (at->in)
        n = write_path(at->in, out, size, n);
    int more = at->name ? snprintf(out + n, size - n, "%s%s", n ? "." : "", at->name)
                        : snprintf(out + n, size - n, "[%zu]", at->index);
    return more > 0 && (size_t)more < size - n ? n + (size_t)more : n;
}

static const char *expected(unsigned types) {
    switch (types) {
    case IS_BOOL: return "true or false";
    case IS_STRING: return "a string";
    case IS_NUMBER: return "a number";
    case IS_INTEGER: return "an integer";
    case IS_ARRAY: return "an array";
    case IS_OBJECT: return "an object";
    case IS_STRING | IS_ARRAY: return "a string or an array";
    case IS_STRING | IS_OBJECT: return "a string or an object";
    case IS_LIST: return "a string, or an array of strings or tokens";
    default: return "another type";
    }
}

static bool wrong_type(const struct place *at, yyjson_val *value, unsigned types, struct error *err) {
    char path[ERROR_PARAM_MAX];
    write_path(at, path, sizeof path, 0);
    return fail_at(err, ERR_INVALID_FIELD, path, "\"%s\" is %s; expected %s.", path,
                   yyjson_get_type_desc(value), expected(types));
}

static bool missing(const struct place *at, unsigned types, struct error *err) {
    char path[ERROR_PARAM_MAX];
    write_path(at, path, sizeof path, 0);
    return fail_at(err, ERR_MISSING_FIELD, path, "\"%s\" is missing; expected %s.", path, expected(types));
}

static bool out_of_bounds(const struct place *at, const struct field *f, double number, struct error *err) {
    char path[ERROR_PARAM_MAX];
    write_path(at, path, sizeof path, 0);
    return fail_at(err, ERR_INVALID_FIELD, path, "\"%s\" is %g; expected %s from %g to %g.", path, number,
                   expected(f->types), f->min, f->max);
}

static unsigned types_of(yyjson_val *value) {
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_BOOL: return IS_BOOL;
    case YYJSON_TYPE_STR: return IS_STRING | IS_LIST;
    case YYJSON_TYPE_NUM: return yyjson_is_int(value) ? IS_NUMBER | IS_INTEGER : IS_NUMBER;
    case YYJSON_TYPE_ARR: return IS_ARRAY | IS_LIST;
    case YYJSON_TYPE_OBJ: return IS_OBJECT;
    default: return 0;
    }
}

static bool check_object(const struct shape *s, yyjson_val *object, const struct place *at,
                         struct error *err);

/* Strings, tokens, or arrays of tokens. */
static bool check_list(yyjson_val *list, const struct place *at, struct error *err) {
    size_t i, max;
    yyjson_val *item;
    yyjson_arr_foreach(list, i, max, item) {
        if (types_of(item) & (IS_STRING | IS_INTEGER | IS_ARRAY))
            continue;
        return wrong_type(&(struct place){at, NULL, i}, item, IS_STRING, err);
    }
    return true;
}

static bool check_items(const struct field *f, yyjson_val *array, const struct place *at, struct error *err) {
    size_t i, max;
    yyjson_val *item;
    yyjson_arr_foreach(array, i, max, item) {
        struct place here = {at, NULL, i};
        if (!(types_of(item) & f->items))
            return wrong_type(&here, item, f->items, err);
        if (f->shape && !check_object(f->shape, item, &here, err))
            return false;
    }
    return true;
}

static bool check_value(const struct field *f, yyjson_val *value, const struct place *at, struct error *err) {
    unsigned types = types_of(value);
    if (!(types & f->types))
        return wrong_type(at, value, f->types, err);
    if ((types & IS_NUMBER) && f->min < f->max) {
        double number = yyjson_get_num(value);
        return (number >= f->min && number <= f->max) || out_of_bounds(at, f, number, err);
    }
    if ((types & IS_ARRAY) && (f->types & IS_LIST))
        return check_list(value, at, err);
    if ((types & IS_ARRAY) && f->items)
        return check_items(f, value, at, err);
    return !(types & IS_OBJECT) || !f->shape || check_object(f->shape, value, at, err);
}

static const struct field *find(const struct shape *s, yyjson_val *key, size_t *which) {
    size_t length = yyjson_get_len(key);
    const char *name = yyjson_get_str(key);
    for (size_t i = 0; i < s->count; i++)
        if (s->fields[i].length == length && memcmp(s->fields[i].name, name, length) == 0) {
            *which = i;
            return &s->fields[i];
        }
    return NULL;
}

static bool check_fields(const struct shape *s, yyjson_val *object, const struct place *at,
                         struct error *err) {
    uint64_t seen = 0;
    size_t i, max, which;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, i, max, key, value) {
        const struct field *f = yyjson_is_null(value) ? NULL : find(s, key, &which);
        if (!f)
            continue;
        seen |= UINT64_C(1) << which;
        if (!check_value(f, value, &(struct place){at, f->name, 0}, err))
            return false;
    }
    for (size_t k = 0; k < s->count; k++)
        if (s->fields[k].required && !(seen >> k & 1) &&
            !(s->fields[k].unless && yyjson_obj_get(object, s->fields[k].unless)))
            return missing(&(struct place){at, s->fields[k].name, 0}, s->fields[k].types, err);
    return true;
}

static bool check_object(const struct shape *s, yyjson_val *object, const struct place *at,
                         struct error *err) {
    if (!check_fields(s, object, at, err))
        return false;
    if (s->variant_count == 0)
        return true;
    struct str type = json_str_of(yyjson_obj_get(object, "type"));
    for (size_t i = 0; i < s->variant_count; i++)
        if (str_eq(type, str_from(s->variants[i].type)))
            return check_fields(s->variants[i].shape, object, at, err);
    return true;
}

bool chat_fields_check(enum chat_surface surface, yyjson_val *root, struct error *err) {
    _Static_assert(ARRAY_COUNT(chat_fields) < 64 && ARRAY_COUNT(response_fields) < 64,
                   "check_fields has 64 bits");
    return check_object(surfaces[surface], root, NULL, err);
}
