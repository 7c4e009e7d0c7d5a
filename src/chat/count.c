#include "chat/count.h"

static bool is_image(yyjson_val *value) {
    static const char *const types[] = {"image_url", "image", "input_image", "input_file",
                                        "document",  "file",  "input_audio"};
    struct str type = json_str_of(yyjson_obj_get(value, "type"));
    for (size_t i = 0; i < ARRAY_COUNT(types); i++)
        if (str_eq(type, str_from(types[i])))
            return true;
    return false;
}

int64_t count_value(enum token_family family, yyjson_val *value) {
    size_t i, max;
    yyjson_val *key, *item;
    int64_t sum = 0;
    if (yyjson_is_str(value))
        return token_estimate(family, json_str_of(value));
    if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, i, max, item) sum += count_value(family, item);
    } else if (is_image(value)) {
        return TOKENS_PER_IMAGE;
    } else if (yyjson_is_obj(value)) {
        yyjson_obj_foreach(value, i, max, key, item) sum +=
            count_value(family, key) + count_value(family, item);
    } else {
        sum = value ? 1 : 0;
    }
    return sum;
}

static int64_t count_members(enum token_family family, yyjson_val *object, const char *const *names,
                             size_t count) {
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += count_value(family, yyjson_obj_get(object, names[i]));
    return sum;
}

int64_t count_turn(enum token_family family, yyjson_val *turn) {
    static const char *const members[] = {"content",   "tool_calls", "function_call", "name",
                                          "arguments", "output",     "summary"};
    return TOKENS_PER_MESSAGE + count_members(family, turn, members, ARRAY_COUNT(members));
}

int64_t count_fixed(enum token_family family, const struct chat_request *in) {
    static const char *const members[] = {"tools", "functions", "system", "instructions"};
    return TOKENS_PER_CALL + count_members(family, in->root, members, ARRAY_COUNT(members));
}

int64_t count_request(enum token_family family, const struct chat_request *in) {
    static const char *const texts[] = {"prompt", "suffix", "input"};
    int64_t sum = count_fixed(family, in);
    size_t i, max;
    yyjson_val *turn;
    if (!in->turns)
        return sum + count_members(family, in->root, texts, ARRAY_COUNT(texts));
    yyjson_arr_foreach(in->turns, i, max, turn) sum += count_turn(family, turn);
    return sum;
}

static void add_bytes(yyjson_val *value, struct request_size *size) {
    size_t i, max;
    yyjson_val *key, *item;
    if (yyjson_is_str(value)) {
        size->bytes += (int64_t)yyjson_get_len(value);
    } else if (yyjson_is_arr(value)) {
        yyjson_arr_foreach(value, i, max, item) add_bytes(item, size);
    } else if (is_image(value)) {
        size->images++;
    } else if (yyjson_is_obj(value)) {
        yyjson_obj_foreach(value, i, max, key, item) add_bytes(item, size);
    }
}

struct request_size count_bytes(const struct chat_request *in) {
    struct request_size size = {0, 0};
    add_bytes(in->root, &size);
    return size;
}
