// Loaded before Azurite (`node --require`), for two things that it has no options for.
const Module = require("module");

const FREE_SPACE_EVERY_MS = 10 * 60 * 1000;

const load = Module._load;
Module._load = function (request, ...rest) {
  // Its telemetry, which is off here anyway, would be loaded for half of its start and never used.
  if (request === "applicationinsights") return {};
  const found = load.call(this, request, ...rest);
  // Every minute it looks for messages whose space it can free, and answers nobody meanwhile: with some thousand
  // messages for five seconds and more. It does so with blobs every ten minutes.
  if (request.endsWith("utils/constants") && found.DEFAULT_GC_INTERVAL_MS) found.DEFAULT_GC_INTERVAL_MS = FREE_SPACE_EVERY_MS;
  return found;
};
