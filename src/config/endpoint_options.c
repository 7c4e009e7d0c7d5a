/* What an endpoint may say. */
#include "config/option_table.h"

static const char *const step_cache[] = {"none", "stale", NULL};
static const char *const kinds[] = {"classify", "chat", "embed", NULL};
static const char *const accepts[] = {"text", "file", "features", NULL};
static const char *const sticky[] = {"key", "user", "none", NULL};
static const char *const keep_inputs[] = {"none", "review", "all", NULL};
static const char *const routes[] = {"weight", "cost", "latency", "rule", NULL};
static const char *const on_limit[] = {"refuse", "drop_oldest", "summarise", NULL};
static const char *const confidences[] = {"unknown", "logprobs", "agreement", NULL};
static const char *const sends[] = {"auto", "always", "never", NULL};
static const char *const on_review[] = {"answer", "withhold", NULL};
static const char *const overflows[] = {"none", "thresholds", "fallback", NULL};
static const char *const action_policies[] = {"alone", "approval", "never", NULL};
static const char *const ocr[] = {"auto", "always", "never", NULL};

static const struct option share_options[] = {
    {.name = "model",
     MODEL(config_share, target.model),
     .flags = OPTION_REQUIRED,
     .help = "Which model: of the registry (NAME@VERSION, NAME@ALIAS, or without either the one with the "
             "alias stable, else the newest), or, with "
             "`upstream`, as that upstream calls it."},
    {.name = "upstream",
     NAME(config_share, target.upstream),
     .help = "Which of the `upstreams` has the model. Chats and embeddings need one."},
    {.name = "prompt",
     NAME(config_share, target.prompt),
     .help = "A prompt of the registry, NAME or NAME@VERSION, that goes before what the client says."},
    {.name = "name",
     NAME(config_share, name),
     .standard_said = "UPSTREAM/MODEL",
     .help = "With `route: rule`: what the rule calls it."},
    {.name = "weight",
     PERCENT(config_share, weight),
     MARKED(config_share, has_weight),
     .standard_said = "what the others leave",
     .help = "Its share of the requests. Together they are 100 %."},
};
static const struct option_group share_group = {GROUP(share_options, config_share), .items_max = 16};

static const struct option step_options[] = {
    {.name = "model", MODEL(config_step, target.model), .help = "Another model, usually a simpler one."},
    {.name = "upstream",
     NAME(config_step, target.upstream),
     .help = "Which of the `upstreams` has that model. Chats and embeddings need one."},
    {.name = "prompt", NAME(config_step, target.prompt), .help = "The prompt for that model."},
    {.name = "timeout",
     DURATION(config_step, timeout, MS(1), MINUTES(10)),
     .standard_said = "the endpoint's infer_timeout",
     .help = "How long that model may take."},
    {.name = "rules",
     SCRIPT(config_step, rules, rules_place),
     .help = "A Lua file with `function classify(r) … return label, confidence end`; of a chat `function "
             "answer(r) … return text end`."},
    {.name = "text",
     TEXT(config_step, text, 10000),
     .help = "What a chat answers when nobody else can. Always answers, so it can only be last."},
    {.name = "cache",
     ENUM(int, config_step, cache, step_cache),
     .standard = "none",
     .help = "`stale`: the answer to the same input, however old, marked as such."},
    {.name = "review",
     BOOL(config_step, review),
     .standard = "false",
     .help = "`true`: a person decides. Always answers, so it can only be last."},
    {.name = "error",
     BOOL(config_step, error),
     .standard = "false",
     .help = "`true`: a clear 503. Also what happens when every step has failed."},
};
static const struct option_group step_group = {GROUP(step_options, config_step), .items_max = 8,
                                               .check = check_step};

static const struct option context_options[] = {
    {.name = "window",
     INTEGER(config_context, window, 0, 100000000),
     .standard = "0",
     .unit = "tokens",
     .help = "Most tokens of input that the models take. 0: not checked here."},
    {.name = "on_limit",
     ENUM(enum context_limit, config_context, on_limit, on_limit),
     .standard = "refuse",
     .help = "What happens beyond it: `refuse` with 400, `drop_oldest` turns (system prompt, tool calls with "
             "their "
             "results and the last question stay whole), or `summarise` them."},
    {.name = "summarise_with",
     NAME(config_context, summarise_with),
     .help = "The chat endpoint that writes the summary."},
};
static const struct option_group context_group = {GROUP(context_options, config_context),
                                                  .check = check_context};

