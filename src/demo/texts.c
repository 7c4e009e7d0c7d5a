#include "demo/texts.h"

#include "base/check.h"
#include "demo/phrase.h"

#include <ctype.h>
#include <string.h>

const char *const text_intents[TEXT_INTENTS] = {"account_access",   "billing", "cancellation",   "delivery",
                                                "product_question", "refund",  "technical_fault"};

static const char *const account_access[] = {
    "I [can't|cannot|am not able to] [log in|sign in|get into my account] [since {month}|anymore|after the "
    "update|]",
    "[my|the] password [reset|recovery] [mail|link|e-mail] [never arrives|has expired|does not come]",
    "[the app|your site|it] says my [account|profile] is [locked|blocked|suspended] [after [three|too many] "
    "attempts|]",
    "[how do I|how can I|please help me to] change the [e-mail address|phone number|password] [of|for] my "
    "[account|login]",
    "I [lost|changed|sold] my phone and [now|] the [verification|two-factor|security] code [goes to the old "
    "one|does not reach me]",
    "it keeps telling me [wrong password|invalid credentials|user not found] [but I am sure it is "
    "right|although I just reset it]",
    "[somebody|someone] [else|] [seems to be using|got into] my account, [please lock it|I see orders that "
    "are not mine]",
    "[can you|please] [merge|join] my two accounts, [one|the first] is {email}",
    "I forgot [which e-mail I registered with|my user name|the answer to the security question]",
    "the [captcha|login page] [comes again and again|loops|rejects me every time]",
};
static const char *const billing[] = {
    "[why was I|I have been|I was] [charged|billed] {amount} [twice|two times|again|although I paid already] "
    "[in {month}|on {date}|]",
    "the [amount|total|tax] on [my|the] [invoice|bill] {number} [is wrong|does not match my order|should be "
    "{amount}]",
    "[please|could you|can you] send [me|us] [the|a copy of the|an] invoice for order {number} [to {email}|]",
    "[there is a charge|I see a payment|a debit] of {amount} on my [card|statement] that I [do not "
    "recognise|can't explain]",
    "[my|the] [card|payment] [was declined|is rejected] [but the money was taken|at checkout] [, {amount} is "
    "missing|]",
    "[can I|is it possible to|how do I] [pay by|switch to] [invoice|bank transfer|instalments|direct debit]",
    "the [discount|voucher|coupon] [code|] was not [applied|taken off] [on my bill|to the invoice]",
    "[our|my] [company address|VAT number|tax number] is missing on [the|] invoice {number}",
    "your [price|subscription fee] went up [to {amount}|] [without notice|and nobody told me]",
    "I need [a receipt|a proof of payment] for [my tax office|the accountant|{month}]",
};
static const char *const cancellation[] = {
    "[I want to|I would like to|please let me|how do I] [cancel|end|terminate|stop] my "
    "[subscription|membership|plan|contract] [by {date}|as of {month}|now|]",
    "[please|] cancel [my|the] order {number}[, I ordered it by mistake|, I found it cheaper|, it is not "
    "needed anymore|]",
    "[I do not|we don't] want to [renew|continue] [after the trial|next year|in {month}]",
    "[delete|close] my account [and all my data|completely|for good][, please|]",
    "[this is my|I hereby give] notice [of termination|] for contract {number} [, please confirm|]",
    "where is the [button|option] to [unsubscribe|stop the membership|leave]",
    "[is there|do I have to pay] a [fee|penalty] [if I cancel early|for leaving before {month}]",
    "[I ordered|we bought] the [wrong|same] {product} [twice|], please [stop|call back] the order [before it "
    "ships|]",
    "[take me off|remove me from] the [premium plan|monthly box], [it is too expensive|I never use it]",
};
static const char *const delivery[] = {
    "where is my [order|parcel|package|{product}] [{number}|] [, it should have been here on {date}|, I am "
    "still waiting|]",
    "[the tracking|your tracking page|the status] [has not changed|shows nothing|says in transit] [since "
    "{date}|for [five|eight] days]",
    "[the courier|the driver|your delivery service] [left|put] [it|the parcel] [at the wrong address|in the "
    "rain|with a neighbour I don't know]",
    "[when will|how long until|what day does] [it|my {product}|order {number}] [arrive|be delivered|get "
    "here]",
    "can [I|you] change the [delivery address|shipping address|delivery day] [of order {number}|to "
    "{street}|]",
    "the [box|package|parcel] [was empty|arrived open|came damaged|is missing the {product}]",
    "[it says|the app says] delivered but [there is nothing here|I got nothing|nobody rang]",
    "do you [ship|deliver] to {city} [and what does it cost|on saturdays|]",
    "I received [somebody else's order|the wrong item|only half of the order]",
    "[customs|the pick-up point] [holds|sent back] my parcel [and asks for {amount}|]",
};
static const char *const product_question[] = {
    "[does|will] the {product} [work with|fit|go together with] [my|the] [old|] {product}",
    "[what is|could you tell me] the [size|weight|battery life|colour|power] of the {product}",
    "[is|when will] the {product} [be|] [available|in stock|back] [in blue|in size [M|42]|again|]",
    "[which|what] {product} [do you recommend|is better|is right] for [a flat|beginners|children|travel]",
    "[how long is|what about] the [warranty|guarantee] [on|for] [the|your] {product}",
    "[is there|do you have] a [manual|data sheet|size chart] for the {product}",
    "[can I|is it possible to] use the {product} [outdoors|with 110 volts|without the app|under water]",
    "what is the difference between the [two|new and the old] {product} [models|]",
    "do you also sell [spare parts|filters|accessories] for the {product}",
    "[is|are] the {product} [vegan|recyclable|made in Europe|safe for babies]",
};
static const char *const refund[] = {
    "[I want|I would like|please give me] my money back for [the {product}|order {number}|the broken "
    "{product}]",
    "[I returned|we sent back] the {product} [on {date}|weeks ago] [and|but] [still no refund|have not got "
    "the {amount} yet]",
    "[how|where] do I [return|send back] [the|a] {product} [that does not fit|I do not like|]",
    "[when|how soon] [will|do] I get [my|the] {amount} [back|refunded] [to my card|]",
    "you [only refunded|paid back] {amount} [instead of the full price|, the shipping is missing]",
    "[the {product} is not as described|wrong colour|it broke after a week], [I want a refund|please take it "
    "back|what about my money]",
    "[can I|is it possible to] [exchange|swap] the {product} [for another one|for a bigger size] [or get my "
    "money back|]",
    "[please send|I need] a return [label|slip] for [order {number}|the {product}]",
    "[my|the] refund went to [the wrong card|an account that is closed|my old bank]",
};
static const char *const technical_fault[] = {
    "[the|my] {product} [does not turn on|is dead|stopped working|makes a strange noise] [since {date}|after "
    "two days|anymore|]",
    "[your|the] [app|website|shop page] [crashes|freezes|shows error {number}|is very slow] [when I open "
    "it|at checkout|all the time|]",
    "[the|my] {product} [loses the connection|will not pair|does not connect] [with my phone|to the "
    "wifi|every few minutes]",
    "after the [update|new firmware] the {product} [is broken|restarts by itself|does nothing]",
    "[the battery|the screen|a button] of [my|the] {product} [is broken|gets hot|flickers|does not react]",
    "[error|message] {number} [comes up|appears] [on the {product}|when I try to pay|in the app], what [is "
    "that|does it mean]",
    "[I cannot|it is not possible to] [install|update|download] [the app|the driver|the software] [for the "
    "{product}|]",
    "[pages|pictures] [do not load|stay white] [in firefox|on my tablet|since {month}]",
    "[the|my] {product} [smells burnt|leaks|sparks], [is that dangerous|what should I do]",
    "[can someone|please] [repair|fix|look at] my {product}, [it is still under warranty|it just stopped]",
};

