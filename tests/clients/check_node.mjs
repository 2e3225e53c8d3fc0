// The official OpenAI, Anthropic and Ollama clients for Node, and Vercel's AI SDK.
// Arguments: base, then "model skip,skip" pairs; prints a JSON line a case.

import { createRequire } from "node:module";
import assert from "node:assert/strict";

const [place, base, ...models] = process.argv.slice(2);
const require = createRequire(`${place}/node/package.json`);
const load = async (name) => import(require.resolve(name));
const { default: OpenAI, RateLimitError, NotFoundError } = await load("openai");
const { Ollama } = await load("ollama");
const { default: Anthropic, RateLimitError: TooMany, NotFoundError: NotThere } = await load("@anthropic-ai/sdk");
// Standard output is for results alone.
globalThis.AI_SDK_LOG_WARNINGS = false;
const ai = await load("ai");
const { createOpenAI } = await load("@ai-sdk/openai");
const { createOpenAICompatible } = await load("@ai-sdk/openai-compatible");
const { createAnthropic } = await load("@ai-sdk/anthropic");

const ASK = "Zażółć the weather in Paris?";
const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = ["weather", "clock"].map((name) => ({ type: "function", function: { name, description: name, parameters } }));
const messages = [{ role: "user", content: ASK }];
const openai = new OpenAI({ baseURL: `${base}/v1`, apiKey: "none", maxRetries: 0, timeout: 20000 });
const ollama = new Ollama({ host: base });
const anthropic = new Anthropic({ baseURL: base, apiKey: "none", maxRetries: 0, timeout: 20000 });
const blocks = tools.map(({ function: f }) => ({ name: f.name, description: f.description, input_schema: f.parameters }));
const ask = (model, content = ASK) => ({ model, max_tokens: 500, messages: [{ role: "user", content }] });

const limited = (model) => (model === "m-direct" ? `${model}[[mock error=rate-limit]]` : `${model}-429`);
const gather = async (stream) => {
  const all = [];
  for await (const item of stream) all.push(item);
  return all;
};

const cases = {
  "openai-node": {
    chat: async (model) => {
      const answer = await openai.chat.completions.create({ model, messages });
      assert.equal(answer.choices[0].message.content, `You said: ${ASK}`);
      assert.ok(answer.usage.total_tokens > 0);
    },
    stream: async (model) => {
      const chunks = await gather(await openai.chat.completions.create({ model, messages, stream: true }));
      assert.equal(chunks.map((c) => c.choices[0]?.delta.content ?? "").join(""), `You said: ${ASK}`);
      assert.deepEqual(chunks.flatMap((c) => c.choices[0]?.finish_reason ?? []), ["stop"]);
    },
    tools: async (model) => {
      const answer = await openai.chat.completions.create({ model, messages, tools });
      const calls = answer.choices[0].message.tool_calls;
      assert.deepEqual(calls.map((c) => c.function.name), ["weather", "clock"]);
      const results = calls.map((c) => ({ role: "tool", tool_call_id: c.id, content: "ok" }));
      const turns = [...messages, answer.choices[0].message, ...results];
      const second = await openai.chat.completions.create({ model, messages: turns, tools });
      assert.equal(second.choices[0].message.content, "The tool said: ok and ok");
    },
    "stream tools": async (model) => {
      const final = await openai.chat.completions.stream({ model, messages, tools }).finalMessage();
      assert.deepEqual(final.tool_calls.map((c) => JSON.parse(c.function.arguments)), [{ city: "Paris" }, { city: "Paris" }]);
    },
    image: async (model) => {
      const content = [{ type: "text", text: "look" }, { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } }];
      const answer = await openai.chat.completions.create({ model, messages: [{ role: "user", content }] });
      assert.equal(answer.choices[0].message.content, "I see 1 image. You said: look");
    },
    responses: async (model) => {
      const answer = await openai.responses.create({ model, input: ASK });
      assert.equal(answer.output_text, `You said: ${ASK}`);
      const events = await gather(await openai.responses.create({ model, input: ASK, stream: true }));
      assert.equal(events.at(-1).type, "response.completed");
    },
    embeddings: async (model) => {
      const answer = await openai.embeddings.create({ model, input: ["a", "b"] });
      assert.equal(answer.data.length, 2);
      assert.notDeepEqual(answer.data[0].embedding, answer.data[1].embedding);
    },
    models: async (model) => {
      assert.ok((await gather(await openai.models.list())).some((m) => m.id === model));
    },
    errors: async (model) => {
      await assert.rejects(openai.chat.completions.create({ model: limited(model), messages }), RateLimitError);
      await assert.rejects(openai.chat.completions.create({ model: "no-such-model", messages }), NotFoundError);
    },
  },
  "anthropic-node": {
    message: async (model) => {
      const answer = await anthropic.messages.create(ask(model));
      assert.equal(answer.content[0].text, `You said: ${ASK}`);
      assert.ok(answer._request_id, "the request has a name");
    },
    stream: async (model) => {
      assert.equal(await anthropic.messages.stream(ask(model)).finalText(), `You said: ${ASK}`);
    },
    "stream tools": async (model) => {
      const first = await anthropic.messages.stream({ ...ask(model), tools: blocks }).finalMessage();
      const calls = first.content.filter((block) => block.type === "tool_use");
      assert.deepEqual(calls.map((c) => [c.name, c.input]), [["weather", { city: "Paris" }], ["clock", { city: "Paris" }]]);
      const results = calls.map((c) => ({ type: "tool_result", tool_use_id: c.id, content: "ok" }));
      const turns = [...messages, { role: "assistant", content: first.content }, { role: "user", content: results }];
      const second = await anthropic.messages.create({ ...ask(model), tools: blocks, messages: turns });
      assert.equal(second.content[0].text, "The tool said: ok and ok");
    },
    image: async (model) => {
      const image = { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } };
      const answer = await anthropic.messages.create(ask(model, [image, { type: "text", text: "look" }]));
      assert.equal(answer.content[0].text, "I see 1 image. You said: look");
    },
    models: async (model) => {
      assert.ok((await anthropic.messages.countTokens({ model, messages })).input_tokens > 0);
      if (model !== "m-direct") assert.ok((await gather(anthropic.models.list({ limit: 3 }))).some((m) => m.id === model));
    },
    errors: async (model) => {
      await assert.rejects(anthropic.messages.create(ask(limited(model))), (e) => e instanceof TooMany && Boolean(e.requestID));
      await assert.rejects(anthropic.messages.create(ask("no-such-model")), NotThere);
    },
  },
  "ollama-node": {
    chat: async (model) => {
      const answer = await ollama.chat({ model, messages });
      assert.equal(answer.message.content, `You said: ${ASK}`);
      assert.ok(answer.created_at instanceof Date || !Number.isNaN(Date.parse(answer.created_at)));
    },
    stream: async (model) => {
      const lines = await gather(await ollama.chat({ model, messages, stream: true }));
      assert.equal(lines.map((l) => l.message.content).join(""), `You said: ${ASK}`);
      assert.ok(lines.at(-1).done);
    },
    tools: async (model) => {
      const answer = await ollama.chat({ model, messages, tools });
      assert.deepEqual(answer.message.tool_calls.map((c) => c.function.arguments), [{ city: "Paris" }, { city: "Paris" }]);
    },
    "stream tools": async (model) => {
      const lines = await gather(await ollama.chat({ model, messages, tools, stream: true }));
      assert.deepEqual(lines.flatMap((l) => l.message.tool_calls ?? []).map((c) => c.function.name), ["weather", "clock"]);
    },
    image: async (model) => {
      const answer = await ollama.chat({ model, messages: [{ role: "user", content: "look", images: [PNG] }] });
      assert.equal(answer.message.content, "I see 1 image. You said: look");
    },
    embeddings: async (model) => {
      const answer = await ollama.embed({ model, input: ["a", "b"] });
      assert.equal(answer.embeddings.length, 2);
    },
    models: async (model) => {
      const names = (await ollama.list()).models.map((m) => m.model);
      assert.ok(names.some((name) => name === model || name === `${model}:latest`), `${model} is not in ${names}`);
    },
    errors: async (model) => {
      await assert.rejects(ollama.chat({ model: limited(model), messages }), (error) => error.status_code === 429);
    },
  },
};