static const struct option vectors_options[] = {
    {.name = "upstream",
     NAME(config_vectors, target.upstream),
     .help = "Which of the `upstreams` makes them (`/embeddings`)."},
    {.name = "model",
     MODEL(config_vectors, target.model),
     .help =
         "Which of its models; without `upstream` a sentence encoder of the registry (`penstock models add "
         "--onnx FILE --vocabulary FILE`)."},
    {.name = "timeout",
     DURATION(config_vectors, timeout, MS(1), MINUTES(1)),
     .standard = "300ms",
     .help = "How long a request waits for its question's vector. Beyond it, and where there is none, the "
             "semantic cache is not asked."},
};
static const struct option_group vectors_group = {GROUP(vectors_options, config_vectors),
                                                  .check = check_vectors};

static const struct option output_options[] = {
    {.name = "schema",
     SCRIPT(config_output, schema, schema_place),
     .help = "File with the JSON Schema (2020-12) that every answer must meet. A request that brings its own "
             "(`response_format`, `text.format`, `output_config.format`) is held to that instead."},
    {.name = "check",
     BOOL(config_output, check),
     .standard_said = "true with `schema`, else false",
     .help = "Whether answers are held to the schema that their request brings. Streams are held back until "
             "they have been looked at."},
    {.name = "send_schema",
     ENUM(enum output_send, config_output, send_schema, sends),
     .standard = "auto",
     .help = "Whether upstreams are sent `schema` where the request brings none: `auto` where it keeps to "
             "the part of JSON Schema that the upstream's API documents, `always`, or `never`."},
    {.name = "repair",
     BOOL(config_output, repair),
     .standard = "true",
     .help = "Whether an answer that does not meet it goes back to the model once, with what is wrong."},
    {.name = "confidence",
     ENUM(enum output_confidence, config_output, confidence, confidences),
     .standard = "unknown",
     .help =
         "How sure an answer is: from the tokens' `logprobs`, from the `agreement` of several samples, or "
         "`unknown`. With it the thresholds count and unsure answers go to review."},
    {.name = "confidence_field",
     TEXT(config_output, confidence_field, 200),
     .help = "With `logprobs`: the member of the JSON answer that counts, such as a class's name, instead of "
             "all that is said: the probability of its value."},
    {.name = "samples",
     INTEGER(config_output, samples, 2, 9),
     .standard = "3",
     .unit = "answers",
     .help = "How many answers are compared for `agreement`; each costs what an answer costs."},
    {.name = "on_review",
     ENUM(enum output_review, config_output, on_review, on_review),
     .standard = "answer",
     .help = "What the client gets of an answer that goes to review: the `answer` with the review's ID in a "
             "header, or, with `withhold`, a refusal in its place."},
};
static const struct option_group output_group = {GROUP(output_options, config_output), .check = check_output};

static const struct option review_options[] = {
    {.name = "deadline",
     DURATION(config_review, deadline, MINUTES(1), DAYS(365)),
     .standard = "1d",
     .help =
         "Within what time a person should have decided. Items are given out by risk and deadline: a risk "
         "of 1 counts as due at once, a risk of 0 at its deadline."},
    {.name = "lease",
     DURATION(config_review, lease, SECONDS(1), DAYS(1)),
     .standard = "10m",
     .help = "How long somebody who took an item has it alone; renewed by claiming it again."},
    {.name = "second_opinion",
     PERCENT(config_review, second_opinion),
     .standard = "0",
     .help = "Share of the items that two people judge, neither knowing what the other says. Where they "
             "differ a third one sees both and settles it."},
    {.name = "second_opinion_below",
     PERCENT(config_review, second_opinion_below),
     .standard = "0",
     .help = "Two people judge all items whose confidence is below this."},
    {.name = "amount",
     TEXT(config_review, amount, 200),
     .help = "The feature with the amount that is at stake, as a number. Without one the risk is what the "
             "confidence leaves to 1."},
    {.name = "amount_high",
     INTEGER(config_review, amount_high, 1, INT64_C(1000000000000000)),
     .standard = "1000",
     .help = "The amount from which on the risk is 1; below it counts in proportion."},
    {.name = "audit",
     PERCENT(config_review, audit),
     MARKED(config_review, has_audit),
     .standard_said = "1 % with `keep_inputs: all`, else 0",
     .help = "Share of the answers that go out unseen and are drawn by chance for a person to judge, so "
             "that accuracy is known without bias. The answer does not wait, and its input is kept."},
    {.name = "audit_most",
     INTEGER(config_review, audit_most, 1, 100000),
     .standard = "20",
     .unit = "items/h",
     .help = "About how many of them at most in an hour: beyond it fewer are drawn, and counted for more."},
    {.name = "gold",
     PERCENT(config_review, gold),
     .standard = "0",
     .help =
         "Items with a known answer (`penstock review gold`) that are mixed in unseen, as a share of what "
         "arrives. They measure how often each reviewer is wrong."},
    {.name = "overflow",
     ENUM(enum review_overflow, config_review, overflow, overflows),
     .standard = "none",
     .help = "What gives where in a day items would wait beyond `deadline`: `none`; `thresholds`: they "
             "move along the version's certified table (`penstock calibrate`) as far as `overflow_error`; "
             "`fallback`: what is not sure goes to the fallbacks instead of people. Until it eases."},
    {.name = "overflow_error",
     PERCENT(config_review, overflow_error),
     MARKED(config_review, has_overflow_error),
     .standard_said = "as the version was calibrated for",
     .help = "With `overflow: thresholds`: what may be wrong of what goes out unseen while it lasts. Every "
             "version that serves needs a certificate with a table."},
};

