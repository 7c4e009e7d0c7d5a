// The official clients, pinned in package.json and installed by ./runtests (npm ci). Where they are not, the tests that
// need them are skipped by name.
export const judges = await Promise.all([import('openai'), import('@anthropic-ai/sdk'), import('ai'), import('@ai-sdk/openai'), import('@ai-sdk/anthropic')]).then(
  ([openai, anthropic, ai, aiOpenai, aiAnthropic]) => ({
    OpenAI: openai.default,
    Anthropic: anthropic.default,
    ...ai,
    createOpenAI: aiOpenai.createOpenAI,
    createAnthropic: aiAnthropic.createAnthropic,
  }),
  () => undefined,
);
export const skip = !judges && 'the official clients are not installed (npm ci in tests/e2e)';
// A scripted upstream that we did not write; needs Node 20.
export const aimock = await import('@copilotkit/aimock').catch(() => undefined);
export const skipAimock = (!aimock || !judges) && '@copilotkit/aimock is not installed, or this Node is too old for it';
