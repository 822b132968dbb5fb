// Drives Microsoft's client for JavaScript (@azure/ai-language-text) against the stand-in and prints what its user sees.
// Called by test_javascript_client.py: node client.mjs '{"plain": "http://…", …}' (addresses by name of the service).
import { AzureKeyCredential, TextAnalysisClient } from "@azure/ai-language-text";

const { addresses, letter, prefixed, notes, message } = JSON.parse(process.argv[2]);
const AT_ONCE = { updateIntervalInMs: 5 };

function connect(name, { key = "local", apiVersion } = {}) {
  return new TextAnalysisClient(addresses[name], new AzureKeyCredential(key), {
    allowInsecureConnection: true,
    retryOptions: { maxRetries: 0 },
    ...(apiVersion ? { apiVersion } : {}),
  });
}

const entities = (projectName = "loans", more = {}) => ({
  kind: "CustomEntityRecognition",
  projectName,
  deploymentName: "production",
  ...more,
});
const single = { kind: "CustomSingleLabelClassification", projectName: "notes", deploymentName: "production" };
const multi = { kind: "CustomMultiLabelClassification", projectName: "tags", deploymentName: "production" };

async function run(client, actions, documents, options = {}) {
  const poller = await client.beginAnalyzeBatch(actions, documents, "en", { ...AT_ONCE, ...options });
  const results = await poller.pollUntilDone();
  const found = [];
  for await (const one of results) found.push(one);
  const { status, displayName, createdOn, modifiedOn, expiresOn, actionSucceededCount, actionFailedCount } =
    poller.getOperationState();
  return {
    found,
    state: { status, displayName, createdOn, modifiedOn, expiresOn, actionSucceededCount, actionFailedCount },
  };
}

async function refused(action) {
  try {
    await action();
    return null;
  } catch (error) {
    return { name: error.name, status: error.statusCode, code: error.code, message: error.message };
  }
}

const plain = connect("plain");
const texts = (count) => Array.from({ length: count }, (_, n) => `${n}. ${letter}`);

async function pages() {
  const poller = await plain.beginAnalyzeBatch([entities()], texts(25), "en", AT_ONCE);
  const sizes = [];
  for await (const page of (await poller.pollUntilDone()).byPage()) {
    sizes.push(page.map((action) => action.results.map((result) => result.id)));
  }
  return sizes;
}

async function cancelled() {
  const poller = await connect("slow").beginAnalyzeBatch([entities(), single], [letter], "en", AT_ONCE);
  await poller.sendCancellationRequest();
  const error = await refused(() => poller.pollUntilDone());
  return { error, status: poller.getOperationState().status };
}

async function cancelledTooLate() {
  const poller = await plain.beginAnalyzeBatch([entities()], [letter], "en", AT_ONCE);
  await poller.pollUntilDone();
  return refused(() => poller.sendCancellationRequest());
}

const one = (client, actions = [entities()], documents = [letter]) => refused(() => run(client, actions, documents));

const seen = {
  entities: await run(plain, [entities()], [prefixed], { displayName: "batch-7" }),
  codePoints: await run(plain, [entities("loans", { stringIndexType: "UnicodeCodePoint" })], [prefixed]),
  utf16: await run(plain, [entities("loans", { stringIndexType: "Utf16CodeUnit" })], [prefixed]),
  version2022: await run(connect("plain", { apiVersion: "2022-05-01" }), [entities()], [letter]),
  several: await run(plain, [entities(), single, multi, entities()], [letter, ...notes]),
  prebuilt: await run(
    plain,
    [
      { kind: "EntityRecognition" },
      { kind: "PiiEntityRecognition", domainFilter: "phi", categoriesFilter: ["Person", "Email"] },
      { kind: "Healthcare" },
      { kind: "KeyPhraseExtraction" },
    ],
    [message],
  ),
  statistics: await run(plain, [entities()], [letter, "x".repeat(1500)], { includeStatistics: true }),
  documentErrors: await run(plain, [entities()], [
    { id: "1", text: letter, language: "en" },
    { id: "2", text: "", language: "en" },
    { id: "3", text: letter, language: "tlh" },
  ]),
  pages: await pages(),
  cancelled: await cancelled(),
  cancelledTooLate: await cancelledTooLate(),
  tooMany: await one(plain, [entities()], texts(26)),
  allEmpty: await one(plain, [entities()], [""]),
  duplicates: await one(plain, [entities()], [
    { id: "1", text: "a", language: "en" },
    { id: "1", text: "b", language: "en" },
  ]),
  tooLarge: await one(plain, [entities()], ["x".repeat(125001)]),
  badParameter: await one(plain, [entities("loans", { stringIndexType: "Bytes" })]),
  wrongKey: await one(connect("plain", { key: "wrong" })),
  unknownProject: await one(plain, [entities("other")]),
  quota: await one(connect("quota-403")),
  throttled: await one(connect("throttle-429-bare")),
  serverFault: await one(connect("error-500")),
  cut: await one(connect("cut-before")),
  failed: await one(connect("failed")),
  vanished: await one(connect("vanished")),
};
console.log(JSON.stringify(seen));