static const struct option_group review_group = {GROUP(review_options, config_review), .check = check_review};

static const struct option monitors_options[] = {
    {.name = "enabled",
     BOOL(config_monitors, enabled),
     .standard = "true",
     .help = "Whether this endpoint is watched at all."},
    {.name = "latency_p95",
     DURATION(config_monitors, latency_p95, MS(1), HOURS(1)),
     .standard_said = "500ms; of chats and embeddings 10s",
     .help = "95 % of the requests of the last 5 minutes are to take no longer."},
    {.name = "confidence_drop",
     PERCENT(config_monitors, confidence_drop),
     .standard = "5%",
     .help = "How much of its mean the confidence may lose from one week to the next."},
    {.name = "confidence_points",
     PERCENT(config_monitors, confidence_points),
     .standard = "2%",
     .help = "How many points the mean confidence may lie below its own of the week before, and below that "
             "of the version's reference profile."},
    {.name = "drift",
     PERCENT(config_monitors, drift),
     .standard = "10%",
     .help = "How far inputs, predictions and confidences may lie from the version's reference profile: the "
             "Jensen-Shannon distance with logarithms of base 2, less what chance brings; 100 % is another "
             "world."},
    {.name = "error_factor",
     INTEGER(config_monitors, error_factor, 1, 1000),
     .standard = "2",
     .unit = "times",
     .help = "How many times its share of the week before an error's share may become."},
    {.name = "fallback_share",
     PERCENT(config_monitors, fallback_share),
     .standard = "15%",
     .help = "How many of the requests the fallback chain may answer."},
    {.name = "cost_per_day",
     USD(config_monitors, cost_per_day, INT64_C(1000000) * 1000000000),
     .standard_said = "none",
     .help = "What a day (UTC) is meant to cost."},
    {.name = "cost_percent",
     INTEGER(config_monitors, cost_percent, 1, 10000),
     .standard = "120",
     .unit = "%",
     .help = "How much of `cost_per_day` a day may cost."},
    {.name = "review_depth",
     INTEGER(config_monitors, review_depth, 1, 100000000),
     .standard = "100",
     .unit = "items",
     .help = "How many review items may wait."},
    {.name = "review_age",
     DURATION(config_monitors, review_age, MINUTES(1), DAYS(365)),
     .standard = "24h",
     .help = "How long the oldest of them may have waited."},
    {.name = "accuracy_drop",
     PERCENT(config_monitors, accuracy_drop),
     .standard = "5%",
     .help = "How many points the accuracy, estimated or from labels, may lie below that of training."},
    {.name = "score_drop",
     PERCENT(config_monitors, score_drop),
     .standard = "5%",
     .help = "How much of its mean what is said of answers (`POST /v1/feedback`, `score`) may lose from one "
             "week to "
             "the next."},
    {.name = "samples",
     INTEGER(config_monitors, samples, 20, 1000000),
     .standard = "500",
     .unit = "requests",
     .help = "Fewer say nothing about drift, confidence and accuracy: then a longer window is looked at, up "
             "to a week."},
    {.name = "reference",
     INTEGER(config_monitors, reference, 0, 100000),
     .standard = "1000",
     .unit = "requests",
     .help = "A version that brought no profile (rules, ONNX, models of upstreams) is compared with so many "
             "of its first "
             "requests, after it alone serves the endpoint. 0: with nothing."},
};
static const struct option_group monitors_group = {GROUP(monitors_options, config_monitors)};

