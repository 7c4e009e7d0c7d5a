// The official clients, pinned in package.json and installed by ./runtests (npm ci). Where they are not, the tests that
// need them are skipped by name.
export const judges = await Promise.all([import('openai'), import('@anthropic-ai/sdk'), import('ai'), import('@ai-sdk/openai')]).then(
  ([openai, anthropic, ai, aiOpenai]) => ({ OpenAI: openai.default, Anthropic: anthropic.default, ...ai, createOpenAI: aiOpenai.createOpenAI }),
  () => undefined,
);
export const skip = !judges && 'the official clients are not installed (npm ci in tests/e2e)';
