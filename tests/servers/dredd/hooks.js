// Puts what this server really has in the place of the document's examples: its tokens, and the id of a channel.
const hooks = require("hooks");

const REAL = {
  "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b": process.env.TOKEN_WITH_CREDITS,
  "90f31a4946ba3dd8ce444c24f63720dab7324299": process.env.TOKEN_WITHOUT_CREDITS,
  "d15ea3bc-c59a-49da-a6d2-f5e66fd44b71": process.env.CHANNEL,
};

function real(text) {
  return Object.keys(REAL).reduce((changed, example) => changed.replaceAll(example, REAL[example]), text);
}

hooks.beforeEach((transaction, done) => {
  const headers = transaction.request.headers;
  for (const name of Object.keys(headers)) headers[name] = real(headers[name]);
  transaction.fullPath = real(transaction.fullPath);
  done();
});