static const struct {
    const char *const *patterns;
    size_t count;
} intents[TEXT_INTENTS] = {
    {account_access, ARRAY_COUNT(account_access)},     {billing, ARRAY_COUNT(billing)},
    {cancellation, ARRAY_COUNT(cancellation)},         {delivery, ARRAY_COUNT(delivery)},
    {product_question, ARRAY_COUNT(product_question)}, {refund, ARRAY_COUNT(refund)},
    {technical_fault, ARRAY_COUNT(technical_fault)},
};

static void write_wish(struct dice *d, unsigned intent, struct buf *out) {
    phrase_write(out, d, NULL, dice_pick(d, intents[intent].patterns, intents[intent].count));
}

/* A slip of the fingers at one letter: two swapped, one lost, one twice. */
static void slip(struct dice *d, struct buf *text) {
    size_t at = dice_below(d, (unsigned)text->n - 1);
    char *p = text->p;
    if (!isalpha((unsigned char)p[at]) || !isalpha((unsigned char)p[at + 1]))
        return;
    switch (dice_below(d, 3)) {
    case 0: {
        char kept = p[at];
        p[at] = p[at + 1];
        p[at + 1] = kept;
        break;
    }
    case 1:
        memmove(p + at, p + at + 1, text->n - at - 1);
        text->n--;
        break;
    default: p[at + 1] = p[at];
    }
}

/* Patterns leave gaps where an alternative was empty: one space between words, none before a comma. */
static void close_gaps(struct buf *text) {
    size_t to = 0;
    for (size_t from = 0; from < text->n; from++) {
        char c = text->p[from];
        if ((c == ' ' || c == ',' || c == '.') && to > 0 && text->p[to - 1] == ' ')
            to--;
        if (c != ' ' || to > 0)
            text->p[to++] = c;
    }
    while (to > 0 && text->p[to - 1] == ' ')
        to--;
    text->n = to;
}

static void set_case(struct dice *d, struct buf *text) {
    bool lower = dice_chance(d, 35), upper = dice_chance(d, 3);
    for (size_t i = 0; i < text->n; i++)
        if (lower)
            text->p[i] = (char)tolower((unsigned char)text->p[i]);
        else if (upper || i == 0)
            text->p[i] = (char)toupper((unsigned char)text->p[i]);
}

void text_write(struct dice *d, unsigned intent, struct buf *out) {
    AUTO_BUF text = BUF_INIT(4096);
    CHECK(intent < TEXT_INTENTS);
    phrase_write(
        &text, d, NULL,
        "[||||hi, |hello, |Hello team, |hey |good morning, |Dear support, |quick question: |urgent!! ]");
    write_wish(d, intent, &text);
    if (dice_chance(d, 12)) {
        /* Somebody with two wishes; the first is the one that counts. */
        phrase_write(&text, d, NULL, "[. also |, and besides |. by the way, ]");
        write_wish(d, dice_below(d, TEXT_INTENTS), &text);
    }
    phrase_write(
        &text, d, NULL,
        "[|.|.|?|!|...|. thanks|. Thank you!|. Regards, {first}|. please help|. this is really annoying|. "
        "order {number}|. I am a customer since years|. waiting for your answer]");
    close_gaps(&text);
    if (dice_chance(d, 45))
        for (int slips = dice_between(d, 1, 4); slips > 0; slips--)
            slip(d, &text);
    set_case(d, &text);
    buf_add_str(out, buf_str(&text));
    if (text.failed)
        out->failed = true;
}
