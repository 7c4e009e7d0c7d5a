// What each stage of a pipeline is there for (docs/architecture.md).
export const meanings = {
  authenticate: 'whose key is it?', limit: 'its rate; room to record?', receive: 'waits for the body', validate: 'text, file or features?',
  address: 'which endpoint is named?', split: 'which version answers', features: 'against the version’s schema', scan: 'malware',
  cache: 'the same input before?', extract: 'the text of a PDF, the look of a page', look: 'do the looks alone decide?', read: 'optical recognition',
  infer: 'the model', decide: 'confidence and rules', record: 'written down', reply: 'formatted', recollect: 'the conversation so far',
  shape: 'how the answer is looked at', reserve: 'the most that it can cost', fit: 'the model’s window', route: 'which model first',
  recall: 'answered before?', call: 'the model is asked', keep: 'kept for the next turn', prompt: 'the template is filled', guard: 'personal data, injection',
};
