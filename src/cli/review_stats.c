#include "cli/review_stats.h"

#include "base/json.h"
#include "cli/table.h"

#include <stdio.h>

static double number(yyjson_val *object, const char *key) {
    return yyjson_get_num(yyjson_obj_get(object, key));
}

/* "3 of 40: 0.075 (0.026 to 0.199)" */
static void add_share(struct table *t, yyjson_val *share) {
    if (number(share, "judged") == 0)
        table_cell(t, STR("none yet"));
    else
        table_cell_format(t, "%.0f of %.0f: %.3f (%.3f to %.3f)", number(share, "wrong"),
                          number(share, "judged"), number(share, "share"), number(share, "low"),
                          number(share, "high"));
}

static void print_people(yyjson_val *list) {
    static const char *const heads[] = {"REVIEWER", "LABELS", "SKIPS", "WRONG ON GOLD", "OPINIONS NOT KEPT"};
    struct table t = table_new(heads, ARRAY_COUNT(heads));
    size_t index, max;
    yyjson_val *one;
    yyjson_arr_foreach(list, index, max, one) {
        table_cell(&t, json_str_of(yyjson_obj_get(one, "reviewer")));
        table_cell_format(&t, "%.0f", number(one, "labels"));
        table_cell_format(&t, "%.0f", number(one, "skips"));
        add_share(&t, yyjson_obj_get(one, "gold"));
        add_share(&t, yyjson_obj_get(one, "opinions"));
    }
    putchar('\n');
    table_print(&t, stdout);
}

void review_print_stats(struct str json) {
    yyjson_doc *doc = json_parse(json, NULL);
    yyjson_val *root = yyjson_doc_get_root(doc), *forecast = yyjson_obj_get(root, "forecast"),
               *audit = yyjson_obj_get(root, "audit"), *wait = yyjson_obj_get(forecast, "wait_24h_s");
    printf("open       %.0f, of them %.0f audits; the oldest waits since %.1f h\n", number(root, "open"),
           number(root, "audits"), number(root, "oldest_s") / 3600);
    printf("an hour    %.2f come, %.2f are resolved by %.0f people\n", number(root, "arrivals_per_hour"),
           number(root, "resolved_per_hour"), number(root, "people"));
    printf("in a day   %.0f open, ", number(forecast, "depth_24h"));
    if (yyjson_is_num(wait))
        printf("the last of them for %.1f h more\n", yyjson_get_num(wait) / 3600);
    else
        puts("the last of them for ever");
    if (number(audit, "labelled") > 0)
        printf("accuracy   %.3f (%.3f to %.3f) of what goes out unseen, by %.0f audits\n",
               number(audit, "accuracy"), number(audit, "low"), number(audit, "high"),
               number(audit, "labelled"));
    print_people(yyjson_obj_get(root, "reviewers"));
    yyjson_doc_free(doc);
}
