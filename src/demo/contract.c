#include "demo/papers.h"

#include "demo/phrase.h"
#include "demo/words.h"

#include <stdio.h>

struct contract_kind {
    const char *title, *subject;
};

static const struct contract_kind kinds[] = {
    {"SERVICE AGREEMENT", "The Provider shall [perform|render] the services described in [Annex A|Schedule "
                          "1], namely [maintenance of the "
                          "Client's systems|consulting in the field of logistics|cleaning of the premises], "
                          "with due care and skill."},
    {"LEASE AGREEMENT", "The Landlord lets to the Tenant the premises at {street}, {city}, for use as [a "
                        "private dwelling|an office|storage "
                        "space]. The Tenant accepts the premises in their present condition."},
    {"EMPLOYMENT CONTRACT", "The Employee is engaged as [accountant|warehouse manager|software "
                            "developer|sales assistant] from {date}. The place "
                            "of work is {city}. The working time is [38|40|30] hours a week."},
    {"NON-DISCLOSURE AGREEMENT",
     "The Recipient shall keep confidential all information, [documents|drawings], samples and know-how "
     "which the Discloser "
     "makes available in connection with [a possible cooperation|the evaluation of a joint venture]."},
    {"PURCHASE AGREEMENT", "The Seller sells and the Buyer purchases [one used vehicle|the machinery listed "
                           "in Annex A|the goods specified in "
                           "Schedule 1] for the price of {amount}. Title passes upon full payment."},
    {"LOAN AGREEMENT", "The Lender grants the Borrower a loan of {amount} at an annual interest rate of "
                       "[3.5|4.2|6.0] per cent, repayable in "
                       "[12|24|60] equal monthly instalments."},
};

static const char *const clauses[] = {
    "[Term|Duration]. This [Agreement|Contract] takes effect on {date} and [remains in force for "
    "[one|two|three] years|"
    "continues for an indefinite period]. [It is renewed automatically unless notice is given.|]",
    "Termination. Either party may terminate this Agreement by giving [thirty (30)|sixty (60)|ninety (90)] "
    "days' written "
    "notice. The right to terminate for good cause remains unaffected.",
    "[Remuneration|Payment|Consideration]. [The agreed fee is {amount} per month, payable in advance by the "
    "[third|fifth] "
    "working day.|A sum of {amount} shall become due within [14|30] days of receipt of an invoice.]",
    "Confidentiality. The parties shall not disclose [the contents of this Agreement|any confidential "
    "information] to third "
    "parties, [during its term and for [two|five] years thereafter|except as required by law].",
    "Liability. [Neither party shall be liable for indirect or consequential loss.|Liability is limited to "
    "the amount of "
    "{amount}, save in cases of intent or gross negligence.]",
    "Force majeure. No party is in breach where performance is prevented by events beyond its reasonable "
    "control, including "
    "[fire, flood, strike or acts of government|natural disasters and epidemics].",
    "Assignment. Rights and obligations under this Agreement may not be assigned without the prior written "
    "consent of the "
    "other party[, which shall not be unreasonably withheld|].",
    "Governing law. This Agreement is governed by the laws of [the State of|] {city}, and the courts of that "
    "place shall "
    "have [exclusive|non-exclusive] jurisdiction.",
    "Entire agreement. This document, together with its annexes, constitutes the entire agreement between "
    "the parties and "
    "supersedes all prior negotiations. Amendments must be made in writing.",
    "Severability. Should any provision be held invalid, the remaining provisions shall continue in full "
    "force and effect.",
    "Notices. Notices shall be sent to the addresses stated above or by e-mail to {email}, and are deemed "
    "received [two|"
    "three] days after dispatch.",
    "[Data protection|Privacy]. Personal data are processed only for the purposes of this Agreement and in "
    "accordance with "
    "applicable law.",
    "Insurance. The [second|first] party shall maintain adequate insurance cover of at least {amount} for "
    "the whole term.",
};

static double write_parties(struct dice *d, struct sheet *sheet, const struct paper_style *style, double y) {
    char name[2][WORDS_SIZE];
    words_company(d, name[0]);
    if (dice_chance(d, 50))
        words_person(d, name[1]);
    else
        words_company(d, name[1]);
    const struct phrase_slot slots[] = {{"one", name[0]}, {"two", name[1]}, {NULL, NULL}};
    y = paper_phrase(d, sheet, style, slots, y,
                     "[This Agreement is made on {date} between|Entered into as of {date} by and between|The "
                     "following is agreed between]");
    y = paper_phrase(d, sheet, style, slots, y + style->leading * 0.4,
                     "(1) {one}, [having its registered office at|of|with its principal place of business "
                     "at] {street}, {city} [(the "
                     "\"First Party\")|, hereinafter the First Party,|(\"the Company\")] and");
    return paper_phrase(d, sheet, style, slots, y + style->leading * 0.4,
                        "(2) {two}, [residing at|of] {street}, {city} [(the \"Second Party\")|, hereinafter "
                        "the Second Party|(together \"the "
                        "Parties\")].");
}

static double write_clause(struct dice *d, struct sheet *sheet, const struct paper_style *style, double y,
                           int number, unsigned numbering, const char *pattern) {
    static const char *const forms[] = {"%d. ", "%d) ", "Article %d - ", "\xc2\xa7 %d "};
    AUTO_BUF text = BUF_INIT(1 << 14);
    char label[32];
    snprintf(label, sizeof label, forms[numbering], number);
    buf_add_str(&text, str_from(label));
    buf_add_str(&text, str_from(pattern));
    return paper_phrase(d, sheet, style, NULL, y, buf_terminated(&text)) + style->leading * 0.5;
}

static void write_signatures(struct dice *d, struct sheet *sheet, const struct paper_style *style, double y) {
    double middle = sheet->width / 2;
    y = paper_phrase(d, sheet, style, NULL, y + style->leading,
                     "[IN WITNESS WHEREOF the parties have executed this Agreement.|Signed in two copies, "
                     "one for each party.|Place, "
                     "date: {city}, {date}]");
    y += style->leading * 3;
    sheet_line(sheet, style->margin, y, middle - 20, y, 0.6);
    sheet_line(sheet, middle + 20, y, sheet->width - style->margin, y, 0.6);
    y += style->leading;
    sheet_text(sheet, style->margin, y, style->font, style->size, STR("Signature, First Party"));
    sheet_text(sheet, middle + 20, y, style->font, style->size, STR("Signature, Second Party"));
}

void paper_write_contract(struct dice *d, struct paper *out) {
    struct paper_style style = paper_begin(d, out);
    struct sheet *sheet = &out->sheets[0];
    const struct contract_kind *kind = &kinds[dice_below(d, ARRAY_COUNT(kinds))];
    double y = style.margin + 16, bottom = sheet->height - style.margin;
    unsigned numbering = dice_below(d, 4);
    sheet_text_centred(sheet, sheet->width / 2, y, sheet_bold(style.font), dice_real(d, 13, 19),
                       str_from(kind->title));
    y = write_parties(d, sheet, &style, y + 34) + style.leading;
    y = write_clause(d, sheet, &style, y, 1, numbering, kind->subject);
    unsigned first = dice_below(d, ARRAY_COUNT(clauses));
    /* Room is kept for the longest clause (eight lines) and the signatures. */
    for (int number = 2, most = dice_between(d, 6, 12); number <= most && y < bottom - 14 * style.leading;
         number++)
        y = write_clause(d, sheet, &style, y, number, numbering,
                         clauses[(first + (unsigned)number * 5) % ARRAY_COUNT(clauses)]);
    write_signatures(d, sheet, &style, y);
}
