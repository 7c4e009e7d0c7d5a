#include "demo/folder.h"

#include "base/buf.h"

#include <stdio.h>

static const char documents_rules[] =
    "-- May this prediction go out although the model is not quite sure? Called for confidences between the\n"
    "-- thresholds. Here: only when the text has two of the words that such a document has.\n"
    "local words = {\n"
    "  invoice = {'invoice', 'due', 'total', 'terms', 'bill to', 'vat'},\n"
    "  receipt = {'receipt', 'cash', 'change', 'card', 'total', 'thank you'},\n"
    "  bank_statement = {'statement', 'balance', 'account', 'debit', 'deposits'},\n"
    "  contract = {'agreement', 'parties', 'termination', 'governing law', 'signature'},\n"
    "  letter = {'dear', 'sincerely', 'faithfully', 'regards', 'wishes'},\n"
    "}\n"
    "\n"
    "function verify(r)\n"
    "  local text, found = string.lower(r.text or ''), 0\n"
    "  for _, word in ipairs(words[r.prediction] or {}) do\n"
    "    if string.find(text, word, 1, true) then found = found + 1 end\n"
    "  end\n"
    "  if found >= 2 then return true end\n"
    "  return false, 'the text has ' .. found .. ' of the words of a ' .. r.prediction .. '; two are "
    "needed'\n"
    "end\n";

static const char documents_fallback[] =
    "-- Answers when the model cannot: a word that gives most documents away.\n"
    "local signs = {\n"
    "  {'statement', 'bank_statement'}, {'agreement', 'contract'}, {'bill to', 'invoice'},\n"
    "  {'invoice number', 'invoice'}, {'cash', 'receipt'}, {'receipt', 'receipt'}, {'dear ', 'letter'},\n"
    "}\n"
    "\n"
    "function classify(r)\n"
    "  local text = string.lower(r.text or '')\n"
    "  for _, sign in ipairs(signs) do\n"
    "    if string.find(text, sign[1], 1, true) then return sign[2], 0.7 end\n"
    "  end\n"
    "  return nil\n"
    "end\n";

static const char support_rules[] =
    "-- Whoever wants to leave, or mentions a lawyer, is answered by a person, however sure the model is "
    "below the\n"
    "-- upper threshold.\n"
    "function verify(r)\n"
    "  local text = string.lower(r.text)\n"
    "  if r.prediction == 'cancellation' then return false, 'cancellations are read by a person' end\n"
    "  for _, word in ipairs({'lawyer', 'court', 'sue', 'police'}) do\n"
    "    if string.find(text, word, 1, true) then return false, 'mentions \"' .. word .. '\"' end\n"
    "  end\n"
    "  return true\n"
    "end\n";

/* To fill in: the version for documents, the lines of the support rollout, the version to fall back to. */
static const char configuration[] =
    "# Written by `penstock demo prepare`. `penstock config reference` explains every option.\n"
    "server:\n"
    "  listen: 127.0.0.1:8080\n"
    "store:\n"
    "  path: penstock-data\n"
    "auth:\n"
    "  required: false # possible on loopback only\n"
    "pricing:\n"
    "  cpu_hour_usd: 0.04\n"
    "\n"
    "upstreams:\n"
    "  simulator:\n"
    "    kind: simulator # replace it by an API: `penstock config reference` has the options\n"
    "\n"
    "endpoints:\n"
    "  documents:\n"
    "    description: Invoices, receipts, bank statements, contracts and letters, as PDF, photograph or "
    "text\n"
    "    owner: demo@example.com\n"
    "    accepts: [file, text]\n"
    "    rollout:\n"
    "      - model: %s\n"
    "    rules: rules/documents.lua\n"
    "    keep_inputs: review\n"
    "    retention: 7d\n"
    "    fallbacks:\n"
    "      - cache: stale\n"
    "      - rules: rules/documents-fallback.lua\n"
    "      - review: true\n"
    "\n"
    "  support:\n"
    "    description: What customers write to a shop's support, by intent\n"
    "    owner: demo@example.com\n"
    "    accepts: [text]\n"
    "    rollout:\n"
    "%s"
    "    sticky: user\n"
    "    rules: rules/support.lua\n"
    "    keep_inputs: review\n"
    "    retention: 7d\n"
    "    fallbacks:\n"
    "      - model: %s\n"
    "      - review: true\n"
    "\n"
    "  # A chat endpoint that needs no key: it repeats what it was asked, and says so.\n"
    "  simulator:\n"
    "    kind: chat\n"
    "    description: Penstock's local simulator of a language model. No model answers here\n"
    "    owner: demo@example.com\n"
    "    rollout:\n"
    "      - upstream: simulator\n"
    "        model: simulator\n"
    "    keep_inputs: none\n";

static bool write_rules(const struct demo_folder *folder, const char *name, const char *content,
                        struct error *err) {
    char path[PATH_MAX];
    return demo_path(folder, path, err, "rules/%s.lua", name) &&
           demo_write_file(path, str_from(content), err);
}

bool demo_write_configuration(const struct demo_folder *folder, const struct demo_versions *versions,
                              struct error *err) {
    char path[PATH_MAX], rollout[256];
    if (versions->support_second)
        snprintf(rollout, sizeof rollout,
                 "      - model: %s\n        weight: 90%%\n      - model: %s\n        weight: 10%%\n",
                 versions->support, versions->support_second);
    else
        snprintf(rollout, sizeof rollout, "      - model: %s\n", versions->support);
    AUTO_BUF out = BUF_INIT(1 << 16);
    buf_printf(&out, configuration, versions->documents, rollout,
               versions->support_second ? versions->support_second : versions->support);
    if (out.failed)
        return fail(err, ERR_NO_MEMORY, "no memory for the demo's configuration");
    return write_rules(folder, "documents", documents_rules, err) &&
           write_rules(folder, "documents-fallback", documents_fallback, err) &&
           write_rules(folder, "support", support_rules, err) &&
           demo_path(folder, path, err, "penstock.yaml") && demo_write_file(path, buf_str(&out), err);
}
