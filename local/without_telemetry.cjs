// Loaded before Azurite (`node --require`): its telemetry, which is off here anyway, would be loaded for half of its
// start and never used.
const Module = require("module");

const load = Module._load;
Module._load = function (request, ...rest) {
  return request === "applicationinsights" ? {} : load.call(this, request, ...rest);
};
