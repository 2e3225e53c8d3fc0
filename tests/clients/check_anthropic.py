"""The official Anthropic client: messages, streams, tools, thinking, counting, models, errors."""

import anthropic

from cases import ASK, CITY, PNG, broken, case, equal, holds, raises

TOOLS = [{"name": name, "description": f"The {name}.", "input_schema": CITY} for name in ("weather", "clock")]


def client(base):
    return anthropic.Anthropic(base_url=base, api_key="none", max_retries=0, timeout=20)


def ask(content=ASK):
    return {"max_tokens": 500, "messages": [{"role": "user", "content": content}]}


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


@case("anthropic", "message")
def message(base, model):
    answer = client(base).messages.create(model=model, system="Be kind.", **ask())
    equal(text_of(answer), f"You said: {ASK}", "text")
    equal((answer.type, answer.role, answer.stop_reason), ("message", "assistant", "end_turn"))
    holds(answer.usage.input_tokens > 0 and answer.usage.output_tokens > 0, f"usage: {answer.usage}")


@case("anthropic", "stream")
def stream(base, model):
    with client(base).messages.stream(model=model, **ask()) as events:
        pieces = list(events.text_stream)
        final = events.get_final_message()
    equal("".join(pieces), f"You said: {ASK}", "text")
    holds(len(pieces) > 3, f"only {len(pieces)} pieces: not streamed")
    equal((text_of(final), final.stop_reason), ("".join(pieces), "end_turn"))
    holds(final.usage.output_tokens > 1, f"usage: {final.usage}")


@case("anthropic", "events")
def events(base, model):
    kinds = [event.type for event in client(base).messages.create(model=model, stream=True, **ask())]
    kinds = [kind for kind in kinds if kind != "ping"]
    equal(kinds[:2], ["message_start", "content_block_start"], "opening")
    equal(kinds[-3:], ["content_block_stop", "message_delta", "message_stop"], "ending")


@case("anthropic", "tools")
def tools(base, model):
    answer = client(base).messages.create(model=model, tools=TOOLS, **ask())
    calls = [block for block in answer.content if block.type == "tool_use"]
    equal(answer.stop_reason, "tool_use", "stop reason")
    equal([(c.name, c.input) for c in calls], [("weather", {"city": "Paris"}), ("clock", {"city": "Paris"})])
    results = [{"type": "tool_result", "tool_use_id": c.id, "content": f"{c.name} ok"} for c in calls]
    turns = [*ask()["messages"], {"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
    answer = client(base).messages.create(model=model, max_tokens=500, tools=TOOLS, messages=turns)
    equal(text_of(answer), "The tool said: weather ok and clock ok", "answer to the results")


@case("anthropic", "stream tools")
def stream_tools(base, model):
    with client(base).messages.stream(model=model, tools=TOOLS, **ask()) as events:
        final = events.get_final_message()
    calls = [block for block in final.content if block.type == "tool_use"]
    equal([(c.name, c.input) for c in calls], [("weather", {"city": "Paris"}), ("clock", {"city": "Paris"})])
    equal(final.stop_reason, "tool_use", "stop reason")


@case("anthropic", "image")
def image(base, model):
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    answer = client(base).messages.create(model=model, **ask([{"type": "image", "source": source}, {"type": "text", "text": "look"}]))
    equal(text_of(answer), "I see 1 image. You said: look", "text")


@case("anthropic", "thinking")
def thinking(base, model):
    budget = {"type": "enabled", "budget_tokens": 1024}
    answer = client(base).messages.create(model=model, max_tokens=4000, thinking=budget, messages=ask()["messages"])
    thought = [block for block in answer.content if block.type == "thinking"]
    equal([block.thinking for block in thought], ["Let me think about this."], "thinking")
    equal(text_of(answer), f"You said: {ASK}", "text")
    with client(base).messages.stream(model=model, max_tokens=4000, thinking=budget, messages=ask()["messages"]) as events:
        final = events.get_final_message()
    equal([block.thinking for block in final.content if block.type == "thinking"], ["Let me think about this."], "streamed")


@case("anthropic", "limits")
def limits(base, model):
    answer = client(base).messages.create(model=model, max_tokens=3, messages=ask("a b c d")["messages"])
    equal((answer.stop_reason, text_of(answer)), ("max_tokens", "You said: a"))


@case("anthropic", "count tokens")
def count_tokens(base, model):
    count = client(base).messages.count_tokens(model=model, messages=ask()["messages"])
    holds(count.input_tokens > 0, f"{count}")


@case("anthropic", "models")
def models(base, model):
    names = [m.id for m in client(base).models.list()]
    holds(model in names, f"{model} is not in {names}")
    one = client(base).models.retrieve(model)
    equal(one.id, model, "one model")
    if "direct" not in model:
        # Without the first, typed clients in other languages refuse the list.
        equal((one.lifecycle, one.max_input_tokens), ("active", 8192), "its state and size")
        equal([m.id for m in client(base).models.list(limit=2)], names, "in pages of two")


@case("anthropic", "request ids", skip=("direct",))
def request_ids(base, model):
    api = client(base).messages
    holds(api.create(model=model, **ask())._request_id, "of an answer")
    with api.stream(model=model, **ask()) as events:
        events.until_done()
        holds(events.response.headers["request-id"], "of a stream")
    error = raises(anthropic.RateLimitError, lambda: api.create(model=broken(model, "-429"), **ask()), 429)
    holds(error.request_id, "of a provider's error")
    error = raises(anthropic.NotFoundError, lambda: api.create(model="no-such-model", **ask()), 404)
    equal(error.body["request_id"], error.request_id, "of the router's error")


@case("anthropic", "tool choice", skip=("direct",))
def tool_choice(base, model):
    def called(kind, **more):
        answer = client(base).messages.create(model=model, tools=TOOLS, tool_choice={"type": kind, **more}, **ask())
        return [block.name for block in answer.content if block.type == "tool_use"]

    equal(called("any"), ["weather", "clock"], "any")
    equal(called("none"), [], "none")
    equal(called("tool", name="clock"), ["clock"], "the named one")


@case("anthropic", "document", skip=("direct", "anthropic"))
def document(base, model):
    source = {"type": "text", "media_type": "text/plain", "data": "four words of it"}
    answer = client(base).messages.create(model=model, **ask([{"type": "document", "source": source}, {"type": "text", "text": " look"}]))
    holds("four words of it" in text_of(answer) and "look" in text_of(answer), text_of(answer))


@case("anthropic", "no such route", skip=("direct",))
def no_such_route(base, model):
    error = raises(anthropic.NotFoundError, lambda: client(base).beta.files.list(), 404)
    equal(error.body["error"]["type"], "not_found_error", "type")


@case("anthropic", "errors")
def errors(base, model):
    api = client(base).messages
    error = raises(anthropic.RateLimitError, lambda: api.create(model=broken(model, "-429"), **ask()), 429)
    equal(error.response.headers.get("retry-after"), "1", "Retry-After")
    equal(error.response.headers.get("x-should-retry"), "false", "whether to try again")
    equal(error.body["error"]["type"], "rate_limit_error", "type")
    error = raises(anthropic.BadRequestError, lambda: api.create(model=broken(model, "-context"), **ask()), 400)
    equal(error.body["error"]["type"], "invalid_request_error", "type")
    raises(anthropic.APIStatusError, lambda: api.create(model=broken(model, "-overloaded"), **ask()))
    error = raises(anthropic.NotFoundError, lambda: api.create(model="no-such-model", **ask()), 404)
    equal(error.body["error"]["type"], "not_found_error", "type")