const speakers = {
  "ai-sdk openai": (model) => createOpenAI({ baseURL: `${base}/v1`, apiKey: "none" }).chat(model),
  "ai-sdk responses": (model) => createOpenAI({ baseURL: `${base}/v1`, apiKey: "none" }).responses(model),
  "ai-sdk compatible": (model) => createOpenAICompatible({ name: "any", baseURL: `${base}/v1`, supportsStructuredOutputs: true })(model),
  "ai-sdk anthropic": (model) => createAnthropic({ baseURL: `${base}/v1`, apiKey: "none" })(model),
};
const weather = ai.tool({
  description: "The weather.",
  inputSchema: ai.jsonSchema(parameters),
  execute: async ({ city }) => `sunny in ${city}`,
});
for (const [client, speak] of Object.entries(speakers)) {
  const turn = (model) => ({ model: speak(model), prompt: ASK, maxRetries: 0, onError() {} });
  const loop = { tools: { weather }, stopWhen: ai.stepCountIs(3) };
  cases[client] = {
    text: async (model) => {
      const answer = await ai.generateText(turn(model));
      assert.equal(answer.text, `You said: ${ASK}`);
      assert.ok(answer.usage.outputTokens > 0);
      assert.equal((await gather(ai.streamText(turn(model)).textStream)).join(""), `You said: ${ASK}`);
    },
    tools: async (model) => {
      assert.equal((await ai.generateText({ ...turn(model), ...loop })).text, "The tool said: sunny in Paris");
      const pieces = await gather(ai.streamText({ ...turn(model), ...loop }).textStream);
      assert.equal(pieces.join(""), "The tool said: sunny in Paris");
    },
    object: async (model) => {
      const schema = ai.jsonSchema({ ...parameters, additionalProperties: false });
      const answer = await ai.generateObject({ ...turn(model), schema });
      assert.equal(typeof answer.object.city, "string");
    },
    errors: async (model) => {
      const refused = (error) => error.statusCode === 429 && error.isRetryable;
      await assert.rejects(ai.generateText(turn(limited(model))), refused);
    },
  };
}

const all = async (pair) => {
  const [model, kind] = pair.split("=");
  for (const [client, named] of Object.entries(cases)) {
    for (const [name, run] of Object.entries(named)) {
      if (kind === "anthropic" && name === "embeddings") continue;
      let failure = null;
      try {
        await run(model);
      } catch (error) {
        failure = String(error?.message ?? error).slice(0, 400);
      }
      console.log(JSON.stringify({ client, name, kind, failure }));
    }
  }
};
await Promise.all(models.map(all));
