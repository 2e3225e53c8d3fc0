"""The official Ollama client: chat, generate, embed, tags, show, ps, errors."""

import ollama

from cases import ASK, CITY, PNG, broken, case, equal, holds, parsed, raises

TOOLS = [{"type": "function", "function": {"name": name, "description": f"The {name}.", "parameters": CITY}}
         for name in ("weather", "clock")]


def client(base):
    return ollama.Client(host=base, timeout=20)


def user(content=ASK, **more):
    return [{"role": "user", "content": content, **more}]


@case("ollama", "chat")
def chat(base, model):
    answer = client(base).chat(model=model, messages=[{"role": "system", "content": "Be kind."}, *user()])
    equal(answer.message.content, f"You said: {ASK}", "content")
    equal((answer.message.role, answer.done, answer.done_reason), ("assistant", True, "stop"))
    holds(answer.eval_count > 0 and answer.prompt_eval_count > 0, f"counts: {answer}")


@case("ollama", "stream")
def stream(base, model):
    lines = list(client(base).chat(model=model, messages=user(), stream=True))
    equal("".join(line.message.content or "" for line in lines), f"You said: {ASK}", "content")
    equal([line.done for line in lines if line.done], [True], "done")
    holds(lines[-1].done and lines[-1].eval_count > 0, f"the last line: {lines[-1]}")
    equal({line.model for line in lines}, {lines[0].model}, "model")
    holds(len(lines) > 4, f"only {len(lines)} lines: not streamed")


@case("ollama", "tools")
def tools(base, model):
    answer = client(base).chat(model=model, messages=user(), tools=TOOLS)
    calls = [(c.function.name, c.function.arguments) for c in answer.message.tool_calls]
    equal(calls, [("weather", {"city": "Paris"}), ("clock", {"city": "Paris"})], "calls")
    results = [{"role": "tool", "tool_name": name, "content": f"{name} ok"} for name, _ in calls]
    answer = client(base).chat(model=model, messages=[*user(), answer.message, *results], tools=TOOLS)
    equal(answer.message.content, "The tool said: weather ok and clock ok", "answer to the results")


@case("ollama", "stream tools")
def stream_tools(base, model):
    lines = list(client(base).chat(model=model, messages=user(), tools=TOOLS, stream=True))
    calls = [(c.function.name, c.function.arguments) for line in lines for c in line.message.tool_calls or []]
    equal(calls, [("weather", {"city": "Paris"}), ("clock", {"city": "Paris"})], "calls")
    holds(lines[-1].done, "the end is told")


@case("ollama", "image")
def image(base, model):
    answer = client(base).chat(model=model, messages=user("look", images=[PNG]))
    equal(answer.message.content, "I see 1 image. You said: look", "content")


@case("ollama", "format")
def form(base, model):
    schema = {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}
    answer = client(base).chat(model=model, messages=user("I am Ann"), format=schema)
    equal(parsed(answer.message.content), {"name": "Ann", "age": 42}, "content")


@case("ollama", "thinking")
def thinking(base, model):
    answer = client(base).chat(model=model, messages=user(), think="medium")
    equal(answer.message.thinking, "Let me think about this.", "thinking")
    equal(answer.message.content, f"You said: {ASK}", "content")
    lines = list(client(base).chat(model=model, messages=user(), think="medium", stream=True))
    equal("".join(line.message.thinking or "" for line in lines), "Let me think about this.", "streamed")


# OpenAI's chat has levels of effort and no plain switch: the router says that it dropped this one.
@case("ollama", "thinking on", skip=("openai", "lmstudio"))
def thinking_on(base, model):
    answer = client(base).chat(model=model, messages=user(), think=True)
    equal(answer.message.thinking, "Let me think about this.", "thinking")


@case("ollama", "options")
def options(base, model):
    answer = client(base).chat(model=model, messages=user("a b c d"), options={"num_predict": 3, "top_k": 5, "num_ctx": 2048})
    equal((answer.done_reason, answer.message.content), ("length", "You said: a"))


@case("ollama", "generate")
def generate(base, model):
    answer = client(base).generate(model=model, prompt=ASK, system="Be kind.")
    equal(answer.response, f"You said: {ASK}", "response")
    holds(answer.done and answer.eval_count > 0, f"{answer}")
    lines = list(client(base).generate(model=model, prompt=ASK, stream=True))
    equal("".join(line.response or "" for line in lines), f"You said: {ASK}", "streamed")


@case("ollama", "embed", skip=("anthropic",))
def embed(base, model):
    vectors = client(base).embed(model=model, input=["a", "b", "a"]).embeddings
    holds(len(vectors) == 3 and vectors[0] == vectors[2] != vectors[1], "vectors depend on their texts")
    vector = client(base).embeddings(model=model, prompt="a").embedding
    holds(all(abs(a - b) < 1e-5 for a, b in zip(vector, vectors[0], strict=True)), "both surfaces agree")


@case("ollama", "tells")
def tells(base, model):
    names = [m.model for m in client(base).list().models]
    holds(any(name in (model, f"{model}:latest") for name in names), f"{model} is not in {names}")
    # Ollama's own program shows twelve digits of it.
    holds(all(len(m.digest) >= 12 for m in client(base).list().models), "digests")
    holds(client(base).show(model).capabilities, "capabilities")
    client(base).ps()
    # Older clients name the model so.
    holds(client(base)._request_raw("POST", "/api/show", json={"name": model}).json()["capabilities"], "by its older name")
    if "direct" not in model:
        equal(client(base).chat(model=f"{model}:latest", messages=user()).message.content, f"You said: {ASK}", "with a tag")


@case("ollama", "load and unload")
def load_and_unload(base, model):
    api = client(base)
    equal(api.generate(model=model, keep_alive="5m").done_reason, "load", "without a prompt")
    # The client sends this zero as 0.0.
    equal(api.generate(model=model, keep_alive=0).done_reason, "unload", "for no time")
    equal(api.chat(model=model, messages=[], keep_alive=0).done_reason, "unload", "a chat for no time")


# Models are the providers' own business.
@case("ollama", "management", skip=("direct",))
def management(base, model):
    api = client(base)
    calls = [lambda: api.pull("x"), lambda: list(api.push("x", stream=True)), lambda: api.create("x", from_="y"),
             lambda: api.delete("x"), lambda: api.copy("x", "y")]
    for call in calls:
        holds("managed on the providers" in raises(ollama.ResponseError, call, 501).error, "the reason")


@case("ollama", "errors")
def errors(base, model):
    api = client(base)
    error = raises(ollama.ResponseError, lambda: api.chat(model=broken(model, "-429"), messages=user()), 429)
    holds("Rate limit" in error.error, f"the provider's words: {error.error}")
    raises(ollama.ResponseError, lambda: api.chat(model=broken(model, "-context"), messages=user()), 400)
    raises(ollama.ResponseError, lambda: list(api.chat(model=broken(model, "-429"), messages=user(), stream=True)), 429)
    raises(ollama.ResponseError, lambda: api.chat(model="no-such-model", messages=user()), 404)
