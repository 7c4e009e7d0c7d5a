#include "demo/papers.h"

#include "demo/phrase.h"
#include "demo/words.h"

struct topic {
    const char *subject, *body[3];
};

static const struct topic topics[] = {
    {"[Complaint about|Problem with] my {product}",
     {"I am writing to [express my disappointment with|complain about] the {product} which I bought from you "
      "on {date}. [It "
      "stopped working after [two|three] weeks.|It arrived with a broken part.|It is not what was "
      "described.]",
      "I have [called your office twice|written to {email}] and was promised [an answer|a replacement], but "
      "have heard "
      "nothing since.",
      "I would ask you to [refund the price of {amount}|send me a replacement] within [ten|fourteen] days."}},
    {"Application for the position of [accountant|store manager|engineer|receptionist]",
     {"With great interest I read your advertisement of {date}. I should like to apply for the position.",
      "For the past [four|six|nine] years I have worked at {company}, where I was responsible for [a team of "
      "five|the yearly "
      "accounts|our customers abroad]. I am [reliable|curious] and used to working [independently|with many "
      "colleagues].",
      "My references are enclosed. I would be glad to introduce myself in person [and can start on "
      "{date}|]."}},
    {"Reminder: invoice {number}",
     {"According to our records, our invoice {number} of {date} for {amount} has not been paid yet. [Perhaps "
      "it escaped your "
      "attention.|]",
      "We kindly ask you to settle the open amount by {date}. If you have already paid, please regard this "
      "letter as void.",
      "Should you have any questions about your account, our colleague {person} is happy to help at "
      "{phone}."}},
    {"[Your appointment|Appointment confirmation]",
     {"We confirm your appointment on {date} at [9.30|11.00|14.15]. Please [arrive ten minutes early|bring "
      "your insurance "
      "card].",
      "If you cannot come, let us know [at least a day before|in good time], so that we can offer the time "
      "to others.",
      "You will find us at {street}, [on the second floor|opposite the station|next to the library]."}},
    {"Thank you",
     {"On behalf of everyone at {company} I want to thank you for your [generous support|hospitality|help "
      "during the past "
      "months].",
      "It made [a real difference|it possible to open our new hall in {city}], and [the children|our "
      "members|the whole "
      "team] were delighted.",
      "We hope to [welcome you again|see you at our summer party] on {date}."}},
    {"[Notice of termination|Cancellation] of contract {number}",
     {"I hereby give notice of termination of the above contract [as of {date}|at the earliest possible "
      "date].",
      "Please confirm receipt of this letter and the date on which the contract ends [in writing|by e-mail "
      "to {email}].",
      "I also withdraw [the direct debit authorisation|my consent to advertising] [from the same date|]."}},
    {"[Change of address|We are moving]",
     {"Please note that our address changes on {date}. From then on you will find us at {street}, {city}.",
      "Our telephone number {phone} and all contacts [remain the same|stay as you know them].",
      "We look forward to [seeing you in our new rooms|continuing our good cooperation]."}},
    {"[Reference|Letter of recommendation] for {person}",
     {"I have known {first} for [three|seven] years as [a colleague|my student|a tenant], and am pleased to "
      "recommend "
      "[them|this person] without reservation.",
      "[Always punctual and courteous|Thorough, patient and quick to learn], {first} earned the respect of "
      "all who worked "
      "with [us|the department].",
      "For any further question I can be reached at {phone}."}},
};

static const char *const fillers[] = {
    "[Please find the relevant papers enclosed.|The enclosed copies will give you an overview.]",
    "I understand that [such things happen|you are very busy at this time of year], but [trust|hope] that we "
    "can find a "
    "solution that suits both of us.",
    "As you know, {person} and I spoke about this [last week|on {date}], and agreed to put it in writing.",
    "[May I also take the opportunity to ask|We would also like to know] whether the [meeting|delivery] on "
    "{date} takes "
    "place as planned.",
    "It has been [a long winter|quite a year], and [much|a lot] has changed since we met in {city}.",
};

static double write_opening(struct dice *d, struct sheet *sheet, const struct paper_style *style,
                            const struct topic *topic) {
    char name[WORDS_SIZE], date[WORDS_SIZE];
    double y = style->margin + style->size, right = sheet->width - style->margin;
    if (dice_chance(d, 50))
        words_person(d, name);
    else
        words_company(d, name);
    bool at_right = dice_chance(d, 40);
    y = paper_address(d, sheet, style, name, at_right ? right : style->margin, y, at_right) +
        dice_real(d, 12, 40);
    words_person(d, name);
    y = paper_address(d, sheet, style, name, style->margin, y, false) + dice_real(d, 8, 24);
    int day = words_day(d);
    words_date(day, (unsigned)dice_between(d, 2, DATE_STYLES - 1), date);
    if (dice_chance(d, 60))
        sheet_text_right(sheet, right, y, style->font, style->size, str_from(date));
    else
        sheet_text(sheet, style->margin, y, style->font, style->size, str_from(date));
    y += dice_real(d, 24, 48);
    if (dice_chance(d, 75)) {
        struct paper_style bold = *style;
        bold.font = sheet_bold(style->font);
        y = paper_phrase(d, sheet, &bold, NULL, y, topic->subject) + style->leading;
    }
    return y;
}

void paper_write_letter(struct dice *d, struct paper *out) {
    struct paper_style style = paper_begin(d, out);
    struct sheet *sheet = &out->sheets[0];
    const struct topic *topic = &topics[dice_below(d, ARRAY_COUNT(topics))];
    double y = write_opening(d, sheet, &style, topic), gap = style.leading * 0.7;
    y = paper_phrase(d, sheet, &style, NULL, y,
                     "Dear [Sir or Madam|Mr {surname}|Ms {surname}|{first}|Customer|colleagues],") +
        gap;
    for (size_t i = 0; i < ARRAY_COUNT(topic->body); i++) {
        y = paper_phrase(d, sheet, &style, NULL, y, topic->body[i]) + gap;
        if (dice_chance(d, 40))
            y = paper_phrase(d, sheet, &style, NULL, y, DICE_PICK(d, fillers)) + gap;
    }
    y = paper_phrase(d, sheet, &style, NULL, y + gap,
                     "[Yours sincerely,|Yours faithfully,|Kind regards,|With best wishes,|Best regards]");
    y += style.leading * dice_real(d, 1.5, 3.5);
    y = paper_phrase(d, sheet, &style, NULL, y, "{person}");
    if (dice_chance(d, 40))
        paper_phrase(d, sheet, &style, NULL, y,
                     "[Customer Service|Managing Director|Secretary|Head of Accounts]");
}