static const struct option action_options[] = {
    {.name = "name",
     TEXT(config_action, name, 200),
     .flags = OPTION_REQUIRED,
     .help = "The label that stands for the action, of chats the tool's name; `*`: all that are not named."},
    {.name = "policy",
     ENUM(enum action_policy, config_action, policy, action_policies),
     .standard = "approval",
     .help =
         "Taken `alone`, only after a person's `approval`, or `never`: then a person decides what is done "
         "instead."},
    {.name = "amount",
     TEXT(config_action, amount, 200),
     .help = "With `alone` and `most`: the feature, of tools the argument, with the amount."},
    {.name = "most",
     INTEGER(config_action, most, 0, INT64_C(1000000000000000)),
     MARKED(config_action, has_most),
     .help = "The highest amount without approval. An answer whose amount is missing waits, too."},
};
static const struct option_group action_group = {GROUP(action_options, config_action), .items_max = 64,
                                                 .check = check_action};

static const struct option endpoint_options[] = {
    {.name = "kind",
     ENUM(enum endpoint_kind, config_endpoint, kind, kinds),
     .standard = "classify",
     .help = "What it does with an input."},
    {.name = "description", TEXT(config_endpoint, description, 1000), .help = "For people: what it is for."},
    {.name = "owner", TEXT(config_endpoint, owner, 200), .help = "Who is asked when it misbehaves."},
    {.name = "accepts",
     SET(config_endpoint, accepts, accepts),
     .standard = "text",
     .help = "What clients may send; one or a list."},
    {.name = "text_max",
     SIZE(config_endpoint, text_max, 1, MB(100)),
     .standard = "100KB",
     .help = "Longest text that a client may send. Beyond it: 400."},
    {.name = "deadline",
     DURATION(config_endpoint, deadline, MS(1), HOURS(1)),
     .standard_said = "10s; of chats and embeddings 5m",
     .help = "For the whole request; bounds every other wait in it. Beyond it: 504."},
    {.name = "infer_timeout",
     DURATION(config_endpoint, infer_timeout, MS(1), HOURS(1)),
     .standard = "2s",
     .help = "For the model. Beyond it the fallbacks are tried."},
    {.name = "rollout",
     LIST(config_share, config_endpoint, rollout, rollout_count, share_group),
     .flags = OPTION_REQUIRED,
     .help = "Which model versions answer which share of the requests."},
    {.name = "sticky",
     ENUM(enum endpoint_sticky, config_endpoint, sticky, sticky),
     .standard = "key",
     .help =
         "What keeps a caller with one version: its `key`, the request's `user` (in its body or, of a file "
         "sent as it is, its header `X-Penstock-User`), or `none`: each request is drawn anew."},
    {.name = "rules",
     SCRIPT(config_endpoint, rules, rules_place),
     .help = "Business rules: a Lua file with `function verify(r) … return passed, \"reason\" end`. "
             "Predictions between the two thresholds must pass them."},
    {.name = "fallbacks",
     LIST(config_step, config_endpoint, fallbacks, fallback_count, step_group),
     .help = "What is tried, in order, when the model fails, errs or takes too long."},
    {.name = "keep_inputs",
     ENUM(enum endpoint_keep, config_endpoint, keep_inputs, keep_inputs),
     .standard = "none",
     .help = "Which inputs are stored: `none`, those that go to `review`, or `all`."},
    {.name = "retention",
     DURATION(config_endpoint, retention, HOURS(1), DAYS(3650)),
     .standard = "30d",
     .help = "How long inputs are stored."},
    {.name = "cache",
     BOOL(config_endpoint, cache),
     .standard = "true",
     .help = "Whether the same input may get the same answer again without asking the model."},
    {.name = "cache_ttl",
     DURATION(config_endpoint, cache_ttl, SECONDS(1), DAYS(365)),
     .standard_said = "cache.ttl",
     .help = "How long it may."},
    {.name = "accept_threshold",
     PERCENT(config_endpoint, accept_threshold),
     MARKED(config_endpoint, has_accept_threshold),
     .standard_said = "the version's policy; of chats 85 %",
     .help = "Predictions at least this confident go straight out."},
    {.name = "review_threshold",
     PERCENT(config_endpoint, review_threshold),
     MARKED(config_endpoint, has_review_threshold),
     .standard_said = "the version's policy; of chats 60 %",
     .help = "Predictions less confident than this go to a person."},
    {.name = "ocr",
     ENUM(enum endpoint_ocr, config_endpoint, ocr, ocr),
     .standard = "auto",
     .help = "Optical recognition: `auto` where the model needs it, `always`, or `never`."},
    {.name = "rate",
     INTEGER(config_endpoint, rate, 1, 10000000),
     MARKED(config_endpoint, has_rate),
     .standard_said = "limits.rate",
     .unit = "requests/s",
     .help = "Requests per second that one client may send to this endpoint."},
    {.name = "burst",
     INTEGER(config_endpoint, burst, 1, 10000000),
     .standard_said = "2 × rate",
     .unit = "requests",
     .help = "Requests that a client may send to it at once after being quiet."},
    {.name = "route",
     ENUM(enum endpoint_route, config_endpoint, route, routes),
     .standard = "weight",
     .help =
         "Of chats and embeddings: how one of the rollout is chosen: by `weight`, the least `cost`, the "
         "least observed `latency`, or a `rule` over the request. All but `weight` have the others stand in "
         "when it fails."},
    {.name = "route_rule",
     SCRIPT(config_endpoint, route_rule, route_rule_place),
     .help = "With `route: rule`: a Lua file with `function route(r) … return \"NAME\" end`, or a list of "
             "names, best first. Where it returns nil, or fails, the weights decide."},
    {.name = "conversations",
     DURATION(config_endpoint, conversations, 0, DAYS(3650)),
     .standard = "0s",
     .help = "Of chats: how long the answers of /v1/responses are kept, with their questions, so that later "
             "requests can build on "
             "them (`previous_response_id`). Only their own client finds them. 0s: they are not kept."},
    {.name = "hedge",
     PERCENT(config_endpoint, hedge),
     .standard = "0",
     .help = "Of chats and embeddings: a model that has not begun to answer within the time in which this "
             "share of its calls does (such as 95%) gets company: another of the rollout, or the same again, "
             "is asked too, and whoever begins first is heard. Both are paid for. 0: off."},
    {.name = "cache_temperature",
     PERCENT(config_endpoint, cache_temperature),
     .standard = "0",
     .help = "Of chats: answers to requests with a higher temperature (0 to 1 here; one that names none has "
             "1) are not "
             "kept."},
    {.name = "semantic_cache",
     NAME(config_endpoint, semantic_cache),
     .help =
         "Of chats: the tuning, made by `penstock cache tune`, that decides which questions mean the same. "
         "Without one only the same question gets the same answer."},
    {.name = "semantic_vectors",
     SECTION(config_vectors, config_endpoint, semantic_vectors, vectors_group),
     .help = "Of chats: the model whose vectors the semantic cache compares; its tuning must have been made "
             "for it (`penstock cache tune --vectors`). Without one they are made here, from "
             "the wording."},
    {.name = "context",
     SECTION(config_context, config_endpoint, context, context_group),
     .help = "Of chats: the model's window."},
    {.name = "output",
     SECTION(config_output, config_endpoint, output, output_group),
     .help = "Of chats: what answers must look like, and how sure they are."},
    {.name = "review",
     SECTION(config_review, config_endpoint, review, review_group),
     .help = "How what goes to people is queued."},
    {.name = "objectives",
     SECTION(config_objectives, config_endpoint, objectives, option_objectives),
     .help = "What its users are promised. Alerts tell when that is about to be missed."},
    {.name = "actions",
     LIST(config_action, config_endpoint, actions, action_count, action_group),
     .help = "What answers may do without being asked. Without a list nothing waits for approval."},
    {.name = "monitors",
     SECTION(config_monitors, config_endpoint, monitors, monitors_group),
     .help = "What its monitors hold it to."},
};
const struct option_group option_endpoint = {GROUP(endpoint_options, config_endpoint),
                                             .items_max = CONFIG_ENDPOINTS_MAX, .check = check_endpoint};
